"""A pretraining run: its settings, and the folder that belongs to it alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file
from brainbench_audio.provenance import package_version

from .configuration import DTYPES, Configuration
from .corpus import Sound


@dataclass(frozen=True)
class Settings:
    """What decides the weights of a run, besides its sounds, sizes and targets.

    Attributes
    ----------
    seed : int
        Of initial weights, held-out sounds, crops and masks. The published training has 42.
    batch : int
        Clips of a step. The published training has 128.
    learning_rate : float
        Constant, as in the published training.
    held_out : int
        Sounds that are not learned from.
    join : bool
        See `Crops`.
    dtype : str
        Of products of the network: ``"float32"``, or ``"bfloat16"``, automatic mixed precision for
        GPUs. Weights, front end, targets and loss are float32 in both.
    """

    seed: int = 42
    batch: int = 8
    learning_rate: float = 1e-4
    held_out: int = 0
    join: bool = False
    dtype: str = "float32"


@dataclass(frozen=True)
class Schedule:
    """When a run ends and which steps are kept; may change when it is resumed.

    Attributes
    ----------
    steps : int
        Updates in all.
    every : int
        Updates from one checkpoint to the next; the first is that of the initial weights.
    log_spaced : bool
        Whether steps 1, 2, 5, 10, 20, 50, … are kept too.
    """

    steps: int
    every: int = 1000
    log_spaced: bool = False

    def keeps(self, step: int) -> bool:
        """Tell whether a checkpoint is written after so many updates.

        Examples
        --------
        >>> [step for step in range(401) if Schedule(400, 150, log_spaced=True).keeps(step)]
        [0, 1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 400]
        """
        if step % self.every == 0 or step == self.steps:
            return True
        return self.log_spaced and str(step).rstrip("0") in {"1", "2", "5"}


def check(
    sounds: Sequence[Sound], configuration: Configuration, settings: Settings, schedule: Schedule
) -> None:
    """Refuse what cannot be trained.

    Raises
    ------
    DataError
        Saying what, and what would do.
    """
    if configuration.front_end.kind == "encodec":
        raise DataError(
            "Pretraining here takes models that hear mel bands or spectra: EnCodec's encoder as "
            "input would be learned too."
        )
    numbers = {
        "steps": schedule.steps,
        "every": schedule.every,
        "batch": settings.batch,
        "learning rate": settings.learning_rate,
    }
    for name, number in numbers.items():
        if not number > 0:
            raise DataError(f"The {name} is {number}, expected more than 0.")
    if settings.dtype not in DTYPES:
        raise DataError(f"The dtype is {settings.dtype!r}, expected {' or '.join(DTYPES)}.")
    if settings.held_out < 0:
        raise DataError(f"{settings.held_out} sounds cannot be held out.")
    learned = len(sounds) - settings.held_out
    if learned < settings.batch:
        raise DataError(
            f"{len(sounds)} sounds, {settings.held_out} of them held out, leave {learned} to learn "
            f"from, fewer than the {settings.batch} of a batch: give more audio or a smaller batch."
        )


def claim(run: Path, described: dict[str, Any], *, resume: bool) -> None:
    """Make the folder of a run, or see to it that it is the run that is to be resumed.

    Parameters
    ----------
    run : Path
        Its folder, which is there.
    described : dict
        Whatever decides the weights of the run, JSON-able.
    resume : bool

    Raises
    ------
    DataError
        The folder holds another run or other files; of a run, what differs is named.
    """
    file = run / "settings.json"
    if file.is_file():
        if not resume:
            raise DataError(
                f"{run} holds a run already: go on with it by --resume, or choose another folder."
            )
        # what a run of an earlier version does not tell was then as it is by default now
        stored = _flat({"settings": asdict(Settings())})
        stored |= _flat(json.loads(file.read_text(encoding="utf-8"))["run"])
        asked = _flat(described)
        differ = [
            f"{name} is {stored.get(name)!r} there and {asked.get(name)!r} now"
            for name in sorted({*stored, *asked})
            if stored.get(name) != asked.get(name)
        ]
        if differ:
            raise DataError(
                f"{run} is another run and is not resumed: {'; '.join(differ)}. Give the same "
                f"settings, or another folder."
            )
        return
    others = [path.name for path in run.iterdir() if not path.name.startswith("run.")]
    if others:
        raise DataError(
            f"{run} holds no run but other files ({', '.join(sorted(others)[:3])}): choose a new "
            f"or empty folder."
        )
    if resume:
        raise DataError(f"{run} holds no run to resume: leave out --resume to start one.")
    content = {"version": package_version(), "torch": torch.__version__, "run": described}
    with atomic_file(file) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            flat[f"{prefix}{name}"] = value
    return flat
