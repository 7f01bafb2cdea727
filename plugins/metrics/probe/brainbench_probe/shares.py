"""Which networks are computed together, the mean of the layers that they see, and its weights."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch

from .batches import Batch
from .network import Stack, mixing
from .workers import Workers
from .workspace import Workspace, beginning, padded

Tensor = torch.Tensor
_PIECE = 1 << 16  # columns of the layer mixing that stay in the cache of a processor


class Share(NamedTuple):
    """Networks of a stack that are computed together.

    Attributes
    ----------
    stack : Stack
    rows : slice
        Which of its networks.
    batch : Batch
        What they see: all the same fold, or each a fold of its own.
    weights : float32 tensor (fold, network of the fold, layer)
        Of the layers, with their scale.
    inputs : float32 tensor (network, clip, feature)
        The mean of the layers.
    """

    stack: Stack
    rows: slice
    batch: Batch
    weights: Tensor
    inputs: Tensor

    def mix(self, piece: slice) -> None:
        """Write some columns of the inputs."""
        layers, mean = self._columns(piece)
        _product(self.weights, layers, mean)

    def project(self, piece: slice) -> Tensor:
        """Return the gradient by the weights of some columns of the inputs' gradient."""
        layers, gradient = self._columns(piece)
        return _product(gradient, layers.mT)

    def _columns(self, piece: slice) -> tuple[Tensor, Tensor]:
        """Return layers (fold, layer, column) and inputs (fold, network of the fold, column)."""
        wide = self.inputs.view(*self.weights.shape[:2], -1)
        return self.batch.embedded.flatten(2)[..., piece], wide[..., piece]


class Mixer:
    """Mixes the layers for all networks.

    Parameters
    ----------
    workers : Workers
    at_once : int
        Networks of one matrix product.
    device : str
    """

    def __init__(self, workers: Workers, at_once: int, device: str) -> None:
        self._workers, self._at_once = workers, at_once
        self._space = Workspace(device)
        self._piece = _PIECE if device == "cpu" else sys.maxsize

    def shares(self, stacks: Sequence[Stack], batches: Sequence[Batch]) -> list[list[Share]]:
        """Return the shares of each minibatch; the next call overwrites their inputs."""
        largest = padded(max(batch.embedded[0, 0].numel() for batch in batches))
        memory = self._space.take("inputs", sum(map(len, stacks)), largest)
        shares, first = [], 0
        for batch in batches:
            folds, layers, clips, features = batch.embedded.shape
            only = None
            if layers == 1:
                # a single layer has weight 1, so all networks see the same
                only = batch.embedded.mul_(batch.scale[..., None, None])[:, 0]
            some = []
            for stack in stacks:
                rows = stack.of(batch.folds)
                networks = rows.stop - rows.start
                mix = stack.values["mix"][rows].view(folds, networks // folds, layers)
                weights = mixing(mix) * batch.scale[:, None]
                for part in self._together(networks):
                    shape = (part.stop - part.start, clips, features)
                    mean = beginning(memory[first:], *shape) if only is None else only.expand(shape)
                    own = slice(rows.start + part.start, rows.start + part.stop)
                    some.append(Share(stack, own, batch, weights[:, part], mean))
                    first += shape[0]
            shares.append(some)
        if batches[0].layers > 1:
            self._workers.map(lambda task: [s.mix(task[1]) for s in task[0]], self._pieces(shares))
        return shares

    def learn(self, shares: Sequence[Sequence[Share]]) -> None:
        """Take one step of the weights of the layers; the inputs hold their gradient by now."""
        pieces = self._pieces(shares)
        projected = iter(
            self._workers.map(lambda task: [s.project(task[1]) for s in task[0]], pieces)
        )
        for some in shares:
            by_piece = [next(projected) for others, _ in pieces if others is some]
            for stack, same in groupby(zip(some, *by_piece, strict=True), lambda row: row[0].stack):
                own = list(same)
                rows = slice(own[0][0].rows.start, own[-1][0].rows.stop)
                # summed in a fixed order, so that the same seed gives the same score
                by_weight = torch.cat([sum(parts) for _, *parts in own], dim=1)
                _learn(stack, rows, by_weight * some[0].batch.scale[:, None])

    def _together(self, networks: int) -> list[slice]:
        """Return which of some networks share products.

        A product of more rows is rounded otherwise, which the biases make visible in validation. So
        networks that are computed alone are so in every product, and none depends on the others.
        """
        return [
            slice(start, min(start + self._at_once, networks))
            for start in range(0, networks, self._at_once)
        ]

    def _pieces(self, shares: Sequence[Sequence[Share]]) -> list[tuple[Sequence[Share], slice]]:
        """Return pieces of all minibatches; all networks take a piece while it is in the cache."""
        return [
            (some, slice(start, start + self._piece))
            for some in shares
            for start in range(0, some[0].inputs[0].numel(), self._piece)
        ]


def _learn(stack: Stack, rows: slice, by_weight: Tensor) -> None:
    """Take one step of the weights of the layers, by the gradient by ``|a| / Σ|a|``."""
    mix = stack.values["mix"][rows]
    by_weight, weights = by_weight.view_as(mix), mixing(mix)
    common = (by_weight * weights).sum(dim=1, keepdim=True)
    change = mix.sign() / mix.abs().sum(dim=1, keepdim=True) * (by_weight - common)
    stack.move({"mix": change}, rows)


def _product(left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the product of each fold."""
    if len(left) > 1:
        return torch.bmm(left, right, out=out)
    # as if there were no other folds, to the bit
    return torch.mm(left[0], right[0], out=None if out is None else out[0])[None]
