"""Loads the models of the family."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, load_network
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

from .cards import layer_names
from .configuration import CONFIGURATIONS, Configuration
from .network import EncodecMAE, heard_parameters
from .published import PublishedFile

_log = logging.getLogger(__name__)


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
    normalisation: tuple[float, float] | None = None,
) -> TorchModel:
    """Return a model of the family.

    A checkpoint of one's own pretraining brings its sizes; the model's card then has the layers and
    dims of that network in place of those of the published one.

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        See `brainbench_audio.activations.weights.load_network`.
    normalisation : (float, float), optional
        Mean and deviation of the front end's logarithms, in place of those in the file. Only
        ``encodecmae-spec-base`` may need it: where its file does not say, placeholders are used and
        a warning is logged.

    Raises
    ------
    DataError
        The weights are missing, damaged or do not fit.
    ContractError
        ``normalisation`` for a model that has none, or an unknown control.
    """
    published = PublishedFile(card.id, CONFIGURATIONS[card.id])
    recipe = Recipe(
        build=lambda: EncodecMAE(_normalised(published.configuration, normalisation)),
        read=published.read,
    )
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    configuration = _normalised(published.configuration, normalisation)
    if published.own:
        card = _own_card(card, configuration, network)
    if not published.normalised and normalisation is None and "weights" in fingerprint:
        front_end = configuration.front_end
        _log.warning(
            "%s: the weights do not say how its input was normalised. Mean %g and deviation %g are "
            "placeholders, so scores are not those of the published model; give the true ones as "
            "load_model(%r, normalisation=(mean, deviation)).",
            card.id,
            front_end.mean,
            front_end.deviation,
            card.id,
        )
    return TorchModel(
        card,
        network,
        {layer: f"read_outs.{layer.removeprefix('layer_')}" for layer in card.layers},
        fingerprint=fingerprint | {"configuration": asdict(configuration)},
    )


def _own_card(card: ModelCard, configuration: Configuration, network: torch.nn.Module) -> ModelCard:
    """Return what is known about a network that was trained by oneself."""
    layers = layer_names(configuration.blocks)
    return replace(
        card,
        label=f"EnCodecMAE {configuration.blocks} x {configuration.width}, trained by oneself",
        parameters=sum(parameter.numel() for parameter in heard_parameters(network)),
        layers=layers,
        dims=(configuration.width,) * len(layers),
        training_data="a pretraining run of one's own",
        weights=(),
    )


def _normalised(
    configuration: Configuration, normalisation: tuple[float, float] | None
) -> Configuration:
    if normalisation is None:
        return configuration
    mean, deviation = normalisation
    if configuration.front_end.kind == "encodec" or not deviation > 0:
        raise ContractError(
            f"normalisation={normalisation} does not fit: expected mean and a deviation above 0, "
            f"for a model whose input is a spectrum."
        )
    front_end = replace(configuration.front_end, mean=float(mean), deviation=float(deviation))
    return replace(configuration, front_end=front_end)
