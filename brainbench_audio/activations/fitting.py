"""Which sounds fit into a network and its memory, and how many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch

from brainbench_audio.activations.footprint import Footprint
from brainbench_audio.activations.transfers import Array
from brainbench_audio.cards import ModelCard
from brainbench_audio.devices import failing_clearly, free_memory
from brainbench_audio.errors import LongSound
from brainbench_audio.machine import is_out_of_memory

_HEARD_UNASKED = 10  # seconds of a sound that fits anywhere
# of sound in a batch on a CPU: more is not faster (recurrent networks are slower with less)
_SECONDS_AT_ONCE = 32


class Network(Protocol):
    """What of a `TorchModel` decides which sounds fit."""

    card: ModelCard
    network: torch.nn.Module
    device: torch.device

    @property
    def runs_ahead(self) -> bool:
        """Whether the network computes while somebody else waits."""


class Fitting:
    """Refuses sounds that do not fit, before they are heard where that can be told.

    Parameters
    ----------
    model : TorchModel
    hear : callable
        Has clips of one length heard, with some layers.
    footprint : Footprint
        What is known already of the memory that sounds take.
    """

    def __init__(
        self,
        model: Network,
        hear: Callable[[Sequence[Array], Sequence[str]], object],
        footprint: Footprint,
    ) -> None:
        self._model = model
        self._hear = hear
        self._footprint = footprint

    def refuse_long(self, waveforms: Sequence[Array], layers: Sequence[str]) -> None:
        """Refuse the longest sound where it does not fit; its beginnings tell what it takes."""
        lengths = [len(waveform) for waveform in waveforms]
        samples, start = max(lengths, default=0), int(_HEARD_UNASKED * self._model.card.sample_rate)
        if samples <= start:
            return
        index, free = lengths.index(samples), free_memory(self._model.device)
        first = [start // part for part in (4, 2, 1) if start // part >= self._model.card.shortest]
        with self.naming(index, samples):
            for length in self._footprint.unsure(samples, first, free):
                self._measured(waveforms[index][:length], layers)
        if (needed := self._footprint.guess(samples)) > free:
            name = self._model.card.id
            would = f"model {name} would need about {needed / 1e9:.2g} GB of memory for it"
            raise self._too_long(index, samples, would)

    def failing(self) -> AbstractContextManager[None]:
        """Say what to do where the device fails in the block."""
        return failing_clearly(
            self._model.device,
            f"while model {self._model.card.id} heard sounds",
            "What was heard before is kept: start it again, or choose another device.",
        )

    @contextmanager
    def naming(self, index: int, samples: int) -> Iterator[None]:
        """Say of which sound it is that memory ran out, and that the device failed."""
        try:
            with self.failing():
                yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            why = f"memory ran out while model {self._model.card.id} heard it"
            raise self._too_long(index, samples, why) from error

    def _too_long(self, index: int, samples: int, why: str) -> LongSound:
        device = self._model.device
        return LongSound(
            index,
            f"lasts {samples / self._model.card.sample_rate:.4g} s; {why}, and "
            f"{free_memory(device) / 1e9:.2g} GB are free on the {device.type}. Leave "
            f"the sound out, cut it into shorter ones, or use a machine with more memory.",
        )

    def _measured(self, clip: Array, layers: Sequence[str]) -> None:
        with self._footprint.measured(len(clip), self._model.network):
            self._hear([clip], layers)

    def batch_size(self, clips: int, clip: Array, layers: Sequence[str]) -> int:
        """Return how many clips go through the network at once.

        As long as memory is plentiful it depends on the clips alone. Where earlier measurements do
        not tell whether they fit, one clip is measured, and what it gives thrown away.
        """
        samples = len(clip)
        most = int(_SECONDS_AT_ONCE * self._model.card.sample_rate / max(samples, 1))
        wanted = clips if self._model.runs_ahead else min(clips, max(most, 1))
        if wanted == 1 or wanted * samples <= _HEARD_UNASKED * self._model.card.sample_rate:
            return wanted
        fitting = self._footprint.batch(samples, self._model.device)
        if fitting < wanted and samples > self._footprint.longest:
            self._measured(clip, layers)
        return min(wanted, self._footprint.batch(samples, self._model.device))
