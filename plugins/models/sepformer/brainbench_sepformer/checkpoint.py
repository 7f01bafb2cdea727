"""Reads the published files: the state dicts of encoder, mask network and decoder, one each.

Four of the entries are position tables, which are computed anew rather than loaded: a file may lack
them, and a control that shuffles weights must leave them alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from brainbench_audio.activations.weights import State, nested
from brainbench_audio.activations.wrappers import bare
from brainbench_audio.errors import DataError

from .cards import FILES
from .positions import position_table

_TABLE = ".pos_enc.pe"
TABLES = tuple(
    f"masknet.dual_mdl.{block}.{stack}_mdl{_TABLE}"
    for block in range(2)
    for stack in ("intra", "inter")
)
# Above the rounding of sines of large float32 angles; other tables are off by 1.
_TOLERANCE = 1e-2


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return what is in the published files, under names that start with the file's.

    Parameters
    ----------
    checkpoint : mapping
        Names of the three files to their contents; or what is in one file that holds all entries
        under these longer names.

    Raises
    ------
    DataError
        Something else.
    """
    found = nested(checkpoint, ())
    if set(found) != set(FILES):
        return found
    return {
        f"{Path(file).stem}.{name}": value
        for file in FILES
        for name, value in bare(nested(found, (file,))).items()
    }


def without_tables(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state dict without its position tables.

    Raises
    ------
    DataError
        A table is not the one that the network computes, or the mask network is not there.
    """
    if not any(str(name).startswith("masknet.") for name in state):
        raise DataError(
            f"These are not the weights of SepFormer, which are three files: give the folder that "
            f"holds {', '.join(FILES)}."
        )
    for name in TABLES:
        if name in state and not _is_ours(state[name]):
            raise DataError(
                f"{name} is not the table of sines and cosines of SepFormer: these are the weights "
                f"of another model."
            )
    return {name: value for name, value in state.items() if name not in TABLES}


def with_tables(state: State) -> State:
    """Return a state dict with the position tables that the network computes."""
    return {**state, **dict.fromkeys(TABLES, position_table())}


def _is_ours(given: Any) -> bool:
    table, ours = torch.as_tensor(given), position_table()
    return table.shape == ours.shape and torch.allclose(table.float(), ours, atol=_TOLERANCE)
