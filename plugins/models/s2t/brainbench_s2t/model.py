"""Loads the model `s2t`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, State, load_network, nested
from brainbench_audio.cards import ModelCard

from .network import S2tNetwork

# the decoder and its output matrix, and position tables, which are computed
_UNUSED = re.compile(r"model\.decoder\..+|lm_head\.weight|model\.encoder\.embed_positions\.weights")


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the model; a layer is the mean over all steps, (stimulus, 1024).

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`; the decoder may be left out.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    recipe = Recipe(build=S2tNetwork, read=partial(nested, keys=()), rename=rename)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    return TorchModel(
        card,
        network,
        {layer: f"layers.{index}" for index, layer in enumerate(card.layers)},
        fingerprint=fingerprint | {"transformers": metadata.version("transformers")},
    )


def rename(state: State) -> State:
    """Return the encoder's part of the published state dict under the names of the network."""
    return {
        name.removeprefix("model."): tensor
        for name, tensor in state.items()
        if not _UNUSED.fullmatch(name)
    }
