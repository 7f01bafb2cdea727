"""What stored scores hold that tells two models apart: what each owes to sounds and listeners."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.scores.influence import Influence, stored_influence
from brainbench_audio.scores.options import other_options
from brainbench_audio.scores.profiles import read_raw

from .results import Result

_NAMES = ("influence", "pair_sketch", "choice_sketch")
# of files: each component of a score is compared among all models, then the next one; 25 MB
_KEPT = 128
# what parts are a sample of, by the name that they are counted under
UNITS = {"subject": "listeners", "fold": "folds"}


@dataclass(frozen=True)
class Evidence:
    """What one stored score owes to its stimuli and listeners.

    Attributes
    ----------
    influence : Influence
    origin : tuple
        Which stimuli and listeners; equal for scores that are paired.
    measure : tuple
        What else decides what is measured: the given model, the second data set, options.
    code : tuple
        Revisions of what made it; what others made may count other things, so these are no pair.
    """

    influence: Influence
    origin: tuple[Any, ...]
    measure: tuple[Any, ...]
    code: tuple[Any, ...]

    @classmethod
    def read(cls, result: Result) -> Evidence | None:
        """Read it from a stored score, or from that of the whole of which this is a part.

        None where the score has no file, or its metric stores no influence and has no listeners or
        folds.
        """
        file = result.path or result.whole
        # a record of a folder of results has no arrays
        if result.published or file is None or file.suffix != ".nc":
            return None
        units = UNITS.get(unit(result) or "", "")
        influence = stored_influence(_stored(file), result.parts, result.value, units)
        if influence is None:
            return None
        size = influence.stimuli.shape
        origin = size, _data(result.provenance), tuple(result.parts), units
        return cls(influence, origin, _measure(result.provenance), _code(result.provenance))

    def is_paired(self, other: Evidence) -> bool:
        """Return whether the two may be subtracted."""
        return self.made_from == other.made_from

    @property
    def made_from(self) -> tuple[Any, ...]:
        """All that is equal in scores that are paired."""
        return self.origin, self.measure, self.code


def _stored(file: Path) -> xr.Dataset:
    """Return what a file says of stimuli; read again only if it has changed."""
    try:
        known = file.stat()
    except OSError:
        return read_raw(file, *_NAMES)  # says why
    return _read(file, known.st_mtime_ns, known.st_size)


@lru_cache(maxsize=_KEPT)
def _read(file: Path, changed: int, size: int) -> xr.Dataset:
    del changed, size
    raw = read_raw(file, *_NAMES)
    return raw[[name for name in _NAMES if name in raw]]


def _data(provenance: Mapping[str, Any]) -> Any:
    """Return what tells the responses and folds of a benchmark from others.

    Not the sounds: models of other sample rates may have heard other recordings of them. These only
    where nothing is known of responses, as of benchmarks that are no data set with a metric.
    """
    if inputs := _inputs(provenance):
        return inputs.get("assembly"), inputs.get("folds")
    return provenance.get("stimuli")


def _measure(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    inputs = _inputs(provenance)
    return inputs.get("given"), inputs.get("second"), other_options(provenance)


def _code(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return revisions, or hashes, of the core's statistics and of the metric, where known."""
    inputs = _inputs(provenance)
    return inputs.get("revision"), inputs.get("metric")


def _inputs(provenance: Mapping[str, Any]) -> dict[str, Any]:
    inputs = provenance.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def unit(result: Result) -> str | None:
    """Return what the parts of a score are: ``subject`` or ``fold``, two at least; else None.

    Components are no sample of anything, so they do not count.
    """
    for name in UNITS:
        if len(result.parts) >= 2 and result.n.get(name) == len(result.parts):
            return name
    return None


def asked_for(result: Result) -> str:
    """Return a model as `brainbench score` takes it; one of a file is named with its path."""
    own = result.source.endswith(".py")
    return shlex.quote(f"{result.source}:{result.id}" if own else result.name)


def read_evidence(result: Result) -> Evidence:
    """Return the evidence of a score.

    Raises
    ------
    DataError
        There is none.
    """
    if result.published or not (result.path or result.whole):
        raise DataError(
            f"The score of {result.model} on {result.benchmark} is published: there is no "
            f"more of it than its value, so it cannot be compared in pairs. Score the model."
        )
    evidence = Evidence.read(result)
    if evidence is None:
        raise DataError(
            f"The score of {result.model} on {result.benchmark} does not say what it owes to "
            f"single sounds: an earlier version made it, or its metric does not store that. Score "
            f"it again: brainbench score --model {asked_for(result)} --benchmark "
            f"{result.benchmark} --recompute"
        )
    return evidence
