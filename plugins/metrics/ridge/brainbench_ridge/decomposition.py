"""One layer's singular value decompositions on every training part, and ridge regression in them.

With few stimuli and many features all happens in as many dimensions as there are stimuli: QR turns
the features into that many coordinates, and each training part is decomposed once for all targets
and penalties. Singular values of the features, not eigenvalues of their Gram matrix: that would
square the range of scales, and small features would drown in the rounding of large ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.arrays import HOST, Arrays
from brainbench_audio.assemblies.assembly import real_numbers

from .partition import FloatArray, IndexArray, Partition
from .training_part import TrainingPart

Parallel = Callable[[Callable[[tuple[int, ...]], Any], Iterable[tuple[int, ...]]], Iterable[Any]]

# Columns are orthogonalised in pieces, so that a layer is never held twice in double precision.
_COLUMNS = 2048
# Rounding of a feature beside its largest value, in units in the last place: that of storing it,
# and that of the sums it comes from.
_ROUNDINGS = 2.0


def coordinates(
    features: npt.NDArray[Any],
    scale: IndexArray | None = None,
    directions: FloatArray | None = None,
) -> FloatArray:
    """Rotate features into at most as many columns as there are rows.

    Differences between rows and their inner products stay the same: ``x - mean = c @ rotation``.

    Parameters
    ----------
    features : float array (stimulus, feature)
    scale : int array, optional
        Rows (a training part) by whose mean and standard deviation the features are z-scored first;
        features that are constant there are left out. Without it, features are only demeaned.
    directions : float64 array (stimulus, rank), optional
        What `signal_directions` found: the rest of the features is taken off first.

    Returns
    -------
    float64 array (stimulus, min(stimulus, feature))
    """
    stimuli, count = features.shape
    rotated = np.empty((stimuli, 0))
    for start in range(0, count, _COLUMNS):
        piece = features[:, start : start + _COLUMNS]
        if scale is None:
            centred = _projected(_demeaned(piece), directions)
        else:
            centred = zscored(piece, scale, directions)
        rotated = _appended(rotated, centred)
    return rotated


def _appended(rotated: FloatArray, columns: FloatArray) -> FloatArray:
    """Append columns, and rotate them all into as many as there are rows, if there are more."""
    rotated = np.hstack([rotated, columns])
    if rotated.shape[1] > rotated.shape[0]:
        triangle: Any = np.linalg.qr(rotated.T, mode="r")
        rotated = np.ascontiguousarray(triangle.T)
    return rotated


def signal_directions(
    features: npt.NDArray[Any], rotated: FloatArray | None = None
) -> FloatArray | None:
    """Return the directions of stimulus space in which features differ by more than rounding.

    Features of a lower rank than they have columns, such as a linear layer that widens its input,
    keep that rank in float64. Rounded to float32, they get small differences in all other
    directions, which tiny penalties would fit. Features are compared in units of their own
    rounding, so that small ones beside large ones are no rounding.

    Parameters
    ----------
    features : float array (stimulus, feature)
    rotated : float64 array, optional
        Their `coordinates`, if at hand: often enough to see that nothing is to be taken off.

    Returns
    -------
    float64 array (stimulus, rank) or None
        Orthonormal; None where nothing is to be taken off.
    """
    stimuli, count = features.shape
    precision = float(np.finfo(features.dtype).eps)
    full = min(stimuli - 1, count)
    if precision <= np.finfo(np.float64).eps or full < 1:
        return None
    # a random matrix of this deviation is about as large, see Bandeira and van Handel (2016)
    noise = _ROUNDINGS * precision * (np.sqrt(stimuli) + np.sqrt(count))
    if rotated is not None:
        largest = float(np.abs(features).max(initial=0.0))
        if np.linalg.svd(rotated, compute_uv=False)[full - 1] > noise * largest:
            return None
    scaled = np.empty((stimuli, 0))
    for start in range(0, count, _COLUMNS):
        piece = features[:, start : start + _COLUMNS].astype(np.float64)
        size = np.abs(piece).max(axis=0)
        piece -= piece.mean(axis=0)
        scaled = _appended(scaled, piece / np.where(size > 0, size, 1.0))
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    rank = int(np.count_nonzero(singular > noise))
    return None if rank >= full else left[:, :rank]


def signal(features: npt.NDArray[Any]) -> FloatArray:
    """Return the `coordinates` of features, without what is their rounding."""
    rotated = coordinates(features)
    return _projected(rotated, signal_directions(features, rotated))


def _projected(centred: FloatArray, directions: FloatArray | None) -> FloatArray:
    return centred if directions is None else directions @ (directions.T @ centred)


def zscored(
    features: npt.NDArray[Any], rows: IndexArray, directions: FloatArray | None = None
) -> FloatArray:
    """Divide features by their standard deviation over some rows, after subtracting their mean.

    Parameters
    ----------
    features : float array (stimulus, feature)
    rows : int array
        Those that mean and (population) standard deviation are taken from.
    directions : float64 array (stimulus, rank), optional
        See `coordinates`.

    Returns
    -------
    float64 array (stimulus, feature)
        Without the features that are constant over these rows.
    """
    columns = features.astype(np.float64)
    chosen = columns[rows]
    # A feature that varies by a few units in the last place only varies by rounding.
    precision = 4.0 * float(np.finfo(features.dtype).eps)
    rounding = precision * np.abs(chosen).max(axis=0, initial=0.0)
    mean, deviation = chosen.mean(axis=0), chosen.std(axis=0)
    # A NaN stays, for the caller to find.
    varies = ~(deviation <= rounding)
    if directions is not None:
        columns = _projected(columns - columns.mean(axis=0), directions)
        mean, deviation = columns[rows].mean(axis=0), columns[rows].std(axis=0)
        varies &= deviation > 0
    return np.ascontiguousarray((columns[:, varies] - mean[varies]) / deviation[varies])


def _demeaned(features: npt.NDArray[Any]) -> FloatArray:
    columns = features.astype(np.float64)
    columns -= columns.mean(axis=0)
    return columns


class ZScored(Mapping[str, npt.NDArray[Any]]):
    """Layers whose features have mean 0 and deviation 1 over all stimuli."""

    def __init__(self, layers: Mapping[str, npt.NDArray[Any]]) -> None:
        self._layers = layers

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        features = real_numbers(self._layers[name], f"Features of layer {name!r}")
        # What has no features is left for the solver to refuse, which names the layer.
        if features.ndim != 2:
            return features
        if not np.isfinite(features).all():
            return features
        return zscored(features, np.arange(len(features)), signal_directions(features))

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


class DecomposedLayer:
    """A layer's training parts: all folds but one (outer) and all but two (inner).

    The part without folds i and j serves twice: inside outer fold i to predict j, and inside outer
    fold j to predict i. With many folds these parts are what takes memory, so `hold` says for which
    outer folds they are kept. They are decomposed on the CPU, so that singular values and ranks are
    the same on all devices, and kept on the device.

    Attributes
    ----------
    partition : Partition
    pairs : tuple of (int, int)
        Every two folds of which one is an outer fold that is held, the lower one first.
    """

    def __init__(
        self,
        features: npt.NDArray[Any],
        partition: Partition,
        *,
        zscore: bool,
        unit: bool = False,
        parallel: Parallel = map,
        arrays: Arrays = HOST,
    ) -> None:
        self.partition = partition
        self.pairs: tuple[tuple[int, int], ...] = ()
        self._parallel = parallel
        ordered = features[partition.order]
        shared = None if zscore else signal(ordered)
        directions = signal_directions(ordered) if zscore else None

        def decompose(held_out: tuple[int, ...]) -> TrainingPart:
            points = shared
            if points is None:
                points = coordinates(ordered, partition.training(*held_out), directions)
            part = TrainingPart.decompose(points, features.shape[1], partition, held_out, unit=unit)
            return part.on(arrays)

        self._decompose = decompose
        self._outer: list[TrainingPart] = list(
            parallel(decompose, [(fold,) for fold in range(partition.folds)])
        )
        self._inner: dict[tuple[int, ...], TrainingPart] = {}

    def hold(self, outer: frozenset[int]) -> None:
        """Decompose the inner parts of some outer folds, and let go of the others."""
        every = combinations(range(self.partition.folds), 2)
        pairs = tuple(pair for pair in every if not outer.isdisjoint(pair))
        if pairs == self.pairs:
            return
        self.pairs = pairs
        self._inner.clear()
        self._inner.update(
            zip(self.pairs, self._parallel(self._decompose, self.pairs), strict=True)
        )

    def outer(self, fold: int) -> TrainingPart:
        """Return the training part of an outer fold."""
        return self._outer[fold]

    def inner(self, first: int, second: int) -> TrainingPart:
        """Return the training part without two folds, one of which is held."""
        return self._inner[(min(first, second), max(first, second))]
