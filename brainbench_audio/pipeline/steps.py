"""The step of a training, as the name of a checkpoint or of its folder gives it."""

from __future__ import annotations

import re
from pathlib import PurePath

from brainbench_audio.errors import DataError

SUFFIXES = (".ckpt", ".pt", ".pth", ".th", ".bin", ".safetensors")
_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+(?=[km]))?)(?P<unit>[km]?)(?![0-9a-z])(?!\.[0-9])"
_ITERATION = r"(?:iterations?|iters?)"
_STEP = rf"(?:global[_-]?steps?|steps?|updates?|{_ITERATION})"
_EPOCH = r"(?:epochs?|ep)"
_LABELLED = r"(?<![a-z]){word}[=_ -]?" + _NUMBER
_COUNTED = r"(?<![a-z0-9.])" + _NUMBER.replace("(?![0-9a-z])", "") + r"[_ -]?{word}(?![a-z])"
# numbers that stand alone, or behind a word for the file itself; `wav2vec2` and `v1.2` are names
_ALONE = re.compile(r"(?:(?<![a-z0-9.])|(?<=[a-z]\.)|(?<=checkpoint)|(?<=ckpt))" + _NUMBER)
# what is no counter: measured, chosen, or one of several files of a step
_OTHER = re.compile(
    r"[a-z_]*(?:loss|acc|accuracy|wer|lr|rate|seed|fold|rank|version|size|dim|heads|layers)"
    r"[=_-]?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?|(?<![a-z0-9])v[0-9][0-9.]*|[0-9]+-of-[0-9]+"
)
_FEW = 10
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}


def step_of(name: str, *, folder: bool = True) -> int | None:
    """Return the step in a checkpoint's name, else in that of its folder; None if neither has one.

    It is the number that ``step``, ``iteration`` or ``update`` names. Without one of these it is
    the number behind ``epoch``, or behind the last ``=``, or the one number that is no part of a
    word.

    Parameters
    ----------
    name : str
        Name of the file, or its path.
    folder : bool
        Whether the name of its folder counts where its own has no step.

    Raises
    ------
    DataError
        There are two such numbers; the message lists them.

    Examples
    --------
    >>> step_of("epoch=3-step=1000.ckpt"), step_of("checkpoint-500/model.safetensors")
    (1000, 500)
    >>> step_of("wav2vec2-step_1k.pt"), step_of("last.ckpt")
    (1000, None)
    """
    path = PurePath(name)
    file = path.stem if path.suffix in SUFFIXES else path.name
    for text in (file, path.parent.name) if folder else (file,):
        steps = _readings(text.lower())
        if len(steps) > 1:
            raise DataError(
                f"{name} could be of step {' or '.join(map(str, sorted(steps)))}: rename it, such "
                f"as step={max(steps)}{path.suffix}, or choose others with a glob."
            )
        if steps:
            return steps.pop()
    return None


def _readings(text: str) -> set[int]:
    steps = _named(_STEP, text)
    if steps and (max(steps) >= _FEW or steps != _named(_ITERATION, text)):
        return steps
    rest = _OTHER.sub("~", text)
    if steps:
        # `iter3` may be part of a model's name, as of BEATs, and another number the counter
        others = re.sub(_LABELLED.replace("{word}", _EPOCH), "~", rest)
        return steps | {_value(found) for found in _ALONE.finditer(others)}
    epochs = _named(_EPOCH, rest)
    if not epochs and (behind := re.search(r"=([0-9]+)$", rest)):
        return {int(behind[1])}
    return epochs | {_value(found) for found in _ALONE.finditer(rest)}


def _named(word: str, text: str) -> set[int]:
    """Return the numbers behind a word; where there are none, those in front of it."""
    for pattern in (_LABELLED, _COUNTED):
        named = {_value(found) for found in re.finditer(pattern.replace("{word}", word), text)}
        if named:
            return named
    return set()


def _value(found: re.Match[str]) -> int:
    return round(float(found["number"]) * _UNITS[found["unit"]])
