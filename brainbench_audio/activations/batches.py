"""Clips of one length share batches, so nothing is padded; afterwards they are put in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.activations.transfers import Array, Coming
from brainbench_audio.machine import is_out_of_memory

Started = tuple[list[int], Coming]
"""Which clips are in a batch, and what waits for their layers."""


def of_one_length(waveforms: Sequence[Array]) -> list[list[int]]:
    """Return the indices of the clips of each length."""
    by_length: dict[int, list[int]] = {}
    for index, waveform in enumerate(waveforms):
        by_length.setdefault(len(waveform), []).append(index)
    return list(by_length.values())


def in_batches(
    indices: Sequence[int], size: int, hear: Callable[[list[int]], Coming]
) -> Iterator[Started]:
    """Have clips heard, some at a time, and half as many where that runs out of memory."""
    start = 0
    while start < len(indices):
        batch = list(indices[start : start + size])
        try:
            coming = hear(batch)
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
            size = len(batch) // 2 or 1
            continue
        yield batch, coming
        start += size


def waited_for(started: Sequence[Started]) -> tuple[npt.NDArray[Any], list[tuple[Array, ...]]]:
    """Wait for all batches; return the order that puts clips as they came, and layers in parts."""
    order = np.argsort([index for batch, _ in started for index in batch])
    return order, list(zip(*(coming() for _, coming in started), strict=True))
