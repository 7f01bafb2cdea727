"""Sounds to a device and activations back: on CUDA without either side waiting for the other.

The memory that CUDA copies from and to while it computes is pinned; torch keeps such blocks, and
hands one out again only when no copy uses it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[np.float32]
Coming = Callable[[], list[Array]]
"""Waits for what a forward pass puts out: each layer, (clip, feature)."""


def to_device(clips: Sequence[Array], device: torch.device) -> torch.Tensor:
    """Return clips of one length on a device, float32 (clip, sample).

    On CUDA the copy has a stream of its own, so it goes on while the clips before are heard.
    """
    if device.type != "cuda":
        return torch.as_tensor(np.stack(clips), dtype=torch.float32).to(device)
    pinned = torch.empty((len(clips), len(clips[0])), dtype=torch.float32, pin_memory=True)
    np.stack(clips, out=pinned.numpy())
    copies, computing = _copies(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(copies):
        batch = pinned.to(device, non_blocking=True)
    computing.wait_stream(copies)
    # its memory belongs to the stream of copies, which must not reuse it before it is heard
    batch.record_stream(computing)
    return batch


def from_device(outputs: Sequence[torch.Tensor]) -> Coming:
    """Start to copy tensors (clip, feature) to memory, all in one; return what waits for them."""
    device = outputs[0].device
    if device.type == "cpu":
        arrays = [output.float().numpy() for output in outputs]
        return lambda: arrays
    ends = np.cumsum([0, *(output.shape[1] for output in outputs)])
    together = torch.cat([output.float() for output in outputs], dim=1)
    if device.type != "cuda":
        return lambda: _apart(together.cpu(), ends)
    pinned = torch.empty(together.shape, dtype=torch.float32, pin_memory=True)
    pinned.copy_(together, non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record(torch.cuda.current_stream(device))

    def wait() -> list[Array]:
        copied.synchronize()
        return _apart(pinned, ends)

    return wait


def _apart(together: torch.Tensor, ends: npt.NDArray[Any]) -> list[Array]:
    return [together.numpy()[:, start:end] for start, end in pairwise(ends)]


@cache
def _copies(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
