"""What stored scores hold that tells two models apart: parts, bootstrap draws, predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.assemblies.assembly import by_subject
from brainbench_audio.scores.profiles import bootstrap_draws, names_along, predictions, read_raw
from brainbench_audio.scores.statistics import Array, bootstrap_counts, squared_pearson

from .results import Result

UNITS = ("subject", "fold")
# draws of the bootstrap over stimuli made at a time
_AT_ONCE = 250


@dataclass(frozen=True)
class Draws:
    """Bootstrap draws that came with a score.

    Attributes
    ----------
    values : float64 array (draw,)
    origin : tuple
        What decides which stimuli and subjects each draw takes; equal for scores whose draws are
        paired.
    over : str
        What was drawn, in words.
    """

    values: Array
    origin: tuple[Any, ...]
    over: str


def unit(result: Result) -> str | None:
    """Return what the parts of a score are: ``subject`` or ``fold``, two at least; else None.

    Components are no sample of anything, so they do not count.
    """
    for name in UNITS:
        if len(result.parts) >= 2 and result.n.get(name) == len(result.parts):
            return name
    return None


def shared_parts(results: Sequence[Result]) -> Array | None:
    """Return the parts (unit, result) if all results have the same units, else None."""
    if not results or unit(results[0]) is None:
        return None
    names = list(results[0].parts)
    if any(unit(one) != unit(results[0]) or set(one.parts) != set(names) for one in results):
        return None
    return np.array([[one.parts[name] for one in results] for name in names], dtype=np.float64)


def stored_draws(result: Result) -> Draws | None:
    """Return the draws that were stored with a score; None if there are none."""
    if result.published or result.path is None:
        return None
    found = bootstrap_draws(read_raw(result.path))
    if found is None:
        return None
    values, seed = found
    subjects = tuple(result.parts) if unit(result) == "subject" else ()
    stimuli = result.n.get("stimulus"), result.provenance.get("stimuli")
    over = "stimuli and subjects" if subjects else "stimuli"
    return Draws(values, (values.size, seed, *stimuli, subjects), over)


@dataclass(frozen=True)
class Predictions:
    """Responses and what a model predicted for them, of a metric that stores both.

    Attributes
    ----------
    measured, predicted : float64 array (stimulus, target)
    stimuli : tuple of str
    groups : mapping of str to int array
        Places of each subject's targets; empty if the targets are of no subjects.
    """

    measured: Array
    predicted: Array
    stimuli: tuple[str, ...]
    groups: dict[str, np.ndarray[Any, np.dtype[np.intp]]]

    @classmethod
    def read(cls, result: Result) -> Predictions | None:
        """Read them from a stored score; None if it holds none, or is corrected for noise."""
        if result.published or result.path is None:
            return None
        return cls.of(read_raw(result.path, "measured", "prediction"))

    @classmethod
    def of(cls, raw: xr.Dataset) -> Predictions | None:
        """Take them from a score's raw part; None as for `read`."""
        found = predictions(raw)
        if found is None:
            return None
        measured, predicted = found
        names = tuple(names_along(measured, "stimulus"))
        return cls(measured.values, predicted.values, names, by_subject(measured) or {})

    @property
    def origin(self) -> str:
        """Hash of everything but the predictions; equal for models that predicted the same."""
        found = hashlib.sha256(np.ascontiguousarray(self.measured).tobytes())
        found.update(repr((self.measured.shape, self.stimuli)).encode())
        for name, places in self.groups.items():
            found.update(name.encode() + places.tobytes())
        return found.hexdigest()

    def drawn_parts(self, draws: int, seed: int) -> Array:
        """Return the parts (draw, part) over stimuli drawn with replacement, predictions fixed.

        A part is the median R² over a subject's targets, or the R² of one target.
        """
        counts = bootstrap_counts(len(self.measured), draws, seed)
        groups = list(self.groups.values()) or [np.arange(self.measured.shape[1])]
        pieces = [
            np.concatenate(
                [
                    self._part(counts[start : start + _AT_ONCE], group)
                    for start in range(0, draws, _AT_ONCE)
                ]
            )
            for group in groups
        ]
        return np.concatenate(pieces, axis=1)

    def _part(self, counts: Array, group: np.ndarray[Any, np.dtype[np.intp]]) -> Array:
        r2 = squared_pearson(self.measured[:, group], self.predicted[:, group], counts)
        return np.median(r2, axis=1, keepdims=True) if self.groups else r2


@dataclass(frozen=True)
class Redrawn:
    """Bootstrap draws made anew from stored predictions.

    Attributes
    ----------
    parts : float64 array (draw, part)
    origin : str
        Equal for results that predicted the same responses.
    subjects : bool
        Whether parts are two subjects or more.
    predictions : Predictions or None
        What was drawn from; None for the targets of subjects, which are many.
    """

    parts: Array
    origin: str
    subjects: bool
    predictions: Predictions | None


class Evidence:
    """What one stored score holds, each part read when it is asked for, and once.

    Parameters
    ----------
    result : Result
    draws : int
        Of a bootstrap made anew.
    seed : int
    """

    def __init__(self, result: Result, draws: int, seed: int) -> None:
        self.result = result
        self._draws = draws
        self._seed = seed

    @cached_property
    def stored(self) -> Draws | None:
        """Draws that were stored."""
        return stored_draws(self.result)

    @cached_property
    def redrawn(self) -> Redrawn | None:
        """Draws made anew; None where no predictions are stored."""
        predictions = Predictions.read(self.result)
        if predictions is None:
            return None
        return Redrawn(
            predictions.drawn_parts(self._draws, self._seed),
            predictions.origin,
            len(predictions.groups) > 1,
            None if predictions.groups else predictions,
        )
