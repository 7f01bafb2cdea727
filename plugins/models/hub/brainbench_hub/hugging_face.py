"""Loads ``hf:owner/name[@revision]`` and ``hf:/folder`` through transformers."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version
from typing import Any

import torch

from brainbench_audio.activations.requests import checked_seed
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.transformers_library import import_transformers
from brainbench_audio.activations.weights import permuted
from brainbench_audio.cards import CONTROLS, ModelCard
from brainbench_audio.errors import ContractError, DataError

from .encoder import Encoder, audio_encoder
from .source import Source, find_source

# learned in training for masked frames, used nowhere else, and absent from some files
_UNUSED = "masked_spec_embed"
_SHOWN = 10


def load(
    card: ModelCard,
    weights: str | None = None,
    *,
    control: str | None = None,
    seed: int = 0,
    trust_remote_code: bool = False,
) -> TorchModel:
    """Return an audio encoder; its layers are all its hidden states, ``hidden_state_0`` first.

    Each is averaged over the time steps of the sound; padding, where the model needs it, does not
    count.

    Parameters
    ----------
    card : ModelCard
        Of the scheme, with the model's id.
    weights : None, ``"untrained"`` or ``"permuted"``
        Short for ``control``; the id says where the weights are.
    control, seed
        As of `brainbench_audio.activations.family.Family`.
    trust_remote_code : bool
        Run Python code that comes with the model. Without it, no such code runs.

    Raises
    ------
    UnknownId
        The id is no folder and no name on the hub.
    DataError
        The files cannot be had, or are no model that transformers can load safely.
    ContractError
        The model wants to run its own code, or gives no hidden states; other weights, another
        control, or a seed that is none.
    PluginLoadError
        transformers cannot be imported.
    """
    location, control = what_is_asked(card, weights, control)
    seed = checked_seed(seed)
    source = find_source(location, code=trust_remote_code)
    library = import_transformers()
    encoder, extractor = _read(
        library, card, source, control=control, seed=seed, trusted=trust_remote_code
    )
    network = Encoder(card.id, encoder, extractor)
    fingerprint = {
        **source.pin,
        **({"control": control, "seed": seed} if control else {}),
        "transformers": library.__version__,
        # some feature extractors use it where they can
        "torchaudio": version("torchaudio") if library.utils.is_speech_available() else None,
    }
    card = dataclasses.replace(
        card,
        label=source.name,
        parameters=sum(parameter.numel() for parameter in encoder.parameters()),
        layers=tuple(f"hidden_state_{index}" for index in range(len(network.dims))),
        dims=network.dims,
        sample_rate=int(extractor.sampling_rate),
        shortest=network.shortest,
        source=source.url,
    )
    read_outs = {layer: f"layers.{index}" for index, layer in enumerate(card.layers)}
    # code of its own may read any file
    files = None if trust_remote_code else source.files
    return TorchModel(card, network, read_outs, fingerprint=fingerprint, files=files)


def what_is_asked(
    card: ModelCard, weights: str | None, control: str | None
) -> tuple[str, str | None]:
    """Return where the model is and the control that is asked for.

    Raises
    ------
    ContractError
        There is none of this name, or ``weights`` is something else.
    """
    asked = control if weights is None else weights
    if asked is not None and asked not in CONTROLS:
        raise ContractError(
            f"{card.id}: the id says where the weights are, so weights= can only be "
            f"{' or '.join(CONTROLS)}. Files of one's own: hf:/folder."
        )
    return card.id.partition(":")[2], asked  # the scheme aside


def _read(
    library: Any, card: ModelCard, source: Source, *, control: str | None, seed: int, trusted: bool
) -> tuple[Any, Any]:
    """Return the audio encoder and the feature extractor."""
    options: dict[str, Any] = {"trust_remote_code": trusted, "local_files_only": True}
    try:
        config = library.AutoConfig.from_pretrained(source.folder, **options)
        extractor = library.AutoFeatureExtractor.from_pretrained(source.folder, **options)
        if control == "untrained":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = library.AutoModel.from_config(
                    config, dtype=torch.float32, trust_remote_code=trusted
                )
            return audio_encoder(model), extractor
        model, report = library.AutoModel.from_pretrained(
            source.folder,
            config=config,
            dtype=torch.float32,
            use_safetensors=source.safe,
            weights_only=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # transformers and torch raise many kinds
        raise _refusal(card, error, trusted) from error
    encoder = audio_encoder(model)
    _check_complete(card, model, encoder, report["missing_keys"])
    if control == "permuted":
        encoder.load_state_dict(permuted(encoder.state_dict(), seed))
    return encoder, extractor


def _refusal(card: ModelCard, error: Exception, trusted: bool) -> Exception:
    if not trusted and "trust_remote_code" in str(error):
        return ContractError(
            f"{card.id} brings Python code of its own. Read it, and if you trust it, allow it to "
            f"run: --trust-remote-code, load_model({card.id!r}, trust_remote_code=True)."
        )
    return DataError(f"{card.id} is no model that transformers can load safely: {error}")


def _check_complete(card: ModelCard, model: Any, encoder: Any, missing: Any) -> None:
    """Refuse a file that lacks weights of the encoder: transformers would draw them at random."""
    owned = {id(parameter) for parameter in encoder.parameters()}
    parameters = dict(model.named_parameters())
    lacking = sorted(
        name
        for name in missing
        if name in parameters
        and id(parameters[name]) in owned
        and name.rpartition(".")[2] != _UNUSED
    )
    if lacking:
        raise DataError(
            f"{card.id}: the weights file lacks {len(lacking)} parameters of the encoder: "
            f"{', '.join(lacking[:_SHOWN])}{' …' if len(lacking) > _SHOWN else ''}."
        )
