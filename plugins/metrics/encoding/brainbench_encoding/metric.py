"""The metric `encoding`: how well the best layer predicts responses to continuous sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import DataError
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.chance import PERMUTATIONS, chance
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.options import LEAST, check_options
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.uncertainty import uncertainty

from .ceiling import LEAST_ROWS, withheld
from .correlation import Blocks
from .evaluation import Evaluation
from .fitting import Fits
from .labels import counts, labelled
from .memory import Memory
from .relearning import owed
from .runs import FloatArray, Runs
from .sounds import Sounds
from .timing import Timing
from .voxels import Voxels

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    r"""Correlation of responses to continuous sound with their predictions from the best layer.

    .. math:: \min_w \lVert y - X w \rVert^2 + \alpha \lVert w \rVert^2

    with X the features some rows ago, features and responses z-scored in each run (those of single
    sounds, runs of less than 10 s, all together).

    Attributes
    ----------
    delays : tuple of int or None
        Of features behind responses, in rows (volumes). None: 1 to 4; of rows less than 0.2 s
        apart, all from 0 to 0.4 s.
    components : int or None
        How many principal components of a layer are delayed, where it has more features; 0: all
        features are. None: 0; of rows less than 0.2 s apart, whose delays are many, 100.
    block : float
        Seconds of the shortest block of time, for errors and the test against chance, see
        `correlation.Blocks.of`.
    permutations : int or None
        Of the test against chance, see `correlation.Blocks.by_chance`. None: 999; 0: no test.
    bootstrap : int or None
        Draws of the score to keep in ``raw``, see `brainbench_audio.scores.influence`.
    seed : int
        Of permutations and draws.
    max_memory : int or None
        Bytes that the arrays of the metric may take, besides the responses and one layer.

    Raises
    ------
    DataError
        For delays that are not one or more different whole numbers from 0, less than no components,
        a block of no or endless length, or one draw or permutation or less than none.

    Notes
    -----
    Huth, de Heer, Griffiths, Theunissen and Gallant 2016, Nature 532; Antonello, Vaidya and Huth
    2023, NeurIPS. Where this differs from them: docs/methods.md.
    """

    # whether errors count what is learned from, too; those over sounds always do
    relearn: ClassVar[bool] = False

    delays: tuple[int, ...] | None = None
    components: int | None = None
    block: float = 20.0
    permutations: int | None = None
    bootstrap: int | None = None
    seed: int = 0
    max_memory: int | None = None

    def __post_init__(self) -> None:
        if self.delays is not None:
            object.__setattr__(self, "delays", _checked_delays(self.delays))
        if self.components is not None:
            if not (_is_whole(self.components) and self.components >= 0):
                raise DataError(
                    f"Components of a layer are counted from 1 (0: all features), got "
                    f"{self.components!r}."
                )
            object.__setattr__(self, "components", int(self.components))
        if not (isinstance(self.block, Real) and 0 < self.block < np.inf):
            raise DataError(f"A block of time is some seconds long, got {self.block!r}.")
        check_options(
            permutations=self.permutations,
            bootstrap=self.bootstrap,
            seed=self.seed,
            max_memory=self.max_memory,
        )

    def __call__(self, layers: Layers, target: xr.DataArray, folds: Folds | npt.ArrayLike) -> Score:
        """Return the score of some layers for some responses.

        Parameters
        ----------
        layers : mapping of str to array
            Layer to (row, feature), rows in the order of ``target``; each is read once (of single
            sounds, layers that are chosen twice). A run that
            was presented several times has the same rows as often; those of the first count.
        target : xr.DataArray
            ``stimulus`` x (``voxel`` | ``component``) in time, see
            `brainbench_audio.assemblies.continuous`. A presentation that is NaN throughout for all
            voxels of a subject did not take place.
        folds : int array (row,)
            In the order of ``target``; all rows of a run in one. Runs that are learned from are in
            2 folds at least; where no run is repeated, there are 3.

        Returns
        -------
        Score
            ``value``: Pearson's r over rows of the repeated runs (where there are none: of all,
            each fold held out once), mean over a subject's voxels and over subjects, or over
            components. ``error`` and ``interval``: over blocks of time of these runs and subjects,
            weights held fixed; over single sounds, weights learned anew without each. ``ceiling``:
            the highest r that the noise of the mean over presentations allows, brought together as
            the value; None where no run is repeated, or repeated ones have fewer than 20 rows.
            ``parts``: one value a subject or component.
            ``layer``: the one that alone gives the highest value. ``raw``: everything for each
            voxel.

        Raises
        ------
        DataError
            Coordinates are missing or do not fit, no voxel is left, activations are not finite, or
            ``max_memory`` is too low.
        """
        voxels = Voxels.of(target, folds)
        fits, features = self._fit(layers, voxels)
        blocks = self._blocks(voxels)
        found = Evaluation(voxels, blocks)
        owing = self._owed(layers, voxels, fits, blocks)
        # the jackknife over time leaves out tenths: of fewer rows, some would be empty
        has_ceiling = bool(voxels.runs.repeated) and fits.tested.size >= LEAST_ROWS
        for columns, measured in fits.measured():
            moved = None if owing is None else owing[..., columns]
            found.add(columns, measured, fits.prediction[:, columns], moved)
            if has_ceiling:
                found.add_ceiling(columns, voxels.presentations(columns))
        parts = found.by_part(found.r)
        names = [name for name in voxels.parts if name]
        units = "listeners" if voxels.has_subjects else ""
        unsure = uncertainty(
            Influence.of_left_out(parts, found.left_out, units, kind=blocks.kind),
            names,
            bootstrap=self.bootstrap,
            seed=self.seed,
        )
        value = float(parts.mean())
        ceiling, left_out = found.ceiling()
        profile = found.by_part(fits.layer_score).mean(axis=-1)
        return Score(
            value=value,
            **unsure.fields,
            ceiling=ceiling,
            provenance=unsure.provenance
            | withheld(ceiling, left_out)
            | self._chance(value, found, blocks),
            parts=dict(zip(names, parts.tolist(), strict=False)),
            layer=list(layers)[int(profile.argmax())],
            n={**counts(voxels), **blocks.counted, "delayed_feature": features},
            raw=labelled(fits, found, voxels)
            .assign_coords(layer=list(layers))
            .assign(unsure.raw)
            .assign(profile=("layer", profile))
            .assign_attrs(unsure.attributes, delays=list(self._timing(voxels.runs).delays)),
        )

    def _fit(self, layers: Layers, voxels: Voxels) -> tuple[Fits, int]:
        """Fit the layers; return what was found, and the largest number of delayed features."""
        fits, largest = None, 0
        timing = self._timing(voxels.runs)
        longest = max(len(first) for first, *_ in voxels.runs.presentations.values())
        if max(timing.delays) >= longest:
            raise DataError(
                f"Features are delayed by up to {max(timing.delays)} rows, and the longest run has "
                f"{longest}: leave out `delays` of {longest} and more."
            )
        with progress_bar(len(layers), "encoding", "layer", smoothing=0) as bar:
            for number, name in enumerate(layers):
                if fits is None:
                    fits = Fits(voxels, len(layers), relearn=self.relearn)
                features = fits.checked(name, layers[name])
                largest = max(largest, timing.delayed(features.shape[1]))
                fits.block = self._memory(voxels, largest, len(layers)).block()
                fits.add(number, voxels.runs.design(features, *timing))
                bar.update()
        if fits is None:
            raise DataError("There is no layer to predict responses from.")
        return fits, largest

    def _timing(self, runs: Runs) -> Timing:
        return Timing.of(runs.step, self.delays, self.components)

    def _owed(
        self, layers: Layers, voxels: Voxels, fits: Fits, blocks: Blocks
    ) -> FloatArray | None:
        """Return what predictions owe to sounds that are learned from, see `relearning.owed`."""
        if not isinstance(blocks, Sounds) or voxels.runs.repeated:
            return None
        names, timing = list(layers), self._timing(voxels.runs)

        def design(number: int) -> FloatArray:
            return voxels.runs.design(fits.checked(names[number], layers[names[number]]), *timing)

        return owed(voxels, fits, blocks.starts, design)

    def _memory(self, voxels: Voxels, features: int, layers: int) -> Memory:
        runs = voxels.runs
        return Memory(
            rows=runs.rows,
            tested=runs.places(runs.tested).size,
            presentations=max(map(len, runs.presentations.values())),
            features=features,
            reduced=self._timing(runs).may_reduce(features),
            voxels=voxels.kept.size,
            layers=layers,
            splits=1 if runs.repeated else len({*runs.folds.values()}),
            owing=len(runs.tested) if runs.are_sounds and not runs.repeated else 0,
            limit=self.max_memory,
        )

    def _blocks(self, voxels: Voxels) -> Blocks:
        runs = voxels.runs
        rows = tuple(len(runs.presentations[run][0]) for run in runs.tested)
        if runs.are_sounds:
            return Sounds(rows, max(rows))
        # no block is longer than a run
        return Blocks.of(rows, max(1, round(min(self.block / runs.step, max(rows)))))

    def _chance(self, value: float, found: Evaluation, blocks: Blocks) -> dict[str, Any]:
        number = PERMUTATIONS if self.permutations is None else self.permutations
        if not number:
            return {}
        scores = blocks.by_chance(found.rearranged, number, self.seed)
        if scores.size < LEAST:
            return {}
        return chance(value, scores, self.seed, blocks.how)


def _checked_delays(delays: tuple[int, ...]) -> tuple[int, ...]:
    every = list(delays) if isinstance(delays, Iterable) else []
    whole = {int(delay) for delay in every if _is_whole(delay) and delay >= 0}
    if not whole or len(whole) != len(every):
        raise DataError(
            f"Delays are different whole numbers of rows, 0 or more, as (1, 2, 3, 4); got "
            f"{delays!r}."
        )
    return tuple(map(int, every))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Real) and float(value).is_integer()
