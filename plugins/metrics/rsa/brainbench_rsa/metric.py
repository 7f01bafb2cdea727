"""The metric `rsa`: representational similarity of layers and subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

from brainbench_audio.arrays import HOST, Arrays, arrays_on, checked_device
from brainbench_audio.assemblies.assembly import real_numbers
from brainbench_audio.assemblies.folds import Folds, fold_labels
from brainbench_audio.assemblies.subjects import Subjects
from brainbench_audio.cards import MetricCard
from brainbench_audio.errors import DataError
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.ceilings import subject_ceiling
from brainbench_audio.scores.chance import PERMUTATIONS, against_chance
from brainbench_audio.scores.choice import best_of
from brainbench_audio.scores.options import check_options
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.uncertainty import uncertainty

from .anew import chosen_anew
from .comparison import spearman, standard_ranks, tie_groups
from .crossnobis import subject_distances
from .influence import influence
from .rdm import FloatArray, IntArray, UndefinedDistance, euclidean, permuted_pairs, rdm
from .selection import CrossValidation, cross_validate
from .targets import subject_rdms

VARIANTS = (None, "cv", "crossnobis")
Layers = Mapping[str, NDArray[np.floating[Any]]]
# stimuli² times features of a layer from which on a GPU is faster, its start included
LARGE = 10_000_000_000
# share of the squares of pairs that is taken off differences: with half, as of a score, comparisons
# are too careful in many worlds of docs/methods-error-rates.md, with all too bold in some
APART = 0.8
# arrays of the size of a layer that a device holds at a time, in float64
_COPIES = 4


@dataclass(frozen=True, kw_only=True)
class RSA:
    """Spearman correlation of the best layer's RDM with each subject's RDM, mean over subjects.

    Attributes
    ----------
    variant
        None: the layer with the highest mean over subjects on all stimuli. ``"cv"``: for each
        subject, each entry of the RDM comes from the layer chosen without its stimuli.
        ``"crossnobis"``: as None, with `crossnobis.distances` between sessions for subjects, and
        `rdm.euclidean` ones for layers.
    zscore
        Z-score features and targets over stimuli first; not targets of ``crossnobis``.
    permutations
        Of stimuli, for the test against chance. None: 999, and none with ``cv``; 0: no test.
    bootstrap
        Draws of the score to keep in `raw`, see `brainbench_audio.scores.influence`.
    seed
        Of permutations and draws.
    device
        That makes the products of stimuli, of layers: ``"cpu"``, ``"cuda"``, or ``"auto"``, a GPU
        for large layers where there is one. It changes results by rounding only.
    max_memory
        Bytes that arrays may take on a GPU, besides half of what is free there; a layer that does
        not fit is compared on the CPU.

    Raises
    ------
    DataError
        For an unknown variant, or one draw or permutation or less than none.

    Notes
    -----
    "Better audio representations are more brain-like", sections 4.4 and 4.5.
    """

    variant: str | None = None
    zscore: bool = True
    permutations: int | None = None
    bootstrap: int | None = None
    seed: int = 0
    device: str = "cpu"
    max_memory: int | None = None

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise DataError(f"The metric rsa has no variant {self.variant!r}: see `RSA`.")
        if not isinstance(self.zscore, bool):
            raise DataError(f"zscore is True or False, got {self.zscore!r}.")
        check_options(
            permutations=self.permutations,
            bootstrap=self.bootstrap,
            seed=self.seed,
            max_memory=self.max_memory,
        )
        checked_device(self.device)

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
            (stimulus,), in the order of `target`. Only variants use them.

        Returns
        -------
        Score
            `value`: mean of Spearman's rho over subjects. `error` and `interval`: over stimuli and
            subjects, see `brainbench_audio.scores.influence`, the choice of layers counted.
            `ceiling`: mean rho of each subject with the mean of the others. `parts`: one
            value a subject. `layer`: the best, with ``cv`` the one that most entries come from.
            `raw`: rho of all layers, the choices, both noise ceilings, and, except with ``cv``, the
            RDM of the best layer and the mean RDM of subjects.

        Raises
        ------
        DataError
            If rows or folds do not fit, or no subject or no layer has an RDM.
        """
        # Products of 165 rows gain nothing from threads, and lose much where cores are shared.
        with threadpool_limits(limits=1, user_api="blas"):
            if self.variant == "crossnobis":
                subjects = subject_distances(target, folds)
            else:
                subjects = subject_rdms(target, zscore=self.zscore)
            names, rdms, computed_on = self._layer_rdms(layers, subjects.n["stimulus"])
            rho = spearman(rdms, subjects.arrays)
            units = "listeners" if subjects.known else ""
            if self.variant == "cv":
                found = cross_validate(rdms, subjects.arrays, folds)
                parts, owed = found.rho, influence(found.rdms, subjects.arrays, units)
                _check_assembled(parts, subjects.names)
                if len(names) > 1 and len(owed.stimuli) >= owed.least:
                    moved = chosen_anew(found, rdms, subjects.arrays, folds)
                    owed = replace(owed, choice=moved)
                layer = _most_used(found, names, fold_labels(folds))
                raw = _cv_raw(found, names, list(layers))
            else:
                best, owed = best_of(
                    rho.mean(axis=1),
                    lambda place: influence(rdms[place : place + 1], subjects.arrays, units),
                )
                parts, layer = rho[best], names[best]
                raw = self._matrices(rdms[best], subjects.arrays.mean(axis=0))
            unsure = uncertainty(
                replace(owed, apart=APART),
                subjects.names if subjects.known else (),
                bootstrap=self.bootstrap,
                seed=self.seed,
            )
            chance = self._chance(rdms, subjects, float(parts.mean()), folds)
            ceiling, bounds, withheld = subject_ceiling(
                subjects.arrays,
                lambda one, other: float(spearman(one, other).item()),
                # ranks are averaged, not distances: their spread differs between subjects
                standard_ranks(tie_groups(subjects.arrays)),
            )
        raw = raw.assign(bounds).assign_coords(subject=list(subjects.names))
        raw = raw.assign(_layer_rho(rho, names, list(layers)))
        raw = raw.assign(unsure.raw)
        if subjects.absent:
            raw["subject_dropped"] = ("absent", list(subjects.absent))
        return Score(
            value=float(parts.mean()),
            **unsure.with_chance(chance).fields,
            ceiling=ceiling,
            provenance=unsure.provenance | chance | withheld | computed_on,
            parts=dict(zip(subjects.names, parts.tolist(), strict=True)) if subjects.known else {},
            layer=layer,
            n=subjects.n | {"layer": len(names), "layer_dropped": len(layers) - len(names)},
            raw=raw.assign_attrs(unsure.attributes, zscore=int(self.zscore)),
        )

    def _layer_rdms(
        self, layers: Layers, stimuli: int
    ) -> tuple[list[str], FloatArray, dict[str, str]]:
        """Return the layers whose stimuli differ, their RDMs, (layer, pair), and the device."""
        names, rdms = [], []
        computed_on: dict[str, str] = {}
        measure = euclidean if self.variant == "crossnobis" else rdm
        for name in _watched(layers):
            features = real_numbers(layers[name], f"Features of layer {name!r}")
            if len(features) != stimuli:
                raise DataError(
                    f"Layer {name} has {len(features)} rows, the responses {stimuli} stimuli: "
                    "take the same stimuli in the same order."
                )
            arrays = self._arrays(features)
            computed_on |= arrays.provenance
            try:
                with arrays.failing_clearly(f"while layer {name} was compared"):
                    distances = measure(features, zscore=self.zscore, arrays=arrays)
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
        return names, np.stack(rdms), computed_on

    def _arrays(self, features: NDArray[Any]) -> Arrays:
        """Return those of the device, if a layer fits into its memory."""
        arrays = arrays_on(self.device, large=len(features) * features.size >= LARGE)
        room = arrays.budget(self.max_memory)
        return HOST if room is not None and room < 8 * _COPIES * features.size else arrays

    def _matrices(self, layer: FloatArray, subjects: FloatArray) -> xr.Dataset:
        """Return two RDMs to be looked at side by side, and what their distances are."""
        told = ("1 − r", "1 − r")
        if self.variant == "crossnobis":
            told = ("Euclidean", "cross-validated Mahalanobis")
        return xr.Dataset(
            {
                name: ("pair", distances.astype(np.float32), {"distance": distance})
                for name, distances, distance in zip(
                    ("rdm", "target_rdm"), (layer, subjects), told, strict=True
                )
            }
        )

    def _chance(
        self, rdms: FloatArray, subjects: Subjects, value: float, folds: ArrayLike
    ) -> dict[str, Any]:
        """Return the test against chance, with the layer chosen anew in each permutation."""
        number = self.permutations
        if number is None:
            # layers are chosen for each subject and pair of folds: seconds, not milliseconds
            number = 0 if self.variant == "cv" else PERMUTATIONS
        if self.variant == "cv":

            def permuted(order: IntArray) -> float:
                moved = subjects.arrays[:, permuted_pairs(order)]
                return float(cross_validate(rdms, moved, folds).rho.mean())
        else:
            layers = standard_ranks(tie_groups(rdms))
            mean = standard_ranks(tie_groups(subjects.arrays)).mean(axis=0)

            def permuted(order: IntArray) -> float:
                return float((layers @ mean[permuted_pairs(order)]).max())

        return against_chance(value, permuted, subjects.n["stimulus"], number, self.seed)


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    zscore: bool = True,
    permutations: int | None = None,
    bootstrap: int | None = None,
    seed: int = 0,
    max_memory: int | None = None,
    device: str = "cpu",
) -> RSA:
    """Return the metric.

    On the CPU ``max_memory`` changes nothing: besides the responses and one layer only one RDM is
    kept for each layer and subject.

    Parameters
    ----------
    card
        The metric's card; nothing of it is needed here.
    variant
        See `RSA`.
    zscore, permutations, bootstrap, seed, max_memory, device
        See `RSA`.
    """
    return RSA(
        variant=variant,
        zscore=zscore,
        permutations=permutations,
        bootstrap=bootstrap,
        seed=seed,
        device=device,
        max_memory=max_memory,
    )


