"""Whether a result comes out again here: what it was made from, beside what is installed, and both.

A result may be a stranger's, so what it names is never run: models come from installed plugins, or
from whoever asks, and of options only numbers count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainbench_audio.activations.extraction import activation_fields
from brainbench_audio.arrays import DEVICES
from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.names import printable
from brainbench_audio.pipeline.identifying import identified
from brainbench_audio.pipeline.keys import PairKeys
from brainbench_audio.pipeline.loading import Loadable, load_benchmark
from brainbench_audio.pipeline.run import compute_pair, keys_of
from brainbench_audio.provenance import environment
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.registry.ids import BenchmarkId, ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.score import MEASURED_BY, ONLY_LAYERS, Score, read_summary
from brainbench_audio.scores.store import StoredScore
from brainbench_audio.sharing.contents import agree, problems
from brainbench_audio.sharing.record import read_record

# scores of one machine agree to rounding; float32 activations of another one move them by less
TOLERANCE = 1e-4
# options of metrics that a result may set, and how large each may be
_OPTIONS = {"bootstrap": 100_000, "permutations": 100_000, "seed": 1 << 63}
_NO_NUMBER = ("layer",)


@dataclass(frozen=True)
class Difference:
    """Something that was another when the result was made.

    Attributes
    ----------
    what : str
    there, here : str
        In the result, and now; empty where there is none.
    decides : bool
        It is part of the key, so another score is to be expected; False: a version or a machine,
        which should not matter.
    """

    what: str
    there: str
    here: str
    decides: bool


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A result and what came out here.

    Attributes
    ----------
    model, benchmark : str
        Ids.
    there : mapping
        The result, see `scores.score.parse_summary`.
    here : Score
    differences : tuple of Difference
        Between what both were made from, those that decide first.
    others : tuple of str
        Numbers that differ by more than the tolerance, see `sharing.contents.agree`.
    """

    model: str
    benchmark: str
    there: Mapping[str, Any]
    here: Score
    differences: tuple[Difference, ...]
    others: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether all numbers came out again; of layers that are equally good, either may win."""
        return not set(self.others) - set(_NO_NUMBER)


def read_result(path: Path) -> StoredScore:
    """Read a result: a stored score (``.nc``) or a record of a folder of results (``.json``).

    Raises
    ------
    DataError
        It is neither, damaged, or says too little to be made again.
    """
    if path.suffix == ".json":
        return read_record(path)
    summary = read_summary(path)
    about = {MEASURED_BY: "here", **summary["provenance"]}
    if wrong := problems({**summary, "provenance": about}):
        raise DataError(f"{path} says too little to be made again: {wrong[0]}.")
    return StoredScore(path, summary)


def reproduce(
    result: StoredScore,
    model: str = "",
    options: Mapping[str, Any] | None = None,
    *,
    tolerance: float = TOLERANCE,
    hear_anew: bool = False,
) -> Reproduction:
    """Score the pair of a result again, and compare; nothing is stored but activations.

    Parameters
    ----------
    result : StoredScore
        See `read_result`.
    model : str
        Id or file and class; by default the model of an installed plugin that the result names.
    options : mapping, optional
        For the loader of the model: ``weights``, ``device``, ….
    tolerance : float
        See `sharing.contents.agree`.
    hear_anew : bool
        Leave stored activations aside.

    Raises
    ------
    DataError
        The result names a model of a file or a hub, options that it may not set, or layers that are
        no texts.
    BrainbenchError
        See `load_model`, `load_benchmark` and `ComposedBenchmark`.
    """
    wanted = Loadable(model or _model_of(result), dict(options or {}), _layers_of(result))
    benchmark = load_benchmark(_benchmark_of(result), **_options_of(result))
    lazy = identified(wanted)
    keys = keys_of(lazy.identity, benchmark)
    score = compute_pair(lazy, benchmark, keys, hear_anew=hear_anew)
    told = tuple(_differences(result.summary["provenance"], keys))
    return Reproduction(
        model=lazy.identity.id,
        benchmark=keys.benchmark,
        there=result.summary,
        here=score,
        differences=tuple(sorted(told, key=lambda one: not one.decides)),
        others=tuple(agree(result.summary, vars(score), tolerance)),
    )


def _model_of(result: StoredScore) -> str:
    """Return the model of an installed plugin that a result names."""
    version = result.version
    text = f"{version.source}:{version.id}" if version.source else version.id
    if _of_a_plugin(text):
        return text
    raise DataError(
        f"{result.path} is of {printable(text)}, which is no model of an installed plugin. Install "
        f"its plugin, or say which model to score, with --model."
    )


def _benchmark_of(result: StoredScore) -> str:
    """Return the benchmark of a result; one may name a second model, which is loaded with it."""
    given = BenchmarkId.parse(result.benchmark).given
    if given and not _of_a_plugin(given):
        raise DataError(
            f"{result.path} compares with {printable(given)}, which is no model of an installed "
            f"plugin: score it by hand, if you trust that model."
        )
    return result.benchmark


def _of_a_plugin(model: str) -> bool:
    """Return whether an id names a model of an installed plugin, and no file or hub."""
    try:
        wanted = ModelId.parse(model)
        if wanted.file is None and wanted.scheme is None:
            find_model(wanted)
            return True
    except BrainbenchError:
        pass
    return False


def _options_of(result: StoredScore) -> dict[str, Any]:
    inputs = result.summary["provenance"].get("inputs")
    options = inputs.get("options", {}) if isinstance(inputs, Mapping) else {}
    if not isinstance(options, Mapping):
        raise DataError(f"{result.path} has options that are none.")
    for name, value in options.items():
        if name == "device" and value in DEVICES:
            continue
        if type(value) is not int or not 0 <= value <= _OPTIONS.get(name, -1):
            raise DataError(
                f"{result.path} was made with the option {printable(str(name))}, expected one of "
                f"{', '.join(_OPTIONS)} with a number, or device with one of "
                f"{', '.join(DEVICES)}: it cannot be made again."
            )
    return dict(options)


def _layers_of(result: StoredScore) -> tuple[str, ...] | None:
    """Return the only layers that a result is of; None: all of the model."""
    layers = result.summary["provenance"].get(ONLY_LAYERS)
    if layers is None:
        return None
    if not isinstance(layers, list) or not all(isinstance(each, str) for each in layers):
        raise DataError(f"{result.path} is of some layers, and their names are no list of texts.")
    return tuple(layers)


def _differences(about: Mapping[str, Any], keys: PairKeys) -> Iterator[Difference]:
    """Yield what differs between what a result was made from and what is here."""
    mine = {
        "identity": keys.identity.record,
        "stimuli": keys.heard,
        "inputs": keys.inputs,
        "activations": activation_fields(keys.identity, keys.heard),
    }
    theirs = {name: about.get(name) for name in mine}
    yield from _unequal(theirs, mine, True)
    now = environment()
    for name in ("versions", "machine"):
        yield from _unequal({name: about.get(name)}, {name: now[name]}, False)
    here = {one.distribution: one.version for one in plugins() if not one.failure}
    there = about.get("plugins", {})
    both = here.keys() & there.keys()
    yield from _unequal(
        {"plugins": {name: there[name] for name in both}},
        {"plugins": {name: here[name] for name in both}},
        False,
    )


def _unequal(there: Any, here: Any, decides: bool, name: str = "") -> Iterator[Difference]:
    """Yield each place at which two nested mappings differ; what only one has is a difference."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in sorted({*there, *here}):
            # the key and the layers of stored activations follow from the rest
            if key in here or name != "activations":
                place = f"{name}.{key}" if name else str(key)
                yield from _unequal(there.get(key), here.get(key), decides, place)
    elif there != here:
        yield Difference(printable(name), _short(there), _short(here), decides)


def _short(value: Any) -> str:
    text = "" if value is None else printable(str(value))
    return text if len(text) <= 40 else f"{text[:37]}..."
