"""Remembered hashes: unchanged files are not read, changed ones always are."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brainbench_audio import hash_cache, settings
from brainbench_audio.files import hash_file
from brainbench_audio.hash_cache import hash_files


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / folder / f"{index}.bin" for folder in ("a", "b") for index in range(3)]
    for number, file in enumerate(found):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"content %d" % number)
    return found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the list of files that are read to be hashed."""
    seen: list[Path] = []

    def hash_and_tell(path: Path) -> str:
        seen.append(path)
        return hash_file(path)

    monkeypatch.setattr(hash_cache, "hash_file", hash_and_tell)
    return seen


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rely on files as soon as they are written."""
    monkeypatch.setattr(hash_cache, "_SETTLED", -(10**18))


def stores() -> list[Path]:
    return sorted((settings.cache_home() / "hashes").glob("*.json"))


def test_hashes_are_those_of_the_files(files: list[Path], settled: None) -> None:
    expected = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert hash_files(files) == expected
    assert hash_files(files) == expected
    assert hash_files(files[::-1]) == expected[::-1]
    assert hash_files([]) == []
    assert len(stores()) == 2


def test_an_unchanged_file_is_read_once(files: list[Path], read: list[Path], settled: None) -> None:
    hash_files(files[:4])
    assert set(read) == set(files[:4])
    hash_files(files)
    assert len(read) == len(files)


def test_a_young_file_is_not_relied_on(files: list[Path], read: list[Path]) -> None:
    hash_files(files)
    hash_files(files)
    assert len(read) == 2 * len(files)
    assert stores() == []


def test_a_file_of_the_future_is_not_relied_on(files: list[Path], read: list[Path]) -> None:
    later = time.time() + 3600
    os.utime(files[0], (later, later))
    hash_files(files[:1])
    hash_files(files[:1])
    assert len(read) == 2


def test_a_changed_byte_is_noticed(files: list[Path], settled: None) -> None:
    before = hash_files(files)
    files[1].write_bytes(b"CONTENT 1")
    after = hash_files(files)
    assert after[1] == hash_file(files[1]) != before[1]
    assert after[:1] + after[2:] == before[:1] + before[2:]


def test_a_changed_byte_with_the_old_time_is_noticed(files: list[Path], settled: None) -> None:
    before = hash_files(files)
    old = files[1].stat()
    files[1].write_bytes(b"CONTENT 1")
    os.utime(files[1], ns=(old.st_atime_ns, old.st_mtime_ns))
    assert files[1].stat().st_mtime_ns == old.st_mtime_ns
    assert hash_files(files)[1] != before[1]


def test_a_file_put_in_the_place_of_another_is_noticed(
    tmp_path: Path, files: list[Path], settled: None
) -> None:
    before = hash_files(files)
    old = files[1].stat()
    new = tmp_path / "new"
    new.write_bytes(b"CONTENT 1")
    os.utime(new, ns=(old.st_atime_ns, old.st_mtime_ns))
    os.replace(new, files[1])
    assert hash_files(files)[1] != before[1]


def test_a_file_that_changes_while_it_is_read_is_not_remembered(
    files: list[Path], settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_and_change(path: Path) -> str:
        sha256 = hash_file(path)
        path.write_bytes(path.read_bytes() + b"more")
        return sha256

    monkeypatch.setattr(hash_cache, "hash_file", hash_and_change)
    hash_files(files[:1])
    monkeypatch.setattr(hash_cache, "hash_file", hash_file)
    assert hash_files(files[:1]) == [hash_file(files[0])]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"0.bin": 3}', '{"0.bin": [[1], null]}'])
def test_a_damaged_store_is_as_good_as_none(files: list[Path], settled: None, content: str) -> None:
    before = hash_files(files)
    for store in stores():
        store.write_text(content)
    assert hash_files(files) == before
    assert all(len(json.loads(store.read_text())) == 3 for store in stores())


def test_a_home_that_cannot_be_written_to(
    tmp_path: Path, files: list[Path], settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "file"))
    assert hash_files(files) == [hash_file(file) for file in files]


def test_processes_add_to_one_store(tmp_path: Path, files: list[Path]) -> None:
    """Each hashes other files of one folder; nothing that one adds is lost."""
    code = (
        "import sys; from pathlib import Path; from brainbench_audio import hash_cache;"
        "hash_cache._SETTLED = -10**18; hash_cache.hash_files([Path(sys.argv[1])])"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(file)]) for file in files[:3]]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    store = stores()[0]
    assert set(json.loads(store.read_text())) == {file.name for file in files[:3]}
