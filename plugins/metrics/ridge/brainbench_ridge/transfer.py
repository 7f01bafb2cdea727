"""The variant `from`: layer and penalty chosen on one data set, scored on another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.arrays import arrays_on
from brainbench_audio.assemblies.folds import Folds, fold_labels
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.interfaces import SecondData
from brainbench_audio.progress import progress_bar
from brainbench_audio.scores.score import Score

from .best import Choice
from .choice import choose
from .memory import LARGE, Memory
from .metric import Ridge
from .targets import Targets

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]

# A correlation over 20 sounds has a standard error of .23: with fewer, the choice is a guess.
LEAST_SOUNDS = 20


@dataclass(frozen=True)
class RidgeFrom:
    """`Ridge` with one layer and one penalty for all targets, chosen on a second data set.

    Attributes
    ----------
    ridge : Ridge
        Of the variant ``"scaled"``: a penalty means the same in another data set only where kernels
        have the same size.

    Notes
    -----
    Formula and limits are in docs/methods.md; how the choice is made, in `choice.choose`.
    """

    ridge: Ridge

    def __call__(
        self,
        layers: Layers,
        target: xr.DataArray,
        folds: Folds | npt.ArrayLike,
        second: SecondData | None = None,
    ) -> Score:
        """Return the score of some layers for some targets, as `Ridge` does.

        Parameters
        ----------
        layers, target, folds
            As `Ridge` takes them.
        second : SecondData
            What layer and penalty are chosen on, without the sounds that it has in common with an
            outer fold.

        Returns
        -------
        Score
            ``layer``, ``profile`` and ``layer_score``: each layer with the penalty chosen for it.
            ``raw`` has ``second_score`` and ``second_penalty`` (layer, fold), and
            ``provenance["choice"]`` the layer and the penalty of each outer fold.

        Raises
        ------
        DataError
            If there is no second data set, it leaves too few sounds, or as `Ridge` does.
        ContractError
            If the layers of the two data sets differ, or as `Ridge` does.
        """
        if second is None:
            raise DataError(
                "ridge-from chooses on a second data set: give its layers, responses and folds as "
                "`second`."
            )
        if list(layers) != list(second.layers):
            raise ContractError(
                f"The second data set has layers {', '.join(second.layers)}, expected "
                f"{', '.join(layers)}: let the same model hear both."
            )
        held_out = _held_out(second, fold_labels(folds))
        sounds = (~held_out).sum(axis=1)
        if sounds.min() < LEAST_SOUNDS:
            raise DataError(
                f"The second data set leaves {sounds.min()} sounds to choose from beside those of "
                f"outer fold {sounds.argmin()}, expected at least {LEAST_SOUNDS}: choose on a "
                f"larger one."
            )
        targets = Targets.from_assembly(second.target)
        choice = self._choose(targets.responses, second, held_out)
        score = replace(self.ridge, chosen=choice)(layers, target, folds)
        names, chosen = list(layers), choice.layer
        told = {
            "layers": [names[place] for place in chosen],
            "penalties": choice.penalty[chosen, np.arange(chosen.size)].tolist(),
            "scores": choice.score[chosen, np.arange(chosen.size)].tolist(),
            "stimuli": sounds.tolist(),
        }
        counts = {
            "second_stimulus": len(held_out[0]),
            f"second_{targets.dimension}": targets.responses.shape[1],
        }
        raw = score.raw.assign(
            second_score=(("layer", "fold"), choice.score),
            second_penalty=(("layer", "fold"), choice.penalty),
        ).assign_attrs(variant="from")
        return replace(score, raw=raw, n={**score.n, **counts}).with_provenance(
            {**score.provenance, "choice": told}
        )

    def _choose(
        self, responses: npt.NDArray[Any], second: SecondData, held_out: npt.NDArray[np.bool_]
    ) -> Choice:
        """Call `choose` as the memory allows."""
        stimuli, columns = responses.shape
        count, labels = len(second.layers), fold_labels(second.folds)
        arrays = arrays_on(self.ridge.device, large=columns * count >= LARGE)
        limits = self.ridge.max_memory, arrays.budget(self.ridge.max_memory)
        # what is held out may be a fold of its own
        folds = np.unique(labels).size + 1
        block, group = Memory(stimuli, columns, count, folds, *limits).share()
        with (
            progress_bar(count, "choosing", "layer", smoothing=0) as bar,
            arrays.failing_clearly("in ridge regression"),
        ):
            return choose(
                second.layers,
                responses,
                labels,
                held_out,
                block=block,
                group=group,
                arrays=arrays,
                progress=bar.update,
            )


def _held_out(second: SecondData, folds: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return, (outer fold, stimulus), where the second data set has a sound of that fold."""
    return np.stack([second.same[:, folds == fold].any(axis=1) for fold in np.unique(folds)])
