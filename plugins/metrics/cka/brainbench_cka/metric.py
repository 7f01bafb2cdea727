"""The metric `cka`: linear centred kernel alignment of layers and subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.arrays import arrays_on, checked_device
from brainbench_audio.assemblies.assembly import real_numbers
from brainbench_audio.assemblies.folds import Folds
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

from .gram import Array, influence, unit_gram
from .targets import subject_grams

VARIANTS = (None, "biased")
Layers = Mapping[str, npt.NDArray[np.floating[Any]]]
# stimuli² times features of a layer from which on a GPU is faster, its start included
LARGE = 10_000_000_000
# share of the squares of pairs that is taken off differences: with half, as of a score, comparisons
# are too careful in most worlds of docs/methods-error-rates.md
APART = 1.0


@dataclass(frozen=True, kw_only=True)
class CKA:
    r"""Linear CKA of the best layer with each subject's responses, mean over subjects.

    .. math:: \mathrm{CKA}(K, L)
        = \frac{\mathrm{HSIC}(K, L)}{\sqrt{\mathrm{HSIC}(K, K)\,\mathrm{HSIC}(L, L)}}

    with :math:`K = X X^\top` of the layer and :math:`L = Y Y^\top` of the responses. Plain, HSIC is
    the U-statistic (Song et al. 2012; of all stimuli at once, where Nguyen et al. 2021 average over
    minibatches); ``biased`` is that of Kornblith et al. 2019.

    Attributes
    ----------
    variant : str or None
        None or ``"biased"``.
    permutations : int or None
        Of stimuli, for the test against chance. None: 999; 0: no test.
    bootstrap : int or None
        Draws of the score to keep in ``raw``, see `brainbench_audio.scores.influence`.
    seed : int
        Of permutations and draws.
    device : str
        That makes the products of stimuli, of layers: ``"cpu"``, ``"cuda"``, or ``"auto"``, a GPU
        for large layers where there is one. It changes results by rounding only.

    Raises
    ------
    DataError
        For an unknown variant, or one draw or permutation or less than none.
    """

    variant: str | None = None
    permutations: int | None = None
    bootstrap: int | None = None
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise DataError(f"The metric cka has no variant {self.variant!r}, only 'biased'.")
        check_options(permutations=self.permutations, bootstrap=self.bootstrap, seed=self.seed)
        checked_device(self.device)

    @property
    def biased(self) -> bool:
        """Whether HSIC has the diagonal in it."""
        return self.variant == "biased"

    def __call__(self, layers: Layers, target: xr.DataArray, folds: Folds | npt.ArrayLike) -> Score:
        """Return the score of some layers for some targets.

        Parameters
        ----------
        layers : mapping of str to array
            Layer to (stimulus, feature), rows in the order of ``target``; each is read once.
        target : xr.DataArray
            ``stimulus`` x (``voxel`` | ``component``) [x ``session``]. With a coordinate `subject`
            along the targets each subject is compared alone. Sessions are averaged.
        folds
            Not needed: nothing is fitted.

        Returns
        -------
        Score
            ``value``: CKA of the best layer, mean over subjects. ``error`` and ``interval``: over
            stimuli and subjects, see `brainbench_audio.scores.influence`, the choice of layer
            counted. ``ceiling``: each subject with the mean of the others, mean over subjects.
            ``parts``: one value a subject. ``layer``: the best. ``raw``: ``layer_score`` (layer,
            subject), NaN for a layer that was dropped, and both noise ceilings.

        Raises
        ------
        DataError
            Rows do not fit, features are not finite, or no subject or no layer tells stimuli apart.
        """
        del folds
        subjects = subject_grams(target, biased=self.biased)
        found, grams, computed_on = self._compare(layers, subjects)
        dropped = int(np.isnan(found[:, 0]).sum())
        names = list(layers)
        units = "listeners" if subjects.known else ""
        places, layer_grams = list(grams), np.stack(list(grams.values()))
        first, owed = best_of(
            found[places].mean(axis=1),
            lambda place: influence(layer_grams[place], subjects.arrays, units, biased=self.biased),
        )
        best = places[first]
        parts = found[best]
        unsure = uncertainty(
            replace(owed, apart=APART),
            subjects.names if subjects.known else (),
            bootstrap=self.bootstrap,
            seed=self.seed,
        )
        mean = subjects.arrays.mean(axis=0)
        chance = against_chance(
            float(parts.mean()),
            lambda order: float(_aligned(layer_grams, mean[np.ix_(order, order)]).max()),
            len(mean),
            PERMUTATIONS if self.permutations is None else self.permutations,
            self.seed,
        )
        # the others' Gram matrices have unit norm, so none counts more for more or stronger voxels
        flat = subjects.arrays.reshape(len(subjects.arrays), -1)
        ceiling, bounds, withheld = subject_ceiling(flat, _cosine)
        raw = xr.Dataset(
            {"layer_score": (("layer", "subject"), found), **bounds},
            {"layer": names, "subject": list(subjects.names)},
        )
        raw = raw.assign(unsure.raw)
        if subjects.absent:
            raw["subject_dropped"] = ("absent", list(subjects.absent))
        return Score(
            value=float(parts.mean()),
            **unsure.with_chance(chance).fields,
            ceiling=ceiling,
            provenance=unsure.provenance | chance | withheld | computed_on,
            parts=dict(zip(subjects.names, parts.tolist(), strict=True)) if subjects.known else {},
            layer=names[best],
            n=subjects.n | {"layer": len(names) - dropped, "layer_dropped": dropped},
            raw=raw.assign_attrs(unsure.attributes, variant=self.variant or ""),
        )

    def _compare(
        self, layers: Layers, subjects: Subjects
    ) -> tuple[Array, dict[int, Array], dict[str, str]]:
        """Return CKA, (layer, subject), Gram matrices of layers that have one, and the device."""
        stimuli = subjects.n["stimulus"]
        flat = subjects.arrays.reshape(len(subjects.arrays), -1)
        found = np.full((len(layers), len(flat)), np.nan)
        grams: dict[int, Array] = {}
        computed_on: dict[str, str] = {}
        with progress_bar(len(layers), "kernel alignment", "layer", smoothing=0) as bar:
            for place, name in enumerate(layers):
                features = _checked(layers[name], name, stimuli)
                arrays = arrays_on(self.device, large=stimuli * features.size >= LARGE)
                with arrays.failing_clearly(f"while layer {name} was compared"):
                    gram = unit_gram(features, biased=self.biased, arrays=arrays)
                computed_on |= arrays.provenance
                if gram is not None:
                    grams[place] = gram
                    found[place] = np.clip(flat @ gram.ravel(), -1.0, 1.0)
                bar.update()
        if not grams:
            raise DataError(
                f"None of the {len(layers)} layers tells the stimuli apart, so there is nothing to "
                f"compare."
            )
        return found, grams, computed_on


def load(
    card: MetricCard,
    variant: str | None = None,
    *,
    permutations: int | None = None,
    bootstrap: int | None = None,
    seed: int = 0,
    max_memory: int | None = None,
    device: str = "cpu",
) -> CKA:
    """Return the metric, see `CKA`.

    ``max_memory`` changes nothing: besides the responses and one layer it keeps only one matrix
    (stimulus, stimulus) for each layer and subject. A device gets a few thousand features at a
    time.
    """
    del card
    check_options(max_memory=max_memory)
    return CKA(
        variant=variant, permutations=permutations, bootstrap=bootstrap, seed=seed, device=device
    )


def _checked(
    features: npt.NDArray[np.floating[Any]], name: str, stimuli: int
) -> npt.NDArray[np.floating[Any]]:
    values = real_numbers(features, f"Features of layer {name!r}")
    if values.ndim != 2 or len(values) != stimuli:
        raise DataError(
            f"Layer {name} is {values.shape}, the responses have {stimuli} stimuli: give "
            f"(stimulus, feature) for the same stimuli in the same order."
        )
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise DataError(
            f"Layer {name} has NaN or infinite features, the first of stimulus {row} in feature "
            f"{column}."
        )
    return values


def _aligned(grams: Array, other: Array) -> Array:
    # not a matrix product: threads of BLAS cost more here than they save
    return np.asarray(np.einsum("lij,ij->l", grams, other))


def _cosine(one: Array, other: Array) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))
