"""Train many settings together, each until validation stops getting better."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.errors import DataError
from brainbench_audio.tf32 import float32_products

from .embeddings import Embeddings
from .network import Stack, Workspace, initial_parameters, mixing
from .objective import binary_cross_entropy, cross_entropy
from .randomness import DropoutMasks, Minibatches, weights_generator
from .settings import Protocol, Setting
from .task import Rows, Split, Task
from .workers import Workers

Tensor = torch.Tensor
_PIECE = 1 << 16  # columns of the layer mixing that stay in the cache


@dataclass
class Trained:
    """What became of a setting.

    Attributes
    ----------
    place : int
        Of the setting in the grid.
    validation, loss : list of float
        Validation score and training loss of each epoch.
    best : float
        The highest validation score.
    best_epoch : int
        The first epoch that reached it, from 0.
    parameters : dict of tensors
        As they were after that epoch.
    """

    place: int
    validation: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    best: float = -math.inf
    best_epoch: int = -1
    parameters: dict[str, Tensor] = field(default_factory=dict)

    @property
    def layer_weights(self) -> npt.NDArray[np.float32]:
        """Return the weight of each layer, which sum to 1."""
        weights: npt.NDArray[np.float32] = mixing(self.parameters["mix"]).cpu().numpy()
        return weights


class Trainer:
    """Trains networks on one split of a task.

    Parameters
    ----------
    embeddings : Embeddings
    task : Task
    split : Split
    protocol : Protocol
    seed, fold : int
    device : str
    workers : Workers
    at_once : int
        Networks of one matrix product: all on a GPU; one on a processor, whose cache it fits.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        task: Task,
        split: Split,
        protocol: Protocol,
        *,
        seed: int,
        fold: int,
        workers: Workers,
        device: str = "cpu",
        at_once: int = 1,
    ) -> None:
        if len(split.train) < 2:
            raise DataError(f"{len(split.train)} training clips are too few: at least 2.")
        self.embeddings, self.task, self.split = embeddings, task, split
        self.protocol, self.seed, self.fold = protocol, seed, fold
        self.device, self.at_once = device, at_once
        self._targets = task.targets(device)
        self._scale = embeddings.scale.to(device)
        self._workers, self._space = workers, Workspace(device)
        self._loss = binary_cross_entropy if task.multilabel else cross_entropy

    @float32_products()
    def train(
        self, settings: Mapping[int, Setting], progress: Callable[[], Any] = lambda: None
    ) -> list[Trained]:
        """Return what became of some settings, in the order of their places.

        Parameters
        ----------
        settings : mapping of int to Setting
            By place in the grid.
        progress : callable
            Called after each epoch.
        """
        stacks = self._stacks(settings)
        found = {place: Trained(place) for place in settings}
        protocol, rows = self.protocol, torch.from_numpy(self.split.train)
        batches = Minibatches(rows, protocol.batch_size, self.seed, self.fold)
        masks = DropoutMasks(
            protocol.hidden_units,
            min(protocol.batch_size + 1, len(rows)),
            max(setting.hidden_layers for setting in settings.values()),
            protocol.dropout,
            seed=self.seed,
            fold=self.fold,
            device=self.device,
        )
        for _ in range(protocol.max_epochs):
            self._workers.share(sum(map(len, stacks)))
            losses = [torch.zeros(len(stack), device=self.device) for stack in stacks]
            for batch in batches.epoch():
                self._step(stacks, batch, masks, losses)
            for stack, loss in zip(stacks, losses, strict=True):
                for place, value in zip(stack.places, (loss / len(rows)).tolist(), strict=True):
                    found[place].loss.append(value)
            self._validate(stacks, found)
            stacks = [stack for stack in stacks if len(stack)]
            progress()
            if not stacks:
                break
        return [found[place] for place in sorted(found)]

    @float32_products()
    def predict(self, trained: Trained, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the logits (clip, label) of the best state of a setting."""
        stack = Stack(
            [trained.parameters],
            [trained.place],
            [0.0],
            norm_after_activation=self.protocol.norm_after_activation,
            device=self.device,
        )
        return self._logits([stack], rows)[trained.place]

    def _stacks(self, settings: Mapping[int, Setting]) -> list[Stack]:
        ordered = sorted(settings, key=lambda place: (settings[place].hidden_layers, place))
        stacks = []
        for _, group in groupby(ordered, key=lambda place: settings[place].hidden_layers):
            places = list(group)
            single = [
                initial_parameters(
                    settings[place],
                    self.protocol,
                    layers=self.embeddings.layers,
                    features=self.embeddings.features,
                    labels=self.task.labels.shape[1],
                    generator=weights_generator(self.seed, self.fold, place),
                )
                for place in places
            ]
            stacks.append(
                Stack(
                    single,
                    places,
                    [settings[place].learning_rate for place in places],
                    norm_after_activation=self.protocol.norm_after_activation,
                    device=self.device,
                )
            )
        return stacks

    def _mixed(self, stacks: Sequence[Stack], embedded: Tensor) -> list[Tensor]:
        """Return the mean of the layers (network, clip, feature) that each network sees."""
        layers, clips, features = embedded.shape
        if layers == 1:
            # a single layer has weight 1, so all networks see the same
            only = embedded.mul_(self._scale[:, None, None])
            return [only.expand(len(stack), clips, features) for stack in stacks]
        weights = mixing(torch.cat([stack.values["mix"] for stack in stacks])) * self._scale
        mixed = self._space.take("mixed", len(weights), clips, features)
        flat, wide = embedded.view(layers, -1), mixed.view(len(weights), -1)

        def mix(piece: slice) -> None:
            for part in self._together(len(weights)):
                torch.mm(weights[part], flat[:, piece], out=wide[part, piece])

        self._workers.map(mix, _pieces(flat.shape[1]))
        ends = np.cumsum([len(stack) for stack in stacks]).tolist()
        return [mixed[end - len(stack) : end] for stack, end in zip(stacks, ends, strict=True)]

    def _step(
        self, stacks: Sequence[Stack], batch: Tensor, masks: DropoutMasks, losses: list[Tensor]
    ) -> None:
        """Take one step of all networks."""
        embedded = self.embeddings.batch(batch)
        inputs = self._mixed(stacks, embedded)
        targets = self._targets[batch.to(self.device)]
        drawn = masks.draw(len(batch))
        several, keep = len(embedded) > 1, 1 - self.protocol.dropout

        def train(task: tuple[int, slice]) -> None:
            index, part = task
            stack, mixed, space = stacks[index], inputs[index], self._workers.space
            logits, trace = stack.forward(mixed[part], part, space, drawn)
            value, gradient = self._loss(logits, targets)
            losses[index][part] += value * len(batch)
            # the gradient takes the place of the inputs, which nobody needs any more
            back = mixed[part] if several else None
            stack.backward(gradient, trace, part, space, keep=keep, inputs=back)

        self._workers.map(train, self._parts(stacks))
        if several:
            self._move_mixing(stacks, embedded, inputs)

    def _move_mixing(
        self, stacks: Sequence[Stack], embedded: Tensor, gradients: Sequence[Tensor]
    ) -> None:
        """Take one step of the weights of the layers."""
        flat = embedded.view(len(embedded), -1)
        for stack, gradient in zip(stacks, gradients, strict=True):
            wide = gradient.reshape(len(stack), -1)

            def project(piece: slice, wide: Tensor = wide) -> Tensor:
                parts = self._together(len(wide))
                return torch.cat([wide[part, piece] @ flat[:, piece].T for part in parts])

            # summed in a fixed order, so that the same seed gives the same score
            by_weight = sum(self._workers.map(project, _pieces(flat.shape[1]))) * self._scale
            mix = stack.values["mix"]
            weights = mixing(mix)
            common = (by_weight * weights).sum(dim=1, keepdim=True)
            change = mix.sign() / mix.abs().sum(dim=1, keepdim=True) * (by_weight - common)
            stack.move({"mix": change}, slice(0, len(stack)))

    def _logits(self, stacks: Sequence[Stack], rows: Rows) -> dict[int, npt.NDArray[np.float32]]:
        """Return the logits (clip, label) of all networks, by place."""
        labels = self.task.labels.shape[1]
        found = {
            place: np.empty((len(rows), labels), dtype=np.float32)
            for stack in stacks
            for place in stack.places
        }
        for begin in range(0, len(rows), self.protocol.batch_size):
            end = begin + self.protocol.batch_size
            embedded = self.embeddings.batch(torch.from_numpy(rows[begin:end]))
            inputs = self._mixed(stacks, embedded)

            def predict(
                task: tuple[int, slice],
                begin: int = begin,
                end: int = end,
                inputs: list[Tensor] = inputs,
            ) -> None:
                index, part = task
                stack, space = stacks[index], self._workers.space
                logits, _ = stack.forward(inputs[index][part], part, space, None)
                for place, one in zip(stack.places[part], logits.cpu(), strict=True):
                    found[place][begin:end] = one.T.numpy()

            self._workers.map(predict, self._parts(stacks))
        return found

    def _parts(self, stacks: Sequence[Stack]) -> list[tuple[int, slice]]:
        """Return which networks are computed together: the number of their stack, and places.

        Deep networks come first, so that no worker is left with one when others are done.
        """
        return [
            (index, part)
            for index, stack in reversed(list(enumerate(stacks)))
            for part in self._together(len(stack))
        ]

    def _together(self, networks: int) -> list[slice]:
        """Return which of some networks share a product.

        A product of more rows is rounded otherwise, which the biases make visible in validation. So
        networks that are computed alone are so in every product, and none depends on the others.
        """
        return [
            slice(start, min(start + self.at_once, networks))
            for start in range(0, networks, self.at_once)
        ]

    def _validate(self, stacks: Sequence[Stack], found: Mapping[int, Trained]) -> None:
        """Score all networks; those without hope leave their stack."""
        logits = self._logits(stacks, self.split.valid)
        for stack in stacks:
            going = []
            for row, place in enumerate(stack.places):
                one = found[place]
                predicted = self.task.predictions(self.split.valid, logits[place])
                score = predicted.score(self.task.metrics[0])
                finite = math.isfinite(score) and bool(np.isfinite(logits[place]).all())
                one.validation.append(score if finite else math.nan)
                if finite and score > one.best:
                    one.best, one.best_epoch = score, len(one.validation) - 1
                    one.parameters = stack.copy(row)
                waited = len(one.validation) - 1 - one.best_epoch
                if finite and waited < self.protocol.patience:
                    going.append(row)
            if len(going) < len(stack):
                stack.keep(going)


def _pieces(columns: int) -> list[slice]:
    return [slice(start, start + _PIECE) for start in range(0, columns, _PIECE)]
