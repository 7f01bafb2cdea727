"""What a model explains beyond a given one: commonality analysis of three fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.score import CHANCE, ERROR_WITHHELD
from brainbench_audio.scores.uncertainty import Uncertainty, uncertainty

FloatArray = npt.NDArray[np.float64]

NOT_NORMALISED = (
    "How much of what a given model leaves unexplained can be learned from noisy responses is not "
    "known, so a score beyond another model is not divided by its ceiling."
)
# Shares of variance, which are of order 1, that differ by less are equal but for rounding. That of
# two fits of the same features is mostly 1e-15, and up to 1e-11 where features are collinear.
ROUNDING = 1e-9
_LEFT_OUT = (
    "The fit of both leaves one of the two models out throughout, or differs from that of one by "
    "rounding alone, so nothing tells how the score varies: whether a model is left out is chosen, "
    "and that would change with other sounds."
)


def shares(model: FloatArray, given: FloatArray, both: FloatArray) -> dict[str, FloatArray]:
    """Return what two feature spaces and both together explain, and what is unique and shared.

    What is unique or shared is 0 where it is so but for `ROUNDING`.

    Examples
    --------
    >>> found = shares(np.array(0.5), np.array(0.25), np.array(0.625))
    >>> [float(found[name]) for name in ("unique", "shared", "unique_given")]
    [0.375, 0.125, 0.125]
    """
    differences = {
        "unique": both - given,
        "shared": model + given - both,
        "unique_given": both - model,
    }
    return {
        **{name: np.where(np.abs(one) <= ROUNDING, 0.0, one) for name, one in differences.items()},
        "model": model,
        "given": given,
        "both": both,
    }


def brought_together(
    found: Mapping[str, FloatArray],
    parts: Callable[[FloatArray], FloatArray],
    whole: Callable[[FloatArray], float],
    influence: Callable[[str], Influence],
) -> dict[str, Any]:
    """Return all that is explained as the value is, with errors and intervals where there are.

    Parameters
    ----------
    found : mapping of str to float64 array (target,)
        From `shares`.
    parts, whole : callable
        Take one of these, return that of each part, and of all.
    influence : callable
        Takes a name among those found.

    Returns
    -------
    dict
        Variables for ``raw``, along ``quantity``.
    """
    estimates = [_known(influence(name)) for name in found]
    bounds = [(np.nan, np.nan) if one is None else one.interval() for one in estimates]
    errors = [np.nan if one is None else one.error for one in estimates]
    return {
        "quantity": ("quantity", list(found)),
        "explained": ("quantity", [whole(one) for one in found.values()]),
        "explained_error": ("quantity", errors),
        "explained_interval": (("quantity", "bound"), np.array(bounds)),
        "explained_part": (("quantity", "part"), np.stack([parts(one) for one in found.values()])),
    }


def uncertainty_of_unique(
    influence: Influence, names: Sequence[str], *, bootstrap: int | None, seed: int
) -> Uncertainty:
    """Return how far what is unique may be off, see `uncertainty`; withheld where that is 0.

    Of the whole, and of each part.
    """
    unsure = uncertainty(influence, names, bootstrap=bootstrap, seed=seed)
    if unsure.error is None:
        return unsure
    if unsure.error <= ROUNDING:
        raw = {name: one for name, one in unsure.raw.items() if name != "bootstrap"}
        return Uncertainty(None, None, {ERROR_WITHHELD: _LEFT_OUT}, raw=raw)
    errors = {name: one for name, one in unsure.part_errors.items() if one > ROUNDING}
    intervals = {name: one for name, one in unsure.part_intervals.items() if name in errors}
    return replace(unsure, part_errors=errors, part_intervals=intervals)


def against_chance(influence: Influence) -> dict[str, Any]:
    """Return one-sided p that nothing is unique, from the value and its error.

    Responses in random orders would not tell: a model that shares all with the given one may still
    help to learn it from few sounds.
    """
    if (estimate := _known(influence)) is None:
        return {}
    return {CHANCE: {"p": estimate.p / 2 if estimate.value > 0 else 1 - estimate.p / 2}}


def _known(influence: Influence) -> Estimate | None:
    """Return the estimate; None where there is none, or it is sure but for rounding.

    So it is where one of the two models is left out throughout.
    """
    if influence.trouble():
        return None
    estimate = influence.estimate()
    return estimate if estimate.error > ROUNDING else None
