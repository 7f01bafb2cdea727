"""Minibatches of several folds side by side, each fold in an order of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

import torch

from .embeddings import Embeddings
from .randomness import DropoutMasks
from .settings import Protocol
from .task import Split
from .workspace import beginning, padded

Tensor = torch.Tensor


@dataclass(frozen=True)
class Fold:
    """One round of training and testing, and what its networks see.

    Attributes
    ----------
    number : int
        Of the round, for its random numbers.
    split : Split
    embeddings : Embeddings
        Of all clips; folds may share them.
    """

    number: int
    split: Split
    embeddings: Embeddings


@dataclass(frozen=True)
class Batch:
    """Minibatches of some folds, one of each, with as many clips and features.

    Attributes
    ----------
    folds : list of int
        Their numbers.
    embedded : float32 tensor (fold, layer, clip, feature)
        Still to be multiplied by ``scale``.
    scale : float32 tensor (fold, layer)
    targets : tensor
        Label numbers (fold, clip), or 0 and 1 (fold, label, clip).
    masks : float32 tensor (hidden layer, fold, unit, clip), optional
        Dropout; None: not in training.
    """

    folds: list[int]
    embedded: Tensor
    scale: Tensor
    targets: Tensor
    masks: Tensor | None

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.embedded.shape[1]

    @property
    def clips(self) -> int:
        """Number of clips of each fold."""
        return self.embedded.shape[2]


class Reader:
    """Reads minibatches of several folds into arrays that are made once.

    Parameters
    ----------
    folds : sequence of Fold
        In this order; only those beside each other share a `Batch`.
    targets : tensor
        Of all clips, see `Task.targets`.
    protocol : Protocol
    hidden_layers : int
        That have masks.
    together : int
        Folds of one `Batch` at most.
    device : str
    """

    def __init__(
        self,
        folds: Sequence[Fold],
        targets: Tensor,
        protocol: Protocol,
        *,
        hidden_layers: int = 0,
        together: int = 1,
        device: str = "cpu",
    ) -> None:
        self._folds = {fold.number: fold for fold in folds}
        self._targets, self._units, self._together = targets, protocol.hidden_units, together
        self._hidden_layers, self._device = hidden_layers, device
        # each fold has as much, so that those beside each other lie in one array
        numbers = max(fold.embeddings.layers * fold.embeddings.features for fold in folds)
        clips = protocol.batch_size + 1
        sizes = (padded(clips * each) for each in (numbers, hidden_layers * self._units))
        self._embedded, self._masks = (
            torch.empty(len(folds), size, device=device) for size in sizes
        )

    def read(
        self,
        rows: Mapping[int, Iterable[Tensor]],
        masks: Mapping[int, DropoutMasks] | None = None,
    ) -> Iterator[list[Batch]]:
        """Yield the next minibatch of every fold that has one left; the next step overwrites it.

        Parameters
        ----------
        rows : mapping of int to iterable of int64 tensor (clip,)
            Minibatches, by number of the fold.
        masks : mapping of int to DropoutMasks, optional
            By number of the fold; None: not in training.
        """
        for step in zip_longest(*rows.values()):
            place, batches = 0, []
            for group in self._groups(zip(rows, step, strict=True)):
                batches.append(self._batch(place, group, masks))
                place += len(group)
            yield batches

    def _groups(
        self, step: Iterable[tuple[int, Tensor | None]]
    ) -> Iterator[list[tuple[Fold, Tensor]]]:
        """Yield folds and their clips that share a `Batch`."""

        def size(pair: tuple[int, Tensor | None]) -> tuple[int, int]:
            number, clips = pair
            # one that has none left stands between its neighbours, as in their stack
            return self._folds[number].embeddings.features, 0 if clips is None else len(clips)

        for _, same in groupby(step, size):
            group = [(self._folds[number], clips) for number, clips in same if clips is not None]
            for start in range(0, len(group), self._together):
                yield group[start : start + self._together]

    def _batch(
        self,
        place: int,
        group: Sequence[tuple[Fold, Tensor]],
        masks: Mapping[int, DropoutMasks] | None,
    ) -> Batch:
        (fold, clips), number = group[0], len(group)
        shape = (number, fold.embeddings.layers, len(clips), fold.embeddings.features)
        embedded = beginning(self._embedded[place:], *shape)
        for (fold, clips), out in zip(group, embedded, strict=True):
            fold.embeddings.batch(clips, out)
        drawn = None
        if masks is not None:
            shape = (self._hidden_layers, number, self._units, len(clips))
            drawn = beginning(self._masks[place:], *shape)
            for (fold, _), out in zip(group, drawn.unbind(1), strict=True):
                masks[fold.number].draw(out)
        targets = self._targets[torch.stack([clips for _, clips in group]).to(self._device)]
        return Batch(
            [fold.number for fold, _ in group],
            embedded,
            torch.stack([fold.embeddings.scale for fold, _ in group]).to(self._device),
            targets if targets.ndim == 2 else targets.mT,
            drawn,
        )
