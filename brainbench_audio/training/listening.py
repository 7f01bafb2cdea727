"""Reads layers of a network that is being trained, wherever it is and in whatever wrapper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.activations.own_modules import unwrapped
from brainbench_audio.activations.precision import PRECISIONS, computing_in
from brainbench_audio.activations.read_outs import Pooling
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

Activations = Mapping[str, npt.NDArray[np.float32]]
Listener = Callable[[Sequence[npt.NDArray[np.float32]]], Activations]
Function = Callable[[Sequence[npt.NDArray[np.float32]]], Mapping[str, Any]]
Forward = Callable[[torch.nn.Module, torch.Tensor], Any]


class _Watched(TorchModel):
    """A network in training: it stays where it is, and keeps what it can compute gradients from."""

    forward_with: Forward | None = None

    def place(self, device: str = "auto", dtype: str = "float32") -> None:
        """Note where the network is."""
        weights = next(self.network.parameters(), torch.empty(0))
        self.device = weights.device
        self.dtype = dtype
        self.precision = weights.dtype if weights.is_floating_point() else torch.float32

    def _run(self, batch: torch.Tensor, pools: Mapping[str, Pooling]) -> dict[str, torch.Tensor]:
        """As in `TorchModel`, but without inference mode.

        A tensor that a network makes there and keeps, such as a table of positions, could not take
        part in the next training step.
        """
        outputs: dict[str, torch.Tensor] = {}
        precision = computing_in(self.device, PRECISIONS[self.dtype])
        with torch.no_grad(), precision, self._read_outs(pools, outputs):
            if self.forward_with is None:
                self.network(batch.to(self.precision))
            else:
                self.forward_with(self.network, batch.to(self.precision))
        return outputs


def listener(
    network: Any,
    sample_rate: int | None,
    layers: Sequence[str] | Mapping[str, str] | None,
    forward: Forward | None,
    pooling: Pooling,
) -> Listener:
    """Return what turns waveforms into activations; see `AlignmentMonitor` for the arguments.

    Raises
    ------
    ContractError
        ``sample_rate`` or ``layers`` is missing, or a layer fits no submodule.
    """
    if not isinstance(network, torch.nn.Module):
        return _other_listener(network, sample_rate, layers)
    plain = unwrapped(network)
    if sample_rate is None or not layers:
        raise ContractError("A torch.nn.Module needs sample_rate=… and layers=[…] to be monitored.")
    read_outs = _read_outs(plain, layers)
    card = _card(type(plain).__name__, tuple(read_outs), sample_rate)

    def listen(waveforms: Sequence[npt.NDArray[np.float32]]) -> Activations:
        # made anew: the network may be on another device by now
        watched = _Watched(card, plain, read_outs, fingerprint=None, pooling=pooling)
        watched.forward_with = forward
        return watched.activations(waveforms)

    return listen


def _other_listener(
    model: Any, sample_rate: int | None, layers: Sequence[str] | Mapping[str, str] | None
) -> Listener:
    """Listen to a model or a function, which give their activations by themselves."""
    chosen = None if layers is None else list(layers)
    if hasattr(model, "activations") and hasattr(model, "sample_rate"):
        return lambda waveforms: model.activations(waveforms, layers=chosen)
    if not callable(model) or sample_rate is None:
        raise ContractError(
            f"{type(model).__name__} is no torch.nn.Module, no model and no function whose "
            f"sample_rate=… is given."
        )

    def listen(waveforms: Sequence[npt.NDArray[np.float32]]) -> Activations:
        with torch.no_grad():
            found = model(waveforms)
        return {
            layer: torch.as_tensor(found[layer]).detach().float().cpu().numpy()
            for layer in (found if chosen is None else chosen)
        }

    return listen


def _read_outs(
    network: torch.nn.Module, layers: Sequence[str] | Mapping[str, str]
) -> dict[str, str]:
    """Return layer to submodule, with the patterns filled in."""
    names = [name for name, _ in network.named_modules() if name]
    given = layers if isinstance(layers, Mapping) else {pattern: pattern for pattern in layers}
    found: dict[str, str] = {}
    for layer, pattern in given.items():
        wanted = pattern.split(".")
        matched = [
            name
            for name in names
            if len(parts := name.split(".")) == len(wanted) and all(map(fnmatchcase, parts, wanted))
        ]
        if not matched:
            raise ContractError(
                f"The network has no submodule {pattern!r}; it has {', '.join(names[:20])}, …"
            )
        own = layer != pattern and len(matched) == 1
        found |= {layer if own else name: name for name in matched}
    return found


def _card(name: str, layers: tuple[str, ...], sample_rate: int) -> ModelCard:
    return ModelCard(
        id=name,
        family="",
        label=name,
        parameters=0,
        layers=layers,
        dims=(),
        sample_rate=sample_rate,
        licence="",
        citation="",
        training_data="",
        source="",
        packages=(),
        loader="",
    )
