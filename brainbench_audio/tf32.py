"""Products of float32 numbers that are computed in float32, on a GPU, too.

torch has switches for them, which hold for all of a process. As torch sets them, an NVIDIA GPU
rounds the factors in convolutions and recurrent layers to TF32, which has 10 bits of the 23 that
float32 has. Here the switches are set for the length of a block, and put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import RLock
from typing import Any

import torch

# of the process, so who needs the switches otherwise waits
_TURN = RLock()


@contextmanager
def float32_products(*, tf32: bool = False) -> Iterator[None]:
    """Compute products of float32 numbers in float32 on every device, or in TF32 on a GPU.

    Holds for the process until the block ends; then the switches are as they were. Threads take
    turns, blocks may stand in each other.

    Parameters
    ----------
    tf32 : bool
        Round the factors to TF32 where the device has it.

    Examples
    --------
    >>> before = torch.backends.cudnn.conv.fp32_precision
    >>> with float32_products():
    ...     torch.backends.cudnn.conv.fp32_precision
    'ieee'
    >>> torch.backends.cudnn.conv.fp32_precision == before
    True
    """
    with _TURN:
        convolutions, matrices = _older()
        before = _taken_down()
        common = len(_common())
        _set(
            ["none"] * common + ["tf32" if tf32 else "ieee"] * (len(before) - common),
            None if convolutions is None else tf32,
            None if matrices is None else "high" if tf32 else "highest",
        )
        try:
            yield
        finally:
            _set(before, convolutions, matrices)


def _common() -> list[Any]:
    """Return the switches that hold where one of `_single` says ``none``."""
    return [torch.backends, torch.backends.cudnn]


def _single() -> list[Any]:
    """Return the switches of kinds of products: of the GPU, then of oneDNN on the CPU."""
    backends: Any = torch.backends
    gpu = [backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul]
    return [*gpu, backends.mkldnn.conv, backends.mkldnn.rnn, backends.mkldnn.matmul]


def _taken_down() -> list[str]:
    """Return what all switches say, and set the common ones to ``none``.

    As long as those say something, they answer for the single ones, too.
    """
    said = []
    for switch in _common():
        said.append(switch.fp32_precision)
        switch.fp32_precision = "none"
    return said + [switch.fp32_precision for switch in _single()]


def _older() -> tuple[bool | None, str | None]:
    """Return torch's older switches, of convolutions and matrices; None: they cannot be read.

    torch raises where they contradict the newer ones. So both are set in a block: a network may
    ask for either.
    """
    convolutions = matrices = None
    with suppress(RuntimeError):
        convolutions = torch.backends.cudnn.allow_tf32
    with suppress(RuntimeError):
        matrices = torch.get_float32_matmul_precision()
    return convolutions, matrices


def _set(newer: Sequence[str], convolutions: bool | None, matrices: str | None) -> None:
    # the older ones first, as they change the newer ones
    if convolutions is not None:
        torch.backends.cudnn.allow_tf32 = convolutions
    if matrices is not None:
        torch.set_float32_matmul_precision(matrices)
    for switch, precision in zip([*_common(), *_single()], newer, strict=True):
        switch.fp32_precision = precision
