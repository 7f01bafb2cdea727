"""Published checkpoints and their archive, written in a small size."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_cochdnn.checkpoint import find_checkpoint, member, read, rename
from brainbench_cochdnn.model import load

from brainbench_audio import settings
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file

State = dict[str, Any]
Cards = dict[str, ModelCard]
SOUND = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
CNN, RESNET = "cochcnn9-multitask", "cochresnet50-word"
ARCHIVE = "cochdnn_model_checkpoints.tar"


def write(path: Path, state: State, entry: str = "model") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    training = {"epoch": 5, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}}
    torch.save({entry: state, **training}, path)
    return path


def pack(path: Path, states: dict[str, State]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, state in states.items():
            file = io.BytesIO()
            torch.save({"model": state}, file)
            info = tarfile.TarInfo(f"model_checkpoints/{member(name)}")
            info.size = file.tell()
            file.seek(0)
            tar.addfile(info, file)
        other = tarfile.TarInfo("model_checkpoints/another/5_checkpoint.pt")
        tar.addfile(other)
    return path


@pytest.mark.parametrize(("name", "entry"), [(CNN, "model"), (RESNET, "state_dict")])
def test_a_published_file(
    cards: Cards, small_states: dict[str, State], tmp_path: Path, name: str, entry: str
) -> None:
    path = write(tmp_path / "5_checkpoint.pt", small_states[name], entry)
    loaded, expected = (load(cards[name], x) for x in (path, small_states[name]))
    ours, theirs = (model.activations([SOUND]) for model in (loaded, expected))
    assert all(np.array_equal(ours[layer], theirs[layer]) for layer in theirs)
    assert loaded.fingerprint["given"] == {"weights": hash_file(path)}


def test_the_downloaded_archive(cards: Cards, small_states: dict[str, State]) -> None:
    folder = settings.data_home() / "weights" / "cochdnn"
    archive = pack(folder / ARCHIVE, small_states)
    for name, state in small_states.items():
        expected = load(cards[name], state).activations([SOUND])
        ours = load(cards[name]).activations([SOUND])
        assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)
        assert [path.name for path in (folder / name).rglob("*.pt")] == ["5_checkpoint.pt"]
    archive.unlink()
    assert load(cards[CNN]).layers == cards[CNN].layers


def test_an_archive_without_the_model(cards: Cards, small_states: dict[str, State]) -> None:
    pack(settings.data_home() / "weights" / "cochdnn" / ARCHIVE, {CNN: small_states[CNN]})
    with pytest.raises(DataError, match=rf"does not hold .*, the checkpoint of {RESNET}"):
        load(cards[RESNET])


def test_without_a_network(cards: Cards) -> None:
    told = rf"{ARCHIVE}.*load_model\('cochcnn9-multitask', weights="
    with pytest.raises(DataError, match=told):
        load(cards[CNN])


@pytest.mark.parametrize("top", ["", "model_checkpoints", "archive/model_checkpoints"])
def test_an_unpacked_archive(
    cards: Cards, small_states: dict[str, State], tmp_path: Path, top: str
) -> None:
    path = write(tmp_path / top / member(CNN), small_states[CNN])
    given = tmp_path / top.removesuffix("model_checkpoints")
    assert find_checkpoint(cards[CNN], given) == path
    assert load(cards[CNN], given).fingerprint["given"] == {"weights": hash_file(path)}
    with pytest.raises(DataError, match=f"the checkpoint of {RESNET}"):
        load(cards[RESNET], given)


def test_a_bare_checkpoint_in_a_folder_could_be_any_models(
    cards: Cards, small_states: dict[str, State], tmp_path: Path
) -> None:
    write(tmp_path / "5_checkpoint.pt", small_states[CNN])
    with pytest.raises(DataError, match="does not hold"):
        load(cards[CNN], tmp_path)


def test_a_packed_archive(cards: Cards, small_states: dict[str, State], tmp_path: Path) -> None:
    archive = pack(tmp_path / ARCHIVE, small_states)
    with pytest.raises(DataError, match=r"is an archive\. Unpack it and give the folder"):
        load(cards[CNN], archive)


def test_a_missing_file(cards: Cards, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.pt does not exist"):
        load(cards[CNN], tmp_path / "nothing.pt")


def test_another_nesting() -> None:
    with pytest.raises(DataError, match="has no entry 'model', only"):
        read({"epoch": 5})
    with pytest.raises(DataError, match="has no entry 'model', only list"):
        read([1])


def test_duplicates_and_the_front_end_are_dropped(small_states: dict[str, State]) -> None:
    for state in small_states.values():
        names = set(rename(state))
        assert all(name.startswith("body.") for name in names)
        assert len(names) == sum(name.startswith("module.model.1.") for name in state)


def test_other_names(cards: Cards, small_states: dict[str, State]) -> None:
    state = dict(small_states[CNN])
    bias = state.pop("module.model.1.classification.signal/word_int.bias")
    with pytest.raises(DataError, match=r"1 missing: body\.classification\.signal/word_int\.bias"):
        load(cards[CNN], state)
    whole = small_states[CNN]
    for name in ("module.model.1.conv5.weight", "conv0.weight", "module.attacker.step"):
        told = name.replace("module.model.1.", "body.")
        with pytest.raises(DataError, match=f"1 unexpected: {told}"):
            load(cards[CNN], {**whole, name: bias})


def test_weights_of_another_task(cards: Cards, small_states: dict[str, State]) -> None:
    with pytest.raises(DataError, match=r"2 missing: body\.classification\.weight.*6 unexpected"):
        load(cards["cochcnn9-word"], small_states[CNN])
    with pytest.raises(DataError, match="unexpected"):
        load(cards[CNN], small_states[RESNET])


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_with_code(
    cards: Cards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "5_checkpoint.pt"
    if zipped:
        torch.save({"model": {}, "args": Malicious()}, path)
    else:
        path.write_bytes(pickle.dumps({"model": Malicious()}, protocol=2))
    with pytest.raises(DataError, match=r"could run code.*pickle_module=dill.*converted\.pt"):
        load(cards[CNN], path)
    assert not Path("touched").exists()


def test_a_converted_file(cards: Cards, small_states: dict[str, State], tmp_path: Path) -> None:
    path = tmp_path / "converted.pt"
    torch.save({"model": dict(small_states[CNN])}, path)
    assert load(cards[CNN], str(path)).layers == cards[CNN].layers


def test_permuted_weights_keep_their_values(cards: Cards, small_states: dict[str, State]) -> None:
    state = small_states[RESNET]
    permuted = load(cards[RESNET], state, control="permuted").network.state_dict()
    ours, given = (
        permuted["body.layer2.0.conv2.weight"],
        state["module.model.1.layer2.0.conv2.weight"],
    )
    assert not torch.equal(ours, given)
    assert torch.equal(ours.flatten().sort()[0], given.flatten().sort()[0])


def test_another_control(cards: Cards, small_states: dict[str, State]) -> None:
    with pytest.raises(ContractError, match="no control 'shuffled'"):
        load(cards[RESNET], small_states[RESNET], control="shuffled")
