"""Loads the model `spectrotemporal`."""

from __future__ import annotations

from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

from .network import SpectrotemporalNetwork

_WHOLE_NETWORK = ""


def load(card: ModelCard, weights: Any = None) -> TorchModel:
    """Return the model.

    Parameters
    ----------
    card : ModelCard
    weights : None or empty mapping
        The model is a fixed transform: there is nothing to load, initialise or permute.

    Raises
    ------
    ContractError
        ``weights`` is given.
    """
    if weights is not None and weights != {}:
        given = repr(weights) if isinstance(weights, str) else type(weights).__name__
        raise ContractError(
            f"Model {card.id} has no weights (a fixed filter bank), but weights={given} was given. "
            f"Leave weights out; it has no untrained or permuted control either."
        )
    return TorchModel(
        card,
        SpectrotemporalNetwork(),
        dict.fromkeys(card.layers, _WHOLE_NETWORK),
        fingerprint={"weights": None},
    )
