"""Loads the BEATs models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network
from brainbench_audio.cards import ModelCard

from .cards import ITER3_AS2M
from .checkpoint import read
from .network import BeatsNetwork

_CLASSES = {ITER3_AS2M.id: 527}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return a BEATs model; a layer is the mean over all patches, (stimulus, 768).

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
    recipe = Recipe(build=partial(BeatsNetwork, _CLASSES.get(card.id, 0)), read=read)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    return TorchModel(card, network, read_outs(card), fingerprint=fingerprint)


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer: what enters the first layer, then each layer."""
    first, *others = card.layers
    modules = {layer: f"encoder.layers.{index}" for index, layer in enumerate(others)}
    return {first: "encoder.layer_norm", **modules}
