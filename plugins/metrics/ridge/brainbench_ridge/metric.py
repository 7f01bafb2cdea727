"""The metric `ridge`: how well the best layer predicts responses to sounds not learned from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.arrays import Arrays, arrays_on, checked_device
from brainbench_audio.assemblies.folds import Folds, fold_labels
from brainbench_audio.errors import DataError
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.ceilings import bounded
from brainbench_audio.scores.options import check_options
from brainbench_audio.scores.score import WITHHELD, Score
from brainbench_audio.scores.uncertainty import uncertainty

from .best import Choice
from .correction import Correction, SessionTargets
from .decomposition import ZScored
from .generalisation import influences
from .labels import counts, label
from .memory import LARGE, Memory
from .mixed import Mixed
from .nested import NestedRidge
from .normalisation import ceiling_of, normalisation
from .solver import nested_ridge
from .targets import Targets
from .units import warn_if_stuck

_log = logging.getLogger(__name__)

VARIANTS = (None, "zscored", "zscored-all", "scaled", "corrected")

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """R² of responses and their nested cross-validated predictions from the best layer.

    Attributes
    ----------
    variant : str or None
        None: features are demeaned. ``"zscored"``: also divided by their standard deviation in each
        training part. ``"zscored-all"``: by that over all stimuli, so that the features (though no
        response) of held-out stimuli take part in the scale. ``"scaled"``: a layer is divided by
        one number in each training part, so that the mean diagonal of its kernel is 1 and the unit
        of the features does not matter. ``"corrected"``: as None, and R² is
        divided by the reliabilities of the mean response and of its prediction, see `correction`.
    permutations : int or None
        Of stimuli, for the test against chance. None: 199 for up to 12 targets, as components are,
        else none: each takes as long as the score; 0: no test.
    bootstrap : int or None
        Draws of the score to keep in ``raw``, see `brainbench_audio.scores.influence`.
    seed : int
        Of permutations and draws.
    max_memory : int or None
        Bytes that the arrays of the metric may take, besides the responses and one layer; on a GPU,
        these and half of what is free there.
    device : str
        ``"cpu"``, ``"cuda"``, or ``"auto"``: a GPU where there is one, if the problem is large.
        Float64 everywhere, so that it changes results by rounding only.
    chosen : Choice or None
        Layers and penalties in place of a search, see `RidgeFrom`.

    Raises
    ------
    DataError
        For an unknown variant, or one draw or permutation or less than none.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.3; the protocol is in
    `solver.nested_ridge`.
    """

    variant: str | None = None
    permutations: int | None = None
    bootstrap: int | None = None
    seed: int = 0
    max_memory: int | None = None
    device: str = "cpu"
    chosen: Choice | None = None

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise DataError(f"The metric ridge has no variant {self.variant!r}: see `Ridge`.")
        check_options(
            permutations=self.permutations,
            bootstrap=self.bootstrap,
            seed=self.seed,
            max_memory=self.max_memory,
        )
        checked_device(self.device)

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
            over subjects; else the mean over components, of each the mean over its times.
            ``error`` and ``interval``: over stimuli and subjects, see
            `brainbench_audio.scores.influence`: weights learned, layers and penalties chosen anew,
            reliabilities held fixed. ``ceiling``: reliability of the mean over
            sessions, brought together as the value; None without sessions; 1 for the variant
            ``corrected``. ``parts``: one value a subject or component. ``layer``: the one that
            alone gives the highest uncorrected value. ``n``: what was used and left out. ``raw``:
            everything for each target.

        Raises
        ------
        DataError
            If no target is left, there are fewer than three folds, activations are not finite,
            ``max_memory`` is too low or, for ``corrected``, there are no two complete sessions.
        ContractError
            If the rows of a layer do not fit, or the device is not there or fails.
        """
        targets = Targets.from_assembly(target)
        labels = fold_labels(folds)
        fitted = targets.responses.shape[1] * (1 + (self.permutations or 0))
        arrays = arrays_on(self.device, large=fitted * len(layers) >= LARGE)
        mixed = self._mixed(targets, target, len(layers), np.unique(labels).size, arrays)
        found, correction, by_chance = self._fit(
            layers, target, targets, labels, mixed.first(), arrays=arrays
        )
        assert found.layer_r2 is not None
        warn_if_stuck(found, list(layers), targets.dimension)
        profile = targets.aggregate(found.layer_r2)
        every = targets.parts(found.r2 if correction is None else correction.r2)
        known = np.flatnonzero(np.isfinite(every))
        parts = every[known]
        names = list(layers)
        part_names = [targets.part_names[part] for part in known] if targets.part_names else []
        owed, roots = influences(found, targets, correction, known)
        unsure = uncertainty(
            owed,
            part_names,
            roots=roots,
            squared=True,
            corrected=correction is not None,
            bootstrap=self.bootstrap,
            seed=self.seed,
        )
        for some in mixed.rest():
            again = self._nested(layers, some, labels, arrays, "against chance", profile=False)
            by_chance = np.concatenate([by_chance, again.r2])
        # everything is fitted anew each time, and corrected for nothing
        tested = mixed.tested(float(targets.aggregate(found.r2)), by_chance)
        unsure = unsure.with_chance(tested)
        return Score(
            value=float(parts.mean()),
            **unsure.fields,
            ceiling=_ceiling(targets) if correction is None else 1.0,
            provenance=self._normalisation(found, targets, target, correction)
            | unsure.provenance
            | tested
            | arrays.provenance,
            parts=dict(zip(part_names, parts.tolist(), strict=False)),
            layer=names[int(profile.argmax())],
            n=counts(found, targets, correction),
            raw=label(found, targets, correction)
            .assign_coords(stimulus=target["stimulus"].values, layer=names)
            .assign(unsure.raw)
            .assign(profile=("layer", profile))
            .assign_attrs(unsure.attributes, variant=self.variant or ""),
        )

    def _mixed(
        self, targets: Targets, target: xr.DataArray, layers: int, folds: int, arrays: Arrays
    ) -> Mixed:
        """Return the responses in random orders, for the test against chance."""
        stimuli, columns = targets.responses.shape
        # of corrected scores each session is one more target
        own = columns * (1 + target.sizes.get("session", 0) * (self.variant == "corrected"))

        limits = self.max_memory, arrays.budget(self.max_memory)

        def fits(more: int) -> bool:
            return Memory(stimuli, own + more, layers, folds, *limits).fits()

        return Mixed.plan(targets, self.permutations, self.seed, fits)

    def _normalisation(
        self,
        fit: NestedRidge,
        targets: Targets,
        target: xr.DataArray,
        correction: Correction | None,
    ) -> dict[str, Any]:
        """Return `normalisation`, and log why the normalised score is withheld, if it is."""
        if targets.reliability is None:
            return {}
        found = normalisation(fit, targets, target.values[:, targets.kept], correction)
        if WITHHELD in found:
            _log.info("ridge: no normalised score. %s", found[WITHHELD])
        return found

    def _fit(
        self,
        layers: Layers,
        target: xr.DataArray,
        targets: Targets,
        folds: npt.NDArray[Any],
        mixed: npt.NDArray[Any],
        *,
        arrays: Arrays,
    ) -> tuple[NestedRidge, Correction | None, npt.NDArray[np.float64]]:
        """Predict the targets and, for the correction, their sessions from the same layers.

        With them responses in other orders, so that layers are read once; their R² comes last.
        """
        responses, leaders, sessions = targets.responses, None, None
        if self.variant == "corrected":
            if "session" not in target.dims:
                raise DataError("Responses without sessions cannot be corrected for their noise.")
            sessions = SessionTargets.append(responses, target.values[:, targets.kept])
            places = np.arange(sessions.leaders.size, sessions.leaders.size + mixed.shape[1])
            responses, leaders = sessions.responses, np.concatenate([sessions.leaders, places])
        own = responses.shape[1]
        together = np.hstack([responses, mixed]) if mixed.size else responses
        every = self._nested(
            layers,
            together,
            folds,
            arrays,
            "ridge regression",
            leaders=leaders,
            apart=own,
            # choices count in errors of named parts only
            rivals=bool(targets.part_names),
        )
        found, by_chance = every.first(own), every.r2[own:]
        if sessions is None:
            return found, None, by_chance
        correction = sessions.correct(found)
        if np.isnan(correction.measured).all():
            raise DataError(
                f"None of the {correction.r2.size} {targets.dimension}s has two complete sessions "
                f"that differ between stimuli, so their noise is not known."
            )
        return found.first(correction.r2.size), correction, by_chance

    def _nested(
        self,
        layers: Layers,
        responses: npt.NDArray[Any],
        folds: npt.NDArray[Any],
        arrays: Arrays,
        told: str,
        **options: Any,
    ) -> NestedRidge:
        """Call `nested_ridge` as the variant and the memory allow."""
        stimuli, columns = responses.shape
        limits = self.max_memory, arrays.budget(self.max_memory)
        block, group = Memory(stimuli, columns, len(layers), np.unique(folds).size, *limits).share()
        with (
            progress_bar(len(layers), told, "layer", smoothing=0) as bar,
            arrays.failing_clearly("in ridge regression"),
        ):
            return nested_ridge(
                ZScored(layers) if self.variant == "zscored-all" else layers,
                responses,
                folds,
                zscore=self.variant == "zscored",
                unit=self.variant == "scaled",
                progress=bar.update,
                block=block,
                group=group,
                chosen=self.chosen,
                arrays=arrays,
                **options,
            )


def _ceiling(targets: Targets) -> float | None:
    if targets.reliability is None:
        return None
    return bounded(ceiling_of(targets, targets.reliability))
