"""Loads the CochDNN models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network
from brainbench_audio.cards import CONTROLS, ModelCard
from brainbench_audio.errors import DataError

from .checkpoint import find_checkpoint, read, rename, with_advice
from .cochcnn9 import CochCNN9
from .cochresnet50 import CochResNet50
from .heads import ALL_HEADS, WORDS, Heads
from .network import CochNetwork

BODIES: dict[str, type[CochCNN9 | CochResNet50]] = {
    "cochcnn9": CochCNN9,
    "cochresnet50": CochResNet50,
}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return a CochDNN model; a layer is the mean over time, (stimulus, channel x frequency).

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`; a path may also be the folder
        that the published archive was unpacked to.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    if isinstance(weights, str) and weights in CONTROLS:
        weights, control = None, weights
    if not isinstance(weights, Mapping) and control != "untrained":
        weights = find_checkpoint(card, None if weights is None else Path(weights).expanduser())
    recipe = Recipe(build=lambda: build(card), read=read, rename=rename)
    try:
        network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    except DataError as error:
        if isinstance(weights, Path):
            raise with_advice(error, weights) from error
        raise
    read_outs = {layer: f"read_outs.{layer}" for layer in card.layers}
    return TorchModel(card, network, read_outs, fingerprint=fingerprint)


def build(card: ModelCard) -> CochNetwork:
    """Return a card's network with fresh initial weights."""
    heads: Heads = WORDS if card.id.endswith("-word") else ALL_HEADS
    return CochNetwork(BODIES[card.family](heads), card.layers)
