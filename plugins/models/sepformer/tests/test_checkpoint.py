from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from brainbench_sepformer.cards import FILES, SEPFORMER
from brainbench_sepformer.checkpoint import TABLES, read
from brainbench_sepformer.network import FAMILY
from brainbench_sepformer.positions import position_table

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file
from brainbench_audio.testing.published import put_in_place

pytestmark = pytest.mark.standin("sepformer")

State = dict[str, torch.Tensor]


@pytest.fixture
def published(tmp_path: Path, standin_weights: State) -> Path:
    """Return the folder of the three files, with position tables."""
    folder = tmp_path / "published"
    folder.mkdir()
    complete = standin_weights | dict.fromkeys(TABLES, position_table())
    for name in FILES:
        prefix = name.replace("ckpt", "")
        own = {key: value for key, value in complete.items() if key.startswith(prefix)}
        torch.save({key.removeprefix(prefix): value for key, value in own.items()}, folder / name)
    return folder


def assert_same(ours: TorchModel, expected: TorchModel) -> None:
    found, wanted = (model.network.state_dict() for model in (ours, expected))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_published_files(published: Path, standin: TorchModel) -> None:
    hashes = {name: hash_file(published / name) for name in FILES}
    for path in (published, published / "masknet.ckpt"):
        loaded = FAMILY(SEPFORMER, path)
        assert loaded.fingerprint["given"] == {"weights": hashes}
    assert_same(loaded, standin)


def test_all_in_one_file_and_without_tables(
    tmp_path: Path, standin_weights: State, standin: TorchModel
) -> None:
    path = tmp_path / "sepformer.pt"
    torch.save(standin_weights, path)
    loaded = FAMILY(SEPFORMER, path)
    assert loaded.fingerprint["given"] == {"weights": hash_file(path)}
    assert_same(loaded, standin)


def test_downloaded_files(published: Path, standin: TorchModel) -> None:
    for index, name in enumerate(FILES):
        put_in_place(SEPFORMER, published / name, index)
    assert_same(FAMILY(SEPFORMER), standin)


def test_a_missing_file(tmp_path: Path, published: Path) -> None:
    for name in FILES[:2]:
        shutil.copy(published / name, tmp_path)
    with pytest.raises(DataError, match=r"decoder\.ckpt does not exist"):
        FAMILY(SEPFORMER, tmp_path)


def test_one_file_under_another_name(tmp_path: Path, published: Path) -> None:
    path = tmp_path / "weights.pt"
    shutil.copy(published / "masknet.ckpt", path)
    with pytest.raises(DataError, match=r"weights\.pt.*three files: give the folder"):
        FAMILY(SEPFORMER, path)


@pytest.mark.parametrize("table", [position_table()[:, :2000], position_table().flip(-1)])
def test_other_position_tables(standin_weights: State, table: torch.Tensor) -> None:
    with pytest.raises(DataError, match=r"inter_mdl\.pos_enc\.pe is not the table"):
        FAMILY(SEPFORMER, standin_weights | {TABLES[3]: table})


def test_a_file_that_holds_no_names() -> None:
    with pytest.raises(DataError, match="holds list, expected named tensors"):
        read({"encoder.ckpt": {}, "masknet.ckpt": [1], "decoder.ckpt": {}})


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_a_pickle_with_code(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        shutil.copy(published / name, tmp_path)
    (tmp_path / "decoder.ckpt").write_bytes(pickle.dumps({"weight": Malicious()}, protocol=2))
    with pytest.raises(DataError, match=r"decoder\.ckpt.*could run code"):
        FAMILY(SEPFORMER, tmp_path)
    assert not Path("touched").exists()


def test_permuted_weights_keep_values_and_tables(standin_weights: State) -> None:
    complete = standin_weights | dict.fromkeys(TABLES, position_table())
    models = [
        FAMILY(SEPFORMER, given, control="permuted", seed=1)
        for given in (standin_weights, complete)
    ]
    assert models[0].fingerprint == models[1].fingerprint
    first, second = (model.network.state_dict() for model in models)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(first[TABLES[0]], position_table())
    name = "masknet.dual_mdl.0.intra_mdl.mdl.layers.3.self_att.att.in_proj_weight"
    assert not torch.equal(first[name], standin_weights[name])
    assert torch.equal(first[name].flatten().sort()[0], standin_weights[name].flatten().sort()[0])
