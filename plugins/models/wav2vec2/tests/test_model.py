from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
import torch
from brainbench_wav2vec2.cards import WAV2VEC2
from brainbench_wav2vec2.model import rename
from brainbench_wav2vec2.network import Wav2Vec2Network

from brainbench_audio import load_model, settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from tests.parity.comparison import read_manifest


def noise(samples: int, seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)


def test_a_sound_does_not_depend_on_its_batch(model: TorchModel) -> None:
    sounds = [noise(4000, 1), noise(7000, 2), 5 * noise(4000, 3), np.zeros(4000, np.float32)]
    together = model.activations(sounds)
    assert tuple(together) == model.layers
    for index, sound in enumerate(sounds):
        for layer, values in model.activations([sound]).items():
            scale = np.abs(values).max()
            np.testing.assert_allclose(together[layer][index], values[0], atol=1e-5 * scale)


def test_the_same_sound_gives_the_same_numbers(model: TorchModel) -> None:
    first, second = (model.activations([noise(8000)]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


@pytest.mark.parametrize("samples", [400, 1600, 8000])
def test_silence_is_finite(model: TorchModel, samples: int) -> None:
    found = model.activations([np.zeros(samples, np.float32)])
    assert all(np.isfinite(values).all() for values in found.values())


@pytest.mark.slow
def test_a_long_sound(model: TorchModel) -> None:
    found = model.activations([noise(30 * 16_000)])
    assert all(np.isfinite(values).all() for values in found.values())


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


def test_names_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        network = Wav2Vec2Network()
    own = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    published = read_manifest("wav2vec2")["state_dict"]
    renamed = rename({name: torch.empty(shape, device="meta") for name, shape in published.items()})
    assert {name: list(tensor.shape) for name, tensor in renamed.items()} == own
    assert sum(parameter.numel() for parameter in network.parameters()) == WAV2VEC2.parameters


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


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_a_pickle_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.bin"
    path.write_bytes(pickle.dumps({"weight": Malicious()}, protocol=2))
    with pytest.raises(DataError, match="could run code"):
        load_model("wav2vec2", weights=path)
    assert not Path("touched").exists()


def test_untrained() -> None:
    model, same = (
        load_model("wav2vec2", weights="untrained", seed=3, device="cpu") for _ in range(2)
    )
    assert isinstance(same, TorchModel)
    assert_same_weights(model, same)


@pytest.mark.slow
def test_permuted_weights_keep_their_values(model: TorchModel, weights: dict[str, Any]) -> None:
    permuted = load_model("wav2vec2", weights=weights, control="permuted", seed=1, device="cpu")
    assert isinstance(permuted, TorchModel)
    name = "wav2vec2.encoder.layers.3.attention.q_proj.weight"
    ours, given = (each.network.state_dict()[name] for each in (permuted, model))
    assert not torch.equal(ours, given)
    assert torch.equal(ours.flatten().sort()[0], given.flatten().sort()[0])
