"""Names and shapes of the published files.

They come in three forms: ``{"model": state dict, "config": …}`` on Zenodo, a state dict whose names
begin with ``encoder.`` on the Hugging Face hub, and a bare state dict for the fine-tuned model.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from brainbench_audio.errors import DataError

from .front_end import STEPS

FEWEST_STEPS = 50
"""Tokens of a sound of 2 s."""

_FRONT_END = "front_end."


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
