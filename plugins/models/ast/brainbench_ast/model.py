"""Loads the model `ast`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from torch import Tensor

from brainbench_audio.activations.torch_model import Pooling, TorchModel, mean_over_time
from brainbench_audio.activations.weights import Recipe, load_network, nested
from brainbench_audio.cards import ModelCard

from .names import rename
from .network import AstNetwork

_BODY = "transformer.audio_spectrogram_transformer"


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return the model; a layer is a mean over all patches, those of the padding too.

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`; names are those of the original
        file or of the file on the hub.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    recipe = Recipe(build=AstNetwork, read=partial(nested, keys=()), rename=rename)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    pooling: dict[str, Pooling] = dict.fromkeys(card.layers, mean_over_time)
    return TorchModel(
        card,
        network,
        read_outs(card),
        fingerprint=fingerprint | {"transformers": metadata.version("transformers")},
        pooling=pooling | {card.layers[0]: mean_over_image},
    )


def mean_over_image(output: Tensor) -> Tensor:
    """Return the mean over both axes of (batch, feature, frequency, time)."""
    return output.mean(dim=(2, 3))


def read_outs(card: ModelCard) -> dict[str, str]:
    """Return the module whose output is a layer.

    A block's layer is what its second linear layer puts out, before the residual is added: the
    paper speaks of the block's output, the released code takes this.
    """
    embedding, *blocks, final = card.layers
    modules = {layer: f"{_BODY}.layers.{index}.mlp.fc2" for index, layer in enumerate(blocks)}
    patches = f"{_BODY}.embeddings.patch_embeddings.projection"
    return {embedding: patches, **modules, final: "transformer.classifier.dense"}
