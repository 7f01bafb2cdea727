"""Repositories, folders, their pins, and what is refused."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from brainbench_audio import load_model, settings
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError, DataError, UnknownId

from .conftest import make, noise, transformers

Folder = Callable[[str], Path]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/tiny-model"


@pytest.fixture
def copy(folder: Folder, tmp_path: Path) -> Path:
    """Return a copy of a saved model that may be changed."""
    return Path(shutil.copytree(folder("wav2vec2"), tmp_path / "copy"))


@pytest.fixture
def repository(folder: Folder) -> Path:
    """Put a repository where an earlier download would have left it."""
    cache = settings.data_home() / "weights" / "hub" / f"models--{NAME.replace('/', '--')}"
    shutil.copytree(folder("wav2vec2"), cache / "snapshots" / COMMIT)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(COMMIT)
    return cache


def load(identifier: object, **options: Any) -> TorchModel:
    model = load_model(f"hf:{identifier}", device="cpu", **options)
    assert isinstance(model, TorchModel)
    return model


def given(model: TorchModel) -> dict[str, Any]:
    fingerprint: dict[str, Any] = model.fingerprint["given"]
    return fingerprint


def assert_same(model: TorchModel, other: TorchModel, atol: float = 0) -> None:
    ours, theirs = (each.activations([noise(4000)]) for each in (model, other))
    assert list(ours) == list(theirs)
    for layer, values in ours.items():
        np.testing.assert_allclose(values, theirs[layer], atol=atol, rtol=0)


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("identifier", [NAME, f"{NAME}@main", f"{NAME}@{COMMIT}"])
def test_a_repository_is_pinned_by_its_commit(identifier: str, folder: Folder) -> None:
    model = load(identifier)
    assert given(model)["commit"] == COMMIT
    assert model.card.id == f"hf:{identifier}"
    assert model.card.label == NAME
    assert model.card.source == f"https://huggingface.co/{NAME}/tree/{COMMIT}"
    assert_same(model, load(folder("wav2vec2")))


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("identifier", [f"{NAME}@untrained", f"{NAME}@{COMMIT}@untrained"])
def test_a_control_of_a_repository(identifier: str) -> None:
    expected = {"commit": COMMIT, "control": "untrained", "seed": 0}
    assert expected.items() <= given(load(identifier)).items()


@pytest.mark.usefixtures("repository")
def test_another_revision_is_not_taken_from_the_cache() -> None:
    with pytest.raises(DataError, match=rf"{NAME} at old from.*BRAINBENCH_OFFLINE"):
        load(f"{NAME}@old")


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"Cannot fetch a/b.*BRAINBENCH_OFFLINE.*hf:/folder"):
        load("a/b")


@pytest.mark.parametrize("location", ["a/b/c", "a b", "a/b@", "@main"])
def test_what_is_no_name(location: str) -> None:
    with pytest.raises(UnknownId, match="neither a folder"):
        load(location)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"folder .*nowhere does not exist"):
        load(tmp_path / "nowhere")


def test_a_folder_is_pinned_by_its_files(copy: Path, folder: Folder) -> None:
    pin = given(load(copy))["files"]
    assert pin == given(load(folder("wav2vec2")))["files"]
    (copy / "training_log.txt").write_text("plays no part")
    assert given(load(copy))["files"] == pin
    extractor = copy / "preprocessor_config.json"
    extractor.write_text(
        extractor.read_text().replace('"do_normalize": true', '"do_normalize": false')
    )
    assert given(load(copy))["files"] != pin


def test_versions_are_in_the_fingerprint(folder: Folder) -> None:
    assert given(load(folder("wav2vec2")))["transformers"] == transformers().__version__


def test_a_folder_below_the_current_one(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder("wav2vec2").parent)
    assert load("./wav2vec2").card.label == "wav2vec2"


def test_pickled_tensors(copy: Path, folder: Folder) -> None:
    state = safetensors.torch.load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    torch.save(state, copy / "pytorch_model.bin")
    assert_same(load(copy), load(folder("wav2vec2")))


def test_half_precision_is_read_as_float32(tmp_path: Path, folder: Folder) -> None:
    model, extractor = make("wav2vec2")
    model.half().save_pretrained(tmp_path / "half")
    extractor.save_pretrained(tmp_path / "half")
    loaded = load(tmp_path / "half")
    assert {tensor.dtype for tensor in loaded.network.parameters()} == {torch.float32}
    assert_same(loaded, load(folder("wav2vec2")), atol=0.02)


def test_weight_norm_under_its_old_names(copy: Path, folder: Folder) -> None:
    file = copy / "model.safetensors"
    state = safetensors.torch.load_file(file)
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in state.items()
    }
    assert old.keys() != state.keys()
    safetensors.torch.save_file(old, file, metadata={"format": "pt"})
    assert_same(load(copy), load(folder("wav2vec2")))


def test_missing_weights_are_not_made_up(copy: Path) -> None:
    file = copy / "model.safetensors"
    state = safetensors.torch.load_file(file)
    del state["encoder.layers.1.attention.k_proj.bias"]
    safetensors.torch.save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(DataError, match=r"lacks 1 parameters.*layers\.1\.attention\.k_proj\.bias"):
        load(copy)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_file_that_is_not_there(file: str, copy: Path) -> None:
    (copy / file).unlink()
    with pytest.raises(DataError, match=r"safely|no weights"):
        load(copy)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_damaged_file(file: str, copy: Path) -> None:
    (copy / file).write_bytes((copy / file).read_bytes()[:40])
    with pytest.raises(DataError, match="safely"):
        load(copy)


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_a_pickle_with_code(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)
    (copy / "model.safetensors").unlink()
    torch.save({"encoder.layer_norm.bias": Malicious()}, copy / "pytorch_model.bin")
    with pytest.raises(DataError, match="safely"):
        load(copy)
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(DataError, match="safely"):
        load(copy)
    assert not Path("touched").exists()


CODE = """
from pathlib import Path

