"""Reads the published files, which come in three forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from brainbench_audio.activations.weights import nested
from brainbench_audio.errors import DataError

from .front_end import STEPS

FEWEST_STEPS = 50
"""Tokens of a sound of 2 s."""

_FRONT_END = "front_end."
_CLASSIFIER = "outputlayer."


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return the state dict of a published file.

    That is ``{"model": state dict, "config": …}`` on Zenodo, a state dict whose names begin with
    ``encoder.`` on the Hugging Face hub, and a bare state dict for the fine-tuned model.

    Raises
    ------
    DataError
        The file is none of these.
    """
    inside = ["model"] if isinstance(checkpoint, Mapping) and "model" in checkpoint else []
    state = nested(checkpoint, inside)
    others = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if others:
        raise DataError(
            f"The weights file holds entries that are no tensors, the first {others[0]!r}, so it "
            f"is none of the files that Dasheng was published in."
        )
    return {name.removeprefix("encoder."): tensor for name, tensor in state.items()}


def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with the names and shapes of the network.

    The two tables of the front end are left out, because the network computes them. A table of
    positions longer than 252 is cut; in a shorter one the missing positions are NaN, and the
    network refuses sounds that need them rather than make them up by interpolation.

    Raises
    ------
    DataError
        The table of positions is too short for a sound of 2 s.
    """
    kept = {name: value for name, value in state.items() if not name.startswith(_FRONT_END)}
    table = kept.get("time_pos_embed")
    if table is not None and table.dim() == 4:
        steps = table.shape[-1]
        if steps < FEWEST_STEPS:
            raise DataError(
                f"The weights hold {steps} positions in time_pos_embed, too few for sounds of 2 s, "
                f"which need {FEWEST_STEPS}. Give one of the published files."
            )
        padding = (0, max(0, STEPS - steps))
        kept["time_pos_embed"] = functional.pad(table[..., :STEPS], padding, value=torch.nan)
    return kept


def rename_fine_tuned(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict as `rename` does, without the classifier."""
    return rename({name: x for name, x in state.items() if not name.startswith(_CLASSIFIER)})
