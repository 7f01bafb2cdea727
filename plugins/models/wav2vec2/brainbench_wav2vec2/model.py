"""Loads the model `wav2vec2`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, State, load_network, nested
from brainbench_audio.cards import ModelCard

from .network import Wav2Vec2Network

_CONVOLUTION = "wav2vec2.encoder.pos_conv_embed.conv."
# torch has renamed the two tensors of weight norm since the file was written
_WEIGHT_NORM = {
    f"{_CONVOLUTION}weight_g": f"{_CONVOLUTION}parametrizations.weight.original0",
    f"{_CONVOLUTION}weight_v": f"{_CONVOLUTION}parametrizations.weight.original1",
}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the model; a layer is the mean over all frames, (stimulus, 768).

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    recipe = Recipe(build=Wav2Vec2Network, read=partial(nested, keys=()), rename=rename)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    return TorchModel(
        card,
        network,
        {layer: f"layers.{index}" for index, layer in enumerate(card.layers)},
        fingerprint=fingerprint | {"transformers": metadata.version("transformers")},
    )


def rename(state: State) -> State:
    """Return the published state dict under the names of the network."""
    return {_WEIGHT_NORM.get(name, name): tensor for name, tensor in state.items()}
