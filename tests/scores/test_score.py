"""Scores and their files."""

from __future__ import annotations

import json
import logging
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.errors import CacheError, ContractError, DataError
from brainbench_audio.scores.fault import fault
from brainbench_audio.scores.score import Score, read_summary
from brainbench_audio.scores.store import find_score, keep_score, score_stem, stored_scores

RAW = xr.Dataset(
    {
        "r2": (("layer", "voxel"), np.random.default_rng(0).standard_normal((2, 1500))),
        "chosen": ("voxel", np.arange(1500) % 2),
        "nothing": ("layer", [np.nan, 1.0]),
    },
    {"layer": ["a/b", "çäß"], "subject": ("voxel", ["subject-0"] * 1500)},
    {"unit": "R²"},
)
FULL = Score(
    value=0.25,
    error=0.01,
    interval=(0.2, 0.3),
    ceiling=0.5,
    parts={"lf": 0.1, "speech and music": 0.4},
    part_errors={"lf": 0.02, "speech and music": 0.03},
    part_intervals={"lf": (0.05, 0.15), "speech and music": (0.3, 0.45)},
    layer="a/b",
    n={"stimulus": 165, "voxel": 1500},
    raw=RAW,
    provenance={"model": "m", "benchmark": "b", "created": "2025-01-01", "nested": {"a": [1]}},
)


def same(one: Score, other: Score) -> None:
    xr.testing.assert_identical(one.raw, other.raw)
    assert one == other


def test_round_trip(tmp_path: Path) -> None:
    FULL.to_netcdf(tmp_path / "sub" / "score.nc")
    same(Score.from_netcdf(tmp_path / "sub" / "score.nc"), FULL)
    assert [file.name for file in (tmp_path / "sub").iterdir()] == ["score.nc"]


def test_round_trip_of_the_smallest_score(tmp_path: Path) -> None:
    FULL.to_netcdf(tmp_path / "score.nc")
    Score(value=-0.5).to_netcdf(str(tmp_path / "score.nc"))
    same(Score.from_netcdf(str(tmp_path / "score.nc")), Score(value=-0.5))


def test_numbers_of_numpy_become_plain_ones(tmp_path: Path) -> None:
    score = Score(
        value=np.float32(0.5),  # type: ignore[arg-type]
        error=np.float64(0.125),
        interval=(np.float64(0), np.float64(1)),
        parts={"a": np.float32(0.25)},  # type: ignore[dict-item]
        n={"stimulus": np.int64(3)},  # type: ignore[dict-item]
        provenance={"seeds": np.arange(3)},
    )
    score.to_netcdf(tmp_path / "score.nc")
    read = Score.from_netcdf(tmp_path / "score.nc")
    assert (read.value, read.error, read.interval) == (0.5, 0.125, (0.0, 1.0))
    assert type(read.n["stimulus"]) is int
    assert read.provenance == {"seeds": [0, 1, 2]}


@given(value=st.floats(-2, 2), ceiling=st.floats(0.01, 2))
def test_normalised_is_not_clipped(value: float, ceiling: float) -> None:
    assert Score(value=value, ceiling=ceiling).normalised == value / ceiling


@pytest.mark.parametrize("ceiling", [None, 0.0, -0.1, math.nan])
def test_without_a_ceiling_nothing_is_normalised(ceiling: float | None) -> None:
    assert Score(value=0.5, ceiling=ceiling).normalised is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_score_is_a_finite_number(value: float) -> None:
    with pytest.raises(ContractError, match="finite number"):
        Score(value=value)


def test_with_provenance_changes_nothing_else() -> None:
    changed = FULL.with_provenance({"model": "x"})
    assert changed.provenance == {"model": "x"}
    same(changed.with_provenance(FULL.provenance), FULL)
    assert changed != FULL


def test_the_summary_needs_no_arrays(tmp_path: Path) -> None:
    FULL.to_netcdf(tmp_path / "score.nc")
    summary = read_summary(tmp_path / "score.nc")
    assert summary["value"] == 0.25
    assert summary["parts"] == FULL.parts


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "text":
        path.write_text("score: 1.0")
    elif how == "absent":
        path.unlink()
    elif how == "foreign":
        path.unlink()
        RAW.to_netcdf(path, engine="netcdf4")
    elif how == "no JSON":
        xr.Dataset(attrs={"brainbench_score": "{"}).to_netcdf(path, engine="netcdf4")
    else:
        text = json.dumps({**read_summary(path), "format": 0})
        xr.Dataset(attrs={"brainbench_score": text}).to_netcdf(path, engine="netcdf4")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("empty", "damaged"),
        ("cut", "damaged"),
        ("text", "damaged"),
        ("absent", "does not exist"),
        ("foreign", "not a stored score"),
        ("no JSON", "damaged"),
        ("old", "format 0, this version reads 1: score the pair again"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, how: str, told: str) -> None:
    path = tmp_path / "score.nc"
    FULL.to_netcdf(path)
    damage(path, how)
    with pytest.raises(DataError, match=rf"score\.nc.*{told}"):
        Score.from_netcdf(path)


