"""Loads the encoder of the ZeroSpeech 2020 model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from brainbench_audio import settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, State, load_network, nested
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError

from .cards import CHANNELS, FILE, RELEASE
from .network import ZeroSpeechNetwork

# Chances of the random jitter of codes: used in training only.
_TRAINING_ONLY = "jitter.prob"


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the encoder; a layer is the mean over time, (stimulus, 768).

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`, but the published file is not
        fetched: it is part of a larger release that has to be downloaded by hand.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    if isinstance(weights, str) and weights == "permuted":
        weights, control = None, weights
    if weights is None and control != "untrained":
        weights = published_file(card)
    network, fingerprint = load_network(card, recipe(), weights, control=control, seed=seed)
    return TorchModel(
        card,
        network,
        read_outs(card),
        fingerprint=fingerprint,
        pooling=mean_over_steps,
    )


def published_file(card: ModelCard) -> Path:
    """Return the published file where the user has put it.

    Raises
    ------
    DataError
        It is not there; the message says where to get it and where to put it.
    """
    path = settings.data_home() / "weights" / card.family / FILE
    if not path.is_file():
        raise DataError(
            f"{path} does not exist. Download the English model (2019english) of {RELEASE}, take "
            f"{FILE} out of it and put it there. Or give it where it is: --weights FILE, "
            f"load_model({card.id!r}, weights=FILE)."
        )
    return path


def recipe(channels: int = CHANNELS) -> Recipe:
    """Return how to make and fill a network of that many channels."""
    return Recipe(build=partial(ZeroSpeechNetwork, channels), read=read, rename=rename)


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return the encoder's state dict, which lies in the file beside decoder and optimiser.

    Raises
    ------
    DataError
        The file has no such entry.
    """
    return nested(checkpoint, ["encoder"])


def rename(state: dict[str, Tensor]) -> State:
    """Return a state dict without what only training uses."""
    return {name: tensor for name, tensor in state.items() if name != _TRAINING_ONLY}


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer: the third of each convolution, norm and ReLU."""
    return {layer: f"encoder.{3 * block + 2}" for block, layer in enumerate(card.layers)}


def mean_over_steps(output: Tensor) -> Tensor:
    """Return the mean over time of (batch, channel, step)."""
    return output.mean(dim=-1)
