"""Fewer features: the first principal components of a layer, before it is delayed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg

FloatArray = npt.NDArray[np.float64]
# Axes are found on so many rows at most, spread evenly: neighbours in time are much alike.
ROWS = 2048
# features treated at once: more take memory and save no time
FEATURES = 512


def principal_components(
    standardised: Callable[[npt.NDArray[Any]], FloatArray],
    features: npt.NDArray[Any],
    components: int,
) -> FloatArray:
    """Return features on their first principal axes, each component as large as it comes out.

    Ridge regression on all components is that on the features; the last ones, which it shrinks
    most, are left out.

    Parameters
    ----------
    standardised : callable
        From some features, (row of the assembly, feature), to what is learned from, (row, feature),
        with columns of mean 0.
    features : float array (row of the assembly, feature)
        More than ``components``; `FEATURES` at a time are in memory in float64.
    components : int

    Returns
    -------
    float64 array (row, component)
        Fewer components where the features span no more.
    """
    starts = range(0, features.shape[1], FEATURES)
    gram, every = np.zeros((0, 0)), slice(None)
    for start in starts:
        values = standardised(features[:, start : start + FEATURES])
        every = slice(None, None, -(-len(values) // ROWS))
        some = values[every]
        gram = some @ some.T + (gram if gram.size else 0.0)
    last = len(gram) - 1
    first = max(0, last + 1 - components)
    squares, axes = scipy.linalg.eigh(gram, subset_by_index=[first, last])
    there = squares > len(gram) * np.finfo(np.float64).eps * squares.max(initial=0.0)
    axes = axes[:, there] / np.sqrt(squares[there])
    found = 0.0
    for start in starts:
        values = standardised(features[:, start : start + FEATURES])
        found = found + values @ (values[every].T @ axes)
    return np.asarray(found)
