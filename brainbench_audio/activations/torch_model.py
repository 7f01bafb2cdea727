"""`TorchModel`: the convenient base for a model that is a `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.activations.batches import Started, in_batches, of_one_length, waited_for
from brainbench_audio.activations.footprint import Footprint
from brainbench_audio.activations.model_view import ModelView
from brainbench_audio.activations.placement import put_on_device
from brainbench_audio.activations.precision import PRECISIONS, computing_in
from brainbench_audio.activations.read_outs import (
    Pooling,
    mean_over_time,
    module_of,
    reading_out,
    refuse_width,
)
from brainbench_audio.activations.transfers import Coming, from_device, to_device
from brainbench_audio.cards import ModelCard
from brainbench_audio.devices import failing_clearly, free_memory
from brainbench_audio.errors import ContractError, LongSound, ShortSound
from brainbench_audio.machine import is_out_of_memory

_HEARD_UNASKED = 10  # seconds of a sound that fits anywhere
# of sound in a batch on a CPU: more is not faster (recurrent networks are slower with less)
_SECONDS_AT_ONCE = 32


class TorchModel(ModelView):
    """A model whose layers are the outputs of named modules of a network.

    Clips of one length go through the network together, so nothing is ever padded and a clip's
    activations do not depend on its neighbours.

    Parameters
    ----------
    card : ModelCard
    network : torch.nn.Module
        Takes float32 waveforms (batch, sample) at ``card.sample_rate``. Put into eval mode.
    read_outs : mapping of str to str
        Layer to the name of the module whose output it is, as `torch.nn.Module.get_submodule` has
        it. Of a module that runs several times in a forward pass, ``name#2`` is its second output.
    fingerprint : JSON-able
        Whatever besides source and pooling decides the activations: hash of the weights, options.
        None: unknown, so the activations are never cached.
    pooling : callable or mapping of str to callable
        Turns a module's output into (batch, feature); one for all layers or one a layer.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    dtype : str
        ``float32``, which is float32 on every device. Faster on a GPU, and less exact: ``tf32``, or
        ``float16`` or ``bfloat16`` for automatic mixed precision.
    files : sequence of Path, optional
        Every file besides the plugin's source that decides the activations, such as that of the
        weights; empty if there is none. None: not known, or the weights came from memory.
    provenance : mapping, optional
        JSON-able; goes into the provenance of scores and decides nothing.

    Raises
    ------
    ContractError
        A device that is not there or too small, another dtype, or not one read-out for each layer
        of the card.
    """

    # where it runs decides nothing; of the card, layers and rate count by themselves
    transient = frozenset({"card", "device", "files", "provenance", "_footprint"})

    def __init__(
        self,
        card: ModelCard,
        network: torch.nn.Module,
        read_outs: Mapping[str, str],
        *,
        fingerprint: Any,
        pooling: Pooling | Mapping[str, Pooling] = mean_over_time,
        device: str = "auto",
        dtype: str = "float32",
        files: Sequence[Path] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.card = card
        self.provenance = dict(provenance or {})
        self.files = None if files is None else tuple(files)
        self.network = network.eval()
        self._footprint = Footprint()
        self.place(device, dtype)
        self._given = fingerprint
        self.read_outs = dict(read_outs)
        if lacking := [layer for layer in card.layers if layer not in self.read_outs]:
            raise ContractError(
                f"Model {card.id}: its card has layers {', '.join(card.layers)}, its read_outs "
                f"{', '.join(self.read_outs) or 'none'}: add a read-out of {lacking[0]!r}, or take "
                f"it off the card."
            )
        for layer in self.read_outs:
            # raises AttributeError here, and not when sounds are heard
            module_of(self.network, self.read_outs[layer])
        self._pooling = pooling

    def place(self, device: str = "auto", dtype: str = "float32") -> None:
        """Move the network to a device, and set the precision; see the parameters of the class."""
        self.device = put_on_device(self.network, self.card.id, device, dtype)
        self.dtype = dtype
        self._footprint = Footprint()

    @property
    def fingerprint(self) -> Any:
        """What decides the activations besides source and state; None if it cannot be told."""
        if self._given is None:
            return None
        # float32 is the same on all devices but for its last digits; what is less exact is not
        place = {} if self.device.type == "cpu" else {"device": self.device.type}
        # tells activations apart from those of when front ends ran in half precision too
        kept = {} if self.dtype == "float32" else {"front_end": "float32", **place}
        return {"given": self._given, "dtype": self.dtype, **kept}

    @property
    def computed_in(self) -> str:
        """Device and precision, for people: ``cuda (NVIDIA H100 80GB HBM3), float32``."""
        named = self.device.type == "cuda"
        name = f" ({torch.cuda.get_device_name(self.device)})" if named else ""
        return f"{self.device.type}{name}, {self.dtype}"

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the order of the card."""
        return self.card.layers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms that `activations` takes."""
        return self.card.sample_rate

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return the activations of some sounds, see `interfaces.Model.activations`.

        Raises
        ------
        ShortSound
            A sound has fewer samples than ``card.shortest``.
        LongSound
            A sound of more than 10 s takes more memory than is free, told before it is heard; or
            memory ran out.
        ContractError
            An unknown layer, a waveform that is not mono, a layer that the network did not reach,
            or one with other dims than on the card; or the device failed.
        """
        return self.begin(waveforms, layers)()

    @property
    def runs_ahead(self) -> bool:
        """Whether `begin` comes back before the network has heard the sounds."""
        return bool(self.device.type == "cuda")

    def begin(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Callable[[], dict[str, npt.NDArray[np.float32]]]:
        """Start to hear some sounds; return what waits for their `activations`, and raises alike.

        So a GPU computes while the caller sees to the sounds before. Of each length as many go
        through the network at once as memory takes, whatever was heard before.
        """
        chosen = self._chosen(layers)
        by_length = of_one_length(waveforms)
        self._refuse_short(waveforms)
        self._refuse_long(waveforms, chosen)
        started: list[Started] = []
        for indices in by_length:
            with self._naming(indices[0], len(waveforms[indices[0]])):
                size = self._batch_size(len(indices), waveforms[indices[0]], chosen)
                started += in_batches(
                    indices,
                    size,
                    lambda batch: self._forward([waveforms[i] for i in batch], chosen),
                )
        return partial(self._gathered, chosen, started)

    def _gathered(
        self, layers: Sequence[str], started: Sequence[Started]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Wait for all batches; return each layer, (stimulus, feature)."""
        with self._failing():  # on a GPU most errors come now
            order, batches = waited_for(started)
        return {
            layer: self._stacked(layer, parts)[order]
            for layer, parts in zip(layers, batches, strict=True)
        }

    def _stacked(
        self, layer: str, parts: Sequence[npt.NDArray[np.float32]]
    ) -> npt.NDArray[np.float32]:
        widths = sorted({part.shape[1] for part in parts})
        if len(widths) > 1:
            raise ContractError(
                f"Model {self.card.id}: layer {layer!r}, read out at {self.read_outs[layer]!r}, "
                f"has {' or '.join(map(str, widths))} features, depending on the sound. Average "
                f"over time in `pooling`."
            )
        return np.concatenate(parts)

    def _chosen(self, layers: Sequence[str] | None) -> list[str]:
        chosen = list(self.layers if layers is None else layers)
        unknown = [layer for layer in chosen if layer not in self.read_outs]
        if unknown:
            raise ContractError(
                f"Model {self.card.id} has no layer {unknown[0]!r}, only {', '.join(self.layers)}."
            )
        return chosen

    def _refuse_short(self, waveforms: Sequence[npt.NDArray[np.float32]]) -> None:
        shortest, rate = self.card.shortest, self.sample_rate
        for index, samples in enumerate(map(len, waveforms)):
            if samples < shortest:
                raise ShortSound(
                    index,
                    f"has {samples} samples ({samples / rate:.4g} s), too few for {self.card.id}: "
                    f"it tells sounds apart from {shortest} samples on ({shortest / rate:.4g} s at "
                    f"{rate} Hz). Leave the sound out, or pad it yourself.",
                )

    def _refuse_long(
        self, waveforms: Sequence[npt.NDArray[np.float32]], layers: Sequence[str]
    ) -> None:
        """Refuse the longest sound where it does not fit; its beginnings tell what it takes."""
        lengths = [len(waveform) for waveform in waveforms]
        samples, start = max(lengths, default=0), int(_HEARD_UNASKED * self.sample_rate)
        if samples <= start:
            return
        index, free = lengths.index(samples), free_memory(self.device)
        first = [start // part for part in (4, 2, 1) if start // part >= self.card.shortest]
        with self._naming(index, samples):
            for length in self._footprint.unsure(samples, first, free):
                self._measured(waveforms[index][:length], layers)
        if (needed := self._footprint.guess(samples)) > free:
            would = f"model {self.card.id} would need about {needed / 1e9:.2g} GB of memory for it"
            raise self._too_long(index, samples, would)

    def _failing(self) -> AbstractContextManager[None]:
        return failing_clearly(
            self.device,
            f"while model {self.card.id} heard sounds",
            "What was heard before is kept: start it again, or choose another device.",
        )

    @contextmanager
    def _naming(self, index: int, samples: int) -> Iterator[None]:
        """Say of which sound it is that memory ran out, and that the device failed."""
        try:
            with self._failing():
                yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            why = f"memory ran out while model {self.card.id} heard it"
            raise self._too_long(index, samples, why) from error

    def _too_long(self, index: int, samples: int, why: str) -> LongSound:
        return LongSound(
            index,
            f"lasts {samples / self.sample_rate:.4g} s; {why}, and "
            f"{free_memory(self.device) / 1e9:.2g} GB are free on the {self.device.type}. Leave "
            f"the sound out, cut it into shorter ones, or use a machine with more memory.",
        )

    def _measured(self, clip: npt.NDArray[np.float32], layers: Sequence[str]) -> None:
        with self._footprint.measured(len(clip), self.network):
            self._forward([clip], layers)

    def _batch_size(self, clips: int, clip: npt.NDArray[np.float32], layers: Sequence[str]) -> int:
        """Return how many clips go through the network at once.

        As long as memory is plentiful it depends on the clips alone. Where earlier measurements do
        not tell whether they fit, one clip is measured, and what it gives thrown away.
        """
        samples = len(clip)
        most = int(_SECONDS_AT_ONCE * self.sample_rate / max(samples, 1))
        wanted = clips if self.runs_ahead else min(clips, max(most, 1))
        if wanted == 1 or wanted * samples <= _HEARD_UNASKED * self.sample_rate:
            return wanted
        fitting = self._footprint.batch(samples, self.device)
        if fitting < wanted and samples > self._footprint.longest:
            self._measured(clip, layers)
        return min(wanted, self._footprint.batch(samples, self.device))

    def _forward(self, clips: Sequence[npt.NDArray[np.float32]], layers: Sequence[str]) -> Coming:
        batch = to_device(clips, self.device)
        outputs: dict[str, torch.Tensor] = {}
        precision = computing_in(self.device, PRECISIONS[self.dtype])
        with torch.inference_mode(), precision, self._read_outs(layers, outputs):
            self.network(batch)
        for layer in layers:
            if layer not in outputs:
                raise ContractError(
                    f"Model {self.card.id}: its network never ran layer {layer!r}, which is read "
                    f"out at {self.read_outs[layer]!r}."
                )
            refuse_width(self.card, layer, len(clips), outputs[layer])
        return from_device([outputs[layer] for layer in layers])

    @contextmanager
    def _read_outs(self, layers: Sequence[str], outputs: dict[str, torch.Tensor]) -> Iterator[None]:
        pools = {layer: self._pool(layer) for layer in layers}
        read_outs = {layer: self.read_outs[layer] for layer in layers}
        with reading_out(self.card.id, self.network, read_outs, pools, outputs):
            yield

    def _pool(self, layer: str) -> Pooling:
        return self._pooling[layer] if isinstance(self._pooling, Mapping) else self._pooling
