"""Nested cross-validated ridge regression of many targets on several layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy.typing as npt

from brainbench_audio.arrays import HOST, Arrays
from brainbench_audio.errors import ContractError

from .best import Best, Choice
from .checks import checked_features, checked_leaders, checked_penalties, checked_targets
from .decomposition import DecomposedLayer
from .fit import BLOCK, Fit
from .nested import NestedRidge
from .pairs import Pairs
from .partition import Partition
from .rivals import Rivals
from .search import PENALTIES, PenaltySearch
from .threads import single_threaded_products


def nested_ridge(
    layers: Mapping[str, npt.NDArray[Any]],
    targets: npt.NDArray[Any],
    folds: npt.ArrayLike,
    *,
    penalties: tuple[float, ...] = PENALTIES,
    zscore: bool = False,
    unit: bool = False,
    profile: bool = True,
    rivals: bool = True,
    leaders: npt.ArrayLike | None = None,
    progress: Callable[[int], object] | None = None,
    block: int | None = None,
    group: int | None = None,
    apart: int = 0,
    chosen: Choice | None = None,
    arrays: Arrays = HOST,
) -> NestedRidge:
    r"""Predict each target from the layer and with the penalty that suit it best.

    For each target and outer fold, layer and penalty are those with the highest squared correlation
    of responses and inner predictions (each of the other folds predicted from the rest of them,
    pooled). Weights minimise

    .. math:: \lVert y - \bar y - (X - \bar X) w \rVert^2 + \alpha \lVert w \rVert^2

    over the training part, whose means are :math:`\bar X, \bar y`. They are then learned anew on
    the whole outer training part, and the outer predictions are pooled. Correlations below zero,
    and those of constants, count as 0.

    Parameters
    ----------
    layers : mapping of str to float array (stimulus, feature)
        Each is taken once, and not kept.
    targets : float array (stimulus, target)
    folds : int array (stimulus,)
        At least three different values.
    penalties : tuple of float
        The grid, rising. A best penalty on its edge is halved or doubled while that helps.
    zscore : bool
        Also divide features by their standard deviation in each training part; those that are
        constant there are left out.
    unit : bool
        Also divide all features of a layer by one number in each training part, so that the mean
        squared norm of its demeaned rows is 1: then the unit of the features does not matter.
    profile : bool
        Whether to evaluate each layer alone, too.
    rivals : bool
        Whether to keep what layers and penalties can be chosen anew from; never without ``profile``
        or with ``chosen``.
    leaders : int array (target,), optional
        For each target the place of another one, or its own: it takes the layers that this one has
        chosen, but chooses its own penalties. By default each target leads itself.
    progress : callable, optional
        Called with 1 after each layer.
    block : int, optional
        Number of targets treated together; bounds the memory, results do not depend on it.
    group : int, optional
        Number of outer folds treated together, all by default; bounds the memory where there are
        many folds.
    apart : int
        So many of the first targets are in blocks of their own: what is found for them does not
        depend on the others, to the last digit. Of the others only ``r2`` and what it is made from
        are found; ``stuck``, ``left_out``, ``correlations`` and ``layer_r2`` are 0. By default
        there are no others.
    chosen : Choice, optional
        Layers and penalties, the same for all targets, in place of a search.
    arrays : Arrays
        Where products are made: blocks go there one after the other, and what is found comes back.

    Returns
    -------
    NestedRidge

    Raises
    ------
    DataError
        If features or targets are not finite, or there are fewer than three folds.
    ContractError
        If the shapes do not agree, there is no layer or no target, or penalties do not rise.

    Notes
    -----
    Section 4.3 of Pepino et al., "Better audio representations are more brain-like". Ties and
    limits as in its released code: the lowest penalty first, then the first layer.

    Examples
    --------
    >>> import numpy as np
    >>> sounds = np.random.default_rng(0).standard_normal((60, 4))
    >>> targets = sounds[:, :1] + sounds[:, 1:2]
    >>> found = nested_ridge({"first": sounds[:, 2:], "second": sounds}, targets, np.arange(60) % 5)
    >>> found.layer[:, 0].tolist(), round(float(found.r2[0]), 3)
    ([1, 1, 1, 1, 1], 1.0)
    """
    partition = Partition.from_labels(folds)
    checked = checked_targets(targets, partition)
    grid = checked_penalties(penalties)
    if not layers:
        raise ContractError("No layers to predict from: the mapping of layers is empty.")
    followed = None if leaders is None else checked_leaders(leaders, checked.shape[1])
    best = Best.empty(len(layers), partition, checked.shape[1], profile=profile)
    with single_threaded_products() as workers, ThreadPoolExecutor(workers) as pool:
        fit = Fit(
            checked,
            partition,
            best,
            # the cores of a device compute one block after the other
            pool.map if arrays.on_host else map,
            block=block or BLOCK,
            leaders=followed,
            apart=apart,
            rivals=rivals and profile and chosen is None,
            arrays=arrays,
        )
        size = group or partition.folds
        starts = range(0, partition.folds, size)
        groups = [range(start, min(start + size, partition.folds)) for start in starts]

        def decomposed(name: str) -> DecomposedLayer:
            layer = DecomposedLayer(
                checked_features(name, layers[name], partition),
                partition,
                zscore=zscore,
                unit=unit,
                parallel=pool.map,
                arrays=arrays,
            )
            if not arrays.on_host and chosen is None:  # else only once the layer before is let go
                layer.hold(frozenset(groups[0]))
            return layer

        coming = map(decomposed, layers) if arrays.on_host else _one_ahead(decomposed, layers)
        for number, layer in enumerate(coming):
            search = PenaltySearch(layer, grid, checked.shape[1])
            if chosen is None:
                fit.add_layer(number, search, groups)
            else:
                fit.add_chosen(number, search, chosen)
            if progress is not None:
                progress(1)
        fit.finish()
    fitted = best.r2, best.predictions, best.layer, best.penalty
    owed = best.squared_weights, fit.correlations, fit.left_out
    # what follows from them is little work
    parts = {place: [part.on(HOST) for part in found] for place, found in fit.parts.items()}
    made_with = Pairs(partition, parts, best.layer, best.penalty)
    others = None
    if fit.rivals is not None:
        options = fit.rivals.reshape(2, -1, *fit.rivals.shape[-2:])
        others = Rivals(partition, parts, *options)
    return NestedRidge(*fitted, *owed, best.stuck, best.layer_r2, made_with, others)


def _one_ahead(
    function: Callable[[str], DecomposedLayer], names: Iterable[str]
) -> Iterator[DecomposedLayer]:
    """Decompose a layer on the CPU while a device computes with the one before."""
    with ThreadPoolExecutor(1) as ahead:
        begun: list[Future[DecomposedLayer]] = []
        for name in names:
            begun.append(ahead.submit(function, name))
            if len(begun) > 1:
                yield begun.pop(0).result()
        yield begun.pop().result()
