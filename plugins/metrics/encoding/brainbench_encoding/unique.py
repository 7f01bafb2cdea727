"""The variant `unique`: what a model explains of responses in time beyond a given one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import DataError
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.ceilings import bounded
from brainbench_audio.scores.commonality import (
    NOT_NORMALISED,
    against_chance,
    brought_together,
    shares,
    uncertainty_of_unique,
)
from brainbench_audio.scores.influence import LEAST_STIMULI, Influence
from brainbench_audio.scores.score import WITHHELD, Score

from .ceiling import LEAST_ROWS
from .correlation import signed_squares
from .evaluation import Evaluation
from .fitting import Fits
from .labels import counts, labelled
from .memory import Memory
from .metric import Encoding, Layers
from .runs import FloatArray
from .voxels import Voxels

# Share of the model in the mean squared norm of a row of both; the penalties of the two are as
# 1 / share to 1 / (1 - share), so that 0 and 1 leave one of them out.
SHARES = (0.0, 0.03, 0.5, 0.97, 1.0)
# onsets a volume: coordinates of responses along `stimulus`
WORDS = ("words", "phones")
# what a voxel chooses in place of one given layer
TOGETHER = "all together"
_STORED = ("model", "given", "both", "unique")


class Kept(Mapping[str, npt.NDArray[np.floating[Any]]]):
    """Layers that are each read once and kept, as they are fitted twice."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._kept: dict[str, npt.NDArray[np.floating[Any]]] = {}

    def __getitem__(self, name: str) -> npt.NDArray[np.floating[Any]]:
        if name not in self._kept:
            self._kept[name] = self._layers[name]
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


