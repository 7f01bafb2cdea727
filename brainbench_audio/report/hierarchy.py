"""Do layers deepen from primary to other regions: one difference a listener, and its trend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import without_version
from brainbench_audio.scores.influence import LEAST_PARTS, Influence
from brainbench_audio.scores.profiles import layer_targets, read_raw

from .layer_regions import layer_regions
from .results import Result
from .versions import parsed_model

Array = npt.NDArray[np.float64]
PRIMARY = "Primary"
DIFFERENCE, TREND = "difference", "trend"
_LEAST_STEPS = 3
_ALIKE = 1e-9  # rounding of positions, which are from 0 to 1


@dataclass(frozen=True, kw_only=True)
class Deepening:
    """What one model says of one benchmark, over listeners.

    Attributes
    ----------
    model, benchmark : str
        Of a trend, the model without its step.
    what : str
        ``difference``: relative position of the best layer in other regions less that in the
        primary one, from -1 to 1. ``trend``: Spearman's rho of that difference with the step of a
        training.
    value : float
        Mean over listeners.
    interval : (float, float) or None
        95 % interval, Student's t over listeners; None with fewer than 3, or if all are the same:
        positions are steps of layers, so that does not say that there is no error.
    p : float or None
        Two-sided, that the mean is 0, from the same t: of a trend, for this training. What all
        listeners share counts as one, also where the layers of a training wander.
    listeners : int
        Those with a predicted voxel in the primary region and in another.
    primary, others : float or None
        Mean positions of these listeners; None of a trend.
    steps : int or None
        Of a trend.
    """

    model: str
    benchmark: str
    what: str
    value: float
    interval: tuple[float, float] | None
    p: float | None
    listeners: int
    primary: float | None = None
    others: float | None = None
    steps: int | None = None


def hierarchy(results: Iterable[Result], primary: str = PRIMARY) -> list[Deepening]:
    """Return for each stored score how much deeper the layers of other regions lie.

    Steps of one training, three at least, get a trend as well.

    Parameters
    ----------
    results : iterable of Result
        Those without a file, a score of each layer for each target, or regions are left out; so
        are models with one layer.
    primary : str
        The region that others are compared with, in upper or lower case.

    Raises
    ------
    DataError
        None is left, or a file is missing or damaged.
    """
    found: list[Deepening] = []
    # by source, too: two files with a class of one name are two trainings
    courses: dict[tuple[str, str, str], list[tuple[int, xr.DataArray]]] = {}
    names: dict[tuple[str, str, str], str] = {}
    for result in results:
        positions = _positions(result, primary)
        if positions is None:
            continue
        found.append(difference(result.model, result.benchmark, positions))
        identifier = result.id or result.model
        one = parsed_model(identifier)
        if one.step is not None:
            training = str(replace(one, step=None, version=None))
            key = (training, result.source, result.benchmark)
            courses.setdefault(key, []).append((one.step, positions))
            # what makes the name of a row longer stays
            names[key] = without_version(result.model).replace(identifier, training)
    trends = [
        trend(names[key], key[-1], course)
        for key, course in courses.items()
        if len({step for step, _ in course}) >= _LEAST_STEPS
    ]
    if not found:
        raise DataError(
            f"None of these scores says which layer predicts which region: that takes a model "
            f"with two layers or more, on data with a region {primary} and another one, by a "
            f"metric that keeps a score of each layer for each voxel, as ridge does."
        )
    return [*found, *(one for one in trends if one is not None)]


def positions_of(raw: xr.Dataset, primary: str = PRIMARY) -> xr.DataArray | None:
    """Return where the best layers of each listener lie, (subject, side).

    Parameters
    ----------
    raw : xr.Dataset
        See `layer_regions`.
    primary : str

    Returns
    -------
    xr.DataArray or None
        ``side`` is ``primary`` or ``others``: mean over the listener's voxels there, of several
        regions the mean of these. Listeners without both are left out. None where no region is the
        primary one or no other is.
    """
    each = layer_targets(raw)
    if each is None or "region" not in each.coords or len(each) < 2:
        return None
    shares = layer_regions(raw)["share"].transpose("subject", "region", "layer")
    # a median takes one of few values, so listeners would often agree by that alone
    mean = shares @ xr.DataArray(np.linspace(0, 1, shares.sizes["layer"]), dims="layer")
    names = [name.casefold() == primary.casefold() for name in mean["region"].values.tolist()]
    here = np.array(names)
    if not here.any() or here.all():
        return None
    known = np.isfinite(mean.values)
    both = known[:, here].any(axis=1) & known[:, ~here].any(axis=1)
    sides = [np.nanmean(mean.values[both][:, some], axis=1) for some in (here, ~here)]
    subjects = mean["subject"].values[both]
    return xr.DataArray(
        np.stack(sides, axis=1),
        {"subject": subjects, "side": ["primary", "others"]},
        ("subject", "side"),
    )


def _positions(result: Result, primary: str) -> xr.DataArray | None:
    if result.arrays is None:
        return None
    found = positions_of(read_raw(result.arrays, "layer_score"), primary)
    return found if found is not None and found.sizes["subject"] else None


def difference(model: str, benchmark: str, positions: xr.DataArray) -> Deepening:
    """Return how much deeper others lie than primary, of what `positions_of` returns."""
    primary, others = positions.values.T
    return replace(
        _over_listeners(model, benchmark, DIFFERENCE, others - primary),
        primary=float(primary.mean()),
        others=float(others.mean()),
    )


def trend(
    model: str, benchmark: str, course: Sequence[tuple[int, xr.DataArray]]
) -> Deepening | None:
    """Return the trend of the difference over those listeners who have one at each step.

    Parameters
    ----------
    model, benchmark : str
    course : sequence of (int, xr.DataArray)
        Steps and what `positions_of` returns of them.

    Returns
    -------
    Deepening or None
        None where no listener has a difference at each step.
    """
    import scipy.stats

    steps = [step for step, _ in course]
    differences = [each.sel(side="others") - each.sel(side="primary") for _, each in course]
    every = xr.concat(differences, "step", join="inner")
    values = every.transpose("step", "subject").values
    # of one that never changes, a rank correlation is not defined: no trend
    changes = np.ptp(values, axis=0) > 0
    rho = np.zeros(values.shape[1])
    for place in np.flatnonzero(changes):
        rho[place] = scipy.stats.spearmanr(steps, values[:, place]).statistic
    if not rho.size:
        return None
    return replace(_over_listeners(model, benchmark, TREND, rho), steps=len(set(steps)))


def _over_listeners(model: str, benchmark: str, what: str, values: Array) -> Deepening:
    """Return the mean over listeners with interval and p."""
    interval = p = None
    if values.size >= LEAST_PARTS and np.ptp(values) > _ALIKE:
        estimate = Influence(values, np.empty((0, values.size)), units="listeners").estimate()
        interval, p = estimate.interval(), estimate.p
    return Deepening(
        model=model,
        benchmark=benchmark,
        what=what,
        value=float(values.mean()),
        interval=interval,
        p=p,
        listeners=values.size,
    )
