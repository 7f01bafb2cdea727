"""Digests of parameters that torch says are as they were, so that they need not be read again."""

from __future__ import annotations

import sys
import weakref
from typing import Any


class TensorDigests:
    """Digests of the parameters of one look at an object, and of an earlier look.

    torch counts the changes of a tensor in place, but not those through ``.data`` or through a
    NumPy array that shares its memory. So what is found here may be out of date: it may only be
    used where a change that is missed costs time alone. Buffers are left out, as batch
    normalisation moves its statistics without counting.

    Parameters
    ----------
    earlier : TensorDigests, optional
        Those that may be found; none by default.
    """

    def __init__(self, earlier: TensorDigests | None = None) -> None:
        self._earlier = {} if earlier is None else earlier._kept
        self._kept: dict[int, tuple[weakref.ref[Any], object, bytes]] = {}

    def __reduce__(self) -> tuple[type[TensorDigests], tuple[()]]:
        """Return what makes an empty one: copies of tensors are others."""
        return TensorDigests, ()

    def find(self, tensor: Any) -> bytes | None:
        """Return the digest of a tensor that is as it was in the earlier look, else None."""
        known, mark, digest = self._earlier.get(id(tensor), (None, None, b""))
        if known is None or known() is not tensor or mark != _mark(tensor):
            return None
        self._kept[id(tensor)] = known, mark, digest
        return digest

    def keep(self, tensor: Any, digest: bytes) -> None:
        """Note the digest of a tensor as it is now, if it is a parameter."""
        parameter = sys.modules["torch"].nn.Parameter
        if isinstance(tensor, parameter) and (mark := _mark(tensor)) is not None:
            self._kept[id(tensor)] = weakref.ref(tensor), mark, digest


def _mark(tensor: Any) -> object:
    """Return what differs once torch has changed a tensor; None if it does not count changes."""
    try:
        version = tensor._version
    except RuntimeError:  # made in inference mode
        return None
    layout = tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.device
    return version, tensor.data_ptr(), layout