@dataclass(frozen=True, kw_only=True)
class UniqueEncoding(Encoding):
    r"""r² of a model and a given one together, less that of the given one.

    .. math:: \min_{v, w} \lVert y - A v - B w \rVert^2
              + \frac{\alpha}{s} \lVert v \rVert^2 + \frac{\alpha}{1 - s} \lVert w \rVert^2

    with A the layer that predicts a voxel best alone and B all layers of the given model side by
    side, both delayed as by `Encoding` and of mean squared norm 1. Alone, the given model predicts
    a voxel from its best layer, from B, or from both of these together as above.

    Attributes
    ----------
    words : bool
        Whether onsets of words, and of phones where there are some, are a layer of the given model:
        the coordinates ``words`` and ``phones`` of responses, onsets a volume.
    delays, components, block, bootstrap, seed, max_memory
        See `Encoding`; the layers of both models stay in memory besides. There are no
        ``permutations``: p is from the error.

    Notes
    -----
    Nunez-Elizalde, Huth and Gallant 2019, NeuroImage 197; Dupré la Tour, Eickenberg,
    Nunez-Elizalde and Gallant 2022, NeuroImage 264. Formulas: docs/methods.md.
    """

    relearn: ClassVar[bool] = True

    words: bool = False

    def __call__(
        self,
        layers: Layers,
        target: xr.DataArray,
        folds: Folds | npt.ArrayLike,
        given: Layers | None = None,
    ) -> Score:
        """Return what some layers explain of some responses beyond those of a given model.

        Parameters
        ----------
        layers, target, folds
            As `Encoding` takes them.
        given : mapping of str to array
            Layers of the given model: layer to (row, feature).

        Returns
        -------
        Score
            As `Encoding` returns it, of the unique r², with the sign of r: it may be below 0.
            ``error`` and ``interval`` count the weights, too, where runs are repeated.
            ``ceiling``: reliability less r² of the given model. ``raw.explained``: r² of the model,
            of the given one and of both, and what is unique and shared, brought together as the
            value.

        Raises
        ------
        DataError
            If there is no given model or, with ``words``, responses lack these; or as `Encoding`
            does.
        """
        if not given:
            raise DataError(
                "encoding-unique compares with a second model: give its layers as `given`."
            )
        voxels = Voxels.of(target, folds)
        kept = Kept(layers)
        model, features = self._fit(kept, voxels)
        other, beside, names = self._fit_given(given, target, voxels, features)
        both = self._fit_both(kept, beside, voxels, model, other)
        fits = {"model": model, "given": other, "both": both}
        blocks = self._blocks(voxels)
        every = {name: Evaluation(voxels, blocks, signed_squares) for name in fits}
        has_ceiling = bool(voxels.runs.repeated) and model.tested.size >= LEAST_ROWS
        for columns, measured in model.measured():
            for name, fit in fits.items():
                every[name].add(columns, measured, fit.prediction[:, columns])
            if has_ceiling:
                every["both"].add_ceiling(columns, voxels.presentations(columns))
        features += beside.shape[1]
        n = {**counts(voxels), **blocks.counted, "delayed_feature": features}
        return self._score((list(layers), names), voxels, fits, every, n)

    def _score(
        self,
        names: tuple[list[str], tuple[str, ...]],
        voxels: Voxels,
        fits: Mapping[str, Fits],
        every: Mapping[str, Evaluation],
        n: Mapping[str, int],
    ) -> Score:
        """Bring together what the fits came to."""
        both, one = every["both"], voxels.dimension
        found = shares(**{name: signed_squares(each.r) for name, each in every.items()})
        without = shares(**{name: _left_out(each, fits[name]) for name, each in every.items()})
        units = "listeners" if voxels.has_subjects else ""

        def influence(name: str) -> Influence:
            return Influence.of_left_out(
                both.by_part(found[name]), without[name], units, kind=both.kind
            )

        def whole(values: FloatArray) -> float:
            return float(both.by_part(values).mean())

        layers, given_layers = names
        listeners = [name for name in voxels.parts if name]
        parts = both.by_part(found["unique"])
        unsure = uncertainty_of_unique(
            influence("unique"), listeners, bootstrap=self.bootstrap, seed=self.seed
        )
        ceiling = _ceiling(both, found["given"])
        raw = labelled(fits["model"], both, voxels).assign_coords(layer=layers)
        raw["layer_score"].values = signed_squares(fits["model"].layer_score)
        profile = both.by_part(raw["layer_score"].values).mean(axis=-1)
        share = np.array(SHARES)[fits["both"].layer]
        return Score(
            value=float(parts.mean()),
            **unsure.fields,
            ceiling=ceiling,
            provenance=({} if ceiling is None else {WITHHELD: NOT_NORMALISED})
            | unsure.provenance
            | against_chance(influence("unique")),
            parts=dict(zip(listeners, parts.tolist(), strict=False)),
            layer=layers[int(profile.argmax())],
            n={**n, "given_layer": len(given_layers)},
            raw=raw.assign({f"r2_{name}": (one, found[name]) for name in _STORED})
            .assign(share=(("split", one), share, {"long_name": "share of the model in both"}))
            .assign(chosen_given_layer=(("split", one), fits["given"].layer))
            .assign_coords(given_layer=list(given_layers))
            .assign(brought_together(found, both.by_part, whole, influence))
            .assign(unsure.raw)
            .assign(profile=("layer", profile))
            .assign_attrs(
                unsure.attributes, delays=list(self._timing(voxels.runs).delays), variant="unique"
            ),
        )

    def _memory(self, voxels: Voxels, features: int, layers: int) -> Memory:
        return replace(super()._memory(voxels, features, layers), fits=3, owing=0)

    def _fit_given(
        self, layers: Layers, target: xr.DataArray, voxels: Voxels, features: int
    ) -> tuple[Fits, FloatArray, tuple[str, ...]]:
        """Fit each given layer, and all side by side where there are several.

        Returns
        -------
        Fits, float64 array (row, coordinate) and tuple of str
            The fits; all side by side, delayed, each of the same size, in no more coordinates than
            rows, which changes no inner product; the names of what was fitted.
        """
        timing = self._timing(voxels.runs)
        found = Fits(voxels, 0, relearn=True)
        everywhere = np.ones(found.layer.shape, dtype=bool)
        names: list[str] = []
        kept: list[npt.NDArray[np.floating[Any]]] = []
        beside = np.zeros((voxels.runs.rows, 0))
        for name, values in chain(layers.items(), _onsets(target) if self.words else ()):
            kept.append(found.checked(name, values))
            design = _unit(voxels.runs.design(kept[-1], *timing))
            largest = max(features, design.shape[1]) + beside.shape[1]
            found.block = self._memory(voxels, largest, 0).block()
            found.add_to_some(len(names), design, everywhere)
            names.append(name)
            beside = np.hstack([beside, design])
            if beside.shape[1] > len(beside):
                beside = np.asarray(np.linalg.qr(beside.T, mode="r")).T
        beside = _unit(beside)
        if len(names) > 1:
            best = found.layer.copy()
            found.add_to_some(len(names), beside, everywhere)
            # what another model may have, a layer with a penalty of its own, is its own first
            for number, values in enumerate(kept):
                design = _unit(voxels.runs.design(values, *timing))
                self._join(found, [len(names)] * len(SHARES), design, beside, best == number)
            names.append(TOGETHER)
        return found, beside, tuple(names)

    def _fit_both(
        self, layers: Layers, beside: FloatArray, voxels: Voxels, model: Fits, given: Fits
    ) -> Fits:
        """Fit both together, where each alone has its part from the fits that are there."""
        both = Fits(voxels, 0, relearn=True)
        both.add_fitted(0, given)
        both.add_fitted(len(SHARES) - 1, model)
        with progress_bar(len(layers), "both together", "layer", smoothing=0) as bar:
            for number, name in enumerate(layers):
                here = model.layer == number
                if here.any() and beside.any():
                    values = model.checked(name, layers[name])
                    design = voxels.runs.design(values, *self._timing(voxels.runs))
                    both.block = self._memory(
                        voxels, design.shape[1] + beside.shape[1], len(layers)
                    ).block()
                    self._join(both, range(len(SHARES)), _unit(design), beside, here)
                bar.update()
        return both

    def _join(
        self,
        fits: Fits,
        numbers: Sequence[int],
        design: FloatArray,
        beside: FloatArray,
        here: npt.NDArray[np.bool_],
    ) -> None:
        """Fit a layer beside all given ones, with each share under its number."""
        if not (design.any() and here.any()):
            return
        for number, share in list(zip(numbers, SHARES, strict=True))[1:-1]:
            joint = np.hstack([np.sqrt(share) * design, np.sqrt(1 - share) * beside])
            fits.add_to_some(number, joint, here)


