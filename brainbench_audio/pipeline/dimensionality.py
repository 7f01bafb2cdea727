"""How many dimensions the layers of a model have over some sounds, as a metric reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

Rows = npt.NDArray[np.floating[Any]]
# bytes of a block of features in float64
_BLOCK = 1 << 26
# Rows of the Gram matrix above which its entries are float32: half the time, and the ratio is
# within 1e-7. Its tiles have as many rows as keep the processor busy.
_LARGE, _TILE = 2048, 1024


class MeasuredLayers(Mapping[str, Rows]):
    """Layers, read when asked for; of each that was read, the effective dimensionality.

    Parameters
    ----------
    layers : mapping of str to array (stimulus, feature)
    """

    def __init__(self, layers: Mapping[str, Rows]) -> None:
        self._layers = layers
        self._measured: dict[str, tuple[float, int]] = {}

    def __getitem__(self, name: str) -> Rows:
        rows = self._layers[name]
        # of anything else, whoever reads it says what is wrong
        numbers = isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.dtype.kind in "fiu"
        if name not in self._measured and numbers:
            self._measured[name] = participation_ratio(np.asarray(rows)), rows.shape[1]
        return rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def added_to(self, raw: xr.Dataset) -> xr.Dataset:
        """Return the raw part of a score with `dimensionality` and `feature_count` of each layer.

        As it is, where a layer was not read or the metric names other layers.
        """
        names = list(self._layers)
        if any(name not in self._measured for name in names):
            return raw
        if "layer" in raw.dims and (
            "layer" not in raw.coords or raw["layer"].values.tolist() != names
        ):
            return raw
        values, counts = zip(*(self._measured[name] for name in names), strict=True)
        variables = {
            "dimensionality": ("layer", np.array(values)),
            "feature_count": ("layer", np.array(counts, dtype=np.int32)),
        }
        return raw.assign_coords(layer=names).assign(variables)


def participation_ratio(rows: Rows) -> float:
    r"""Return the effective dimensionality of features over stimuli.

    .. math:: D = (\sum_i \lambda_i)^2 / \sum_i \lambda_i^2

    with :math:`\lambda` the eigenvalues of the features' covariance over stimuli: the number of
    directions where all vary alike, 1 where all variance is in one. It needs no eigenvalues: with K
    the Gram matrix of demeaned rows, D is (tr K)² / ‖K‖².

    Parameters
    ----------
    rows : float array (stimulus, feature)

    Returns
    -------
    float
        From 1 to the smaller of features and stimuli less one; NaN where nothing varies or a value
        is not finite.

    Notes
    -----
    Gao et al. 2017, bioRxiv 214262; of audio models, Tuckute et al. 2023, PLOS Biology.

    Examples
    --------
    >>> round(participation_ratio(np.eye(5)), 6)
    4.0
    """
    stimuli, features = rows.shape
    # any unit of features gives the same, and squares of squares neither overflow nor vanish
    largest = max(float(rows.max(initial=0)), -float(rows.min(initial=0)))
    if not np.isfinite(largest) or largest == 0:
        return float("nan")
    exact = np.float64 if min(stimuli, features) <= _LARGE else np.float32
    centred, trace = np.empty(rows.shape, exact), 0.0
    step = max(1, _BLOCK // (8 * stimuli))
    for start in range(0, features, step):
        block = rows[:, start : start + step].astype(np.float64) / largest
        block -= block.mean(axis=0)
        trace += float(np.square(block).sum())
        centred[:, start : start + step] = block
    squares = _squared_norm(centred.T if features < stimuli else centred)
    # what is left of rounding where all rows are the same
    constant = trace <= np.square(1e-13) * stimuli * features
    return float("nan") if constant or squares == 0 else trace**2 / squares


def _squared_norm(rows: Rows) -> float:
    """Return the sum of the squared entries of the rows' Gram matrix, which is never held whole."""
    found = 0.0
    for first in range(0, len(rows), _TILE):
        for second in range(first, len(rows), _TILE):
            products = rows[first : first + _TILE] @ rows[second : second + _TILE].T
            # a tile beside the diagonal is there twice
            times = 1 if first == second else 2
            found += times * float(np.square(products, dtype=np.float64).sum())
    return found
