"""The metric `rsa`: representational similarity of layers and subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import DataError
from brainbench_audio.scores.ceilings import inter_subject
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.statistics import (
    bootstrap_counts,
    mean_interval,
    percentile_interval,
    standard_error,
)

from .comparison import bootstrap_spearman, spearman
from .rdm import FloatArray, UndefinedDistance, rdm
from .selection import CrossValidation, cross_validate
from .targets import SubjectRdms, subject_rdms

VARIANTS = (None, "cv")
Layers = Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True, kw_only=True)
class RSA:
    """Spearman correlation of the best layer's RDM with each subject's RDM, mean over subjects.

    Attributes
    ----------
    variant
        None: the layer with the highest mean over subjects on all stimuli. ``"cv"``: for each
        subject, each entry of the RDM comes from the layer chosen without its stimuli.
    zscore
        Z-score features and targets over stimuli first.
    seed, draws
        Of the bootstrap over stimuli, used for fewer than two subjects.

    Raises
    ------
    DataError
        For an unknown variant or fewer than 2 draws.

    Notes
    -----
    "Better audio representations are more brain-like", sections 4.4 and 4.5.
    """

    variant: str | None = None
    zscore: bool = True
    seed: int = 0
    draws: int = 1000

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise DataError(f"The metric rsa has no variant {self.variant!r}, only 'cv'.")
        if self.draws < 2:
            raise DataError(f"A bootstrap needs at least 2 draws, got {self.draws}.")

    def __call__(self, layers: Layers, target: xr.DataArray, folds: Folds | ArrayLike) -> Score:
        """Return the score of some layers for some targets.

        Parameters
        ----------
        layers
            Layer to (stimulus, feature), rows in the order of `target`; each is read once.
        target
            ``stimulus`` x (``voxel`` | ``component``) [x ``session``]. A coordinate `subject` along
            the targets gives one RDM a subject; without it all targets make one RDM.
        folds
            (stimulus,), in the order of `target`. Only the variant ``cv`` uses them.

        Returns
        -------
        Score
            `value`: mean of Spearman's rho over subjects. `error` and `interval`: standard error
            and t interval over subjects; for fewer than two, bootstrap over stimuli with layer and
            assembled RDM held fixed. `ceiling`: mean rho of each subject with the mean of the
            others. `parts`: one value a subject. `layer`: the best, with ``cv`` the one that most
            entries come from. `raw`: rho of all layers, the choices, both noise ceilings, and for
            the plain variant the best layer's RDM.

        Raises
        ------
        DataError
            If rows do not fit, or no subject or no layer has an RDM.
        """
        # Products of 165 rows gain nothing from threads, and lose much where cores are shared.
        with threadpool_limits(limits=1, user_api="blas"):
            subjects = subject_rdms(target, zscore=self.zscore)
            names, rdms = self._layer_rdms(layers, subjects.n["stimulus"])
            rho = spearman(rdms, subjects.rdms)
            if self.variant == "cv":
                found = cross_validate(rdms, subjects.rdms, np.asarray(folds))
                parts, compared = found.rho, found.rdms
                layer = _most_used(found, names, np.asarray(folds))
                raw = _cv_raw(found, names)
            else:
                best = int(np.argmax(rho.mean(axis=1)))
                parts, compared, layer = rho[best], rdms[best : best + 1], names[best]
                raw = xr.Dataset({"rdm": ("pair", rdms[best].astype(np.float32))})
            error, interval = self._uncertainty(parts, compared, subjects)
            ceiling, bounds = _ceilings(subjects)
        raw = raw.assign(bounds).assign_coords(subject=list(subjects.names))
        raw = raw.assign(_layer_rho(rho, names, list(layers)))
        return Score(
            value=float(parts.mean()),
            error=error,
            interval=interval,
            ceiling=ceiling,
            parts=dict(zip(subjects.names, parts.tolist(), strict=True)) if subjects.known else {},
            layer=layer,
            n=subjects.n | {"layer": len(names), "layer_dropped": len(layers) - len(names)},
            raw=raw.assign_attrs(seed=self.seed, draws=self.draws, zscore=int(self.zscore)),
        )

    def _layer_rdms(self, layers: Layers, stimuli: int) -> tuple[list[str], FloatArray]:
        """Return the layers whose stimuli differ, and their RDMs, (layer, pair)."""
        names, rdms = [], []
        for name in layers:
            features = layers[name]
            if len(features) != stimuli:
                raise DataError(
                    f"Layer {name} has {len(features)} rows, the responses {stimuli} stimuli: "
                    "take the same stimuli in the same order."
                )
            try:
                distances = rdm(features, zscore=self.zscore)
            except UndefinedDistance:
                continue
            except DataError as error:
                raise DataError(f"Layer {name}: {error}") from error
            if np.ptp(distances) > 0:
                names.append(name)
                rdms.append(distances)
        if not rdms:
            raise DataError(
                f"None of the {len(layers)} layers tells the stimuli apart (one feature only, or "
                "the same activations for all), so there is nothing to compare."
            )
        return names, np.stack(rdms)

    def _uncertainty(
        self, parts: FloatArray, compared: FloatArray, subjects: SubjectRdms
    ) -> tuple[float | None, tuple[float, float] | None]:
        if len(parts) > 1:
            return standard_error(parts), mean_interval(parts)
        counts = bootstrap_counts(subjects.n["stimulus"], self.draws, self.seed)
        draws = bootstrap_spearman(compared[0], subjects.rdms[0], counts)
        draws = draws[np.isfinite(draws)]
        if len(draws) < 2:
            return None, None
        return float(draws.std(ddof=1)), percentile_interval(draws)


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    zscore: bool = True,
    seed: int = 0,
    draws: int = 1000,
) -> RSA:
    """Return the metric.

    Parameters
    ----------
    card
        The metric's card; nothing of it is needed here.
    variant
        None or ``"cv"``.
    zscore, seed, draws
        See `RSA`.
    """
    return RSA(variant=variant, zscore=zscore, seed=seed, draws=draws)


def _ceilings(
    subjects: SubjectRdms,
) -> tuple[float | None, dict[str, tuple[str, FloatArray]]]:
    """Return the inter-subject topline and both bounds of each subject; None for one subject."""
    if len(subjects.rdms) < 2:
        return None, {}
    lower, upper = inter_subject(
        subjects.rdms, lambda one, other: float(spearman(one, other).item())
    )
    ceiling = float(lower.mean()) if np.isfinite(lower).all() else None
    return ceiling, {"ceiling_lower": ("subject", lower), "ceiling_upper": ("subject", upper)}


def _layer_rho(rho: FloatArray, names: list[str], layers: list[str]) -> xr.Dataset:
    """Return rho of all layers, NaN where a layer has no RDM."""
    whole = np.full((len(layers), rho.shape[1]), np.nan)
    whole[[layers.index(name) for name in names]] = rho
    return xr.Dataset({"rho": (("layer", "subject"), whole)}, {"layer": layers})


def _cv_raw(found: CrossValidation, names: list[str]) -> xr.Dataset:
    first, second = found.fold_pairs.T
    return xr.Dataset(
        {
            "rho_cv": ("subject", found.rho),
            "chosen": (("fold_pair", "subject"), np.array(names)[found.chosen]),
        },
        {"first_fold": ("fold_pair", first), "second_fold": ("fold_pair", second)},
    )


def _most_used(found: CrossValidation, names: list[str], folds: NDArray[Any]) -> str:
    """Return the layer that most entries of the assembled RDMs come from."""
    size = Counter(folds.tolist())
    entries = [
        size[i] * (size[i] - 1) // 2 if i == j else size[i] * size[j]
        for i, j in found.fold_pairs.tolist()
    ]
    used = np.zeros(len(names))
    for count, row in zip(entries, found.chosen, strict=True):
        used += count * np.bincount(row, minlength=len(names))
    return names[int(np.argmax(used))]
