"""How good predicted labels are: the metrics of the HEAR tasks.

Each takes how often every clip counts, so that the bootstrap needs to sort only once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Array = npt.NDArray[np.float64]
_OCTAVE = 12


class Predictions:
    """Predictions of some clips, beside their labels.

    Parameters
    ----------
    labels : array (clip, label)
        0 or 1.
    logits : float array (clip, label)
        Any number that rises with the confidence.
    names : sequence of str
        Names of the labels, which are MIDI notes for ``chroma_acc``.
    """

    def __init__(
        self, labels: npt.ArrayLike, logits: npt.NDArray[np.floating[Any]], names: list[str]
    ) -> None:
        self.labels = np.asarray(labels, dtype=np.float64)
        self.logits = logits
        self._names = names

    def score(self, metric: str, counts: Array | None = None) -> float:
        """Return the value of a metric; NaN where it is not defined.

        Parameters
        ----------
        metric : str
            One of `METRICS`.
        counts : float64 array (clip,), optional
            How often each clip counts; once by default.
        """
        weights = np.ones(len(self.labels)) if counts is None else counts
        return METRICS[metric](self, weights)

    def reordered(self, order: npt.NDArray[np.intp]) -> Predictions:
        """Return the same predictions beside the labels of other clips, as an order says."""
        return Predictions(self.labels[order], self.logits, self._names)

    def mixed(self, metric: str, order: npt.NDArray[np.intp]) -> float:
        """Return the score of `reordered` predictions, without a copy of the labels if possible."""
        if not metric.endswith("acc"):
            return self.reordered(order).score(metric)
        values = self._chroma if metric == "chroma_acc" else self.labels
        return _share(values[order, self._best], np.ones(len(order)))

    def guessed(self, metric: str, label: int) -> float:
        """Return the value of a metric if every clip were said to have the same label."""
        logits = np.zeros(self.labels.shape)
        logits[:, label] = 1
        return Predictions(self.labels, logits, self._names).score(metric)

    @cached_property
    def correct(self) -> Array:
        """1 where the clip has the most confident label, else 0; (clip,).

        A clip without labels counts as wrong, whatever is predicted.
        """
        return self._at_best(self.labels)

    @cached_property
    def chroma_correct(self) -> Array:
        """1 where the clip has the predicted note in any octave, else 0; (clip,)."""
        return self._at_best(self._chroma)

    @cached_property
    def _chroma(self) -> Array:
        """1 where a clip has the note in any octave, else 0; (clip, label)."""
        chroma = np.array([int(name) % _OCTAVE for name in self._names])
        same = chroma[:, np.newaxis] == chroma
        return np.asarray(self.labels @ same > 0, dtype=np.float64)

    @cached_property
    def _best(self) -> npt.NDArray[np.intp]:
        """The most confident label of each clip, (clip,)."""
        return np.asarray(self.logits.argmax(axis=1), dtype=np.intp)

    def _at_best(self, values: Array) -> Array:
        """Return of each clip the value (clip, label) of its most confident label."""
        return values[np.arange(len(values)), self._best]

    @cached_property
    def _sorted(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Order of the clips for each label, with first and last place of each run of equals."""
        order = np.argsort(self.logits, axis=0, kind="stable")
        values = np.take_along_axis(self.logits, order, axis=0)
        place = np.broadcast_to(np.arange(len(values))[:, np.newaxis], values.shape)
        changes = values[1:] != values[:-1]
        edge = np.ones((1, values.shape[1]), dtype=bool)
        first = np.where(np.concatenate([edge, changes]), place, 0)
        last = np.where(np.concatenate([changes, edge]), place, len(values))
        first = np.maximum.accumulate(first, axis=0)
        last = np.minimum.accumulate(last[::-1], axis=0)[::-1]
        return order, first, last

    def average_precision(self, weights: Array) -> Array:
        """Return the average precision of each label; NaN without a positive clip.

        ``Σ_n (R_n - R_(n-1)) P_n`` over the thresholds n from high to low, with recall R and
        precision P of all clips at or above the threshold.
        """
        order, first, _ = self._sorted
        weight = weights[order]
        positive = weight * np.take_along_axis(self.labels, order, axis=0)
        above = np.take_along_axis(weight[::-1].cumsum(axis=0)[::-1], first, axis=0)
        hits = np.take_along_axis(positive[::-1].cumsum(axis=0)[::-1], first, axis=0)
        precision = np.divide(hits, above, out=np.zeros_like(hits), where=above > 0)
        return _ratio((positive * precision).sum(axis=0), positive.sum(axis=0))

    def roc_area(self, weights: Array) -> Array:
        """Return the area under the ROC curve of each label; NaN without positives or negatives.

        The share of pairs of a positive and a negative clip in which the positive one has the
        higher logit; equals count half.
        """
        order, first, last = self._sorted
        weight = weights[order]
        positive = weight * np.take_along_axis(self.labels, order, axis=0)
        negative = weight - positive
        sums = negative.cumsum(axis=0)
        below = np.take_along_axis(sums - negative, first, axis=0)
        up_to = np.take_along_axis(sums, last, axis=0)
        won = (positive * (below + up_to)).sum(axis=0) / 2
        return _ratio(won, positive.sum(axis=0) * negative.sum(axis=0))

    def sensitivity(self, weights: Array) -> Array:
        """Return d′ = √2 Φ⁻¹(ROC area) of each label; NaN as `roc_area`.

        The area is kept half a pair away from 0 and 1, where d′ is infinite.
        """
        positive = weights @ self.labels
        negative = weights.sum() - positive
        margin = _ratio(np.full(positive.shape, 0.5), positive * negative)
        area = np.clip(self.roc_area(weights), margin, 1 - margin)
        return np.asarray(np.sqrt(2) * ndtri(area), dtype=np.float64)


def _ratio(above: Array, below: Array) -> Array:
    found = np.full(above.shape, np.nan)
    np.divide(above, below, out=found, where=below > 0)
    return found


def _macro(values: Array) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _share(hits: Array, weights: Array) -> float:
    total = weights.sum()
    return float(hits @ weights / total) if total > 0 else float("nan")


METRICS: dict[str, Callable[[Predictions, Array], float]] = {
    "top1_acc": lambda found, weights: _share(found.correct, weights),
    "pitch_acc": lambda found, weights: _share(found.correct, weights),
    "chroma_acc": lambda found, weights: _share(found.chroma_correct, weights),
    "mAP": lambda found, weights: _macro(found.average_precision(weights)),
    "aucroc": lambda found, weights: _macro(found.roc_area(weights)),
    "d_prime": lambda found, weights: _macro(found.sensitivity(weights)),
}
