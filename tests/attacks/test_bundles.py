"""Bundles that strangers send: what is refused, and that then nothing is merged."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.settings import results_home
from brainbench_audio.sharing.bundle import merge_bundle

from .hdf5 import Hdf5
from .hdf5 import score as hdf5_score

KEY = "0123456789abcdef01234567"
ABOUT: dict[str, Any] = {
    "model": "Net",
    "benchmark": "A-x",
    "measured_by": "Ann",
    "created": "2026-01-01T00:00:00",
    "versions": {"brainbench-audio": "0.1.0"},
    "identity": {"id": "Net", "source": "brainbench-net", "version": "1a2b3c4d"},
}
HOSTILE = "net\x1b[31m\x07"
Member = tuple[str, bytes]


def member(tmp_path: Path, place: str = "A-x/Net", **about: Any) -> Member:
    """Return name and bytes of a score; ``about`` changes what it says, None takes it away."""
    told = {name: value for name, value in {**ABOUT, **about}.items() if value is not None}
    Score(value=0.5, provenance=told).to_netcdf(tmp_path / "score.nc")
    return named(tmp_path / "score.nc", place)


def named(file: Path, place: str) -> Member:
    return f"scores/{place}/{KEY}-{hash_file(file)[:16]}.nc", file.read_bytes()


def sent(
    tmp_path: Path, *members: Member, head: Mapping[str, Any] | None = None, kind: bytes = b"0"
) -> Path:
    with tarfile.open(tmp_path / "sent.tar", "w") as tar:
        for name, content in [
            ("bundle.json", json.dumps(head or {"format": 1}).encode()),
            *members,
        ]:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            if kind != b"0" and name != "bundle.json":
                about.type, about.linkname, about.size = kind, "/etc/passwd", 0
            tar.addfile(about, io.BytesIO(content))
    return tmp_path / "sent.tar"


def refused(bundle: Path, told: str) -> None:
    with pytest.raises(DataError, match=told):
        merge_bundle(bundle)
    assert stored_scores() == []
    assert list(results_home().rglob("*.nc")) == []


def test_a_sound_one_is_taken(tmp_path: Path) -> None:
    assert len(merge_bundle(sent(tmp_path, member(tmp_path))).added) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../outside.nc", "outside the folder"),
        ("/tmp/outside.nc", "outside the folder"),
        ("scores/../../outside.nc", "outside the folder"),
        ("scores/A-x/Net/notes.txt", "is no score"),
        ("published/mine.csv", "is no score"),
        ("identities/0.json", "is no score"),
        (f"scores/A-x/Net/{KEY}-0123456789abcdef.nc", "digest in its name"),
    ],
)
def test_members_that_are_no_scores(tmp_path: Path, name: str, told: str) -> None:
    bundle = sent(tmp_path, member(tmp_path), (name, b"anything"))
    refused(bundle, told)
    assert not list(tmp_path.parent.glob("outside*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_pipes(tmp_path: Path, kind: bytes) -> None:
    refused(sent(tmp_path, member(tmp_path), kind=kind), "not a file")


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"model": HOSTILE}, "its model is"),
        ({"model": "x" * 300}, "its model is"),
        ({"benchmark": ["A-x"]}, "its benchmark is"),
        ({"measured_by": None}, "its measured_by is"),
        ({"measured_by": HOSTILE}, "its measured_by is"),
        ({"created": "2999-01-01T00:00:00"}, "a time in the past"),
        ({"created": 5}, "a time in the past"),
        ({"versions": None}, "versions made it"),
        ({"versions": {"brainbench-audio": {"deep": 1}}}, "versions made it"),
        ({"identity": {"id": "Net", "source": "x", "version": "<b>"}}, "its identity"),
        ({"identity": "Net"}, "its identity"),
        ({"citations": [1]}, "its citations"),
        ({"reachable_share": 0}, "its reachable_share"),
        ({"key": "f" * 64}, "its key is another"),
        ({"benchmark": "B-x"}, "a score of Net on B-x"),
        ({"model": "../.."}, "a score of ../.. on A-x"),
    ],
)
def test_scores_that_say_what_they_must_not(
    tmp_path: Path, about: dict[str, Any], told: str
) -> None:
    refused(sent(tmp_path, member(tmp_path, **about)), told)


def test_one_of_many_that_reads_another_file(tmp_path: Path) -> None:
    """All are parsed, by a process that may open nothing, before the first is kept."""
    path, library = hdf5_score(tmp_path / "score.nc"), Hdf5()
    (tmp_path / "secret").write_bytes(b"secret")

    def outside(about: int) -> None:
        library.H5Pset_external(about, str(tmp_path / "secret").encode(), 0, 6)

    library.put(path, "H5T_STD_U8LE", 6, outside)
    bundle = sent(tmp_path, named(path, "Z-x/Net"), member(tmp_path))
    refused(bundle, "(damaged|hostile).*Nothing was merged")


def test_what_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(sent(tmp_path, head={"format": 2}), "another format")
    (tmp_path / "plain.tar").write_bytes(b"no archive")
    refused(tmp_path / "plain.tar", "is no tar archive")
    assert main(["results", "merge", str(tmp_path)]) == 1
    assert "is no file" in capsys.readouterr().err


def test_a_name_of_whoever_measures(keep: Callable[..., Path], tmp_path: Path) -> None:
    keep("Net", "A-x", 0.5)
    for name in (HOSTILE, "x" * 300):
        assert main(["results", "export", str(tmp_path / "a.tar"), "--by", name]) == 1
    assert not (tmp_path / "a.tar").exists()
