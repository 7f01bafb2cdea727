"""`TorchModel`: the convenient base for a model that is a `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError
from brainbench_audio.provenance import function_hash

Pooling = Callable[[torch.Tensor], torch.Tensor]
_BATCH = 8


def mean_over_time(output: torch.Tensor) -> torch.Tensor:
    """Return the mean over axis 1 of (batch, time, feature); (batch, feature) stays as it is."""
    return output.mean(dim=1) if output.dim() == 3 else output


def choose_device(name: str) -> torch.device:
    """Return the device of ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    ContractError
        This machine does not have it.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available.get(name, False):
        there = [device for device, there in available.items() if there]
        raise ContractError(
            f"Device {name!r} is not available here: choose auto, {', '.join(there)}."
        )
    return torch.device(name)


class TorchModel:
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
        it.
    fingerprint : JSON-able
        Whatever besides source and pooling decides the activations: hash of the weights, options.
        None: unknown, so the activations are never cached.
    pooling : callable or mapping of str to callable
        Turns a module's output into (batch, feature); one for all layers or one a layer.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    def __init__(
        self,
        card: ModelCard,
        network: torch.nn.Module,
        read_outs: Mapping[str, str],
        *,
        fingerprint: Any,
        pooling: Pooling | Mapping[str, Pooling] = mean_over_time,
        device: str = "auto",
    ) -> None:
        self.card = card
        self.device = choose_device(device)
        self.network = network.to(self.device).eval()
        self._given = fingerprint
        self._modules = {layer: network.get_submodule(name) for layer, name in read_outs.items()}
        self._pooling = pooling

    @property
    def fingerprint(self) -> Any:
        """What decides the activations besides the plugin's source; None if it cannot be told."""
        pooling = {layer: function_hash(self._pool(layer)) for layer in self.layers}
        if self._given is None or None in pooling.values():
            return None
        return {"given": self._given, "pooling": pooling}

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
        ContractError
            An unknown layer, a waveform that is not mono, or a layer the network did not reach.
        """
        chosen = self._chosen(layers)
        rows: dict[str, list[npt.NDArray[np.float32] | None]]
        rows = {layer: [None] * len(waveforms) for layer in chosen}
        for indices in _batches(waveforms):
            batch = torch.as_tensor(np.stack([waveforms[i] for i in indices]), dtype=torch.float32)
            for layer, values in self._forward(batch.to(self.device), chosen).items():
                for index, row in zip(indices, values, strict=True):
                    rows[layer][index] = row
        return {
            layer: np.stack([row for row in found if row is not None])
            for layer, found in rows.items()
        }

    def _chosen(self, layers: Sequence[str] | None) -> list[str]:
        chosen = list(self.layers if layers is None else layers)
        unknown = [layer for layer in chosen if layer not in self._modules]
        if unknown:
            raise ContractError(
                f"Model {self.card.id} has no layer {unknown[0]!r}, only {', '.join(self.layers)}."
            )
        return chosen

    def _forward(
        self, batch: torch.Tensor, layers: Sequence[str]
    ) -> dict[str, npt.NDArray[np.float32]]:
        outputs: dict[str, torch.Tensor] = {}
        with torch.inference_mode(), self._read_outs(layers, outputs):
            self.network(batch)
        for layer in layers:
            if layer not in outputs:
                raise ContractError(f"Model {self.card.id}: its network never ran layer {layer!r}.")
        return {layer: outputs[layer].float().cpu().numpy() for layer in layers}

    @contextmanager
    def _read_outs(self, layers: Sequence[str], outputs: dict[str, torch.Tensor]) -> Iterator[None]:
        def keep(layer: str) -> Callable[[torch.nn.Module, Any, Any], None]:
            def hook(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
                value = output[0] if isinstance(output, tuple) else output
                # a copy, because a later in-place operation may still change the output
                outputs[layer] = self._pool(layer)(value).flatten(1).clone()

            return hook

        handles = [self._modules[layer].register_forward_hook(keep(layer)) for layer in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _pool(self, layer: str) -> Pooling:
        return self._pooling[layer] if isinstance(self._pooling, Mapping) else self._pooling


def _batches(waveforms: Sequence[npt.NDArray[np.float32]]) -> Iterator[list[int]]:
    """Yield indices of clips of one length, a few at a time."""
    by_length: dict[int, list[int]] = {}
    for index, waveform in enumerate(waveforms):
        if np.ndim(waveform) != 1:
            raise ContractError(
                f"Sound {index} has shape {np.shape(waveform)}: models take mono, (sample,)."
            )
        by_length.setdefault(len(waveform), []).append(index)
    for indices in by_length.values():
        for start in range(0, len(indices), _BATCH):
            yield indices[start : start + _BATCH]
