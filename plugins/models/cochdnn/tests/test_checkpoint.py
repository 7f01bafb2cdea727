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
from brainbench_cochdnn.cards import CARDS
from brainbench_cochdnn.checkpoint import rename
from brainbench_cochdnn.network import FAMILY

from brainbench_audio import settings
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

State = dict[str, Any]
Cards = dict[str, ModelCard]
SOUND = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
CNN, RESNET = "cochcnn9-multitask", "cochresnet50-word"
ARCHIVE = "cochdnn_model_checkpoints.tar"
MEMBERS = {card.id: card.weights[0].member for card in CARDS}


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
            info = tarfile.TarInfo(MEMBERS[name])
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
    loaded, expected = (FAMILY(cards[name], x) for x in (path, small_states[name]))
    ours, theirs = (model.activations([SOUND]) for model in (loaded, expected))
    assert all(np.array_equal(ours[layer], theirs[layer]) for layer in theirs)
    assert loaded.fingerprint["given"] == {"weights": hash_file(path)}


def test_the_downloaded_archive(cards: Cards, small_states: dict[str, State]) -> None:
    folder = settings.data_home() / "weights" / "cochdnn"
    archive = pack(folder / ARCHIVE, small_states)
    for name, state in small_states.items():
        expected = FAMILY(cards[name], state).activations([SOUND])
        ours = FAMILY(cards[name]).activations([SOUND])
        assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)
        assert [path.name for path in (folder / name).rglob("*.pt")] == ["5_checkpoint.pt"]
    archive.unlink()
    assert FAMILY(cards[CNN]).layers == cards[CNN].layers


def test_an_archive_without_the_model(cards: Cards, small_states: dict[str, State]) -> None:
    pack(settings.data_home() / "weights" / "cochdnn" / ARCHIVE, {CNN: small_states[CNN]})
    with pytest.raises(DataError, match=rf"does not hold .*, the checkpoint of {RESNET}"):
        FAMILY(cards[RESNET])


def test_an_unpacked_archive(cards: Cards, small_states: dict[str, State], tmp_path: Path) -> None:
    path = write(tmp_path / MEMBERS[CNN], small_states[CNN])
    loaded = FAMILY(cards[CNN], tmp_path)
    assert loaded.files == (path,)
    assert loaded.fingerprint["given"] == {"weights": hash_file(path)}
    with pytest.raises(DataError, match=f"the checkpoint of {RESNET}"):
        FAMILY(cards[RESNET], tmp_path)


def test_files_written_without_data_parallel(cards: Cards, small_states: dict[str, State]) -> None:
    plain = {name.removeprefix("module."): x for name, x in small_states[CNN].items()}
    ours, expected = (
        FAMILY(cards[CNN], state).network.state_dict() for state in (plain, small_states[CNN])
    )
    assert all(torch.equal(ours[name], tensor) for name, tensor in expected.items())


def test_duplicates_and_the_front_end_are_dropped(small_states: dict[str, State]) -> None:
    for state in small_states.values():
        names = set(rename(state))
        assert all(name.startswith("body.") for name in names)
        assert len(names) == sum(name.startswith("module.model.1.") for name in state)


def test_other_names(cards: Cards, small_states: dict[str, State]) -> None:
    state = dict(small_states[CNN])
    bias = state.pop("module.model.1.classification.signal/word_int.bias")
    with pytest.raises(DataError, match=r"1 missing: body\.classification\.signal/word_int\.bias"):
        FAMILY(cards[CNN], state)
    whole = small_states[CNN]
    for name in ("module.model.1.conv5.weight", "conv0.weight", "module.attacker.step"):
        told = name.replace("module.model.1.", "body.")
        with pytest.raises(DataError, match=f"1 unexpected: {told}"):
            FAMILY(cards[CNN], {**whole, name: bias})


def test_weights_of_another_task(cards: Cards, small_states: dict[str, State]) -> None:
    with pytest.raises(DataError, match=r"2 missing: body\.classification\.weight.*6 unexpected"):
        FAMILY(cards["cochcnn9-word"], small_states[CNN])
    with pytest.raises(DataError, match="unexpected"):
        FAMILY(cards[CNN], small_states[RESNET])


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
        FAMILY(cards[CNN], path)
    assert not Path("touched").exists()


def test_a_converted_file(cards: Cards, small_states: dict[str, State], tmp_path: Path) -> None:
    path = tmp_path / "converted.pt"
    torch.save({"model": dict(small_states[CNN])}, path)
    assert FAMILY(cards[CNN], str(path)).layers == cards[CNN].layers
