"""Small models of several architectures with random weights, saved as on the hub."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

# called where it is needed: importing transformers takes seconds, collecting tests should not
from brainbench_audio.activations.transformers_library import import_transformers as transformers

Waveform = npt.NDArray[np.float32]

SPEECH: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 8),
    "conv_stride": (20, 16),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "vocab_size": 8,
}


def speech(kind: str, **changes: Any) -> tuple[Any, Any]:
    config = getattr(transformers(), f"{kind}Config")(**SPEECH | changes)
    extractor = transformers().Wav2Vec2FeatureExtractor(do_normalize=True)
    return getattr(transformers(), f"{kind}Model")(config), extractor


def recogniser() -> tuple[Any, Any]:
    """Return a fine-tuned model: its file has a head, and prefixes before all other names."""
    config = transformers().Wav2Vec2Config(**SPEECH)
    return transformers().Wav2Vec2ForCTC(config), transformers().Wav2Vec2FeatureExtractor()


def whisper() -> tuple[Any, Any]:
    config = transformers().WhisperConfig(
        vocab_size=50,
        d_model=24,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    return transformers().WhisperModel(config), transformers().WhisperFeatureExtractor()


def spectrogram_transformer() -> tuple[Any, Any]:
    config = transformers().ASTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_length=100,
        num_mel_bins=64,
    )
    extractor = transformers().ASTFeatureExtractor(max_length=100, num_mel_bins=64)
    return transformers().ASTModel(config), extractor


def clap(truncation: str) -> tuple[Any, Any]:
    audio = transformers().ClapAudioConfig(
        patch_embeds_hidden_size=8,
        depths=[1, 1],
        num_attention_heads=[1, 2],
        hidden_size=16,
        enable_fusion=truncation == "fusion",
        projection_dim=8,
    )
    text = transformers().ClapTextConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        projection_dim=8,
    )
    config = transformers().ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    extractor = transformers().ClapFeatureExtractor(truncation=truncation, padding="repeatpad")
    return transformers().ClapModel(config), extractor


def speech_to_text() -> tuple[Any, Any]:
    config = transformers().Speech2TextConfig(
        vocab_size=20,
        d_model=24,
        encoder_layers=2,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_layers=1,
        decoder_ffn_dim=32,
        decoder_attention_heads=2,
        conv_channels=16,
    )
    return transformers().Speech2TextModel(config), transformers().Speech2TextFeatureExtractor()


def bert() -> tuple[Any, Any]:
    config = transformers().Wav2Vec2BertConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        vocab_size=8,
    )
    return transformers().Wav2Vec2BertModel(config), transformers().SeamlessM4TFeatureExtractor()


MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "wav2vec2": partial(speech, "Wav2Vec2"),
    "wav2vec2-ctc": recogniser,
    "hubert": partial(speech, "Hubert", feat_extract_norm="layer", do_stable_layer_norm=True),
    "wavlm": partial(speech, "WavLM"),
    "whisper": whisper,
    "ast": spectrogram_transformer,
    "clap": partial(clap, "rand_trunc"),
    "clap-fused": partial(clap, "fusion"),
    "s2t": speech_to_text,
    "wav2vec2-bert": bert,
}


def make(name: str) -> tuple[Any, Any]:
    """Return a model whose weights are far from zero, and its feature extractor."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(sum(name.encode()))
        model, extractor = MAKERS[name]()
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval(), extractor


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the folder of a saved model."""
    root = tmp_path_factory.mktemp("models")

    def save(name: str) -> Path:
        path = root / name
        if not path.exists():
            model, extractor = make(name)
            model.save_pretrained(path)
            extractor.save_pretrained(path)
        return path

    return save


def noise(samples: int, seed: int = 0) -> Waveform:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)
