"""Files are whole or absent, whatever happens to the process or the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import (
    atomic_file,
    atomic_folder,
    explained,
    hash_file,
    hash_json,
    hash_sources,
    locked,
    set_aside,
    size_in_words,
)
from brainbench_audio.temporaries import remove_leftovers

WRITE_FILE_AND_HANG = """
import sys, time
from pathlib import Path
from brainbench_audio.files import atomic_file
with atomic_file(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""
WRITE_FOLDER_AND_HANG = """
import sys, time
from pathlib import Path
from brainbench_audio.files import atomic_folder
with atomic_folder(Path(sys.argv[1])) as temporary:
    (temporary / "half.txt").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""
HOLD_LOCK = """
import sys, time
from pathlib import Path
from brainbench_audio.files import locked
with locked(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""


def start(code: str, path: Path) -> subprocess.Popen[str]:
    """Start a process and wait until it says that it is in the middle of its work."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    assert process.wait(timeout=10) == -signal.SIGKILL
    assert process.stdout is not None
    process.stdout.close()


def fail_after_writing(path: Path) -> None:
    path.write_text("half")
    raise ZeroDivisionError


def test_atomic_file_makes_folders_and_keeps_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "score.nc"
    with atomic_file(path) as temporary:
        assert temporary.suffix == ".nc"
        assert temporary.parent == path.parent
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_atomic_file_obeys_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        with atomic_file(tmp_path / "shared") as temporary:
            temporary.write_text("for the group")
    finally:
        os.umask(old)
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o640


def test_atomic_file_keeps_the_old_file_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as temporary:
        fail_after_writing(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_folder_is_absent_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "folder") as temporary:
        fail_after_writing(temporary / "half")
    assert list(tmp_path.iterdir()) == []


def test_atomic_folder_leaves_a_faster_process_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "file").write_text("second")
        path.mkdir()
        (path / "file").write_text("first")
    assert (path / "file").read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "write"),
    [(WRITE_FILE_AND_HANG, atomic_file), (WRITE_FOLDER_AND_HANG, atomic_folder)],
    ids=["file", "folder"],
)
def test_kill_in_the_middle(tmp_path: Path, code: str, write: Callable[[Path], Any]) -> None:
    path = tmp_path / "store" / "thing"
    kill(start(code, path))
    assert not path.exists()
    assert len([file for file in path.parent.iterdir() if file.suffix != ".lock"]) == 1
    with write(path) as temporary:
        (temporary / "file" if temporary.is_dir() else temporary).write_text("whole")
    assert path.exists()
    assert remove_leftovers(tmp_path) == 1
    assert list(path.parent.iterdir()) == [path]


def test_kill_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    kill(start(WRITE_FILE_AND_HANG, path))
    assert path.read_text() == "old"


def test_leftovers_in_an_absent_folder(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "absent") == 0


@pytest.mark.parametrize("write", [atomic_file, atomic_folder, locked])
def test_a_file_where_the_folder_should_be(tmp_path: Path, write: Callable[[Path], Any]) -> None:
    (tmp_path / "blocked").write_text("a file")
    path = tmp_path / "blocked" / "thing"
    with (
        pytest.raises(CacheError, match=f"{re.escape(str(path))}.*BRAINBENCH_HOME"),
        write(path),
    ):
        pytest.fail("the block must not run")
    assert (tmp_path / "blocked").read_text() == "a file"


@pytest.mark.parametrize("write", [atomic_file, atomic_folder, locked])
def test_read_only_folder(read_only_folder: Path, write: Callable[[Path], Any]) -> None:
    path = read_only_folder / "thing"
    with (
        pytest.raises(CacheError, match=f"{re.escape(str(path))}.*BRAINBENCH_HOME"),
        write(path),
    ):
        pytest.fail("the block must not run")


def test_full_disk(small_disk: Path) -> None:
    path = small_disk / "file"
    path.write_text("old")
    with (
        pytest.raises(CacheError, match=f"{re.escape(str(path))}.*No space.*BRAINBENCH_HOME"),
        atomic_file(path) as temporary,
    ):
        temporary.write_bytes(bytes(1 << 20))
    assert path.read_text() == "old"
    assert list(small_disk.iterdir()) == [path]


def test_full_disk_inside_a_folder(small_disk: Path) -> None:
    with pytest.raises(CacheError, match="No space"), atomic_folder(small_disk / "x") as temporary:
        (temporary / "file").write_bytes(bytes(1 << 20))
    assert list(small_disk.iterdir()) == []


def test_a_refusal_is_the_systems_own(tmp_path: Path) -> None:
    path = tmp_path / "score.nc"
    for number, advice in {
        errno.ENOSPC: "Free some space or choose another folder with TMPDIR",
        errno.EACCES: "You may not write there: choose another folder with TMPDIR",
        errno.EIO: "Look at the disk, or choose another folder with TMPDIR",
    }.items():
        told = rf"Cannot write {re.escape(str(path))}: {os.strerror(number)}\. {advice}"
        with pytest.raises(CacheError, match=told), explained(path):
            raise OSError(number, os.strerror(number))
    # elsewhere it is somebody's mistake, and a file that is missing is none of the disk's
    with pytest.raises(RuntimeError), explained(path):
        raise RuntimeError("NetCDF: HDF error")
    with pytest.raises(FileNotFoundError), explained(path):
        (tmp_path / "missing").read_bytes()


def test_file_size_limit(tmp_path: Path, python: Callable[..., Any]) -> None:
    code = """
import resource, sys
from pathlib import Path
from brainbench_audio.errors import CacheError
from brainbench_audio.files import atomic_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with atomic_file(Path(sys.argv[1])) as temporary:
        temporary.write_bytes(bytes(5000))
except CacheError as error:
    print(error)
"""
    path = tmp_path / "store" / "file"
    told = python(code, str(path))
    assert str(path) in told.stdout, told.stderr
    assert "BRAINBENCH_HOME" in told.stdout
    assert list(path.parent.iterdir()) == []


def test_a_lock_excludes_another_process(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    process = start(HOLD_LOCK, path)
    try:
        told = r"in use by another process.*thing\.lock"
        with pytest.raises(CacheError, match=told), locked(path, timeout=0.1):
            pytest.fail("two processes hold the lock")
    finally:
        kill(process)
    with locked(path, timeout=5):
        pass


def test_a_lock_is_free_after_an_exception(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locked(tmp_path / "thing", timeout=1):
            raise ZeroDivisionError


def test_set_aside_finds_free_names(tmp_path: Path) -> None:
    path = tmp_path / "file"
    asides = []
    for content in ("one", "two"):
        path.write_text(content)
        asides.append(set_aside(path))
    assert [aside.read_text() for aside in asides] == ["one", "two"]
    assert [aside.name for aside in asides] == ["file.0.corrupt", "file.1.corrupt"]
    assert not path.exists()


@given(content=st.binary(max_size=100))
def test_hash_file_is_sha256(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("hash") / "file"
    path.write_bytes(content)
    assert hash_file(path) == hashlib.sha256(content).hexdigest()


def test_hash_file_larger_than_a_block(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 7)
    (tmp_path / "file").write_bytes(content)
    assert hash_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(value=st.dictionaries(st.text(), JSON, min_size=1))
def test_hash_json_ignores_the_order_of_keys_only(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert hash_json(value) == hash_json(backwards)
    first = next(iter(value))
    assert hash_json({**value, first: [value[first]]}) != hash_json(value)


@pytest.mark.parametrize("value", ["caf\udce9", {"a": ["b", "caf\udce9"]}, {"caf\udce9": "b"}])
def test_a_name_that_is_no_text_has_no_hash(value: Any) -> None:
    with pytest.raises(DataError, match=r"The name caf\\udce9 is no text in UTF-8: rename it"):
        hash_json(value)


def test_hash_sources_sees_names_and_contents_of_python_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    source = tmp_path / "sub" / "one.py"
    source.write_text("a = 1\n")
    first = hash_sources(tmp_path)
    (tmp_path / "notes.txt").write_text("not code")
    assert hash_sources(tmp_path) == first
    source.write_text("a = 2\n")
    second = hash_sources(tmp_path)
    source.rename(tmp_path / "sub" / "two.py")
    assert len({first, second, hash_sources(tmp_path)}) == 3
    assert hash_sources(tmp_path / "sub" / "two.py") != hash_sources(tmp_path / "sub")


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (10**12, "1.0 TB"), (10**16, "10000.0 TB")],
)
def test_sizes(size: int, expected: str) -> None:
    assert size_in_words(size) == expected


@given(st.integers(0, 10**15))
def test_sizes_are_right_to_a_digit(size: int) -> None:
    number, unit = size_in_words(size).split()
    factor = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]
    assert float(number) * factor == pytest.approx(size, abs=0.0501 * factor)