def rewritten(path: Path, **changed: Any) -> Path:
    """Write a score with another summary, as another version or program may; None: without."""
    FULL.to_netcdf(path)
    with xr.open_dataset(path, engine="netcdf4", decode_times=False) as file:
        data = file.load()
    summary = json.loads(data.attrs["brainbench_score"]) | changed
    kept = {name: value for name, value in summary.items() if value is not None}
    data.attrs["brainbench_score"] = json.dumps(kept)
    del data.attrs["brainbench_score_sha256"]
    checked = {
        name: {"fletcher32": True}
        for name, variable in data.variables.items()
        if variable.dtype.kind in "fiub" and variable.ndim
    }
    data.to_netcdf(path, engine="netcdf4", encoding=checked)
    return path


def test_files_of_earlier_versions_have_no_errors_of_parts(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "score.nc", part_errors=None, part_intervals=None)
    found = Score.from_netcdf(path)
    assert (found.part_errors, found.part_intervals, found.p) == ({}, {}, None)
    same(found, replace(FULL, part_errors={}, part_intervals={}))


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"part_errors": [0.1]}, "part_errors"),
        ({"part_errors": {"lf": "small"}}, "part_errors"),
        ({"part_intervals": {"lf": [0.1]}}, "part_intervals"),
        ({"part_intervals": {"lf": None}}, "part_intervals"),
        ({"part_intervals": {"lf": [0.1, "high"]}}, "part_intervals"),
        ({"part_intervals": 3}, "part_intervals"),
        ({"provenance": {"chance": 0.01}}, "provenance"),
        ({"provenance": {"chance": {"p": "small"}}}, "provenance"),
        ({"provenance": {"guessing": {"majority": "most"}}}, "provenance"),
        ({"provenance": {"guessing": [0.1]}}, "provenance"),
        ({"provenance": {"chance": {"mean": 0.1}}}, "provenance"),
    ],
)
def test_fields_of_no_use_are_refused(tmp_path: Path, changed: dict[str, Any], name: str) -> None:
    path = rewritten(tmp_path / "score.nc", **changed)
    with pytest.raises(DataError, match=f"its {name} is missing or of no use"):
        Score.from_netcdf(path)


def test_p_is_that_of_the_test_against_chance(tmp_path: Path) -> None:
    assert FULL.p is None
    tested = FULL.with_provenance({"chance": {"p": 0.005, "permutations": 199, "mean": 0.1}})
    tested.to_netcdf(tmp_path / "score.nc")
    assert Score.from_netcdf(tmp_path / "score.nc").p == tested.p == 0.005


