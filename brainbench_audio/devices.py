"""Which device computes, and in one sentence why one that is asked for cannot be used."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from brainbench_audio.errors import ContractError
from brainbench_audio.machine import available_memory, is_out_of_memory

_log = logging.getLogger(__name__)


def choose_device(name: str) -> torch.device:
    """Return the device of ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    ContractError
        This machine does not have it, with the reason that torch gives.
    """
    cuda, told = _has_cuda()
    there = {"cuda": cuda, "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        if told:
            _log.warning("The GPU is not used: %s.", told)
        return torch.device(next(device for device, usable in there.items() if usable))
    if not there.get(name, False):
        why = f" ({_why_no_cuda()})" if name == "cuda" else ""
        usable = [device for device, usable in there.items() if usable]
        raise ContractError(
            f"Device {name!r} is not available here{why}: choose auto, {', '.join(usable)}."
        )
    return torch.device(name)


def visible_gpus() -> tuple[str, ...]:
    """Return the NVIDIA GPUs of this machine as ``CUDA_VISIBLE_DEVICES`` names them; none is used.

    Where that variable is set, only those that it names.
    """
    with warnings.catch_warnings():  # of a driver that is too old: then there is none
        warnings.simplefilter("ignore")
        count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in named.split(",")] if named else map(str, range(count))
    return tuple(names)[:count]


def free_memory(device: torch.device) -> int:
    """Return the bytes that can still be taken on a device."""
    if device.type != "cuda":
        return available_memory()
    allocated = torch.cuda.memory_allocated(device)
    kept = torch.cuda.memory_reserved(device) - allocated
    free, total = torch.cuda.mem_get_info(device)
    # a process may have been told to take a part only
    allowed = int(total * torch.cuda.get_per_process_memory_fraction(device)) - allocated
    return int(max(0, min(free + kept, allowed)))


def _has_cuda() -> tuple[bool, str]:
    """Return whether CUDA works, and what torch says where there is a GPU and it does not."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        works = torch.cuda.is_available()
    return works, "" if works or not caught else first_sentence(caught[0].message)


def _why_no_cuda() -> str:
    """Return what torch says when a GPU is asked for: built without, no driver, too old a one."""
    try:
        torch.cuda.current_device()
    except (RuntimeError, AssertionError) as error:
        return first_sentence(error)
    return "torch sees no GPU"


def first_sentence(error: Exception | Warning | str) -> str:
    r"""Return the first sentence of a message of torch, without its end.

    Examples
    --------
    >>> first_sentence("CUDA error: device busy\nCUDA kernel errors might be reported later.")
    'CUDA error: device busy'
    """
    return str(error).partition("\n")[0].partition(". ")[0].rstrip(". ")


@contextmanager
def failing_clearly(device: torch.device, doing: str, fix: str) -> Iterator[None]:
    """Say in one sentence that a device failed: it is busy, it hangs, it is gone.

    Parameters
    ----------
    device : torch.device
    doing : str
        What it was to do: ``while model a heard a sound``.
    fix : str
        What helps.

    Raises
    ------
    ContractError
        With the first sentence of torch's message. Memory that ran out is raised as it is.
    """
    try:
        yield
    except torch.AcceleratorError as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(
            f"The {device.type} device failed {doing} ({first_sentence(error)}). {fix}"
        ) from error
