"""Batches of the next steps, read while the network learns from the last one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import nn

from brainbench_audio.machine import cores
from brainbench_audio.stimuli.audio import Waveform

from .corpus import Crops, make_batch
from .objective import Batch

# batches that are read before they are asked for
_AHEAD = 2
# More threads than this wait for each other: reading holds the interpreter's lock in between.
_READERS = 8


@contextmanager
def read_ahead(
    crops: Crops, size: int, steps: range, front_end: nn.Module, device: torch.device
) -> Iterator[Iterator[Batch]]:
    """Yield the batches of some steps, in order; step n has the crops from ``n * size`` on.

    Threads read and resample crops, one more makes batches of them, up to two before they are asked
    for. Who reads changes no number. On the CPU, whose cores the network needs, one thread reads.

    Parameters
    ----------
    crops : Crops
    size : int
        Clips of a batch.
    steps : range
    front_end : Module
        On the CPU.
    device : torch.device
        Where batches will go: for a GPU they are put into memory that it copies from by itself.

    Raises
    ------
    DataError
        When a batch is asked for that has a damaged file in it.
    """
    number = 1 if device.type == "cpu" else max(1, min(_READERS, cores() - 1))

    def make(parts: Sequence[Future[Waveform]]) -> Batch:
        batch = make_batch([part.result() for part in parts], front_end)
        return batch.pinned() if device.type == "cuda" else batch

    def begin(step: int) -> Future[Batch]:
        numbers = range(step * size, (step + 1) * size)
        return maker.submit(make, [readers.submit(crops.__getitem__, one) for one in numbers])

    def batches() -> Iterator[Batch]:
        begun: deque[Future[Batch]] = deque()
        for step in steps:
            last = min(step + _AHEAD, steps.stop - 1)
            begun.extend(begin(later) for later in range(step + len(begun), last + 1))
            yield begun.popleft().result()

    # left in this order: what is not read yet is given up first, and with it what waits for it
    with ThreadPoolExecutor(1) as maker, ThreadPoolExecutor(number) as readers:
        try:
            yield batches()
        finally:
            readers.shutdown(wait=False, cancel_futures=True)
            maker.shutdown(wait=False, cancel_futures=True)