from transformers import Wav2Vec2Config, Wav2Vec2Model

Path({marker!r}).touch()


class OwnConfig(Wav2Vec2Config):
    model_type = "own"


class OwnModel(Wav2Vec2Model):
    config_class = OwnConfig
"""


@pytest.fixture
def with_code(copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a model that brings its own classes; running them leaves a file, ``touched``."""
    import transformers.dynamic_module_utils as dynamic

    monkeypatch.setattr(dynamic, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    (copy / "own.py").write_text(CODE.format(marker=str(copy / "touched")))
    declare(copy, "own.OwnConfig", "own.OwnModel")
    return copy


def declare(copy: Path, config: str, model: str) -> None:
    path = copy / "config.json"
    facts = json.loads(path.read_text())
    facts |= {"model_type": "own", "auto_map": {"AutoConfig": config, "AutoModel": model}}
    path.write_text(json.dumps(facts))


def test_code_runs_only_when_asked_for(with_code: Path, folder: Folder) -> None:
    with pytest.raises(ContractError, match=r"--trust-remote-code.*trust_remote_code=True"):
        load(with_code)
    assert not (with_code / "touched").exists()
    model = load(with_code, trust_remote_code=True)
    assert (with_code / "touched").exists()
    plain = load(folder("wav2vec2"))
    assert_same(model, plain)
    assert model.files is None  # its code may read any
    assert "model.safetensors" in {file.name for file in plain.files or ()}
    pin = given(model)["files"]
    (with_code / "own.py").write_text((with_code / "own.py").read_text() + "\nCHANGED = True\n")
    assert given(load(with_code, trust_remote_code=True))["files"] != pin


def test_code_that_nothing_pins(with_code: Path) -> None:
    declare(with_code, "other/place--own.OwnConfig", "other/place--own.OwnModel")
    with pytest.raises(ContractError, match=r"other/place--own\.OwnConfig, which no commit pins"):
        load(with_code, trust_remote_code=True)
    assert not (with_code / "touched").exists()


def test_a_model_without_hidden_states(tmp_path: Path) -> None:
    config = transformers().EncodecConfig(
        num_filters=4, hidden_size=8, codebook_size=8, codebook_dim=8, num_lstm_layers=1
    )
    transformers().EncodecModel(config).save_pretrained(tmp_path / "codec")
    transformers().EncodecFeatureExtractor().save_pretrained(tmp_path / "codec")
    with pytest.raises(ContractError, match=r"\(EncodecModel\) gives no hidden states"):
        load(tmp_path / "codec")


def test_controls(folder: Folder) -> None:
    path = folder("wav2vec2")
    untrained, same = (load(path, weights="untrained", seed=3) for _ in range(2))
    with pytest.raises(ContractError, match="seed of a control is -1"):
        load(path, weights="untrained", seed=-1)
    permuted = load(path, control="permuted", seed=3)
    assert_same(untrained, same)
    assert_same(load(f"{path}@permuted"), load(path, weights="permuted"))
    assert load(f"{path}@permuted").card.id == f"hf:{path}@permuted"
    assert given(permuted)["control"] == "permuted"
    name = "encoder.encoder.layers.1.attention.k_proj.weight"
    published = load(path).network.state_dict()[name]
    shuffled, fresh = (model.network.state_dict()[name] for model in (permuted, untrained))
    assert torch.equal(shuffled.flatten().sort()[0], published.flatten().sort()[0])
    assert not torch.equal(shuffled, published)
    assert not torch.equal(fresh, published)


@pytest.mark.parametrize("option", [{"weights": "some.pt"}, {"control": "shuffled"}])
def test_other_weights_are_refused(option: dict[str, str], folder: Folder) -> None:
    with pytest.raises(ContractError, match=r"untrained or permuted.*hf:/folder"):
        load(folder("wav2vec2"), **option)
