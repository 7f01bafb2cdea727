"""Errors, intervals and draws of a score and its parts, as fields of `Score`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.influence import ALONE, APART, HALF, KIND, SHARE, SOUNDS, Influence
from brainbench_audio.scores.score import CHANCE, ERROR_WITHHELD, OVER

Interval = tuple[float, float]
_ABOVE_CHANCE = 0.05  # p of a score is below it


@dataclass(frozen=True)
class Uncertainty:
    """How far a score and its parts may be off.

    Attributes
    ----------
    error : float or None
        Standard error.
    interval : (float, float) or None
        95 % interval.
    part_errors, part_intervals : mapping of str
        The same for single parts.
    provenance : mapping
        What the error generalises over, or why there is none.
    raw : mapping of str
        For `Score.raw`: `influence`, sketches, names of parts and, if asked for,
        `bootstrap`.
    attributes : mapping
        Of `Score.raw`: seed and number of draws.
    """

    error: float | None
    interval: Interval | None
    provenance: dict[str, Any]
    part_errors: dict[str, float] = field(default_factory=dict)
    part_intervals: dict[str, Interval] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of `Score` that hold it."""
        return {
            "error": self.error,
            "interval": self.interval,
            "part_errors": self.part_errors,
            "part_intervals": self.part_intervals,
        }

    def with_chance(self, tested: Mapping[str, Any]) -> Uncertainty:
        """Return it with an interval that begins at 0 where a score is not above chance.

        R² of noise is above 0, as is the best of several layers, and the interval is one of the
        mean, so it leaves out 0 more often than a reader expects, and than p says.

        Parameters
        ----------
        tested : mapping
            From `chance.chance`; empty where there is no test, and the interval stays.
        """
        if self.interval is None or CHANCE not in tested or tested[CHANCE]["p"] < _ABOVE_CHANCE:
            return self
        low, high = self.interval
        return replace(self, interval=(min(low, 0.0), high))


def uncertainty(
    influence: Influence,
    names: Sequence[str],
    *,
    roots: Influence | None = None,
    squared: bool = False,
    corrected: bool = False,
    bootstrap: int | None = None,
    seed: int = 0,
) -> Uncertainty:
    """Return how far a score may be off, from what it owes to each stimulus.

    Parameters
    ----------
    influence : Influence
        On the parts of the score.
    names : sequence of str
        Of the parts; empty where the only part has no name.
    roots : Influence, optional
        On the correlations whose squares the parts are, with their signs.
    squared : bool
        Whether the parts are R² or medians or means of it.
    corrected : bool
        Whether they are divided by reliabilities, and so are no squares of correlations.
    bootstrap : int, optional
        Draws to keep; none by default.
    seed : int
        Of the draws.

    Returns
    -------
    Uncertainty
    """
    kind = {} if influence.kind == SOUNDS else {KIND: influence.kind}
    raw: dict[str, Any] = {"influence": (("left_out", "part"), influence.stimuli, kind)}
    if names:
        raw["part"] = ("part", list(names))
    usual = (
        (SHARE, influence.share, HALF),
        (APART, influence.apart, HALF),
        (ALONE, influence.alone, 1.0),
    )
    shares = {name: share for name, share, unsaid in usual if share != unsaid}
    for name, along, sums, told in (
        ("pair_sketch", "bin", influence.pairs, shares),
        ("choice_sketch", "weighting", influence.choice, {}),
    ):
        if sums is not None:
            raw[name] = ((along, "part"), sums.astype(np.float32), told)
    if reason := influence.trouble():
        return Uncertainty(None, None, {ERROR_WITHHELD: reason}, raw=raw)
    estimate = influence.estimate()
    attributes: dict[str, Any] = {}
    if bootstrap:
        raw["bootstrap"] = ("draw", influence.draws(bootstrap, seed))
        attributes = {"seed": seed, "bootstrap": bootstrap}
    errors: dict[str, float] = {}
    intervals: dict[str, Interval] = {}
    scale = _scale(squared=squared, corrected=corrected)
    for place, name in enumerate(names):
        part = influence.part(place)
        if part.trouble():
            break
        one = part.estimate()
        errors[name] = one.error
        interval = scale(one, np.inf) if roots is None else _of_part(roots, place)
        if interval is not None:
            intervals[name] = interval
    if roots is None:
        whole = scale(estimate, np.inf)
    elif roots.parts.size == 1:
        whole = _of_part(roots, 0)  # as beside the same part of a score of several
    else:
        whole = scale(estimate, roots.largest_error())
    return Uncertainty(
        estimate.error,
        whole,
        {OVER: estimate.over},
        errors,
        intervals,
        raw,
        attributes,
    )


def _scale(*, squared: bool, corrected: bool) -> Callable[[Estimate, float], Interval | None]:
    """Return what makes an interval of an estimate and of the largest error of its root."""
    if not squared:
        return lambda estimate, _: estimate.interval()
    of_roots = Estimate.interval if corrected else Estimate.fisher_interval
    return lambda estimate, most: _squares(estimate.root(most), of_roots)


def _of_part(roots: Influence, place: int) -> Interval | None:
    """Return the interval of one part that is the square of a correlation."""
    return _squares(roots.part(place).estimate(), Estimate.fisher_interval)


def _squares(root: Estimate, of_roots: Callable[[Estimate], Interval]) -> Interval | None:
    """Return the interval of a square, roots below 0 as 0; None if the root's error is not known.

    So it is where the value is 0, and nothing tells how far the root is from another value.
    """
    if not np.isfinite(root.error):
        return None
    low, high = np.clip(of_roots(root), 0.0, None)
    return float(low**2), float(high**2)
