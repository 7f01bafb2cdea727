"""Tables, comparisons, figures and files of stored scores, from Python as from the command line."""

from __future__ import annotations

import csv
import inspect
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import brainbench_audio
from brainbench_audio import (
    compare,
    correlate,
    export,
    figure,
    results,
    score,
    write_report,
)
from brainbench_audio.cli.drawings import GATHER
from brainbench_audio.cli.main import main, parser
from brainbench_audio.errors import DataError, UnknownId

Keep = Callable[..., Path]


def voxels() -> xr.Dataset:
    """Two layers, two subjects with two voxels in each of two regions, one voxel in none."""
    scores = np.array([[0.1, 0.3, 0.2, 0.2, 0.5, 0.7, 0.4, np.nan, 0.9], [0.2] * 9])
    return xr.Dataset(
        {"layer_score": (("layer", "voxel"), scores)},
        {
            "layer": ["in", "out_1"],
            "subject": ("voxel", ["a", "a", "a", "a", "b", "b", "b", "b", "b"]),
            "region": ("voxel", ["P", "P", "Q", "Q", "P", "P", "Q", "Q", ""]),
        },
    )


def test_every_name_of_the_top_level_documents_itself() -> None:
    assert set(brainbench_audio.__all__) <= set(dir(brainbench_audio))
    for name in brainbench_audio.__all__:
        told = inspect.getdoc(getattr(brainbench_audio, name)) or ""
        assert len(told.splitlines()) > 3, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        brainbench_audio.nothing  # noqa: B018


@pytest.mark.usefixtures("tiny")
def test_results_long_wide_and_as_arrays(keep: Keep) -> None:
    one = score("tiny-plain", "Tiny-match")
    keep("old-net", "Tiny-match", 0.25)
    table = results(benchmark="Tiny-match")
    assert table["model"].tolist() == ["old-net", "tiny-plain"]
    row = table.set_index("model").loc["tiny-plain"]
    assert row["value"] == one.value
    assert (row["low"], row["high"]) == one.interval
    assert (row["n"], row["layer"]) == (40, one.layer)
    assert row["version"] == one.provenance["identity"]["version"]
    assert np.isnan(table.set_index("model").loc["old-net", "ceiling"])
    assert "0.25" in repr(table)
    assert "created" not in repr(table)
    wide = results(form="wide")
    assert wide.loc["old-net", "Tiny-match"] == 0.25
    arrays = results(form="xarray")
    assert float(arrays["ceiling"].sel(model="tiny-plain", benchmark="Tiny-match")) == 0.8
    with pytest.raises(UnknownId, match="Did you mean"):
        results("tiny-plane")
    with pytest.raises(DataError, match="none of long, wide, xarray"):
        results(form="long-wide")  # type: ignore[call-overload]
    with pytest.raises(DataError, match="no column 'score', only model"):
        table.wide("score")


def test_a_measured_score_is_in_a_wide_table_in_place_of_a_published_one(keep: Keep) -> None:
    keep("beats-iter1", "NH2015-ridge", 0.123)
    both = results("beats-iter1", "NH2015-ridge", published="add")
    assert both["published"].tolist() == [False, True]
    assert both.wide().to_numpy().tolist() == [[0.123]]


