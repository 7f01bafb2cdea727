from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_s2t.cards import S2T
from brainbench_s2t.model import rename
from brainbench_s2t.network import S2tNetwork, configuration

from brainbench_audio import load_model, settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.transformers_library import import_transformers
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from tests.contract.behaviour import (
    assert_finite,
    assert_independent_of_batch,
    assert_repeatable,
    noise,
    silence,
)
from tests.parity.comparison import read_manifest


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


def test_a_sound_that_is_too_short(model: TorchModel) -> None:
    with pytest.raises(ContractError, match="399 samples is too short for s2t: at least 400"):
        model.activations([noise(399)])


def assert_same_weights(loaded: Any, model: TorchModel) -> None:
    ours, expected = loaded.network.state_dict(), model.network.state_dict()
    assert ours.keys() == expected.keys()
    assert all(torch.equal(ours[name], tensor) for name, tensor in expected.items())


def in_hub_cache(file: Path, revision: str) -> None:
    """Put a file where an earlier download would have left it."""
    owner, name, path = S2T.weights[0].url.removeprefix("hf://").partition("@")[0].split("/")
    cache = settings.data_home() / "weights" / "s2t" / "hub" / f"models--{owner}--{name}"
    (cache / "snapshots" / revision).mkdir(parents=True)
    (cache / "snapshots" / revision / path).symlink_to(file)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(revision)


def empty(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def test_the_whole_model_is_the_published_one() -> None:
    with torch.device("meta"):
        network = import_transformers().Speech2TextForConditionalGeneration(configuration())
    own = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert own == read_manifest("s2t")["state_dict"]
    assert sum(parameter.numel() for parameter in network.parameters()) == S2T.parameters


def test_what_is_left_out() -> None:
    names = ("model.encoder.embed_positions.weights", "model.decoder.x", "lm_head.weight")
    assert rename(empty({key: [3] for key in names})) == {}
    others = ("lm_head.bias", "model.encoder.other", "decoder.x")
    kept = ["lm_head.bias", "encoder.other", "decoder.x"]
    assert list(rename(empty({key: [3] for key in others}))) == kept


def test_channels_are_z_scored(model: TorchModel) -> None:
    network = model.network
    assert isinstance(network, S2tNetwork)
    image = network.image(torch.from_numpy(noise(8000))[None])[0]
    torch.testing.assert_close(image.mean(dim=0), torch.zeros(80), atol=1e-4, rtol=0)
    torch.testing.assert_close(image.std(dim=0, correction=0), torch.ones(80), atol=1e-4, rtol=0)
    silent = network.image(torch.zeros(1, 8000))
    assert silent.abs().max() < 1


@pytest.fixture(scope="session")
def published(weights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file like the published one; of the decoder, only what shows that it is ignored."""
    path = tmp_path_factory.mktemp("published") / "pytorch_model.bin"
    state = {name: torch.from_numpy(value) for name, value in weights.items()}
    decoder = torch.zeros(3, 3)
    state |= {"model.decoder.embed_tokens.weight": decoder, "lm_head.weight": decoder}
    torch.save(state, path)
    return path


def test_the_published_file(published: Path, model: TorchModel) -> None:
    loaded = load_model("s2t", weights=published, device="cpu")
    assert isinstance(loaded, TorchModel)
    assert_same_weights(loaded, model)
    assert loaded.fingerprint["given"]["weights"] == hash_file(published)


def test_the_downloaded_file(published: Path, model: TorchModel) -> None:
    in_hub_cache(published, "0" * 40)
    assert_same_weights(load_model("s2t", device="cpu"), model)


def test_other_names(weights: dict[str, Any]) -> None:
    missing = dict(weights)
    del missing["model.encoder.layers.5.fc1.bias"]
    with pytest.raises(DataError, match=r"1 missing: encoder\.layers\.5\.fc1\.bias"):
        load_model("s2t", weights=missing)
    unexpected = weights | {"model.encoder.layers.12.fc1.bias": np.zeros(4096, np.float32)}
    with pytest.raises(DataError, match=r"1 unexpected: encoder\.layers\.12\.fc1\.bias"):
        load_model("s2t", weights=unexpected)


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"pytorch_model\.bin.*load_model\('s2t', weights="):
        load_model("s2t")


@pytest.mark.slow
def test_permuted_weights_keep_their_values(model: TorchModel, weights: dict[str, Any]) -> None:
    permuted = load_model("s2t", weights=weights, control="permuted", seed=1, device="cpu")
    assert isinstance(permuted, TorchModel)
    name = "encoder.layers.3.self_attn.q_proj.weight"
    ours, given = (each.network.state_dict()[name] for each in (permuted, model))
    assert not torch.equal(ours, given)
    assert torch.equal(ours.flatten().sort()[0], given.flatten().sort()[0])
