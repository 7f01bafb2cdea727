"""Stored scores that reach for other files, declare gigabytes, or crash their parser."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio import netcdf
from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.hdf5_rows import hdf5_reader
from brainbench_audio.scores.profiles import read_raw
from brainbench_audio.scores.score import Score, read_summary
from brainbench_audio.scores.store import score_stem

from .hdf5 import Hdf5, Size, score

SECRET = b"what is nobody's business, but the owner's"


@pytest.fixture(scope="module")
def hdf5() -> Hdf5:
    return Hdf5()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(SECRET)
    return tmp_path / "secret"


def rows(path: Path, name: str) -> list[Any]:
    with hdf5_reader() as reader:
        reader.open(path)
        return list(reader.blocks(name))


def refused(path: Path, told: str = "") -> None:
    for read in (Score.from_netcdf, read_raw):
        with pytest.raises(DataError, match=rf"{path.name}.*{told}"):
            read(path)


@pytest.mark.parametrize("absolute", [True, False])
def test_storage_in_another_file(
    tmp_path: Path, hdf5: Hdf5, secret: Path, absolute: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = score(tmp_path / "score.nc")
    name = str(secret if absolute else secret.name).encode()

    def outside(about: int) -> None:
        hdf5.H5Pset_external(about, name, 0, len(SECRET))

    hdf5.put(path, "H5T_STD_U8LE", len(SECRET), outside)
    refused(path)


def test_a_virtual_data_set(tmp_path: Path, hdf5: Hdf5) -> None:
    other, path = score(tmp_path / "other.nc"), score(tmp_path / "score.nc")

    def virtual(about: int) -> None:
        hdf5.H5Pset_virtual(about, hdf5.space(3), str(other).encode(), b"a", hdf5.space(3))

    hdf5.put(path, "H5T_IEEE_F64LE", 3, virtual)
    refused(path, "leak has no checksums, or lies in another file")


@pytest.mark.parametrize("kind", ["virtual", "external", "link"])
def test_an_hdf5_file_of_ones_own_takes_nothing_from_another(
    kind: str, tmp_path: Path, hdf5: Hdf5, secret: Path
) -> None:
    other, path, length = tmp_path / "other.h5", tmp_path / "own.h5", 1 << 16
    for each in (other, path):
        xr.Dataset({"a": ("x", np.ones(3))}).to_netcdf(each)
    hdf5.put(other, "H5T_IEEE_F64LE", length)

    def elsewhere(about: int) -> None:
        if kind == "external":
            hdf5.H5Pset_external(about, str(secret).encode(), 0, 8 * length)
        else:
            space = hdf5.space(length)
            hdf5.H5Pset_virtual(about, space, str(other).encode(), b"leak", space)

    if kind == "link":
        file = hdf5.H5Fopen(str(path).encode(), 1, 0)
        hdf5.H5Lcreate_external(str(other).encode(), b"a", file, b"leak", 0, 0)
        hdf5.H5Fclose(file)
    else:
        hdf5.put(path, "H5T_IEEE_F64LE", length, elsewhere)
    told = "lie in other files" if kind == "virtual" else ""
    with pytest.raises(DataError, match=rf"own\.h5.*{told}"):
        netcdf.read_arrays(path)
    with pytest.raises(DataError, match=rf"own\.h5.*{told}"):
        rows(path, "leak")


@pytest.mark.parametrize("target", ["other.nc", "nowhere.nc", "pipe"])
def test_a_link_to_another_file(tmp_path: Path, hdf5: Hdf5, target: str) -> None:
    """Opening a pipe would wait for ever, in every verb that lists scores."""
    score(tmp_path / "other.nc")
    os.mkfifo(tmp_path / "pipe")
    path = score(tmp_path / "score.nc")
    file = hdf5.H5Fopen(str(path).encode(), 1, 0)
    hdf5.H5Lcreate_external(str(tmp_path / target).encode(), b"a", file, b"leak", 0, 0)
    hdf5.H5Fclose(file)
    refused(path)
    with pytest.raises(DataError, match=r"score\.nc"):
        read_summary(path)


@pytest.mark.parametrize("chunked", [True, False])
def test_gigabytes_that_are_not_there(tmp_path: Path, hdf5: Hdf5, chunked: bool) -> None:
    path = score(tmp_path / "score.nc")

    def in_chunks(about: int) -> None:
        hdf5.H5Pset_chunk(about, 1, (Size * 1)(1 << 20))

    hdf5.put(path, "H5T_IEEE_F64LE", 1 << 29, in_chunks if chunked else None)
    assert path.stat().st_size < 10_000
    refused(path, "it declares more than")
    assert read_summary(path)["value"] == 0.5


def test_zeros_that_compress_well_are_read(tmp_path: Path) -> None:
    path = score(tmp_path / "score.nc", zeros=(("y", "z"), np.zeros((1000, 1000))))
    assert Score.from_netcdf(path).raw["zeros"].shape == (1000, 1000)


def test_a_file_larger_than_any(tmp_path: Path) -> None:
    path = score(tmp_path / "score.nc")
    os.truncate(path, netcdf.LARGEST + 1)
    refused(path, "more than any stored file has")


def test_a_parser_that_dies_is_an_error_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = score(tmp_path / "score.nc")
    assert read_summary(path)["value"] == 0.5
    process = netcdf._PARSER._process
    assert process is not None
    process.kill()
    with pytest.raises(DataError, match="got signal 9"):
        read_summary(path)
    assert read_summary(path)["value"] == 0.5
    stopped = netcdf._PARSER._process
    assert stopped is not None
    os.kill(stopped.pid, signal.SIGSTOP)  # as good as one that never ends
    monkeypatch.setattr(netcdf, "_SECONDS", 0.1)
    with pytest.raises(DataError, match="got signal 9"):
        read_summary(path)


def test_threads_and_forks_have_their_own_turn(tmp_path: Path) -> None:
    paths = [score(tmp_path / f"{number}.nc") for number in range(4)]
    trouble: list[BaseException] = []

    def read(path: Path) -> None:
        try:
            for _ in range(20):
                assert Score.from_netcdf(path).raw["a"].values.tolist() == [0.0, 1.0, 2.0]
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=read, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    child = os.fork()
    if not child:
        read(paths[0])
        os._exit(bool(trouble))
    read(paths[1])
    assert os.waitpid(child, 0)[1] == 0
    assert trouble == []


def test_no_verb_is_stopped_by_one_of_many(
    tmp_path: Path, hdf5: Hdf5, keep: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    keep("good", "A-x", 0.25)
    path = score(tmp_path / "score.nc")
    file = hdf5.H5Fopen(str(path).encode(), 1, 0)
    hdf5.H5Lcreate_external(b"/dev/zero", b"a", file, b"leak", 0, 0)
    hdf5.H5Fclose(file)
    stem = score_stem("A-x", "bad", "b" * 24)
    stem.parent.mkdir(parents=True)
    shutil.copy(path, stem.with_name(f"{stem.name}-{'0' * 16}.nc"))
    for arguments in (
        ["results", "list"],
        ["list", "results"],
        ["export", "-o", f"{tmp_path}/a.csv"],
    ):
        assert main(arguments) == 0
    assert "good" in capsys.readouterr().out


@pytest.mark.parametrize(
    "value",
    [np.arange(4, dtype="i2"), np.array([True, False]), np.array(["a", "ü", ""]), np.float32(1.5)],
    ids=["integers", "truth", "text", "a single number"],
)
def test_what_scores_hold_comes_back_as_it_was(tmp_path: Path, value: Any) -> None:
    dims = ("y",) if np.ndim(value) else ()
    path = score(tmp_path / "score.nc", other=(dims, value, {"unit": "s", "numbers": [1, 2]}))
    found = Score.from_netcdf(path).raw["other"]
    assert found.values.tolist() == np.asarray(value).tolist()
    assert found.attrs["unit"] == "s"
    assert found.attrs["numbers"].tolist() == [1, 2]
