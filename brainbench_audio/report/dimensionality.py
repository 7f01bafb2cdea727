"""How scores go with the effective dimensionality of the layers that they are from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from brainbench_audio.errors import DataError
from brainbench_audio.scores.correlation import Correlation, partial_pearson
from brainbench_audio.scores.profiles import dimensions, read_raw

from .results import Result

# in place of a benchmark's id
DIMENSIONALITY = "effective dimensionality"
UNIT = "log10, best layer"


@dataclass(frozen=True)
class Dimensions:
    """The best layer of one stored score.

    Attributes
    ----------
    score : Result
    effective : float
        See `participation_ratio` of `pipeline.dimensionality`.
    features : int
    """

    score: Result
    effective: float
    features: int

    @property
    def as_result(self) -> Result:
        """The logarithm of the dimensionality, as a result beside the score."""
        return self.score.derived(DIMENSIONALITY, math.log10(self.effective))


def read_dimensions(results: Iterable[Result]) -> list[Dimensions]:
    """Return the dimensionality of the best layer of each stored score that keeps it.

    Raises
    ------
    DataError
        None of them does, or a file is missing or damaged.
    """
    found, lacking = [], []
    for result in results:
        if result.arrays is None:
            continue
        raw = read_raw(result.arrays, "dimensionality", "feature_count")
        known = dimensions(raw, result.layer)
        if known is None or not math.isfinite(known[0]):
            lacking.append(result)
        else:
            found.append(Dimensions(result, *known))
    if lacking and not found:
        raise DataError(
            f"The score of {lacking[0].model} on {lacking[0].benchmark} does not say how many "
            f"dimensions the layers have: an earlier version made it, or it is no score of brain "
            f"data. Score it again: brainbench score --model {lacking[0].name} --benchmark "
            f"{lacking[0].benchmark} --recompute"
        )
    return found


def partial(found: Sequence[Dimensions]) -> Correlation | None:
    """Return the correlation of scores and log dimensionality, given the log number of features.

    None with fewer than four models, or where one of the three is decided by another.
    """
    scores = [one.score.value for one in found]
    effective = [math.log10(one.effective) for one in found]
    features = [math.log10(one.features) for one in found]
    try:
        return partial_pearson(scores, effective, features)
    except DataError:
        return None


def numbers_of(found: Sequence[Dimensions], given: Correlation | None) -> dict[str, Any]:
    """Return what the figure shows beside a scatter's numbers, plain data."""
    return {
        "partial_r": None if given is None else given.r,
        "partial_p": None if given is None else given.p,
        "partial_interval": None if given is None else given.interval,
        "dimensions": [
            {"model": one.score.model, "layer": one.score.layer, "effective": one.effective}
            | {"features": one.features}
            for one in found
        ],
    }
