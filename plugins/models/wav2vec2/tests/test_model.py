from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from brainbench_wav2vec2.cards import WAV2VEC2
from brainbench_wav2vec2.network import Wav2Vec2Network

from brainbench_audio import load_model, settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from tests.contract.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)


def test_a_sound_does_not_depend_on_its_batch(model: TorchModel) -> None:
    sounds = [noise(4000, 1), noise(7000, 2), 5 * noise(4000, 3), silence(4000)]
    assert_independent_of_batch(model, sounds, lambda values: 1e-5 * float(np.abs(values).max()))


def test_the_same_sound_gives_the_same_numbers(model: TorchModel) -> None:
    assert_repeatable(model, noise(8000))


@pytest.mark.parametrize("samples", [400, 1600, 8000])
def test_silence_is_finite(model: TorchModel, samples: int) -> None:
    assert_finite(model, silence(samples))


@pytest.mark.slow
def test_a_long_sound(model: TorchModel) -> None:
    assert_finite(model, noise(30 * 16_000))


def test_two_seconds_are_99_frames(model: TorchModel) -> None:
    assert isinstance(model.network, Wav2Vec2Network)
    with torch.inference_mode():
        frames = model.network.wav2vec2.feature_extractor(torch.from_numpy(noise(32_000))[None])
    assert frames.shape == (1, 512, 99)


def test_a_sound_that_is_too_short(model: TorchModel) -> None:
    with pytest.raises(ContractError, match="399 samples is too short for wav2vec2: at least 400"):
        model.activations([noise(399)])


def assert_same_weights(loaded: Any, model: TorchModel) -> None:
    ours, expected = loaded.network.state_dict(), model.network.state_dict()
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in expected.items())


def in_hub_cache(file: Path, revision: str) -> None:
    """Put a file where an earlier download would have left it."""
    owner, name, path = WAV2VEC2.weights[0].url.removeprefix("hf://").partition("@")[0].split("/")
    cache = settings.data_home() / "weights" / "wav2vec2" / "hub" / f"models--{owner}--{name}"
    (cache / "snapshots" / revision).mkdir(parents=True)
    (cache / "snapshots" / revision / path).symlink_to(file)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(revision)


def test_the_positional_convolution_gets_its_weights(
    model: TorchModel, weights: dict[str, Any]
) -> None:
    prefix = "wav2vec2.encoder.pos_conv_embed.conv"
    gain, direction = weights[f"{prefix}.weight_g"], weights[f"{prefix}.weight_v"]
    expected = gain * direction / np.linalg.norm(direction, axis=(0, 1), keepdims=True)
    convolution = model.network.get_submodule(prefix)
    found = convolution.weight.detach().numpy()  # type: ignore[union-attr, operator]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.fixture(scope="session")
def published(weights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    safetensors.numpy.save_file(weights, path, metadata={"format": "pt"})
    return path


def test_the_published_file(published: Path, model: TorchModel) -> None:
    loaded = load_model("wav2vec2", weights=published, device="cpu")
    assert isinstance(loaded, TorchModel)
    assert_same_weights(loaded, model)
    assert loaded.fingerprint["given"]["weights"] == hash_file(published)


def test_the_downloaded_file(published: Path, model: TorchModel) -> None:
    in_hub_cache(published, WAV2VEC2.weights[0].url.partition("@")[2])
    assert_same_weights(load_model("wav2vec2", device="cpu"), model)


def test_other_names(weights: dict[str, Any]) -> None:
    missing = dict(weights)
    del missing["wav2vec2.encoder.pos_conv_embed.conv.weight_g"]
    with pytest.raises(DataError, match=r"1 missing: .*pos_conv_embed.*original0"):
        load_model("wav2vec2", weights=missing)
    unexpected = weights | {"wav2vec2.masked_spec_embed": np.zeros(768, np.float32)}
    with pytest.raises(DataError, match=r"1 unexpected: wav2vec2\.masked_spec_embed"):
        load_model("wav2vec2", weights=unexpected)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"model\.safetensors.*load_model\('wav2vec2', weights="):
        load_model("wav2vec2")


@pytest.mark.slow
def test_permuted_weights_keep_their_values(model: TorchModel, weights: dict[str, Any]) -> None:
    permuted = load_model("wav2vec2", weights=weights, control="permuted", seed=1, device="cpu")
    assert isinstance(permuted, TorchModel)
    name = "wav2vec2.encoder.layers.3.attention.q_proj.weight"
    ours, given = (each.network.state_dict()[name] for each in (permuted, model))
    assert not torch.equal(ours, given)
    assert torch.equal(ours.flatten().sort()[0], given.flatten().sort()[0])
