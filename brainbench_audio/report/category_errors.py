"""Which categories of sounds a model predicts: errors of its predictions, by category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.predictions import CATEGORY, UNITS, errors_of
from brainbench_audio.scores.profiles import read_raw

By = Literal["category", "sound"]
Array = npt.NDArray[np.float64]
ALL = "all sounds"
# intervals over fewer sounds of a category hold the truth too seldom, see docs/methods.md
LEAST_SOUNDS = 4


@dataclass(frozen=True, kw_only=True)
class CategoryError:
    """How well responses to the sounds of one category are predicted.

    Attributes
    ----------
    category : str
        The last of a list is `ALL`.
    sounds : int
    explained : float
        1 less the squared errors of the predictions over those of the mean over all sounds, both
        summed over the sounds of the category. Below 0 where predictions are worse. Of all sounds,
        R²: the mean over targets of a part, then over parts.
    interval : (float, float) or None
        95 % interval; None with too few sounds, and of all, as the score has one.
    over : str
        What the interval generalises over, in words.
    share : float
        What these sounds add to `explained` of all sounds.
    """

    category: str
    sounds: int
    explained: float
    interval: tuple[float, float] | None
    over: str
    share: float


def category_errors(errors: xr.Dataset) -> list[CategoryError]:
    r"""Return how well each category is predicted, the best first; all sounds come last.

    With e and b of `errors_of`, means over parts, and sums over the sounds of a category

    .. math:: explained = 1 - \sum e_i / \sum b_i, \quad
              share = \sum (b_i - e_i) / \sum_{all} b_i

    The interval is Student's t of the logarithm of the ratio, by jackknife over sounds and, where
    there are three listeners or more, over these, see `Influence.estimate`. Weights stay as they
    were learned: it is of other sounds of the category, not of other sounds to learn from.

    Parameters
    ----------
    errors : xr.Dataset
        See `errors_of`, with the coordinate ``category``.

    Raises
    ------
    DataError
        There are no categories.
    """
    if CATEGORY not in errors.coords:
        raise DataError(
            "The sounds of this score have no categories, as the data set gives none: "
            "`brainbench export --errors sound` writes the error of each sound."
        )
    names = errors[CATEGORY].values.astype(str)
    error, spread = (errors[one].values for one in ("sound_error", "sound_spread"))
    units, whole = str(errors["sound_error"].attrs.get(UNITS, "")), float(spread.mean(axis=1).sum())
    places = {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist()) if name}
    found = [
        _of_sounds(name, error[some], spread[some], whole, units) for name, some in places.items()
    ]
    found.sort(key=lambda one: -one.explained)
    every = _of_sounds(ALL, error, spread, whole, units)
    return [*found, replace(every, interval=None, over="")]


def read_errors(path: Path) -> xr.Dataset | None:
    """Return how far the predictions of a stored score are off for each sound, see `errors_of`.

    Raises
    ------
    DataError
        The file is missing or damaged.
    """
    # predictions of voxels are read only where they are needed
    found = errors_of(read_raw(path, "sound_error", "sound_spread"))
    return found or errors_of(read_raw(path, "measured", "prediction"))


def rows_of(model: str, benchmark: str, errors: xr.Dataset, by: By) -> Iterator[dict[str, Any]]:
    """Yield a row for each category, or sound, of each part; ``all`` is the mean over parts."""
    about = {"model": model, "benchmark": benchmark}
    for part, some in _with_parts(errors):
        if by == "category":
            for one in category_errors(some):
                low, high = one.interval or (None, None)
                yield {
                    **about,
                    "part": part,
                    "category": one.category,
                    "sounds": one.sounds,
                    "explained": one.explained,
                    "low": low,
                    "high": high,
                    "share": one.share,
                    "over": one.over,
                }
            continue
        names = some["stimulus"].values.astype(str).tolist()
        kinds = some[CATEGORY].values.astype(str) if CATEGORY in some.coords else [""] * len(names)
        error, spread = (some[one].values.mean(axis=1) for one in ("sound_error", "sound_spread"))
        for name, kind, missed, there in zip(names, kinds, error, spread, strict=True):
            own = {"stimulus": name, "category": str(kind)}
            yield {**about, "part": part, **own, "error": float(missed), "spread": float(there)}


def _with_parts(errors: xr.Dataset) -> Iterable[tuple[str, xr.Dataset]]:
    yield "all", errors
    dimension = str(errors["sound_error"].dims[1])
    names = errors[dimension].values.astype(str).tolist()
    if len(names) > 1:
        for place, name in enumerate(names):
            one = errors.isel({dimension: [place]})
            one["sound_error"].attrs[UNITS] = ""
            yield name, one


def _of_sounds(name: str, error: Array, spread: Array, whole: float, units: str) -> CategoryError:
    """Return what is known of some sounds, errors and spreads (stimulus, part)."""
    missed, there = float(error.mean(axis=1).sum()), float(spread.mean(axis=1).sum())
    interval, over = None, ""
    if missed > 0 and there > 0:
        interval, over = _interval(_influence(error, spread, units))
    return CategoryError(
        category=name,
        sounds=len(error),
        explained=1 - missed / there if there > 0 else 0.0,
        interval=interval,
        over=over,
        share=(there - missed) / whole if whole > 0 else 0.0,
    )


def _interval(influence: Influence) -> tuple[tuple[float, float] | None, str]:
    """Return the interval, from that of the logarithm, and what it generalises over."""
    if influence.trouble():
        return None, ""
    estimate = influence.estimate()
    with np.errstate(over="ignore"):
        high, low = 1 - np.exp(estimate.interval())
    # so few listeners and sounds may leave less than one degree of freedom
    return ((float(low), float(high)), estimate.over) if np.isfinite(low) else (None, "")


def _influence(error: Array, spread: Array, units: str) -> Influence:
    """Return what the logarithm of the ratio owes to each sound and part.

    Linear in parts, and by leaving out in sounds, which few sounds ask for.
    """
    sums, means = (error.sum(axis=0), spread.sum(axis=0)), (error.mean(axis=1), spread.mean(axis=1))
    missed, there = float(means[0].sum()), float(means[1].sum())
    value = np.log(missed / there)
    parts = value + sums[0] / missed - sums[1] / there
    owed = error / missed - spread / there
    if len(error) < 2:
        return Influence(parts, np.empty((0, parts.size)), units=units, least=LEAST_SOUNDS)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.log((missed - means[0]) / (there - means[1])) - value
    left = np.where(np.isfinite(left), left, -owed.mean(axis=1))
    without = -owed + (left + owed.mean(axis=1))[:, np.newaxis]
    return Influence.of_left_out(parts, without, units, least=LEAST_SOUNDS)
