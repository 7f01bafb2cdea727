"""Loads the SepFormer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network
from brainbench_audio.cards import ModelCard

from .checkpoint import read, with_tables, without_tables
from .network import BLOCKS, SepFormer
from .transformer import STACK_DEPTH


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the SepFormer; every layer is (stimulus, 256).

    ``encoder`` is the mean over frames of its rectified outputs. A transformer layer is the mean
    over all places in all chunks of the output of its feed-forward part, before the residual is
    added; layers inside chunks and across chunks take turns in eights.

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`. The published weights are three
        files: a path is that of the folder that holds them.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    if isinstance(weights, Mapping):
        weights = without_tables(weights)
    recipe = Recipe(build=SepFormer, read=read, rename=with_tables)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    pooling = dict.fromkeys(card.layers, mean_over_places) | {"encoder": mean_over_frames}
    return TorchModel(card, network, read_outs(card), fingerprint=fingerprint, pooling=pooling)


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer."""
    first, *others = card.layers
    modules = [
        f"masknet.dual_mdl.{block}.{stack}_mdl.mdl.layers.{index}.pos_ffn"
        for block in range(BLOCKS)
        for stack in ("intra", "inter")
        for index in range(STACK_DEPTH)
    ]
    return {first: "encoder", **dict(zip(others, modules, strict=True))}


def mean_over_frames(output: Tensor) -> Tensor:
    """Return (batch, feature) for (batch, feature, frame)."""
    return output.mean(dim=2)


def mean_over_places(output: Tensor) -> Tensor:
    """Return (batch, feature) for (batch, chunk, place, feature) or chunk and place swapped."""
    return output.mean(dim=(1, 2))
