"""Puts a network on a device, and says in one sentence why it cannot be there."""

from __future__ import annotations

import torch

from brainbench_audio.activations.precision import PRECISIONS
from brainbench_audio.devices import choose_device, failing_clearly, free_memory
from brainbench_audio.errors import ContractError
from brainbench_audio.machine import is_out_of_memory

_SMALLER = "Choose a device with more memory, end what else runs on it, or choose device cpu."


def put_on_device(network: torch.nn.Module, model: str, device: str, dtype: str) -> torch.device:
    """Move a network to a device, and return the device.

    Parameters
    ----------
    network : torch.nn.Module
    model : str
        Its id.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    dtype : str
        One of `PRECISIONS`.

    Raises
    ------
    ContractError
        There is no such device or dtype, the device is in use by another program, or its weights do
        not fit.
    """
    if dtype not in PRECISIONS:
        raise ContractError(f"There is no dtype {dtype!r}: choose from {', '.join(PRECISIONS)}.")
    chosen = choose_device(device)
    if PRECISIONS[dtype].tf32:
        _refuse_without_tf32(chosen)
    doing = f"when model {model} was to be put there"
    with failing_clearly(chosen, doing, "End what else runs on it, or choose device cpu."):
        _refuse_large(network, model, chosen)
        try:
            network.to(chosen)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise ContractError(
                f"Memory of the {chosen.type} ran out when model {model} was to be put there. "
                f"{_SMALLER}"
            ) from error
    return chosen


def _refuse_without_tf32(device: torch.device) -> None:
    if device.type != "cuda" or not torch.cuda.is_tf32_supported():
        raise ContractError(
            f"TF32 is a format of NVIDIA GPUs from 2020 on, and the model is to run on the "
            f"{device.type}, which has none: choose dtype float32, or such a GPU."
        )


def _refuse_large(network: torch.nn.Module, model: str, device: torch.device) -> None:
    """Refuse a network whose weights are larger than what is free on another device."""
    tensors = {id(each): each for each in [*network.parameters(), *network.buffers()]}
    needed = sum(each.nbytes for each in tensors.values() if each.device.type != device.type)
    if needed and needed > (free := free_memory(device)):
        raise ContractError(
            f"The weights of model {model} take {needed / 1e9:.2g} GB, and {free / 1e9:.2g} GB are "
            f"free on the {device.type}: it was not put there. {_SMALLER}"
        )
