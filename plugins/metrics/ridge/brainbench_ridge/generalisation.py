"""What a score by ridge regression owes to each stimulus, to pairs of them, and to the choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.scores.influence import HALF, Influence

from .correction import Correction, divisor
from .nested import NestedRidge
from .partition import FloatArray, IndexArray
from .targets import Targets

# layers are chosen anew in so many folds, of all targets together, where there are as many
FOLDS = 1200


def influences(
    fit: NestedRidge, targets: Targets, correction: Correction | None, known: IndexArray
) -> tuple[Influence, Influence | None]:
    """Return the influence of stimuli on the parts that are known, reliabilities held fixed.

    Returns
    -------
    Influence, Influence or None
        The second on correlations, where each part is the square of one.
    """
    units = "listeners" if targets.subjects is not None else ""
    without, r2 = np.square(np.maximum(fit.left_out, 0.0)), fit.r2
    scale, roots = np.ones(r2.size), None
    if correction is not None:
        scale, r2 = divisor(correction.measured, correction.predicted), correction.r2
        without = without / scale
    elif not units and len(targets.part_names) == r2.size:
        # one target a part, whose correlation has a sign
        roots = Influence.of_left_out(fit.correlations, fit.left_out)
    influence = Influence.of_left_out(
        targets.parts(r2)[known], targets.without(r2, without)[:, known], units
    )
    if targets.part_names:
        weights = np.nan_to_num(1 / scale)[:, np.newaxis] * targets.shares(r2, without)[:, known]
        influence, roots = _chosen_anew(fit, targets.responses, weights, influence, roots)
        # Of a pair one stimulus is learned from and the other predicted, so three of them owe next
        # to nothing together, and all of the squares go from differences of components. Of what all
        # models learn alike from responses a third stays in errors of a score. Over listeners, who
        # all hear the same sounds, all stay in these, and half in differences; but all of corrected
        # ones, as reliabilities vary, too. See the worlds of docs/methods-statistics.md.
        owed = 2 * np.maximum(fit.correlations, 0.0)[:, np.newaxis] * weights
        pairs = fit.pairs.sketch(targets.responses, fit.predictions, owed)
        share, apart = 2 / 3, 1.0
        if units:
            share, apart = 0.0, HALF if correction is None else 0.0
        influence = replace(influence, pairs=pairs, share=share, apart=apart)
    return influence, roots


def _chosen_anew(
    fit: NestedRidge,
    responses: npt.NDArray[Any],
    weights: FloatArray,
    influence: Influence,
    roots: Influence | None,
) -> tuple[Influence, Influence | None]:
    """Return both influences with what the choice of layers and penalties adds."""
    if fit.rivals is None:
        return influence, roots
    each = max(2, FOLDS // (len(fit.layer) * weights.shape[1]))
    few = some_for_all(fit.r2, weights, each)
    places = np.flatnonzero(few.any(axis=1))
    r, squares = fit.rivals.moved(responses, fit.layer, places)
    influence = replace(influence, choice=squares @ few[places])
    return influence, None if roots is None else replace(roots, choice=r)


def some_for_all(values: FloatArray, weights: FloatArray, each: int) -> FloatArray:
    """Return weights, (target, part), with the same sums, and 0 but for some targets of each part.

    These stand for all: they are at even steps of the sum of weights, by value.

    Examples
    --------
    >>> import numpy as np
    >>> some_for_all(np.arange(6) / 10, np.array([[0.1, 0.1, 0.3, 0.3, 0.1, 0.1]]).T, 2)[:, 0]
    array([0. , 0. , 0.5, 0.5, 0. , 0. ])
    """
    few = np.zeros_like(weights)
    for mine, into in zip(weights.T, few.T, strict=True):
        order = np.flatnonzero(mine)
        if order.size <= each:
            into[:] = mine
            continue
        order = order[np.argsort(values[order], kind="stable")]
        sums = np.cumsum(mine[order])
        steps = (np.arange(each) + 0.5) / each * sums[-1]
        np.add.at(into, order[np.searchsorted(sums, steps)], sums[-1] / each)
    return few
