"""Loads the model `vggish`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network, nested
from brainbench_audio.cards import ModelCard

from .network import VggishNetwork


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return VGGish; a layer is the mean over time, (stimulus, channel x band or unit).

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
    recipe = Recipe(build=partial(VggishNetwork, card.layers), read=read)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    read_outs = {layer: f"read_outs.{layer}" for layer in card.layers}
    return TorchModel(card, network, read_outs, fingerprint=fingerprint)


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return the state dict of the published file, which holds nothing else."""
    return nested(checkpoint, [])