def _left_out(found: Evaluation, fits: Fits) -> FloatArray:
    """Return r² without each block of time, and without each piece of what is learned from.

    What a model has of its own may be little beside what weights vary by. Deviations of the pieces
    are of a size that a jackknife over all rows together adds the variance of theirs.
    """
    blocks = found.left_out
    if fits.relearned is None or len(blocks) < LEAST_STIMULI:
        return blocks
    pieces = found.by_part(signed_squares(fits.relearned))
    rows = len(blocks) + len(pieces)
    scale = np.sqrt((1 - 1 / len(pieces)) / (1 - 1 / rows))
    return np.vstack([blocks, blocks.mean(axis=0) + scale * (pieces - pieces.mean(axis=0))])


def _unit(design: FloatArray) -> FloatArray:
    """Return delayed features divided by one number, so that their mean squared norm is 1."""
    size = float(np.square(design).sum(axis=1).mean())
    return design / np.sqrt(size) if size else design


def _onsets(target: xr.DataArray) -> Iterator[tuple[str, npt.NDArray[np.floating[Any]]]]:
    """Yield onsets of words and phones as a layer, (row, feature), by a name."""
    there = [name for name in WORDS if name in target.coords]
    if WORDS[0] not in there:
        raise DataError(
            "encoding-unique-words goes beyond the onsets of words, and the responses have no "
            "coordinate `words` along `stimulus`, onsets a volume: use encoding-unique, or add it."
        )
    yield "words", np.column_stack([target[name].values for name in there])


def _ceiling(both: Evaluation, given: FloatArray) -> float | None:
    """Return what is left of the reliability, voxels of which it is not known aside."""
    left = both.by_part(both.reliability - given)
    known = np.isfinite(left)
    return bounded(float(left[known].mean())) if known.any() else None
