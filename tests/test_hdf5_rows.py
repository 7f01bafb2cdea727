"""Rows of HDF5 files, a block at a time, by a process that may have one file open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from brainbench_audio import hdf5_rows
from brainbench_audio.errors import DataError
from brainbench_audio.hdf5_rows import Hdf5Reader, hdf5_reader

VALUES = np.arange(60.0).reshape(5, 4, 3)


@pytest.fixture(scope="module")
def reader() -> Iterator[Hdf5Reader]:
    with hdf5_reader() as reader:
        yield reader


def written(path: Path) -> Path:
    with netCDF4.Dataset(path, "w") as data:
        for name, length in zip("abc", VALUES.shape, strict=True):
            data.createDimension(name, length)
        data.createVariable("cube", "f8", ("a", "b", "c"), contiguous=True)[:] = VALUES
        data.createVariable("packed", "i4", ("a", "b"), zlib=True)[:] = VALUES[..., 0]
        data.createVariable("text", str, ("a",))[:] = np.array(list("abcde"), object)
    return path


@pytest.mark.parametrize("block", [1, 200, 1 << 20])
def test_blocks_are_all_rows_in_order(
    reader: Hdf5Reader, tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_rows, "_BLOCK", block)
    arrays = reader.open(written(tmp_path / "own.hf5"))
    assert arrays == {
        "cube": ((5, 4, 3), np.dtype("<f8")),
        "packed": ((5, 4), np.dtype("<i4")),
    }
    for name, values in (("cube", VALUES), ("packed", VALUES[..., 0])):
        read = list(reader.blocks(name))
        assert len(read) == {1: 5, 1 << 20: 1}.get(block, 3 if name == "cube" else 1)
        assert [first for first, _ in read] == np.cumsum([0, *map(len, dict(read).values())])[
            :-1
        ].tolist()
        np.testing.assert_array_equal(np.concatenate([rows for _, rows in read]), values)


def test_a_damaged_file_is_refused_and_the_next_one_read(
    reader: Hdf5Reader, tmp_path: Path
) -> None:
    whole = written(tmp_path / "own.hf5")
    content = whole.read_bytes()
    for name, damaged in (("cut.hf5", content[:-400]), ("other.hf5", b"RIFF" * 99), ("0.hf5", b"")):
        path = tmp_path / name
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"{name} is damaged"):
            reader.open(path)
    with pytest.raises(DataError, match=r"nowhere\.hf5 cannot be read: No such file"):
        reader.open(tmp_path / "nowhere.hf5")
    reader.open(whole)
    assert len(list(reader.blocks("packed"))) == 1


def test_a_parser_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_rows, "_SECONDS", 0.01)
    with hdf5_reader() as slow, pytest.raises(DataError, match=r"own\.hf5 .* got signal 9"):
        slow.open(written(tmp_path / "own.hf5"))