def _watched(layers: Layers) -> Iterator[str]:
    """Yield the names of the layers, and show how far it has come."""
    with progress_bar(len(layers), "representational similarity", "layer", smoothing=0) as bar:
        for name in layers:
            yield name
            bar.update()


def _check_assembled(rho: FloatArray, names: tuple[str, ...]) -> None:
    undefined = np.flatnonzero(np.isnan(rho))
    if undefined.size:
        raise DataError(
            f"The RDM assembled from the chosen layers is constant for {names[undefined[0]]}, so "
            f"it cannot be compared. Leave layers out that hardly tell stimuli apart."
        )


def _layer_rho(rho: FloatArray, names: list[str], layers: list[str]) -> xr.Dataset:
    """Return rho of all layers, NaN where a layer has no RDM."""
    whole = np.full((len(layers), rho.shape[1]), np.nan)
    whole[[layers.index(name) for name in names]] = rho
    return xr.Dataset({"layer_score": (("layer", "subject"), whole)}, {"layer": layers})


def _cv_raw(found: CrossValidation, names: list[str], layers: list[str]) -> xr.Dataset:
    first, second = found.fold_pairs.T
    places = np.array([layers.index(name) for name in names], dtype=np.int32)
    return xr.Dataset(
        {
            "rho_cv": ("subject", found.rho),
            "chosen_layer": (("fold_pair", "subject"), places[found.chosen]),
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
