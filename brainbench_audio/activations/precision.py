"""Half precision for a network, and float32 for the parts of it that need that."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

import torch

Owner = TypeVar("Owner", bound=torch.nn.Module)
Rest = ParamSpec("Rest")
Result = TypeVar("Result")
_Method = Callable[Concatenate[Owner, torch.Tensor, Rest], Result]


@contextmanager
def mixed_precision(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Run what is inside in mixed precision; in float32, leave everything as it is."""
    # torch asks oneDNN for an LSTM in float16 even on CPUs for which oneDNN has none
    torch_alone = device.type == "cpu" and dtype == torch.float16
    enabled = torch.backends.mkldnn.enabled
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        try:
            if torch_alone:
                torch.backends.mkldnn.enabled = False  # type: ignore[assignment]
            yield
        finally:
            if torch_alone:
                torch.backends.mkldnn.enabled = enabled


def in_float32(method: _Method[Owner, Rest, Result]) -> _Method[Owner, Rest, Result]:
    """Keep a front end's ``forward`` in float32, whatever ``dtype`` the model runs in.

    Spectra span more than half precision can hold: the power of a sound at the scale of 16 bits is
    above float16's 65,504, the power of a quiet one below its 6e-8, and the logarithm of a power
    that bfloat16 rounded is wrong in the third digit. So what turns a waveform into an image (the
    transform, fixed filter banks, logarithm, normalisation) is left out of mixed precision.

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
        with torch.autocast(waveforms.device.type, enabled=False):
            return method(module, waveforms, *args, **kwargs)

    return exact
