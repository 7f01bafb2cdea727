"""Inner scores of penalties: predictions of the inner folds, pooled, for many targets at once."""

from __future__ import annotations

from collections.abc import Iterable

from brainbench_audio.arrays import HOST, Arrays, copied, dots, namespace

from .decomposition import DecomposedLayer
from .partition import FloatArray
from .responses import Responses, squared_correlation


class Scratch:
    """Memory for intermediate products, kept by a thread to stay in its cache."""

    def __init__(self, arrays: Arrays = HOST) -> None:
        self._arrays = arrays
        self._memory: dict[object, FloatArray] = {}

    def take(self, key: object, rows: int, columns: int) -> FloatArray:
        """Return an uninitialised array, valid until the next call with this key."""
        memory = self._memory.get(key)
        if memory is None or len(memory) < rows * columns:
            memory = self._memory[key] = self._arrays.empty(rows * columns)
        return memory[: rows * columns].reshape(rows, columns)


class RotatedBlock:
    """Responses of a block of targets, rotated by the inner training parts of a layer.

    Attributes
    ----------
    responses : Responses
    scratch : Scratch
        Where the rotated responses are, so only the last block made with it is valid.
    """

    def __init__(
        self, layer: DecomposedLayer, responses: Responses, outer: Iterable[int], scratch: Scratch
    ) -> None:
        partition = layer.partition
        self.responses = responses
        self.scratch = scratch
        self._moments = {fold: responses.moments(fold) for fold in outer}
        self._rotated: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}
        wanted = [pair for pair in layer.pairs if not self._moments.keys().isdisjoint(pair)]
        for place, pair in enumerate(wanted):
            rotation = layer.inner(*pair).rotation
            # by its place, so that pairs of other outer folds take the same memory later
            rotated = scratch.take(place, len(rotation), len(responses.mean))
            training = partition.cut(responses.centred, *pair)
            namespace(rotated).matmul(rotation, training, out=rotated)
            self._rotated[pair] = rotated, copied(rotated[-1])

    @property
    def outer_folds(self) -> list[int]:
        """The outer folds that the block was made for."""
        return list(self._moments)

    def rotated(self, outer: int, inner: int) -> FloatArray:
        """Return rotated responses, valid until the next call for these two folds.

        Parameters
        ----------
        outer, inner : int
            Folds that the training part is without.

        Returns
        -------
        float64 array (rank + 1, target)
            The last row, their mean, is relative to that of the outer training part.
        """
        rotated, mean = self._rotated[(min(outer, inner), max(outer, inner))]
        namespace(mean).subtract(mean, self._moments[outer][0], out=rotated[-1])
        return rotated

    def measured(self, inner: int) -> FloatArray:
        """Return the responses to the stimuli of a fold, (stimulus, target)."""
        return self.responses.centred[self.responses.partition.test(inner)]

    def moments(self, outer: int) -> tuple[FloatArray, FloatArray]:
        """Return `Responses.moments` of an outer fold."""
        return self._moments[outer]


class PooledSums:
    """Sums over the pooled inner predictions, for every penalty and target of an outer fold.

    Predictions are relative to the mean of the outer training part, so that no sum of squares is a
    small difference of large numbers.
    """

    def __init__(self, penalties: int, targets: int, arrays: Arrays = HOST) -> None:
        self._sums, self._squares, self._products = arrays.zeros(3, penalties, targets)

    def add(
        self, weights: FloatArray, rotated: FloatArray, measured: FloatArray, scratch: Scratch
    ) -> None:
        """Add one inner fold.

        Parameters
        ----------
        weights : float64 array (penalty, stimulus + 1, rank + 1)
            From `TrainingPart.weights`.
        rotated : float64 array (rank + 1, target)
            Responses of the training part, rotated; the last row relative to the outer mean.
        measured : float64 array (stimulus, target)
            Responses of the inner fold, as in `Responses.centred`.
        scratch : Scratch
        """
        penalties, rows, rank = weights.shape
        product = scratch.take("product", penalties * rows, rotated.shape[1])
        namespace(product).matmul(weights.reshape(penalties * rows, rank), rotated, out=product)
        both = product.reshape(penalties, rows, rotated.shape[1])
        predictions = both[:, :-1]
        self._sums += both[:, -1]
        self._squares += dots(predictions, predictions)
        self._products += dots(predictions, measured)

    def scores(self, mean: FloatArray, squares: FloatArray, stimuli: int) -> FloatArray:
        """Return the squared correlations (penalty, target).

        Parameters
        ----------
        mean, squares : float64 arrays (target,)
            `Responses.moments` of the outer training part.
        stimuli : int
            Their number in that part.
        """
        products = self._products - self._sums * mean
        predicted = self._squares - self._sums**2 / stimuli
        return squared_correlation(products, predicted, squares)
