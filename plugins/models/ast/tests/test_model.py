from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_ast.cards import AST
from brainbench_ast.model import mean_over_image, read_outs
from brainbench_ast.network import FRAMES, AstNetwork
from torch import nn

from brainbench_audio import load_model, settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from tests.contract.behaviour import assert_finite, assert_independent_of_batch, noise, silence


@pytest.fixture(scope="module")
def small() -> TorchModel:
    """Return a model of one block: a whole one takes seconds a sound, whatever its length."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AstNetwork(blocks=1)
        for parameter in network.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    card = AST.__class__(
        **{**vars(AST), "layers": ("embedding", "encoder_1", "final"), "dims": (768, 768, 527)}
    )
    pooling = {
        "embedding": mean_over_image,
        "encoder_1": lambda output: output.mean(dim=1),
        "final": lambda output: output,
    }
    return TorchModel(card, network, read_outs(card), fingerprint=None, pooling=pooling)


def test_a_sound_does_not_depend_on_its_batch(small: TorchModel) -> None:
    sounds = [noise(6000, 1), noise(9000, 2), 5 * noise(6000, 3), silence(6000)]
    assert_independent_of_batch(small, sounds, 1e-5)


def test_silence_is_finite(small: TorchModel) -> None:
    assert_finite(small, silence(1600))


def test_the_rest_of_the_image_is_padding(small: TorchModel) -> None:
    assert isinstance(small.network, AstNetwork)
    image = small.network.image(torch.from_numpy(noise(32_000))[None])[0].numpy()
    np.testing.assert_allclose(image[198:], 0.46703237, atol=1e-6)


def test_a_longer_sound_is_cut(small: TorchModel) -> None:
    fitting = 400 + (FRAMES - 1) * 160
    sound = noise(30 * 16_000)
    whole, start = small.activations([sound]), small.activations([sound[:fitting]])
    assert all(np.array_equal(whole[layer], start[layer]) for layer in whole)


def test_the_shortest_sound(small: TorchModel) -> None:
    assert np.isfinite(small.activations([noise(400)])["final"]).all()
    with pytest.raises(ContractError, match="399 samples is too short for ast: at least 400"):
        small.activations([noise(399)])


def test_constants() -> None:
    with torch.device("meta"):
        network = AstNetwork()
    norms = {
        name: part.eps for name, part in network.named_modules() if isinstance(part, nn.LayerNorm)
    }
    assert len(norms) == 26
    assert norms.pop("transformer.classifier.layernorm") == 1e-5
    assert set(norms.values()) == {1e-6}


def test_layers_are_read_in_eval_mode(model: TorchModel) -> None:
    assert not any(part.training for part in model.network.modules())
    assert model.layers == AST.layers


@pytest.fixture(scope="session")
def original(weights: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original") / "audioset_10_10_0.4593.pth"
    torch.save({name: torch.from_numpy(value) for name, value in weights.items()}, path)
    return path


def test_the_original_file(original: Path, model: TorchModel) -> None:
    loaded = load_model("ast", weights=original, device="cpu")
    assert isinstance(loaded, TorchModel)
    assert loaded.fingerprint["given"]["weights"] == hash_file(original)
    ours, expected = loaded.network.state_dict(), model.network.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in expected.items())


def test_another_file_under_the_published_name(original: Path) -> None:
    (file,) = AST.weights
    location, _, revision = file.url.removeprefix("hf://").partition("@")
    owner, name, path = location.split("/")
    cache = settings.data_home() / "weights" / "ast" / "hub" / f"models--{owner}--{name}"
    (cache / "snapshots" / revision).mkdir(parents=True)
    (cache / "snapshots" / revision / path).symlink_to(original)
    copy = cache / "snapshots" / revision / path
    copy.unlink()
    copy.write_bytes(b"something else")
    with pytest.raises(DataError, match=f"expected SHA-256 {file.sha256}"):
        load_model("ast")
    assert not copy.exists()


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"model\.safetensors.*load_model\('ast', weights="):
        load_model("ast")


def test_other_names(weights: dict[str, Any]) -> None:
    missing = dict(weights)
    del missing["module.v.blocks.7.norm2.bias"]
    with pytest.raises(DataError, match=r"1 missing: .*layers\.7\.layernorm_after\.bias"):
        load_model("ast", weights=missing)
    unexpected = weights | {"module.v.blocks.12.norm1.bias": np.zeros(768, np.float32)}
    with pytest.raises(DataError, match=r"1 unexpected: .*layers\.12\.layernorm_before\.bias"):
        load_model("ast", weights=unexpected)
