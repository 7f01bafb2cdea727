"""What a score by ridge regression owes to each stimulus, to pairs of them, and to the choice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from brainbench_audio.scores.influence import HALF, Influence

from .correction import Correction, divisor
from .nested import NestedRidge
from .partition import FloatArray, IndexArray
from .targets import Targets

# layers are chosen anew in so many folds, of all targets together, where there are as many
FOLDS = 1000


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
    r, without, of_r = fit.correlations, fit.left_out, None
    r2, scale = fit.r2, np.ones(r.size)
    if correction is not None:
        scale, r2 = np.sqrt(divisor(correction.measured, correction.predicted)), correction.r2
    elif not units and len(targets.part_names) == r2.size:
        # one target a part, whose correlation has a sign
        of_r = Influence.of_left_out(r, without)
    roots = r / scale, without / scale
    influence = Influence.of_left_out(
        targets.parts(r2)[known], targets.without_squares(*roots)[:, known], units
    )
    if targets.part_names:
        slopes = np.nan_to_num(1 / scale)[:, np.newaxis] * targets.slopes(*roots)[:, known]
        pairs = fit.pairs.sketch(targets.responses, fit.predictions, slopes)
        # Of a pair one stimulus is learned from and the other predicted, so three of them owe next
        # to nothing together, and all of the squares could go from differences. Four fifths do, as
        # squares of these derivatives are larger than those of what leaving two out really changes
        # where features are few. Of what all models learn alike from responses half stays in
        # errors of a score. More stay where something else is not counted: all in corrected ones
        # over listeners, whose reliabilities vary, all in errors and half in differences where what
        # was chosen is held fixed, and half in what is told of a single listener, whose median is
        # not smooth. See the worlds of docs/methods-error-rates.md.
        share, apart = HALF, 0.8
        if fit.rivals is None:
            share, apart = 0.0, HALF
        if units and correction is not None:
            share, apart = 0.0, 0.0
        alone = HALF if units else 1.0
        influence = replace(influence, pairs=pairs, share=share, apart=apart, alone=alone)
        if fit.rivals is not None:
            shares = targets.shares(*roots)[:, known]
            some = some_for_all(r, shares, max(2, FOLDS // (len(fit.layer) * shares.shape[1])))
            places = np.flatnonzero(some.any(axis=1))
            moved = fit.rivals.moved(targets.responses, fit.layer, places)
            if of_r is not None:
                of_r = replace(of_r, choice=moved.rest())
            moved = moved.by(scale[places])
            if units:
                choice = moved.mean(some[places], targets.parts(roots[0])[known]).rest_of_squares()
            else:
                choice = moved.rest_of_squares() @ some[places]
            influence = replace(influence, choice=choice)
    return influence, of_r


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
