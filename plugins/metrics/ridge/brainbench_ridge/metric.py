"""The metric `ridge`: how well the best layer predicts responses to sounds not learned from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import DataError
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.statistics import (
    bootstrap_counts,
    mean_interval,
    percentile_interval,
    squared_pearson,
    standard_error,
)

from .decomposition import zscored
from .partition import FloatArray
from .solver import NestedRidge, nested_ridge
from .targets import Targets

VARIANTS = (None, "zscored", "zscored-all")
# Draws of the bootstrap at a time: enough for fast products, few enough for many voxels.
_DRAWS = 50

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """R² of responses and their nested cross-validated predictions from the best layer.

    Attributes
    ----------
    variant : str or None
        None: features are demeaned. ``"zscored"``: also divided by their standard deviation in each
        training part. ``"zscored-all"``: by that over all stimuli, so that the features (though no
        response) of held-out stimuli take part in the scale.
    seed, draws : int
        Of the bootstrap over stimuli, used without subjects or with one.

    Raises
    ------
    DataError
        For an unknown variant, or fewer than 2 draws.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.3; the protocol is in
    `solver.nested_ridge`.
    """

    variant: str | None = None
    seed: int = 0
    draws: int = 1000

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise DataError(f"The metric ridge has no variant {self.variant!r}: see `Ridge`.")
        if self.draws < 2:
            raise DataError(f"A bootstrap needs at least 2 draws, got {self.draws}.")

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
            ``value``: with a coordinate ``subject``, the median R² over a subject's targets, mean
            over subjects; else the mean over targets. ``error`` and ``interval``: over subjects; if
            there are fewer than two, by bootstrap over stimuli with predictions held fixed.
            ``ceiling``: reliability of the mean over sessions, brought together as the value; None
            without sessions. ``parts``: one value a subject or component. ``layer``: the one that
            alone gives the highest value. ``raw``: everything for each target.

        Raises
        ------
        DataError
            If no target is left, there are fewer than three folds, or activations are not finite.
        ContractError
            If the rows of a layer do not fit.
        """
        targets = Targets.from_assembly(target)
        found = nested_ridge(
            _ZScored(layers) if self.variant == "zscored-all" else layers,
            targets.responses,
            np.asarray(folds),
            zscore=self.variant == "zscored",
        )
        assert found.layer_r2 is not None
        profile = targets.aggregate(found.layer_r2)
        parts = targets.parts(found.r2)
        error, interval = self._uncertainty(parts, found, targets)
        names = list(layers)
        return Score(
            value=float(parts.mean()),
            error=error,
            interval=interval,
            ceiling=_ceiling(targets),
            parts=dict(zip(targets.part_names, parts.tolist(), strict=False)),
            layer=names[int(profile.argmax())],
            n=_counts(targets),
            raw=_raw(found, targets, target["stimulus"].values, names, profile).assign_attrs(
                seed=self.seed, draws=self.draws, variant=self.variant or ""
            ),
        )

    def _uncertainty(
        self, parts: FloatArray, found: NestedRidge, targets: Targets
    ) -> tuple[float | None, tuple[float, float] | None]:
        if targets.subjects is not None and len(targets.subjects) > 1:
            return standard_error(parts), mean_interval(parts)
        counts = bootstrap_counts(len(targets.responses), self.draws, self.seed)
        draws = np.concatenate(
            [
                targets.aggregate(
                    squared_pearson(
                        targets.responses, found.predictions, counts[start : start + _DRAWS]
                    )
                )
                for start in range(0, self.draws, _DRAWS)
            ]
        )
        return float(draws.std(ddof=1)), percentile_interval(draws)


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    seed: int = 0,
    draws: int = 1000,
) -> Ridge:
    """Return the metric.

    Parameters
    ----------
    card : MetricCard
        The metric's card; nothing of it is needed here.
    variant : str or None
        See `Ridge`.
    seed, draws
        See `Ridge`.
    """
    return Ridge(variant=variant, seed=seed, draws=draws)


class _ZScored(Mapping[str, npt.NDArray[np.floating[Any]]]):
    """Layers whose features have mean 0 and deviation 1 over all stimuli."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers

    def __getitem__(self, name: str) -> npt.NDArray[np.floating[Any]]:
        features = np.asarray(self._layers[name])
        if not np.issubdtype(features.dtype, np.floating):
            features = features.astype(np.float64)
        # What has no features is left for the solver to refuse, which names the layer.
        if features.ndim != 2:
            return features
        return zscored(features, np.arange(len(features)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _ceiling(targets: Targets) -> float | None:
    if targets.reliability is None:
        return None
    ceiling = float(targets.aggregate(targets.reliability))
    return ceiling if np.isfinite(ceiling) else None


def _counts(targets: Targets) -> dict[str, int]:
    kept = targets.responses.shape
    counts = {
        "stimulus": kept[0],
        targets.dimension: kept[1],
        f"{targets.dimension}_dropped": targets.dropped.size,
    }
    if targets.subjects is not None:
        counts["subject"] = len(targets.subjects)
    return counts


def _raw(
    found: NestedRidge,
    targets: Targets,
    stimuli: npt.NDArray[Any],
    layers: list[str],
    profile: FloatArray,
) -> xr.Dataset:
    """Label everything the score was made from."""
    one = targets.dimension
    variables: dict[str, Any] = {
        "r2": (one, found.r2),
        "prediction": (("stimulus", one), found.predictions.astype(np.float32)),
        "measured": (("stimulus", one), targets.responses.astype(np.float32)),
        "chosen_layer": (
            ("fold", one),
            found.layer.astype(np.int32),
            {"long_name": "place of the layer chosen in `layer`"},
        ),
        "penalty": (("fold", one), found.penalty),
        "layer_r2": (("layer", one), found.layer_r2),
        "profile": ("layer", profile),
        "dropped": (
            f"{one}_dropped",
            targets.dropped,
            {"long_name": f"place in the data of the {one}s left out: NaN, or without variance"},
        ),
    }
    if targets.reliability is not None:
        variables["session_reliability"] = (one, targets.reliability)
    coordinates = dict(targets.labels.coords) | {
        "stimulus": stimuli,
        "layer": layers,
        "fold": np.arange(len(found.layer)),
    }
    return xr.Dataset(variables, coordinates)
