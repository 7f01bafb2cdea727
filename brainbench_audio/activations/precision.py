"""The precision of a network, and float32 or float64 for the parts of it that need that."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import torch

from brainbench_audio.tf32 import float32_products

Owner = TypeVar("Owner", bound=torch.nn.Module)
Rest = ParamSpec("Rest")
Result = TypeVar("Result")
_Method = Callable[Concatenate[Owner, torch.Tensor, Rest], Result]


class Precision(NamedTuple):
    """What a network computes in.

    Attributes
    ----------
    mixed : torch.dtype
        Of automatic mixed precision; float32: none.
    tf32 : bool
        Whether a GPU may round the factors of products of float32 numbers to TF32.
    """

    mixed: torch.dtype = torch.float32
    tf32: bool = False


PRECISIONS = {
    "float32": Precision(),
    "tf32": Precision(tf32=True),
    "float16": Precision(torch.float16),
    "bfloat16": Precision(torch.bfloat16),
}


@contextmanager
def computing_in(device: torch.device, precision: Precision) -> Iterator[None]:
    """Run what is inside in a precision; all switches of torch are put back."""
    torch_alone = device.type == "cpu" and _lacks_lstm(precision.mixed)
    mixed = torch.autocast(device.type, precision.mixed, enabled=precision.mixed != torch.float32)
    with float32_products(tf32=precision.tf32), mixed:
        enabled = torch.backends.mkldnn.enabled
        try:
            if torch_alone:
                torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
            yield
        finally:
            if torch_alone:
                torch.backends.mkldnn.enabled = enabled


def _lacks_lstm(dtype: torch.dtype) -> bool:
    """Return whether oneDNN may have no LSTM in a precision, for which torch asks it all the same.

    In float16 on many CPUs; in bfloat16 on those without AVX-512, where it raises.
    """
    if dtype != torch.bfloat16:
        return dtype == torch.float16
    # of builds without oneDNN there is no such operator, and nothing to switch off
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is not None and not supported()


def in_float32(method: _Method[Owner, Rest, Result]) -> _Method[Owner, Rest, Result]:
    """Keep a front end's ``forward`` in float32, whatever ``dtype`` the model runs in.

    Spectra span more than half precision can hold: the power of a sound at the scale of 16 bits is
    above float16's 65,504, the power of a quiet one below its 6e-8, and the logarithm of a power
    that bfloat16 rounded is wrong in the third digit. So what turns a waveform into an image (the
    transform, fixed filter banks, logarithm, normalisation) is left out of mixed precision, and of
    TF32.

    Parameters
    ----------
    method : callable
        Of a module, with the waveforms as its first argument.

    Examples
    --------
    >>> class Gain(torch.nn.Module):
    ...     @in_float32
    ...     def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
    ...         return waveforms @ torch.full((1, 1), 32768.0)
    >>> with torch.autocast("cpu", torch.float16):
    ...     Gain()(torch.full((1, 1), 10.0))
    tensor([[327680.]])
    """

    @functools.wraps(method)
    def exact(
        module: Owner, waveforms: torch.Tensor, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> Result:
        with torch.autocast(waveforms.device.type, enabled=False), float32_products():
            return method(module, waveforms, *args, **kwargs)

    return exact


def in_float64(values: torch.Tensor) -> torch.Tensor:
    """Return values in float64: on their own device, or on the CPU where that has no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()
