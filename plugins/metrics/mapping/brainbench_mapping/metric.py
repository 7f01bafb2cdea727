"""The metrics `pls` and `procrustes`: a linear map learned from some stimuli, tried on others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from brainbench_ridge.checks import checked_features, checked_targets
from brainbench_ridge.normalisation import ceiling_of
from brainbench_ridge.partition import Partition
from brainbench_ridge.targets import Targets

from brainbench_audio.assemblies.folds import Folds, fold_labels
from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.ceilings import bounded
from brainbench_audio.scores.influence import Influence, sketch
from brainbench_audio.scores.options import check_options
from brainbench_audio.scores.score import WITHHELD, Score
from brainbench_audio.scores.uncertainty import uncertainty

from .maps import MAPS
from .nested import Nested, Problem

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]
_NOT_NORMALISED = (
    "Which part of the ceiling a perfect model reaches with weights that are learned from noise is "
    "not known for this metric, so a score is not divided by it."
)
# of one layer: share of the squares of pairs that is taken off errors and comparisons, with which
# rates hold in worlds of docs/methods-error-rates.md
SHARE = 2 / 3


@dataclass(frozen=True, kw_only=True)
class LinearMap:
    """R² of responses and held-out predictions by a linear map from the best layer.

    Attributes
    ----------
    map : str
        ``pls`` or ``procrustes``, see `maps`.
    bootstrap : int or None
        Draws of the score to keep in ``raw``, see `brainbench_audio.scores.influence`.
    seed : int
        Of draws.

    Raises
    ------
    DataError
        For another map, or one draw or less than none.
    """

    map: str
    bootstrap: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.map not in MAPS:
            raise DataError(f"There is no map {self.map!r}, only {', '.join(MAPS)}.")
        check_options(bootstrap=self.bootstrap, seed=self.seed)

    def __call__(self, layers: Layers, target: xr.DataArray, folds: Folds | npt.ArrayLike) -> Score:
        """Return the score of some layers for some targets.

        Parameters
        ----------
        layers : mapping of str to array
            Layer to (stimulus, feature), rows in the order of ``target``; each is read once.
        target : xr.DataArray
            ``stimulus`` x (``voxel`` | ``component``) [x ``session``]; sessions are averaged.
            Targets with a NaN, or equal for all stimuli, are dropped and counted.
        folds : int array (stimulus,)
            In the order of ``target``; at least three.

        Returns
        -------
        Score
            ``value``, ``parts``, ``ceiling``: as of `ridge`. ``error`` and ``interval``: over
            stimuli and subjects by leaving out groups of stimuli, weights learned anew, layers held
            fixed. ``layer``: the one that alone gives the highest value.

        Raises
        ------
        DataError
            If no target is left, there are fewer than three folds or features are not finite.
        ContractError
            If there is no layer, or the rows of a layer or the folds do not fit.
        """
        targets = Targets.from_assembly(target)
        partition = Partition.from_labels(folds)
        responses = checked_targets(targets.responses, partition).astype(np.float64)
        if not layers:
            raise ContractError("No layers to predict from: the mapping of layers is empty.")
        numbers = np.unique(fold_labels(folds), return_inverse=True)[1]
        problem = Problem(responses, numbers, MAPS[self.map], targets.aggregate)
        checked = (checked_features(name, layers[name], partition) for name in layers)
        with progress_bar(len(layers), self.map, "layer", smoothing=0) as bar:
            found = problem.solve(checked, bar.update)
        r2 = found.r2(problem.responses)
        parts = targets.parts(r2)
        roots = found.r(problem.responses)
        without, pairs = problem.without(found)
        left = targets.without_squares(roots, without)
        units = "listeners" if targets.subjects is not None else ""
        owed = Influence.of_left_out(parts, left, units)
        if pairs is not None and targets.part_names:
            of_parts = pairs @ targets.slopes(roots, without)
            owed = replace(owed, pairs=sketch(of_parts.T), share=SHARE, apart=SHARE)
        unsure = uncertainty(
            owed,
            targets.part_names,
            squared=True,
            bootstrap=self.bootstrap,
            seed=self.seed,
        )
        profile = targets.aggregate(found.layer_r2)
        names = list(layers)
        reliability = targets.reliability
        known = reliability is not None
        return Score(
            value=float(parts.mean()),
            **unsure.fields,
            ceiling=bounded(ceiling_of(targets, reliability)) if reliability is not None else None,
            provenance=({WITHHELD: _NOT_NORMALISED} if known else {}) | unsure.provenance,
            parts=dict(zip(targets.part_names, parts.tolist(), strict=False)),
            layer=names[int(profile.argmax())],
            n=_counts(targets),
            raw=_labelled(found, r2, targets)
            .assign_coords(stimulus=target["stimulus"].values, layer=names)
            .assign(unsure.raw)
            .assign(profile=("layer", profile))
            .assign_attrs(unsure.attributes),
        )


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    bootstrap: int | None = None,
    seed: int = 0,
    max_memory: int | None = None,
) -> LinearMap:
    """Return the metric, see `LinearMap`.

    ``max_memory`` changes nothing: features and responses are turned into as many coordinates as
    there are stimuli.
    """
    check_options(max_memory=max_memory)
    if variant is not None:
        raise DataError(f"The metric {card.id} has no variants, not {variant!r}.")
    return LinearMap(map=card.id, bootstrap=bootstrap, seed=seed)


def _counts(targets: Targets) -> dict[str, int]:
    stimuli, kept = targets.responses.shape
    one = targets.dimension
    found = {"stimulus": stimuli, one: kept, f"{one}_dropped": targets.dropped.size}
    if targets.subjects is not None:
        found |= {"subject": len(targets.subjects), "subject_dropped": len(targets.absent)}
    return found


def _labelled(found: Nested, r2: npt.NDArray[np.float64], targets: Targets) -> xr.Dataset:
    one = targets.dimension
    chosen = np.repeat(found.layer[:, np.newaxis], r2.size, axis=1)
    variables: dict[str, Any] = {
        "r2": (one, r2),
        "prediction": (("stimulus", one), found.predictions.astype(np.float32)),
        "measured": (("stimulus", one), targets.responses.astype(np.float32)),
        "chosen_layer": (("fold", one), chosen.astype(np.int32)),
        "layer_score": (("layer", one), found.layer_r2),
    }
    if targets.reliability is not None:
        variables["session_reliability"] = (one, targets.reliability)
    if targets.absent:
        variables["subject_dropped"] = ("absent", list(targets.absent))
    return xr.Dataset(variables, dict(targets.labels.coords))
