"""Bundles of torchaudio: a small one, put where torchaudio looks for it."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_hub.bundles import Extractor

from brainbench_audio import load_model, settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, DataError, PluginLoadError, UnknownId
from brainbench_audio.files import hash_file
from brainbench_audio.testing.behaviour import assert_shortest

from .conftest import noise

try:
    import torchaudio
    from torchaudio.pipelines import Wav2Vec2Bundle
except (ImportError, RuntimeError, OSError):
    torchaudio = None

needs_torchaudio = pytest.mark.skipif(
    torchaudio is None, reason="torchaudio is not installed, or built for another torch"
)
PARAMETERS: dict[str, Any] = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(16, 10, 20), (16, 8, 16)],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 24,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 16,
    "encoder_pos_conv_groups": 2,
    "encoder_num_layers": 3,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 32,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.05,
    "aux_num_out": None,
}


def weights_folder(name: str) -> Path:
    folder = settings.data_home() / "weights" / "torchaudio" / name
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(params=[False, True], ids=["plain", "normalised"])
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the network of a bundle TINY, whose weights have been downloaded already."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = torchaudio.models.wav2vec2_model(**PARAMETERS).eval()
    bundle = Wav2Vec2Bundle("tiny.pth", PARAMETERS, 16_000, request.param, "Wav2Vec2")
    monkeypatch.setattr(torchaudio.pipelines, "TINY", bundle, raising=False)
    torch.save(network.state_dict(), weights_folder("TINY") / "tiny.pth")
    network.normalised = request.param
    return network


def load(name: str, **options: Any) -> TorchModel:
    model = load_model(f"torchaudio:{name}", device="cpu", **options)
    assert isinstance(model, TorchModel)
    return model


class Frames(torch.nn.Module):
    """Extracts features as the models of bundles do: means of frames of 50 samples, two layers."""

    def extract_features(self, waveforms: torch.Tensor) -> tuple[list[torch.Tensor], None]:
        frames = waveforms.unfold(1, 50, 20)
        return [frames[..., :3], frames.square()[..., :4]], None


def test_the_shortest_sound_is_measured() -> None:
    assert Extractor("torchaudio:X", Frames(), 16_000).shortest == 50


@needs_torchaudio
def test_the_shortest_sound_of_a_bundle(network: Any) -> None:
    model = load("TINY")
    assert model.card.shortest == 150
    assert_shortest(model)


@needs_torchaudio
def test_layers_are_the_features_of_torchaudio(network: Any) -> None:
    model = load("TINY")
    assert model.layers == ("hidden_state_1", "hidden_state_2", "hidden_state_3")
    assert (model.card.dims, model.card.label, model.sample_rate) == ((24,) * 3, "TINY", 16_000)
    sounds = [noise(8000, 1), 20 * noise(8000, 2), noise(5000, 3)]
    found = model.activations(sounds)
    for index, sound in enumerate(sounds):
        clip = torch.from_numpy(sound)[None]
        if network.normalised:
            clip = (clip - clip.mean()) / torch.sqrt(clip.var(correction=0) + 1e-5)
        with torch.inference_mode():
            features, _ = network.extract_features(clip)
        for layer, feature in zip(model.layers, features, strict=True):
            expected = feature[0].mean(dim=0).numpy()
            np.testing.assert_allclose(found[layer][index], expected, atol=1e-5)


@needs_torchaudio
def test_the_file_is_in_the_fingerprint(network: Any) -> None:
    path = settings.data_home() / "weights" / "torchaudio" / "TINY" / "tiny.pth"
    model = load("TINY")
    assert model.files == (path,)
    given = model.fingerprint["given"]
    assert given == {"weights": hash_file(path), "torchaudio": torchaudio.__version__}
    permuted = load("TINY", weights="permuted", seed=2)
    assert load("TINY@permuted").fingerprint["given"] == given | {"control": "permuted", "seed": 0}
    assert permuted.fingerprint["given"] == given | {"control": "permuted", "seed": 2}
    with pytest.raises(ContractError, match="seed of a control is None"):
        load("TINY@permuted", seed=None)
    name = "model.encoder.transformer.layers.0.attention.k_proj.weight"
    own = permuted.network.state_dict()
    name = next(key for key in own if key.endswith("layers.0.attention.k_proj.weight"))
    published = network.state_dict()[name[name.index("encoder.") :]]
    assert not torch.equal(own[name], published)
    assert torch.equal(own[name].flatten().sort()[0], published.flatten().sort()[0])


@needs_torchaudio
def test_a_sound_that_is_too_short(network: Any) -> None:
    with pytest.raises(ContractError, match=r"Sound 0 has 3 samples .*too few for torchaudio:TINY"):
        load("TINY").activations([noise(3)])
    with pytest.raises(ContractError, match="cannot take a sound of 3 samples"):
        load("TINY").network(torch.zeros(1, 3))


@needs_torchaudio
@pytest.mark.slow
def test_hubert_base_at_its_full_size() -> None:
    """The published architecture, under weights that the test makes and puts where they belong."""
    bundle = torchaudio.pipelines.HUBERT_BASE
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = torchaudio.models.wav2vec2_model(**bundle._params).eval()
    torch.save(made.state_dict(), weights_folder("HUBERT_BASE") / Path(bundle._path).name)
    model = load("HUBERT_BASE")
    assert (model.card.dims, model.card.parameters) == ((768,) * 12, 94_370_944)
    sound = noise(16_000)
    with torch.inference_mode():
        features, _ = made.extract_features(torch.from_numpy(sound)[None])
    found = model.activations([sound])
    for layer, feature in zip(model.layers, features, strict=True):
        np.testing.assert_allclose(found[layer][0], feature[0].mean(dim=0).numpy(), atol=1e-4)


@needs_torchaudio
def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"BRAINBENCH_OFFLINE.*https://.*hubert_fairseq_base_ls960"):
        load("HUBERT_BASE")


@needs_torchaudio
def test_an_unknown_bundle() -> None:
    with pytest.raises(UnknownId, match="Did you mean torchaudio:HUBERT_BASE"):
        load("HUBERT_BAS")


@needs_torchaudio
def test_a_bundle_that_extracts_no_features() -> None:
    with pytest.raises(UnknownId):
        load("CONVTASNET_BASE_LIBRI2MIX")


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


@needs_torchaudio
def test_a_pickle_with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = weights_folder("HUBERT_BASE") / "hubert_fairseq_base_ls960.pth"
    path.write_bytes(pickle.dumps(Malicious(), protocol=2))
    with pytest.raises(DataError, match="damaged or not its weights"):
        load("HUBERT_BASE")
    assert not Path("touched").exists()


def test_there_is_no_untrained_control() -> None:
    with pytest.raises(ContractError, match="no untrained control"):
        load("HUBERT_BASE", weights="untrained")
    with pytest.raises(ContractError, match="no untrained control"):
        load("HUBERT_BASE@untrained")


def test_without_torchaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    with pytest.raises(PluginLoadError, match=r"brainbench-hub\[torchaudio\]"):
        load("HUBERT_BASE")