@pytest.mark.parametrize("name", ["r2", "chosen", "nothing"])
def test_a_flipped_byte_in_an_array_is_noticed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "score.nc"
    few = RAW.isel(voxel=slice(20))
    replace(FULL, raw=few).to_netcdf(path)
    content = bytearray(path.read_bytes())
    place = content.find(few[name].values.tobytes()[:12])
    assert place > 0
    content[place + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        Score.from_netcdf(path)


def test_a_flipped_byte_in_the_value_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "score.nc"
    FULL.to_netcdf(path)
    path.write_bytes(path.read_bytes().replace(b'"value": 0.25', b'"value": 0.35'))
    with pytest.raises(DataError, match="damaged"):
        Score.from_netcdf(path)


def test_a_full_disk(small_disk: Path) -> None:
    raw = xr.Dataset({"r2": ("voxel", np.random.default_rng(0).standard_normal(100_000))})
    with pytest.raises(CacheError, match=r"Cannot write .*score\.nc.*BRAINBENCH_HOME"):
        Score(value=0.5, raw=raw).to_netcdf(small_disk / "score.nc")
    assert list(small_disk.iterdir()) == []


def test_a_raw_part_that_netcdf_cannot_hold(tmp_path: Path) -> None:
    raw = xr.Dataset({"r2": ("voxel", np.array([object()]))})
    with pytest.raises(ContractError, match="raw"):
        Score(value=0.5, raw=raw).to_netcdf(tmp_path / "score.nc")
    assert list(tmp_path.iterdir()) == []


KEY = "0123456789abcdef" * 4


def stored(model: str, benchmark: str = "b", **changes: Any) -> Path:
    provenance = {"model": model, "benchmark": benchmark, **changes}
    score = replace(FULL, provenance=provenance)
    return keep_score(score_stem(benchmark, model, KEY), score)


def test_the_store_finds_what_it_keeps(caplog: pytest.LogCaptureFixture) -> None:
    path = stored("../odd name/é")
    stem = score_stem("b", "../odd name/é", KEY)
    found = find_score(stem)
    assert found is not None
    assert found.value == FULL.value
    with caplog.at_level(logging.WARNING):
        path.write_bytes(b"damaged")
        assert find_score(stem) is None
    assert "damaged" in caplog.text
    assert not path.exists()
    assert path.with_name(f"{path.name}.0.corrupt").read_bytes() == b"damaged"
    assert find_score(stem) is None


def test_one_flipped_byte_anywhere_is_noticed() -> None:
    path = stored("flipped")
    content = bytearray(path.read_bytes())
    for position in np.linspace(0, len(content) - 1, 20).astype(int):
        flipped = bytearray(content)
        flipped[position] ^= 1
        path.write_bytes(flipped)
        assert find_score(score_stem("b", "flipped", KEY)) is None


def test_a_score_computed_again_replaces_the_old_one() -> None:
    first = stored("again", created="2024-05-01T00:00:00")
    second = stored("again", created="2025-05-01T00:00:00")
    assert list(first.parent.glob("*.nc")) == [second]


def test_odd_ids_stay_inside_the_store(tmp_path: Path) -> None:
    for identifier in ("../../etc/passwd", "..", ".", "", "a/b", "...", "\0", "ü"):
        stem = score_stem(identifier, identifier, "k")
        assert stem.resolve().relative_to(tmp_path / "home" / "results").parts[2:] == ("k",)


def test_stored_scores_are_the_newest_first(caplog: pytest.LogCaptureFixture) -> None:
    stored("old", created="2024-05-01T00:00:00")
    stored("new", created="2025-05-01T00:00:00")
    stored("undated")
    damaged = stored("damaged")
    damaged.write_bytes(b"x")
    leftover = damaged.with_name(".part-1.nc")
    leftover.write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        found = stored_scores()
    assert [entry.model for entry in found] == ["new", "old", "undated"]
    assert {entry.benchmark for entry in found} == {"b"}
    assert str(damaged) in caplog.text
    assert str(leftover) not in caplog.text


@pytest.mark.parametrize("value", [np.nan, np.inf, 1j, "0.5", None, np.array([0.5])])
def test_a_value_is_a_finite_number(value: Any) -> None:
    with pytest.raises(ContractError, match="A score must be a finite number, this one is"):
        Score(value=value)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"interval": (0.6, 0.4)}, r"interval is \(0.6, 0.4\), expected two numbers, the lower"),
        ({"interval": (0.4, np.nan)}, "interval is"),
        ({"interval": (0.4, 0.5, 0.6)}, "interval is"),
        ({"interval": 0.5}, "interval is"),
        ({"part_intervals": {"a": (1, 0)}}, "interval of part 'a' is"),
        ({"error": -0.1}, "error is -0.1, expected a number of 0 or more"),
        ({"error": np.nan}, "error is nan"),
        ({"ceiling": -0.1}, "ceiling is -0.1"),
        ({"ceiling": "1"}, "ceiling is '1'"),
        ({"parts": {1: 0.5}}, "parts hold 1: 0.5, expected a name and a number"),
        ({"part_errors": {"a": "b"}}, "part_errors hold 'a': 'b'"),
    ],
)
def test_what_no_score_can_have(fields: dict[str, Any], told: str) -> None:
    assert re.match(f"whose {told}", fault(Score(value=0.5, **fields)))


def test_what_a_score_may_have() -> None:
    intervals = {"a": (0.0, 0.0)}
    whole = Score(
        value=np.float32(0.5), error=0.0, interval=(0.6, 0.7), ceiling=1.5, part_intervals=intervals
    )
    assert fault(whole) == ""
    assert fault(Score(value=1, parts={"a": np.nan})) == ""