def test_layers_of_components_subjects_regions_and_folds(keep: Keep) -> None:
    parts = xr.Dataset(
        {"layer_score": (("layer", "component"), [[0.1, 0.2], [0.3, 0.4]])},
        {"layer": ["in", "out_1"], "component": ["lf", "hf"]},
    )
    weights = xr.Dataset(
        {"layer_weights": (("fold", "layer"), [[0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])},
        {"layer": ["in", "out_1"]},
    )
    profile = xr.Dataset({"profile": ("layer", [0.1, 0.9])}, {"layer": ["in", "out_1"]})
    keep("net", "A-m", 0.4, raw=parts)
    keep("net", "B-m", 0.4, raw=weights)
    keep("net", "C-m", 0.4, raw=profile)
    keep("net", "D-m", 0.4, raw=voxels())
    keep("net", "E-m", 0.4)
    tables = results("net").layers()
    assert tables.loc[("net", "A-m", "out_1"), ["lf", "hf"]].tolist() == [0.3, 0.4]
    assert tables.loc[("net", "B-m", "in")].dropna().tolist() == [0.4, 0.3, 0.2]
    assert tables.loc[("net", "C-m")]["all"].tolist() == [0.1, 0.9]
    assert tables.loc[("net", "D-m", "in"), ["a", "b"]].tolist() == pytest.approx([0.2, 0.6])
    assert "E-m" not in tables.index.get_level_values("benchmark")
    assert tables.index.get_level_values("layer")[:2].tolist() == ["in", "out_1"]
    regions = results("net").layers("region")
    assert regions.index.tolist() == [("net", "D-m", "in"), ("net", "D-m", "out_1")]
    # median over a subject's voxels, mean over subjects; NaN and voxels of no region left out
    assert regions.loc[("net", "D-m", "in")].tolist() == pytest.approx([0.4, 0.3])
    with pytest.raises(DataError, match="no layer table: scores of E-m keep none"):
        results("net", "E-m").layers()


def test_layer_tables_as_files(
    keep: Keep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep("net_1", "D-m", 0.4, raw=voxels())
    for ending in ("csv", "json", "tex"):
        file = tmp_path / f"layers.{ending}"
        assert main(["export", "--layers", "region", "--output", str(file)]) == 0
        content = file.read_text()
        assert export(file, layers="region") == file
        assert file.read_text() == content
    with (tmp_path / "layers.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(one["layer"], one["part"]) for one in rows] == [
        (layer, region) for layer in ("in", "out_1") for region in "PQ"
    ]
    assert float(rows[0]["value"]) == pytest.approx(0.4)
    assert [one["value"] for one in json.loads((tmp_path / "layers.json").read_text())] == (
        pytest.approx([0.4, 0.3, 0.2, 0.2])
    )
    latex = (tmp_path / "layers.tex").read_text().splitlines()
    assert latex[0] == "% net_1 on D-m: score of each layer"
    assert r"in & \textbf{0.400} & \textbf{0.300} \\" in latex
    assert r"out\_1 & 0.200 & 0.200 \\" in latex
    capsys.readouterr()
    assert main(["export", "--layers", "--output", str(tmp_path / "layers.nc")]) == 1
    assert "must end in .csv, .json, .tex" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_figures_come_back_and_are_written(keep: Keep, tmp_path: Path) -> None:
    score("tiny-plain", "Tiny-match")
    drawing = figure(
        "layers", model="tiny-plain", benchmark="Tiny-match", output=tmp_path / "layers.svg"
    )
    assert (tmp_path / "layers.svg").read_bytes().startswith(b"<?xml")
    assert drawing._repr_png_().startswith(b"\x89PNG")
    assert {one["layer"] for one in drawing.numbers} == {"bands", "log_bands"}
    assert drawing.figure().axes
    assert repr(drawing).startswith("<Drawing figure: layers")
    with pytest.raises(DataError, match="no figure 'pie': choose from bars"):
        figure("pie")
    with pytest.raises(DataError, match=r"Figure bars does not take these options: .*'layer'"):
        figure("bars", layer="bands")


def test_figures_take_in_python_what_the_command_line_takes() -> None:
    for kind, gather in GATHER.items():
        asked = ["--model", "m", "--benchmark", "b", "--output", "x.png"]
        options = vars(parser().parse_args(["figure", kind, *asked]))
        assert set(inspect.signature(gather).parameters) <= set(options), kind


@pytest.mark.usefixtures("tiny")
def test_nothing_to_compare_correlations_and_the_site(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no scores yet"):
        compare()
    table = correlate(published=True, benchmark="NH2015-ridge", compared="overall", subset="all")
    assert isinstance(table, pd.DataFrame)
    assert table["benchmark"].tolist() == ["NH2015-ridge"]
    start = write_report(tmp_path / "board", published="only", title="Mine")
    assert "Mine" in start.read_text(encoding="utf-8")
