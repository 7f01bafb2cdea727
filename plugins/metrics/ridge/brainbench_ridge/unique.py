"""The variant `unique`: what a model explains of responses beyond a given one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.arrays import Arrays, arrays_on, checked_device
from brainbench_audio.assemblies.folds import Folds, fold_labels
from brainbench_audio.errors import DataError
from brainbench_audio.scores.ceilings import bounded
from brainbench_audio.scores.commonality import (
    NOT_NORMALISED,
    against_chance,
    brought_together,
    shares,
    uncertainty_of_unique,
)
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.options import check_options
from brainbench_audio.scores.score import WITHHELD, Score

from .bands import SHARES, BandedRidge, Reduced, banded_ridge
from .labels import counts, label
from .memory import LARGE, Memory
from .nested import NestedRidge
from .normalisation import LEAST_LEARNED, learned_share
from .partition import FloatArray, Partition
from .solver import nested_ridge
from .targets import Targets

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class _Fits:
    """The model, the given one, and both together, fitted to the same targets."""

    model: NestedRidge
    given: NestedRidge
    both: BandedRidge

    def explained(self) -> dict[str, FloatArray]:
        """Return R², (target,), and what follows from it by commonality analysis."""
        return shares(self.model.r2, self.given.r2, self.both.r2)

    def left_out(self) -> dict[str, FloatArray]:
        """Return the same without each stimulus, (stimulus, target)."""
        every = self.model.left_out, self.given.left_out, self.both.left_out
        return shares(*(np.square(np.maximum(one, 0.0)) for one in every))


@dataclass(frozen=True, kw_only=True)
class UniqueRidge:
    """R² of a model and a given one together, less that of the given one.

    Attributes
    ----------
    bootstrap, seed, max_memory, device
        See `brainbench_ridge.metric.Ridge`.

    Notes
    -----
    All three fits are nested cross-validated ones of features in the unit of `-ridge-scaled`; both
    together by `bands.banded_ridge`, of the layers that each model alone has chosen. Formulas and
    what they leave open are in docs/methods.md.
    """

    bootstrap: int | None = None
    seed: int = 0
    max_memory: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_options(bootstrap=self.bootstrap, seed=self.seed, max_memory=self.max_memory)
        checked_device(self.device)

    def __call__(
        self,
        layers: Layers,
        target: xr.DataArray,
        folds: Folds | npt.ArrayLike,
        given: Layers | None = None,
    ) -> Score:
        """Return what some layers explain of some targets beyond those of a given model.

        Parameters
        ----------
        layers, target, folds
            As `Ridge` takes them.
        given : mapping of str to array
            Layers of the given model: layer to (stimulus, feature).

        Returns
        -------
        Score
            As `Ridge` returns it, of the unique R²: it may be below 0. ``ceiling``: reliability
            less what the given model would explain had it learned without noise; None where that
            is not known. ``raw.explained``: R² of the model, of the given one and of
            both, and what is unique and shared, brought together as the value.

        Raises
        ------
        DataError
            If there is no given model, or as `Ridge` does.
        ContractError
            If the rows of a layer do not fit, or the device is not there or fails.
        """
        if not given:
            raise DataError(
                "ridge-unique compares with a second model: give its layers as `given`."
            )
        targets = Targets.from_assembly(target)
        labels = fold_labels(folds)
        partition = Partition.from_labels(labels)
        large = targets.responses.shape[1] * (len(layers) + len(given)) >= LARGE
        arrays = arrays_on(self.device, large=large)
        spaces = _Spaces(
            Reduced(layers, partition), Reduced(given, partition), self.max_memory, arrays
        )
        with arrays.failing_clearly("in banded ridge regression"):
            fits = spaces.fit(targets.responses, labels)
        found, without = fits.explained(), fits.left_out()
        parts = targets.parts(found["unique"])
        influence = partial(_influence, targets, found, without)
        unsure = uncertainty_of_unique(
            influence("unique"), targets.part_names, bootstrap=self.bootstrap, seed=self.seed
        )
        assert fits.model.layer_r2 is not None
        profile = targets.aggregate(fits.model.layer_r2)
        raw = label(_as_nested(fits), targets, None).assign_coords(
            stimulus=target["stimulus"].values, layer=list(layers), given_layer=list(given)
        )
        return Score(
            value=float(parts.mean()),
            **unsure.fields,
            ceiling=_ceiling(targets, fits.given),
            provenance=({} if targets.reliability is None else {WITHHELD: NOT_NORMALISED})
            | unsure.provenance
            | arrays.provenance
            | against_chance(influence("unique")),
            parts=dict(zip(targets.part_names, parts.tolist(), strict=False)),
            layer=list(layers)[int(profile.argmax())],
            n=counts(fits.model, targets, None) | {"given_layer": len(given)},
            raw=raw.assign(_of_targets(fits, found, targets))
            .assign(
                brought_together(
                    found, targets.parts, lambda one: float(targets.aggregate(one)), influence
                )
            )
            .assign(unsure.raw)
            .assign(profile=("layer", profile))
            .assign_attrs(unsure.attributes, variant="unique"),
        )


@dataclass(frozen=True)
class _Spaces:
    """The layers of the two models."""

    model: Reduced
    given: Reduced
    max_memory: int | None
    arrays: Arrays

    def fit(self, responses: npt.NDArray[Any], folds: npt.NDArray[Any]) -> _Fits:
        """Fit each model, and both together."""
        stimuli, columns = responses.shape
        block, group = Memory(
            stimuli,
            columns,
            # training parts of both models are there while all shares are tried
            len(self.model) + len(self.given) + len(SHARES),
            np.unique(folds).size,
            self.max_memory,
            self.arrays.budget(self.max_memory),
            regressions=3,
            held=len(SHARES),
            kept=self.model.bytes + self.given.bytes,
        ).share()
        share: dict[str, Any] = {"block": block, "group": group, "arrays": self.arrays}
        model, given = (
            nested_ridge(layers, responses, folds, unit=True, rivals=False, **share)
            for layers in (self.model, self.given)
        )
        spaces = ([*self.model.values()], [*self.given.values()])
        chosen = model.layer, given.layer
        both = banded_ridge(*spaces, responses, folds, chosen, **share)
        return _Fits(model, given, both)


def _influence(
    targets: Targets, found: Mapping[str, FloatArray], without: Mapping[str, FloatArray], name: str
) -> Influence:
    units = "listeners" if targets.subjects is not None else ""
    values = found[name]
    return Influence.of_left_out(
        targets.parts(values), targets.without(values, without[name]), units
    )


def _as_nested(fits: _Fits) -> NestedRidge:
    """Return what is labelled as of every ridge regression: predictions are those of both."""
    both = fits.both
    return replace(fits.model, r2=both.r2, predictions=both.predictions, penalty=both.penalty)


def _of_targets(fits: _Fits, found: Mapping[str, FloatArray], targets: Targets) -> dict[str, Any]:
    one = targets.dimension
    each = ("fold", one)
    return {
        "share": (each, fits.both.share, {"long_name": "share of the model in the kernel of both"}),
        "chosen_given_layer": (each, fits.given.layer.astype(np.int32)),
        **{f"r2_{name}": (one, found[name]) for name in ("model", "given")},
        "r2_unique": (one, found["unique"]),
    }


def _ceiling(targets: Targets, given: NestedRidge) -> float | None:
    """Return what is left of the reliability, targets of which it is not known aside.

    R² of the given model is what it has learned from noise, too; what it would explain without, as
    of a normalised score, is no longer known where that is less than `LEAST_LEARNED` of it.
    """
    if targets.reliability is None:
        return None
    learned = float(targets.aggregate(learned_share(given, targets)))
    if learned < LEAST_LEARNED:
        return None
    left = np.maximum(targets.reliability, 0.0) - given.r2 / learned
    return bounded(float(targets.aggregate(left)))
