"""How much memory a sound takes in a network, told from shorter ones before it is heard."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import Any

import numpy as np
import torch
from scipy.optimize import nnls
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from brainbench_audio.devices import free_memory

# A process takes up to twice what its tensors hold: 1.3 to 2 for nine families and 40 s of sound,
# because of the workspace of kernels and what the allocator cannot give back.
_BYTES_A_BYTE = 2
_HALF = {torch.float16, torch.bfloat16}


class Footprint:
    """What sounds of some lengths took in a forward pass; longer ones are foretold from them.

    No network here takes more than four times the memory for twice the sound: attention does, all
    else takes less. That is the bound, far above what a network without attention takes. The guess
    is a sum of a constant, a linear and a quadratic term, none negative, through the last three
    measurements of which each is at least twice as long as the one before.

    Attributes
    ----------
    taken : dict of int to int
        Samples to bytes.

    Examples
    --------
    >>> footprint = Footprint()
    >>> footprint.taken.update({100: 10_100, 200: 20_100, 400: 40_100})  # linear
    >>> footprint.bound(800), footprint.guess(800)
    (160400.0, 80100.0)
    """

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}

    @property
    def longest(self) -> int:
        """Samples of the longest sound that was measured; 0 if none was."""
        return max(self.taken, default=0)

    @contextmanager
    def measured(self, samples: int, network: torch.nn.Module) -> Iterator[None]:
        """Measure what one sound of some samples takes in the block."""
        with _Held(network) as held:
            yield
        self.taken[samples] = _BYTES_A_BYTE * held.peak

    def unsure(self, samples: int, first: Sequence[int], free: int) -> Iterator[int]:
        """Yield lengths to measure, the shortest first, until it is known whether a sound fits.

        Parameters
        ----------
        samples : int
            Of the sound.
        first : sequence of int
            Lengths that fit for certain.
        free : int
            Bytes.
        """
        if self.bound(samples) <= free:
            return
        yield from (length for length in first if length not in self.taken)
        while self.bound(samples) > free and 2 * self.longest < samples:
            if self.guess(2 * self.longest) > free:
                return
            yield 2 * self.longest

    def bound(self, samples: int) -> float:
        """Return the bytes that a sound takes at most; infinite as long as nothing is measured."""
        if not self.taken:
            return inf
        if samples <= self.longest:
            return self.taken[min(length for length in self.taken if length >= samples)]
        return self.taken[self.longest] * (samples / self.longest) ** 2

    def guess(self, samples: int) -> float:
        """Return the bytes that a sound is expected to take, at most `bound`."""
        lengths: list[int] = []
        for length in sorted(self.taken, reverse=True):
            if not lengths or 2 * length <= lengths[-1]:
                lengths.append(length)
        if samples <= self.longest or len(lengths) < 3:
            return self.bound(samples)
        taken = np.array([self.taken[length] for length in lengths[:3]], np.float64)
        terms = np.vander(np.array(lengths[:3]) / samples, 3)
        # each measurement counts by its relative error
        weights, _ = nnls(terms / taken[:, None], np.ones(3))
        return min(self.bound(samples), max(float(weights.sum()), self.taken[self.longest]))

    def batch(self, samples: int, device: torch.device) -> int:
        """Return how many sounds fit into half of the free memory: a power of two, at least 1."""
        fitting = free_memory(device) / 2 / max(self.bound(samples), 1)
        return 1 << max(int(fitting), 1).bit_length() - 1


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are there at a time, but for a network's weights."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        weights = [*network.parameters(), *network.buffers()]
        self._known = {_storage(tensor)._cdata for tensor in weights if _is_plain(tensor)}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: skipping it would import it, which takes a second and sets variables."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation and count what it puts out; one made of others, by these."""
        options = dict(kwargs or {})
        output = NotImplemented
        if isinstance(func, torch._ops.OpOverload) and func is not torch.ops.prim.device.default:
            with self:
                output = func.decompose(*args, **options)
        if output is NotImplemented:
            output = _run(func, args, options)
        for value in tree_leaves((args, options, output)):
            if isinstance(value, torch.Tensor) and _is_plain(value):
                self._count(_storage(value))
        return output

    def _count(self, storage: Any) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place in self._known:
            return
        self._known.add(place)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._freed, place, size).atexit = False

    def _freed(self, place: int, size: int) -> None:
        self._known.discard(place)
        self.now -= size


def _run(func: Any, args: Any, options: Mapping[str, Any]) -> Any:
    """Run an operation, in half precision where it does not take what is half of it.

    Automatic mixed precision casts what goes into the products that an operation is made of, such
    as a recurrent layer. It has no part in what is taken apart here, and a product of two
    precisions fails.
    """
    try:
        return func(*args, **options)
    except RuntimeError:
        if (in_one := _in_one_precision(args)) is args:
            raise
        return func(*in_one, **options)


def _in_one_precision(values: Any) -> Any:
    """Return all tensors in half precision if some are, and some are not."""
    kinds = {one.dtype for one in tree_leaves(values) if _is_real(one)}
    half = next(iter(kinds & _HALF), None)
    if half is None or len(kinds) == 1:
        return values
    return tree_map(lambda one: one.to(half) if _is_real(one) else one, values)


def _is_real(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _is_plain(tensor: torch.Tensor) -> bool:
    """Return whether a tensor has one storage: sparse ones have several."""
    return tensor.layout is torch.strided


def _storage(tensor: torch.Tensor) -> Any:
    return tensor.untyped_storage()
