"""Reads the published checkpoints: files of one archive, pickled with dill."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from brainbench_audio.activations.weights import State, read_checkpoint
from brainbench_audio.errors import DataError

_NETWORK = "module.model.1."
_FRONT_END = ("module.model.0.", "module.preproc.")
_DUPLICATES = "module.attacker."
_PARALLEL = "module."


def open_checkpoint(path: Path) -> Any:
    """Return what is in a checkpoint.

    Raises
    ------
    DataError
        It is damaged, or not plain enough to be read without running code; the message then says
        how to convert it.
    """
    try:
        return read_checkpoint(path)
    except DataError as error:
        if isinstance(error.__cause__, pickle.UnpicklingError):
            raise DataError(
                f"{error} The checkpoints were pickled with dill and may hold more than weights. "
                f"If you trust the file, convert it once, where it can do no harm: import dill, "
                f"torch; model = torch.load({str(path)!r}, map_location='cpu', "
                f"pickle_module=dill, weights_only=False)['model']; "
                f"torch.save({{'model': dict(model)}}, 'converted.pt'). Then give "
                f"weights='converted.pt'."
            ) from error
        raise


def rename(state: State) -> State:
    """Take the published wrapping off the names of a state dict.

    The file has the network behind its front end (``module.model.1.``), and all of that again below
    ``module.attacker.``. Duplicates and the front end's buffers go; whatever else is there keeps
    its name, so that loading refuses it. A file that was written without DataParallel has the same
    names without ``module.``.
    """
    if not any(name.startswith(_PARALLEL) for name in state):
        state = {_PARALLEL + name: tensor for name, tensor in state.items()}
    renamed = {}
    for name, tensor in state.items():
        if name.startswith(_DUPLICATES) and f"module.{name.removeprefix(_DUPLICATES)}" in state:
            continue
        if name.startswith(_NETWORK):
            renamed[f"body.{name.removeprefix(_NETWORK)}"] = tensor
        elif not name.startswith(_FRONT_END):
            renamed[name] = tensor
    return renamed
