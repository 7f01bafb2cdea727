"""Train many networks together, each until validation stops getting better."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.errors import DataError
from brainbench_audio.tf32 import float32_products

from .batches import Batch, Fold, Reader
from .network import Stack, initial_parameters, mixing
from .objective import binary_cross_entropy, cross_entropy
from .randomness import DropoutMasks, Minibatches, weights_generator
from .settings import Protocol, Setting
from .shares import Mixer, Share
from .task import Rows, Task
from .workers import Workers

Tensor = torch.Tensor
Key = tuple[int, int]  # number of the fold, place of the setting


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
    """Trains networks on a task, in one fold or in several at a time.

    Parameters
    ----------
    task : Task
    settings : mapping of int to Setting
        By place in the grid.
    protocol : Protocol
    seed : int
    workers : Workers
    device : str
    at_once : int, optional
        Networks of one matrix product. None: all on a GPU, which one leaves idle; one on a
        processor, whose cache it fits.
    """

    def __init__(
        self,
        task: Task,
        settings: Mapping[int, Setting],
        protocol: Protocol,
        *,
        seed: int,
        workers: Workers,
        device: str = "cpu",
        at_once: int | None = None,
    ) -> None:
        self.task, self.settings, self.protocol, self.seed = task, settings, protocol, seed
        self.device, self.at_once = device, at_once or (1 if device == "cpu" else sys.maxsize)
        self._targets = task.targets(device)
        self._workers, self._mixer = workers, Mixer(workers, self.at_once, device)
        self._loss = binary_cross_entropy if task.multilabel else cross_entropy

    @float32_products()
    def train(
        self,
        networks: Sequence[tuple[Fold, int]],
        progress: Callable[[int], Any] = lambda folds: None,
    ) -> list[Trained]:
        """Return what became of each network.

        It learns the same alone as among others but for rounding; where products are those of one
        network, by as many threads, to the bit.

        Parameters
        ----------
        networks : sequence of (Fold, int)
            What each is trained on, and the place of its setting.
        progress : callable
            Called after each epoch, with the number of folds that it trained.

        Raises
        ------
        DataError
            A fold has fewer than two training clips.
        """
        folds = sorted({fold.number: fold for fold, _ in networks}.values(), key=_size)
        few = min(len(fold.split.train) for fold in folds)
        if few < 2:
            raise DataError(f"{few} training clips are too few: at least 2.")
        stacks = self._stacks(networks)
        found = {(fold.number, place): Trained(place) for fold, place in networks}
        depth = stacks[-1].depth
        # networks share products with others of their fold, or with one of each other fold
        together = self.at_once if len(networks) == len(folds) else 1
        reader = self._reader(folds, depth, together)
        order, masks = self._randomness(folds, depth)
        while folds:
            self._workers.share(sum(map(len, stacks)))
            epoch = {fold.number: order[fold.number].epoch() for fold in folds}
            for batches in reader.read(epoch, masks):
                self._step(stacks, batches)
            self._close_epoch(stacks, reader, folds, found)
            progress(len(folds))
            stacks = [stack for stack in stacks if len(stack)]
            going = {fold for stack in stacks for fold, _ in stack.places}
            folds = [fold for fold in folds if fold.number in going]
        return [found[fold.number, place] for fold, place in networks]

    @float32_products()
    def predict(self, trained: Trained, fold: Fold, rows: Rows) -> npt.NDArray[np.float32]:
        """Return the logits (clip, label) of the best state of a setting in a fold."""
        key = (fold.number, trained.place)
        stack = self._stack([trained.parameters], [key], [0.0])
        return self._logits([stack], self._reader([fold]), {fold.number: rows})[key]

    def _stacks(self, networks: Sequence[tuple[Fold, int]]) -> list[Stack]:
        """Return the networks before training, those of one shape in a stack, deep ones last."""

        def shape(network: tuple[Fold, int]) -> tuple[int, int]:
            fold, place = network
            return self.settings[place].hidden_layers, fold.embeddings.features

        stacks = []
        ordered = sorted(networks, key=lambda network: (shape(network), _size(network[0])))
        for _, same in groupby(ordered, shape):
            group = list(same)
            single = [
                initial_parameters(
                    self.settings[place],
                    self.protocol,
                    layers=fold.embeddings.layers,
                    features=fold.embeddings.features,
                    labels=self.task.labels.shape[1],
                    generator=weights_generator(self.seed, fold.number, place),
                )
                for fold, place in group
            ]
            keys = [(fold.number, place) for fold, place in group]
            rates = [self.settings[place].learning_rate for _, place in group]
            stacks.append(self._stack(single, keys, rates))
        return stacks

    def _stack(
        self, single: Sequence[Mapping[str, Tensor]], keys: Sequence[Key], rates: Sequence[float]
    ) -> Stack:
        return Stack(
            single,
            keys,
            rates,
            norm_after_activation=self.protocol.norm_after_activation,
            device=self.device,
        )

    def _reader(self, folds: Sequence[Fold], depth: int = 0, together: int = 1) -> Reader:
        return Reader(
            folds,
            self._targets,
            self.protocol,
            hidden_layers=depth,
            together=together,
            device=self.device,
        )

    def _randomness(
        self, folds: Sequence[Fold], depth: int
    ) -> tuple[dict[int, Minibatches], dict[int, DropoutMasks]]:
        """Return the order of clips and the dropout of each fold, by its number."""
        order, masks = {}, {}
        for fold in folds:
            rows, number = torch.from_numpy(fold.split.train), fold.number
            order[number] = Minibatches(rows, self.protocol.batch_size, self.seed, number)
            masks[number] = DropoutMasks(
                depth, self.protocol.dropout, seed=self.seed, fold=number, device=self.device
            )
        return order, masks

    def _step(self, stacks: Sequence[Stack], batches: Sequence[Batch]) -> None:
        """Take one step of all networks whose fold has a minibatch."""
        shares = self._mixer.shares(stacks, batches)
        several, keep = batches[0].layers > 1, 1 - self.protocol.dropout

        def train(share: Share) -> None:
            stack, rows, batch, space = share.stack, share.rows, share.batch, self._workers.space
            logits, trace = stack.forward(share.inputs, rows, space, batch.masks)
            value, gradient = self._loss(logits, batch.targets)
            stack.loss[rows] += value * batch.clips
            # the gradient takes the place of the inputs, which nobody needs any more
            back = share.inputs if several else None
            stack.backward(gradient, trace, rows, space, keep=keep, inputs=back)

        self._workers.map(train, _deep_first(shares))
        if several:
            self._mixer.learn(shares)

    def _logits(
        self, stacks: Sequence[Stack], reader: Reader, rows: Mapping[int, Rows]
    ) -> dict[Key, npt.NDArray[np.float32]]:
        """Return the logits (clip, label) of all networks for some clips of each fold."""
        labels, size = self.task.labels.shape[1], self.protocol.batch_size
        found = {
            key: np.empty((len(rows[key[0]]), labels), dtype=np.float32)
            for stack in stacks
            for key in stack.places
        }
        parts = {fold: torch.split(torch.from_numpy(clips), size) for fold, clips in rows.items()}
        for number, batches in enumerate(reader.read(parts)):

            def predict(share: Share, begin: int = number * size) -> None:
                stack, space = share.stack, self._workers.space
                logits, _ = stack.forward(share.inputs, share.rows, space, None)
                for key, one in zip(stack.places[share.rows], logits.cpu(), strict=True):
                    found[key][begin : begin + one.shape[1]] = one.T.numpy()

            self._workers.map(predict, _deep_first(self._mixer.shares(stacks, batches)))
        return found

    def _close_epoch(
        self,
        stacks: Sequence[Stack],
        reader: Reader,
        folds: Sequence[Fold],
        found: Mapping[Key, Trained],
    ) -> None:
        """Note loss and validation score of all networks; those that are done leave their stack."""
        splits = {fold.number: fold.split for fold in folds}
        logits = self._logits(stacks, reader, {n: split.valid for n, split in splits.items()})
        for stack in stacks:
            clips = [len(splits[fold].train) for fold, _ in stack.places]
            losses = (stack.loss / torch.tensor(clips, device=self.device)).tolist()
            stack.loss.zero_()
            going = []
            for row, (key, loss) in enumerate(zip(stack.places, losses, strict=True)):
                one = found[key]
                one.loss.append(loss)
                predicted = self.task.predictions(splits[key[0]].valid, logits[key])
                score = predicted.score(self.task.metrics[0])
                finite = math.isfinite(score) and bool(np.isfinite(logits[key]).all())
                one.validation.append(score if finite else math.nan)
                if finite and score > one.best:
                    one.best, one.best_epoch = score, len(one.validation) - 1
                    one.parameters = stack.copy(row)
                epochs = len(one.validation)
                waited = epochs - 1 - one.best_epoch < self.protocol.patience
                if finite and waited and epochs < self.protocol.max_epochs:
                    going.append(row)
            if len(going) < len(stack):
                stack.keep(going)


def _size(fold: Fold) -> tuple[int, int, int]:
    """Return a key by which folds that can share products stand beside each other."""
    return fold.embeddings.features, len(fold.split.train), fold.number


def _deep_first(shares: Sequence[Sequence[Share]]) -> list[Share]:
    """Return all shares in an order in which no worker is left with a deep one in the end."""
    return sorted(chain(*shares), key=lambda share: -share.stack.depth)
