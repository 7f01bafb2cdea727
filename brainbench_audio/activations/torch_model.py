"""`TorchModel`: the convenient base for a model that is a `torch.nn.Module`."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.activations.batches import Started, in_batches, of_one_length, waited_for
from brainbench_audio.activations.fitting import Fitting
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
from brainbench_audio.activations.requests import checked_layers, checked_sounds, refuse_short
from brainbench_audio.activations.time_axes import TimeAxis, find_time_axes
from brainbench_audio.activations.transfers import Coming, from_device, to_device
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, ContractError
from brainbench_audio.machine import is_out_of_memory
from brainbench_audio.stimuli.stimulus_set import Moment, Span, clips


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
    transient = frozenset({"card", "device", "files", "provenance", "_footprint", "_time_axes"})

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
        self._time_axes: dict[str, TimeAxis] | None = None

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
        UnfitSound
            A waveform is not mono, not of floats, masked in part, not finite or far beyond [-1, 1].
        ContractError
            An unknown layer, a layer that the network did not reach, or one with other dims than on
            the card; or the device failed.
        """
        return self.begin(waveforms, layers)()

    def activations_over_time(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        moment: Moment,
        layers: Sequence[str] | None = None,
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return the activations at a moment of each window, and raise as `activations` does.

        A layer whose output gets longer with the sound is pooled over the moment's frames alone, at
        least one; what comes before is their context. Any other layer, as of a network that
        averages by itself, hears the moment's clip and nothing else.

        Parameters
        ----------
        waveforms : sequence of float32 arrays
            Windows, each (sample,).
        moment : Moment
        layers : sequence of str, optional
            Only these; all by default.

        Returns
        -------
        dict of str to float32 array
            Layer to (window, feature).
        """
        return self.begin(waveforms, layers, moment)()

    @property
    def runs_ahead(self) -> bool:
        """Whether `begin` comes back before the network has heard the sounds."""
        return bool(self.device.type == "cuda")

    def begin(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
        moment: Moment | None = None,
    ) -> Callable[[], dict[str, npt.NDArray[np.float32]]]:
        """Start to hear some sounds; return what waits for their `activations`, and raises alike.

        So a GPU computes while the caller sees to the sounds before. Of each length as many go
        through the network at once as memory takes, whatever was heard before. With a ``moment``,
        it is `activations_over_time`.
        """
        chosen = checked_layers(self.card.id, layers, self.layers)
        waveforms = checked_sounds(waveforms)
        if moment is None:
            return self._begun(waveforms, chosen)
        timed = [layer for layer in chosen if layer in self._axes()]
        rest = [layer for layer in chosen if layer not in timed]
        begun = [self._begun(waveforms, timed, moment.frames)] if timed else []
        if rest:
            begun.append(self._begun(clips(waveforms, moment, self.sample_rate), rest))

        def wait() -> dict[str, npt.NDArray[np.float32]]:
            parts = ChainMap(*(coming() for coming in begun))
            return {layer: parts[layer] for layer in chosen}

        return wait

    def _begun(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str],
        frames: Span | None = None,
    ) -> Callable[[], dict[str, npt.NDArray[np.float32]]]:
        """Start to hear sounds with layers of one kind, see `begin`."""
        by_length = of_one_length(waveforms)
        refuse_short(self.card, waveforms)
        self._fitting.refuse_long(waveforms, layers)
        started: list[Started] = []
        for indices in by_length:
            with self._fitting.naming(indices[0], len(waveforms[indices[0]])):
                size = self._fitting.batch_size(len(indices), waveforms[indices[0]], layers)
                started += in_batches(
                    indices,
                    size,
                    lambda batch: self._forward([waveforms[i] for i in batch], layers, frames),
                )
        return partial(self._gathered, layers, started)

    @property
    def _fitting(self) -> Fitting:
        """What refuses sounds; kept, it would be a circle, which frees a network only later."""
        return Fitting(self, self._forward, self._footprint)

    def _gathered(
        self, layers: Sequence[str], started: Sequence[Started]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Wait for all batches; return each layer, (stimulus, feature)."""
        with self._fitting.failing():  # on a GPU most errors come now
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

    def _forward(
        self,
        clips: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str],
        frames: Span | None = None,
    ) -> Coming:
        pools = self._pools(layers)
        if frames is not None:
            start, end = (seconds * self.sample_rate / len(clips[0]) for seconds in frames)
            pools = {x: self._axes()[x].pooled(pool, (start, end)) for x, pool in pools.items()}
        outputs = self._run(to_device(clips, self.device), pools)
        for layer in layers:
            if layer not in outputs:
                raise ContractError(
                    f"Model {self.card.id}: its network never ran layer {layer!r}, which is read "
                    f"out at {self.read_outs[layer]!r}."
                )
            refuse_width(self.card, layer, len(clips), outputs[layer])
        return from_device([outputs[layer] for layer in layers])

    def _run(self, batch: torch.Tensor, pools: Mapping[str, Pooling]) -> dict[str, torch.Tensor]:
        """Have the network hear a batch; return each layer that it reached, pooled."""
        outputs: dict[str, torch.Tensor] = {}
        precision = computing_in(self.device, PRECISIONS[self.dtype])
        with torch.inference_mode(), precision, self._read_outs(pools, outputs):
            self.network(batch)
        return outputs

    def _read_outs(
        self, pools: Mapping[str, Pooling], outputs: dict[str, torch.Tensor]
    ) -> AbstractContextManager[None]:
        """Keep the layers that are pooled while the network runs in the block."""
        read_outs = {layer: self.read_outs[layer] for layer in pools}
        return reading_out(self.card.id, self.network, read_outs, pools, outputs)

    def _unpooled(self, sound: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the output of each layer for a sound, (1, sample), as it is before pooling."""
        outputs: dict[str, torch.Tensor] = {}

        def keeping(layer: str) -> Pooling:
            def pool(output: torch.Tensor) -> torch.Tensor:
                outputs[layer] = output.clone()
                return output.new_empty((1, 1))

            return pool

        self._run(sound.to(self.device), {layer: keeping(layer) for layer in self.layers})
        return outputs

    def _axes(self) -> dict[str, TimeAxis]:
        """Return the time axis of each layer that has one; the first time, the network listens."""
        if self._time_axes is None:
            samples = max(self.sample_rate, self.card.shortest)
            try:
                self._time_axes = find_time_axes(self._unpooled, samples)
            except Exception as error:  # whatever a network may raise
                if isinstance(error, BrainbenchError) or is_out_of_memory(error):
                    raise
                seconds = samples / self.sample_rate
                raise ContractError(
                    f"Model {self.card.id}: where time runs in its layers is found with noises of "
                    f"{seconds:g} to {1.5 * seconds:g} s, and its network failed: {error!r}. Have "
                    f"it take sounds of these lengths, or give the model an "
                    f"`activations_over_time` of its own."
                ) from error
        return self._time_axes

    def _pools(self, layers: Sequence[str]) -> dict[str, Pooling]:
        each = self._pooling
        return {layer: each[layer] if isinstance(each, Mapping) else each for layer in layers}
