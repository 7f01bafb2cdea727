"""Loads the Dasheng models."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

from .cards import BASE, BASE_AS, LARGE, LARGEST
from .checkpoint import read, rename, rename_fine_tuned
from .network import DashengNetwork, Size

SIZES = {
    BASE.id: Size(width=768, depth=12, heads=12),
    LARGE.id: Size(width=1280, depth=32, heads=16),
    LARGEST.id: Size(width=1536, depth=40, heads=24),
    BASE_AS.id: Size(width=768, depth=12, heads=12),
}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
    depth: int | None = None,
) -> TorchModel:
    """Return a Dasheng model; a layer is the mean over all tokens, (stimulus, feature).

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`.
    depth : int, optional
        Only that many blocks, with weights to match; every one of them is then a layer.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control, or an impossible depth.
    """
    size = SIZES[card.id]
    if depth is not None:
        card, size = shortened(card, size, depth)
    recipe = Recipe(
        build=partial(DashengNetwork, size),
        read=read,
        rename=rename_fine_tuned if card.id == BASE_AS.id else rename,
    )
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    read_outs = {layer: layer for layer in card.layers}
    fingerprint["depth"] = size.depth
    return TorchModel(card, network, read_outs, fingerprint=fingerprint)


def shortened(card: ModelCard, size: Size, depth: int) -> tuple[ModelCard, Size]:
    """Return card and size of a network of only the first blocks.

    Raises
    ------
    ContractError
        The model does not have that many blocks.
    """
    if not 1 <= depth <= size.depth:
        raise ContractError(
            f"Model {card.id} has {size.depth} blocks: depth={depth} is not possible."
        )
    block = 12 * size.width**2 + 13 * size.width
    short = dataclasses.replace(
        card,
        parameters=card.parameters - (size.depth - depth) * block,
        layers=tuple(f"blocks.{index}" for index in range(depth)),
        dims=(size.width,) * depth,
    )
    return short, dataclasses.replace(size, depth=depth)
