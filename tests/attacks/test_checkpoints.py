"""Checkpoints that torch and Python read differently, and files that pose as others."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch

from brainbench_audio.activations.weights import read_checkpoint
from brainbench_audio.errors import DataError

from .test_tar import header

BOMB = b"\x80\x04})" + b"\x85" * 1_000_000 + b"Ns."
SECONDS = 10.0
Members = list[tuple[str, bytes]]


@cache
def good(zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save({"a": torch.arange(6.0)}, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@cache
def members() -> Members:
    with zipfile.ZipFile(io.BytesIO(good())) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def packed(content: Members, compression: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.comment = comment
        for name, each in content:
            archive.writestr(name, each)
    return file.getvalue()


def renamed(old: str, new: str, content: bytes | None = None) -> Members:
    return [
        (name.replace(old, new), each if content is None or old not in name else content)
        for name, each in members()
    ]


def nul() -> bytes:
    return packed([("archive/data.pkl_x", BOMB), *members()]).replace(b"data.pkl_x", b"data.pkl\0x")


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "capitals alone": lambda: packed(renamed("data.pkl", "DATA.PKL", BOMB)),
    "capitals first": lambda: packed([("archive/DATA.PKL", BOMB), *members()]),
    "capitals last": lambda: packed([*members(), ("archive/Data.pkl", BOMB)]),
    "capitals in the folder": lambda: packed([("ARCHIVE/data.pkl", BOMB), *members()]),
    "a name twice": lambda: packed([*members(), ("archive/data/0", b"x")]),
    "backslashes": lambda: packed(renamed("/data.pkl", "\\data.pkl", BOMB)),
    "a NUL in a name": nul,
    "another pickle": lambda: packed([*members(), ("archive/constants.pkl", BOMB)]),
    "packed": lambda: packed(members(), zipfile.ZIP_DEFLATED),
    "a comment": lambda: packed(members(), comment=b"x" * 30),
    "something before it": lambda: b"PK\3\4" + bytes(60) + packed(members()),
    "something behind it": lambda: packed(members()) + bytes(60),
    "two archives": lambda: packed(renamed("data.pkl", "data.pkl", BOMB)) + packed(members()),
    "a pickle before an archive": lambda: BOMB + packed(members()),
    "an old file before an archive": lambda: good(False)[:16] + BOMB + packed(members()),
}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_refused_and_never_a_crash(tmp_path: Path, name: str) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(ARCHIVES[name]())
    child = os.fork()  # torch may take it down
    if not child:
        signal.alarm(int(SECONDS))
        try:
            read_checkpoint(path)
        except DataError as error:
            os._exit(0 if str(path) in str(error) else 1)
        os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("start", [b"", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P"])
def test_a_tar_archive_would_hang_its_parser(tmp_path: Path, start: bytes) -> None:
    """Its first bytes may be those of an old file of torch: it is a name."""
    block = bytearray(header("x", tarfile.XHDTYPE, b"1" * 900_000))
    block[: len(start)] = start
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block[:512])
    path = tmp_path / "weights.pt"
    path.write_bytes(block)
    started = time.perf_counter()
    with pytest.raises(DataError, match="it is a tar archive"):
        read_checkpoint(path)
    assert time.perf_counter() - started < SECONDS


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_writes_is_read(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "weights.pt"
    state = {"a": torch.arange(6.0), "b": torch.ones(70_000)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert found.keys() == state.keys()
    assert torch.equal(found["b"], state["b"])
