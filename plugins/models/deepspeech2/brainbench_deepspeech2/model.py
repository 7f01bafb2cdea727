"""Loads DeepSpeech 2."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from brainbench_audio.activations.torch_model import TorchModel, mean_over_time
from brainbench_audio.activations.weights import Recipe, load_network
from brainbench_audio.cards import ModelCard

from .cards import DEPTH, WIDTH
from .checkpoint import read, read_snapshot
from .network import DeepSpeechNetwork

_CONVOLUTIONS = {"hardtanh0": "conv.seq_module.2", "hardtanh1": "conv.seq_module.5"}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return DeepSpeech 2.

    The layers of convolutions are means over time (stimulus, channel * frequency), those of LSTMs
    last cell states (stimulus, 2048).

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
    network, fingerprint = load_network(card, recipe(), weights, control=control, seed=seed)
    return model_of(card, network, fingerprint)


def recipe(width: int = WIDTH, depth: int = DEPTH) -> Recipe:
    """Return how to make and fill a network of that width and depth."""
    return Recipe(build=partial(DeepSpeechNetwork, width, depth), read=read, open=read_snapshot)


def model_of(card: ModelCard, network: Any, fingerprint: Mapping[str, Any]) -> TorchModel:
    """Return the model of a network, with the layers that the card names."""
    read_outs = {
        layer: _CONVOLUTIONS.get(layer) or f"rnns.{layer.removeprefix('lstm')}.cell"
        for layer in card.layers
    }
    pooling = {
        layer: mean_over_frames if layer in _CONVOLUTIONS else mean_over_time
        for layer in card.layers
    }
    return TorchModel(card, network, read_outs, fingerprint=fingerprint, pooling=pooling)


def mean_over_frames(output: Tensor) -> Tensor:
    """Return the mean over time of (batch, channel, frequency, frame), channel by channel."""
    return output.mean(dim=-1).flatten(1)
