"""Networks whose initial weights are replaced at once, so that drawing them is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# `trunc_normal_` is not among them, as it draws again until all is between its bounds
_DRAWING = (
    torch.nn.init.kaiming_normal_,
    torch.nn.init.kaiming_uniform_,
    torch.nn.init.normal_,
    torch.nn.init.uniform_,
    torch.Tensor.uniform_,  # by which the others draw
)


class Undrawn(TorchFunctionMode):
    """Fills initial weights with zeros, as drawing a GB of them takes a second or two.

    Examples
    --------
    >>> with Undrawn():
    ...     network = torch.nn.Linear(2, 1)
    >>> network.weight.tolist()
    [[0.0, 0.0]]
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func not in _DRAWING:
            return func(*args, **named)
        with torch.no_grad():
            return (args[0] if args else named["tensor"]).zero_()
