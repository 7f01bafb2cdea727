"""Loads the MetricGAN+ generator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network, nested
from brainbench_audio.cards import ModelCard

from .network import MetricGanGenerator

READ_OUTS = {
    "lstm1_cell": "cells.0",
    "lstm2_cell": "cells.1",
    # After the rectification, which the reference does in place.
    "linear1": "activation",
    "linear2": "linear2",
}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the MetricGAN+ generator.

    The two LSTM layers are read as their final cell states, (stimulus, 400): forward after the last
    frame, then backward after the first. The two linear layers are means over frames, the first
    after its rectification, the second before the sigmoid.

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
    # The published file is a bare state dict.
    recipe = Recipe(build=MetricGanGenerator, read=partial(nested, keys=()))
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    return TorchModel(card, network, READ_OUTS, fingerprint=fingerprint)
