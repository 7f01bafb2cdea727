"""Arrays in the memory of the CPU or of a GPU, so that a metric is written once for both.

NumPy and torch call most functions alike: code takes them from the `namespace` of its arrays. What
they do not have in common is here. Arrays are float64 everywhere, so a GPU changes results by
rounding only. torch is imported when a GPU is asked for, not before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import ContractError
from brainbench_audio.machine import is_out_of_memory

DEVICES = ("cpu", "cuda", "auto")

_FIX = "Start it again, or leave --metric-device out."


@dataclass(frozen=True)
class Arrays:
    """Makes arrays of the CPU (NumPy) or of a device (torch).

    Attributes
    ----------
    device : torch.device or None
        None: NumPy.

    Examples
    --------
    >>> HOST.put([1, 2]), HOST.label
    (array([1., 2.]), 'cpu')
    """

    device: Any = None

    @property
    def on_host(self) -> bool:
        """Whether arrays are NumPy's."""
        return self.device is None

    @property
    def label(self) -> str:
        """Device as the provenance of a score has it: ``cpu``, or ``cuda`` and the card's name."""
        if self.device is None or self.device.type != "cuda":
            return "cpu" if self.device is None else str(self.device)
        import torch

        return f"cuda ({torch.cuda.get_device_name(self.device)})"

    @property
    def provenance(self) -> dict[str, str]:
        """Entry of a score's provenance; none where NumPy computes."""
        return {} if self.on_host else {"metric_device": self.label}

    def put(self, values: npt.ArrayLike) -> Any:
        """Return numbers as a float64 array of the device; NumPy's own array if it is one."""
        if self.device is None:
            return np.asarray(values, dtype=np.float64)
        import torch

        array = np.asarray(values)
        if array.dtype != np.float32:  # which is half as much to bring there
            array = array.astype(np.float64, copy=False)
        return torch.tensor(np.ascontiguousarray(array), device=self.device).double()

    def copy(self, values: npt.ArrayLike) -> Any:
        """Return numbers as a float64 array of the device that may be changed."""
        return np.array(values, dtype=np.float64) if self.device is None else self.put(values)

    def places(self, indices: npt.ArrayLike) -> Any:
        """Return indices that arrays of the device can be indexed with."""
        array = np.asarray(indices, dtype=np.intp)
        if self.device is None:
            return array
        import torch

        return torch.tensor(array, device=self.device)

    def empty(self, *shape: int) -> Any:
        """Return a float64 array of any values."""
        if self.device is None:
            return np.empty(shape)
        import torch

        return torch.empty(shape, dtype=torch.float64, device=self.device)

    def zeros(self, *shape: int) -> Any:
        """Return a float64 array of zeros."""
        if self.device is None:
            return np.zeros(shape)
        import torch

        return torch.zeros(shape, dtype=torch.float64, device=self.device)

    def budget(self, limit: int | None) -> int | None:
        """Return the bytes that arrays of the device may take: half of what is free there.

        Parameters
        ----------
        limit : int or None
            What the user allows.

        Returns
        -------
        int or None
            The lower of the two; None for NumPy.
        """
        if self.device is None:
            return None
        from brainbench_audio.devices import free_memory

        half = free_memory(self.device) // 2
        return half if limit is None else min(half, int(limit))

    @contextmanager
    def failing_clearly(self, doing: str) -> Iterator[None]:
        """Say in one sentence that a device failed or ran out of memory, see `devices`.

        Raises
        ------
        ContractError
        """
        if self.device is None:
            yield
            return
        from brainbench_audio.devices import failing_clearly

        try:
            with failing_clearly(self.device, doing, _FIX):
                yield
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise ContractError(
                f"Memory of the {self.device.type} ran out {doing}. End what else runs on it, "
                f"allow less with --max-memory, or leave --metric-device out."
            ) from error


HOST = Arrays()


def arrays_on(device: str, *, large: bool) -> Arrays:
    """Return the arrays of a device.

    Parameters
    ----------
    device : str
        One of `DEVICES`; ``"auto"`` is a GPU, if there is one and the problem is large.
    large : bool
        Whether a GPU would be faster, start included.

    Raises
    ------
    ContractError
        There is no such device here, see `devices.choose_device`.
    """
    if checked_device(device) == "cpu" or (device == "auto" and not large):
        return HOST
    from brainbench_audio.devices import choose_device

    chosen = choose_device(device)
    # MPS, which auto may be, has no float64
    return Arrays(chosen) if chosen.type == "cuda" else HOST


def checked_device(device: str) -> str:
    """Return the name of a device that a metric may be asked to compute on.

    Raises
    ------
    ContractError
        It is not in `DEVICES`.
    """
    if device not in DEVICES:
        raise ContractError(
            f"A metric computes on {', '.join(DEVICES)}, not on {device!r}: choose one of these."
        )
    return device


def namespace(values: Any) -> Any:
    """Return NumPy for its arrays, torch for others.

    Examples
    --------
    >>> namespace(np.zeros(2)).__name__
    'numpy'
    """
    if isinstance(values, np.ndarray | np.generic):
        return np
    import torch

    return torch


def on_host(values: Any) -> npt.NDArray[Any]:
    """Return an array of any device as NumPy's."""
    if isinstance(values, np.ndarray | np.generic):
        return np.asarray(values)
    found: npt.NDArray[Any] = values.cpu().numpy()
    return found


def dots(first: Any, second: Any) -> Any:
    """Return sums of products along the last axis but one.

    Examples
    --------
    >>> dots(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
    [4.0, 10.0]
    """
    if isinstance(first, np.ndarray):
        return np.einsum("...st,...st->...t", first, second)
    return (first * second).sum(-2)


def columns(values: Any, places: Any) -> Any:
    """Return some columns of a matrix, in C order; places as `Arrays.places` gives them."""
    if isinstance(values, np.ndarray):
        return values.take(places, axis=1)
    return values.index_select(1, places)


def copied(values: Any) -> Any:
    """Return a copy of an array, on its device."""
    return values.copy() if isinstance(values, np.ndarray) else values.clone()
