"""Scores that travel in a bundle: lossless, merged once, never over one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.cli.main import main
from brainbench_audio.report.results import newest_scores, stored_results
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.sharing.bundle import export_bundle, merge_bundle

Keep = Callable[..., Path]
Told = pytest.CaptureFixture[str]
VERSIONS = {"versions": {"brainbench-audio": "0.1.0"}, "created": "2026-01-01T00:00:00+00:00"}
OLD, NEW = "1a2b3c4d", "5e6f7a8b"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that moves to the home of somebody else."""

    def move(name: str) -> None:
        monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / name))

    move("ann")
    return move


@pytest.fixture
def three(home: Callable[[str], None], keep_version: Keep) -> None:
    names = {"layer": ["in", "out"], "voxel": [0, 1, 2]}
    raw = xr.Dataset({"layer_score": (("layer", "voxel"), np.arange(6.0).reshape(2, 3))}, names)
    fields: dict[str, Any] = {
        "error": 0.01,
        "interval": (0.1, 0.4),
        "ceiling": 0.8,
        "parts": {"a": 0.2, "b": None},
        "part_errors": {"a": 0.1},
        "part_intervals": {"a": (0.1, 0.3)},
        "layer": "out",
        "n": {"stimulus": 3},
    }
    activations = {"fingerprint": {"files": ["0" * 64]}, "source": "x"}
    about = {**VERSIONS, "activations": activations, "seed": 0}
    keep_version("Net", "brainbench-net", OLD, "A-x", 0.3, raw=raw, provenance=about, **fields)
    keep_version("Net", "brainbench-net", OLD, "A-y", 0.5, provenance=VERSIONS)
    keep_version("deep", "/home/ann/deep.py", OLD, "A-x", 0.2, provenance=VERSIONS)


def test_nothing_is_lost(three: None, home: Callable[[str], None], tmp_path: Path) -> None:
    sent = {one.stem.name: one for one in map(_loaded, stored_scores())}
    assert export_bundle(stored_scores(), tmp_path / "a.tar", " Ann Lee ") == 3
    home("ben")
    merged = merge_bundle(tmp_path / "a.tar")
    assert (len(merged.added), merged.known, merged.conflicts) == (3, (), ())
    for one in map(_loaded, stored_scores()):
        before = sent[one.stem.name].score
        assert dict(one.score.provenance) == {**before.provenance, "measured_by": "Ann Lee"}
        assert one.score.with_provenance({}) == before.with_provenance({})
        assert one.score.raw.identical(before.raw)
    assert {one.measured_by for one in stored_results()} == {"Ann Lee"}
    assert not any(one.published for one in stored_results())
    export_bundle(stored_scores(), tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    again = merge_bundle(tmp_path / "b.tar")
    assert (again.added, len(again.known), again.conflicts) == ((), 3, ())
    home("ann")
    assert len(merge_bundle(tmp_path / "b.tar").known) == 3
    assert {one.measured_by for one in stored_scores()} == {""}


class _loaded:
    def __init__(self, entry: Any) -> None:
        self.stem = entry.path.with_name(entry.path.stem.rpartition("-")[0])
        self.score = Score.from_netcdf(entry.path)


def test_without_arrays(three: None, home: Callable[[str], None], tmp_path: Path) -> None:
    export_bundle(stored_scores(), tmp_path / "a.tar", "Ann", raw=False)
    home("ben")
    merge_bundle(tmp_path / "a.tar")
    (one,) = [each for each in stored_results() if each.pair == ("Net", "A-x")]
    raw = Score.from_netcdf(one.path or "").raw
    assert list(raw.data_vars) == ["profile"]
    assert dict(zip(raw["layer"].values, raw["profile"].values, strict=True)) == {"in": 1, "out": 4}
    assert (one.interval, one.ceiling, one.parts["b"]) == ((0.1, 0.4), 0.8, None)
    export_bundle(stored_scores(), tmp_path / "b.tar", raw=False)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_other_numbers_are_shown_and_never_taken(
    three: None, home: Callable[[str], None], keep_version: Keep, tmp_path: Path, capsys: Told
) -> None:
    bundle = tmp_path / "a.tar"
    assert main(["results", "export", str(bundle)]) == 1
    assert "--by NAME" in capsys.readouterr().err
    assert main(["results", "export", str(bundle), "--by", "Ann", "--benchmark", "A-y"]) == 0
    home("ben")
    mine = keep_version("Net", "brainbench-net", OLD, "A-y", 0.6, provenance=VERSIONS)
    before = mine.read_bytes()
    assert main(["results", "merge", str(bundle)]) == 1
    told = capsys.readouterr().out
    assert "0 added, 0 known before" in told
    assert ["Net", OLD, "A-y", "0.600", "0.500", "Ann"] in [
        row.split() for row in told.splitlines()
    ]
    assert main(["results", "merge", str(bundle), "--json"]) == 1
    (one,) = json.loads(capsys.readouterr().out)["conflicts"]
    assert (one["here"], one["score"], one["measured_by"]) == (0.6, 0.5, "Ann")
    assert mine.read_bytes() == before
    # rounding of another machine is no other number
    keep_version("Net", "brainbench-net", OLD, "A-y", 0.5 + 1e-9, provenance=VERSIONS)
    assert main(["results", "merge", str(bundle)]) == 0


def test_ones_own_score_counts_whatever_date_others_write(keep_version: Keep) -> None:
    about = {"measured_by": "Ann"}
    keep_version("Net", "brainbench-net", OLD, "A-x", 0.1, key="a", created="2026-01-01")
    keep_version("Net", "brainbench-net", OLD, "A-x", 0.9, key="b", created="9", provenance=about)
    (newest,) = newest_scores().values()
    assert newest.summary["value"] == 0.1
    keep_version("Net", "brainbench-net", NEW, "A-x", 0.9, created="9", provenance=about)
    assert [(one.version, one.value) for one in stored_results()] == [(OLD, 0.1)]


def test_tables_say_who_measured(
    three: None, home: Callable[[str], None], keep_version: Keep, tmp_path: Path, capsys: Told
) -> None:
    export_bundle(stored_scores(), tmp_path / "a.tar", "Ann")
    home("ben")
    merge_bundle(tmp_path / "a.tar")
    keep_version("own", "brainbench-own", OLD, "A-x", 0.4)
    assert main(["results", "list"]) == 0
    assert "measured by" in (told := capsys.readouterr().out)
    assert sum(" Ann " in line for line in told.splitlines()) == 3
    assert main(["export", "-o", str(tmp_path / "all.csv")]) == 0
    assert (tmp_path / "all.csv").read_text().count(",Ann\n") == 3
    assert main(["report", "-o", str(tmp_path / "site"), "--published", "none"]) == 0
    board = (tmp_path / "site" / "index.html").read_text()
    assert "1 measured here, 2 by others" in board
    pages = [path.read_text() for path in (tmp_path / "site" / "models").glob("*.html")]
    assert sum("<td>Ann</td>" in page for page in pages) == 2
    assert sum("<td>here</td>" in page for page in pages) == 1
    assert main(["results", "rm", "--by", "An", "--yes"]) == 0
    assert len(stored_scores()) == 4
    assert main(["results", "rm", "--by", "Ann", "--yes"]) == 0
    assert [one.model for one in stored_scores()] == ["own"]
