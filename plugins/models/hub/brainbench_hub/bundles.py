"""Loads ``torchaudio:NAME``, the bundles of torchaudio.pipelines that extract features."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from brainbench_audio import settings
from brainbench_audio.activations.lengths import find_shortest
from brainbench_audio.activations.requests import checked_seed
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import permuted
from brainbench_audio.cards import ModelCard
from brainbench_audio.download import Remote, fetch
from brainbench_audio.errors import ContractError, DataError, PluginLoadError
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.machine import is_out_of_memory
from brainbench_audio.registry.ids import unknown

from .hugging_face import what_is_asked

_ADDRESS = "https://download.pytorch.org/torchaudio/models"


class Extractor(nn.Module):
    """A model of a bundle; ``layers[n]`` puts out the mean of what block n + 1 puts out.

    Clips go through one at a time: some bundles normalise all that they are given together.
    """

    def __init__(self, name: str, model: nn.Module, sample_rate: int) -> None:
        super().__init__()
        self.name = name
        self.model = model.eval()
        noise = torch.randn(1, sample_rate, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            self.dims = tuple(means.shape[1] for means in self._means(noise))
        self.shortest = find_shortest(self._all_means, name, longest=sample_rate)
        self.layers = nn.ModuleList(nn.Identity() for _ in self.dims)

    def forward(self, waveforms: Tensor) -> None:
        """Put sounds (batch, sample), at the bundle's rate, through all layers.

        Raises
        ------
        ContractError
            The model cannot take sounds of this length.
        """
        for layer, means in zip(self.layers, self._all_means(waveforms), strict=True):
            layer(means)

    def _all_means(self, waveforms: Tensor) -> list[Tensor]:
        clips = [self._means(waveform[None]) for waveform in waveforms]
        return [torch.cat(means) for means in zip(*clips, strict=True)]

    def _means(self, waveform: Tensor) -> list[Tensor]:
        try:
            features, _ = self.model.extract_features(waveform)  # type: ignore[operator]
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise ContractError(
                f"{self.name} cannot take a sound of {waveform.shape[1]} samples: {error}."
            ) from error
        return [feature.mean(dim=1) for feature in features]


def load(
    card: ModelCard,
    weights: str | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
) -> TorchModel:
    """Return a model of a bundle; ``hidden_state_n`` is what block n puts out, mean over time.

    Parameters
    ----------
    card : ModelCard
        Of the scheme, with the model's id.
    weights : None or ``"permuted"``
        Short for ``control``; the weights are those of the bundle.
    control, seed
        As of `brainbench_audio.activations.family.Family`, but not ``"untrained"``.

    Raises
    ------
    UnknownId
        torchaudio has no bundle of that name that extracts features.
    DataError
        The weights cannot be had, or are damaged.
    ContractError
        Other weights, another control, or a seed that is none.
    PluginLoadError
        torchaudio cannot be imported.
    """
    name, control = what_is_asked(card, weights, control)
    seed = checked_seed(seed)
    if control == "untrained":
        raise ContractError(
            f"{card.id} has no untrained control. The same architecture as hf:… has one."
        )
    torchaudio, bundle = _bundle(card, name)
    model, path = _model(card, name, bundle)
    pin: dict[str, Any] = {"weights": hash_files([path])[0]}
    if control == "permuted":
        model.load_state_dict(permuted(model.state_dict(), seed))
        pin |= {"control": control, "seed": seed}
    sample_rate = int(bundle.sample_rate)
    network = Extractor(card.id, model, sample_rate)
    card = dataclasses.replace(
        card,
        label=name,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        layers=tuple(f"hidden_state_{index + 1}" for index in range(len(network.dims))),
        dims=network.dims,
        sample_rate=sample_rate,
        shortest=network.shortest,
    )
    return TorchModel(
        card,
        network,
        {layer: f"layers.{index}" for index, layer in enumerate(card.layers)},
        fingerprint={**pin, "torchaudio": torchaudio.__version__},
        files=[path],
    )


def _bundle(card: ModelCard, name: str) -> tuple[Any, Any]:
    """Return torchaudio and one of its bundles."""
    try:
        import torchaudio
        from torchaudio import pipelines
    except (ImportError, RuntimeError, OSError) as error:
        reason = str(error).rstrip(".")
        raise PluginLoadError(
            f"{card.id} needs torchaudio, which cannot be imported beside torch "
            f"{torch.__version__}: {reason}. Install a pair that works: pip install "
            f"'brainbench-hub[torchaudio]'."
        ) from error
    known = {
        key: value
        for key, value in vars(pipelines).items()
        if isinstance(value, pipelines.Wav2Vec2Bundle)
    }
    if name not in known:
        raise unknown(card.id, "model", [f"torchaudio:{key}" for key in known])
    return torchaudio, known[name]


def _model(card: ModelCard, name: str, bundle: Any) -> tuple[Any, Path]:
    """Return a bundle's model, and the file of its weights.

    The file is fetched first, to where torchaudio then finds it: its own download would neither
    keep to BRAINBENCH_OFFLINE nor check the file.
    """
    published = bundle._path
    url = published if published.startswith("https") else f"{_ADDRESS}/{published}"
    folder = settings.data_home() / "weights" / "torchaudio" / name
    path = fetch(Remote(url.rsplit("/", 1)[-1], (url,)), folder)
    options = {"model_dir": str(folder), "weights_only": True, "map_location": "cpu"}
    try:
        return bundle.get_model(dl_kwargs=options), path
    except Exception as error:  # torch raises many kinds on a damaged file
        raise DataError(
            f"{card.id}: {path} is damaged or not its weights: {error}. Delete it, and it is "
            f"fetched again."
        ) from error
