"""The metric once more, as the formulas stand in the papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

Array = npt.NDArray[np.float64]


def score(
    layers: Mapping[str, npt.NDArray[np.floating[Any]]],
    target: xr.DataArray,
    folds: object,
    variant: str | None = None,
) -> float:
    """Return the value of `cka` for targets without gaps, sessions or subjects."""
    responses = np.asarray(target.values, dtype=np.float64)
    values = [np.asarray(layer, dtype=np.float64) for layer in layers.values()]
    return max(plain_cka(layer, responses, variant == "biased") for layer in values)


def plain_cka(first: Array, second: Array, biased: bool = False) -> float:
    """Return the linear CKA of two arrays (stimulus, feature)."""
    hsic: Callable[[Array, Array], float] = biased_hsic if biased else unbiased_hsic
    k, l = first @ first.T, second @ second.T  # noqa: E741  # as in the papers
    return hsic(k, l) / float(np.sqrt(hsic(k, k) * hsic(l, l)))


def biased_hsic(k: Array, l: Array) -> float:  # noqa: E741
    """Return ``tr(K H L H) / (n - 1)²`` with ``H = I - 1 1ᵀ / n`` (Kornblith et al. 2019)."""
    n = len(k)
    h = np.eye(n) - np.ones((n, n)) / n
    return float(np.trace(k @ h @ l @ h)) / (n - 1) ** 2


def unbiased_hsic(k: Array, l: Array) -> float:  # noqa: E741
    """Return the unbiased estimate of Song et al. (2012), sum by sum."""
    n = len(k)
    others = [[j for j in range(n) if j != i] for i in range(n)]
    k_rows = [sum(k[i, j] for j in others[i]) for i in range(n)]
    l_rows = [sum(l[i, j] for j in others[i]) for i in range(n)]
    same = sum(k[i, j] * l[i, j] for i in range(n) for j in others[i])
    apart = sum(k_rows) * sum(l_rows) / ((n - 1) * (n - 2))
    chained = 2 * sum(a * b for a, b in zip(k_rows, l_rows, strict=True)) / (n - 2)
    return float(same + apart - chained) / (n * (n - 3))
