"""Loads the captioner of DCASE 2020."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network, nested
from brainbench_audio.cards import ModelCard

from .cards import WIDTH, WORDS
from .network import CaptionNetwork

READ_OUTS = {
    "gru1": "encoder.states.0",
    "gru2": "encoder.states.1",
    "gru3": "encoder.states.2",
    "decoder_gru": "decoder.state",
    "classifier": "decoder.classifier",
}


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the captioner.

    The layers of GRUs are last states (stimulus, 512 or 256), `classifier` is the mean over the 22
    words (stimulus, 4367).

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
    return TorchModel(card, network, READ_OUTS, fingerprint=fingerprint)


def recipe(width: int = WIDTH, words: int = WORDS) -> Recipe:
    """Return how to make and fill a network of that many units and words."""
    return Recipe(build=partial(CaptionNetwork, width, words), read=read)


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return the state dict of the published file, which holds nothing else."""
    return nested(checkpoint, [])
