"""Exported files: read again, and imported elsewhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.export import escape, export, latex_table
from brainbench_audio.report.published_files import import_scores
from brainbench_audio.report.results import (
    Result,
    all_results,
    published_results,
    stored_results,
)


@pytest.fixture
def results(keep: Callable[..., Path]) -> list[Result]:
    """One measured score of a model that was also published, one of another."""
    keep(
        "ast",
        "NH2015-ridge",
        0.36,
        error=0.02,
        interval=(0.32, 0.4),
        ceiling=0.72,
        parts={"s0": 0.3, "s1": 0.42},
        layer="block_3",
        n={"subject": 2},
    )
    keep("my_model", "B-x", 0.1234567890123)
    published = [one for one in published_results() if one.pair == ("ast", "NH2015-ridge")]
    return [*stored_results(), *published]


def test_csv(results: list[Result], tmp_path: Path) -> None:
    export(results, tmp_path / "new" / "all.csv")
    with (tmp_path / "new" / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    mine, measured, published = rows
    assert float(mine["value"]) == 0.1234567890123
    assert mine["error"] == mine["ceiling"] == mine["layer"] == ""
    assert measured | {"label": "", "family": ""} == {
        "model": "ast",
        "benchmark": "NH2015-ridge",
        "value": "0.36",
        "error": "0.02",
        "reading_error": "",
        "approximate": "0",
        "source": "",
        "label": "",
        "family": "",
        "low": "0.32",
        "high": "0.4",
        "ceiling": "0.72",
        "normalised": "0.5",
        "layer": "block_3",
        "published": "0",
        "created": "2026-01-01T00:00:00",
        "id": "ast",
        "version": "unknown",
        "model_source": "",
        "measured_by": "",
    }
    assert (published["published"], published["reading_error"]) == ("1", "0.002")
    assert published["source"].endswith("figure 2")


def test_an_export_is_imported_elsewhere(
    results: list[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "theirs.csv"
    export(results[:2], file)
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "elsewhere"))
    import_scores(file, "another lab")
    found = {one.pair: one for one in all_results("add")}
    for one in results[:2]:
        again = found[one.pair]
        assert again.published
        assert (again.value, again.error) == (one.value, one.error)
        assert again.provenance["source"] == "another lab"


def test_json(results: list[Result], tmp_path: Path) -> None:
    export(results, tmp_path / "all.json")
    rows = json.loads((tmp_path / "all.json").read_text())
    assert [row["published"] for row in rows] == [False, False, True]
    assert rows[1]["parts"] == {"s0": 0.3, "s1": 0.42}
    assert rows[1]["n"] == {"subject": 2}
    assert (rows[1]["low"], rows[1]["high"]) == (0.32, 0.4)
    assert rows[0]["error"] is None


def test_netcdf(results: list[Result], tmp_path: Path) -> None:
    export(results, tmp_path / "all.nc")
    with xr.open_dataset(tmp_path / "all.nc") as data:
        cell = data.sel(model="ast", benchmark="NH2015-ridge")
        # the measured one, not the published one
        assert cell["value"] == 0.36
        assert cell["normalised"] == 0.5
        assert cell["published"] == 0
        assert data["value"].sel(model="my_model", benchmark="NH2015-ridge").isnull()
        assert data["value"].shape == (2, 2)
    export(results[2:], tmp_path / "all.nc")
    with xr.open_dataset(tmp_path / "all.nc") as data:
        assert data["published"].values.tolist() == [[1]]


def test_latex(results: list[Result]) -> None:
    table = latex_table(results)
    lines = table.splitlines()
    assert lines[1] == r"\begin{tabular}{lrr}"
    assert lines[3] == r"Model & B-x & NH2015-ridge \\"
    assert r"& -- & \textbf{0.360} $\pm$ 0.020 \\" in table
    assert r"my\_model & \textbf{0.123} & -- \\" in lines
    assert "dagger" not in table
    assert table.count("{") == table.count("}")
    assert r"\textbf{0.350}$^\dagger$" in latex_table(results[2:])


def test_every_sign_is_escaped() -> None:
    assert escape(r"\~^&%$#_{}") == (
        r"\textbackslash{}\textasciitilde{}\textasciicircum{}\&\%\$\#\_\{\}"
    )


def test_what_cannot_be_written(results: list[Result], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must end in \.csv, \.json, \.nc, \.tex"):
        export(results, tmp_path / "all.xlsx")
    with pytest.raises(DataError, match="no results"):
        export([], tmp_path / "all.csv")
    assert list(tmp_path.glob("all*")) == []
