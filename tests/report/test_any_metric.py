"""Reports know no metric: one with a layer profile is shown, whoever wrote it."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import brainbench_audio
from brainbench_audio.cli.main import main
from brainbench_audio.report.layer_regions import layer_regions, region_rows
from brainbench_audio.report.results import all_results
from brainbench_audio.report.site.build import build_site
from brainbench_audio.report.site.stored import read_stored
from brainbench_audio.scores.profiles import check_raw
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import keep_score, score_stem, stored_scores
from brainbench_audio.training.trajectory import label_scores

LAYERS = ("in", "mid", "out")
SUBJECTS = ["a", "a", "b", "b", "c", "c"]


def responses(noise: float) -> tuple[dict[str, np.ndarray], xr.DataArray]:
    """Return three layers, and voxels of three subjects that follow the second."""
    generator = np.random.default_rng(0)
    layers = {name: generator.standard_normal((40, 6)) for name in LAYERS}
    values = layers["mid"] + noise * generator.standard_normal((40, 6))
    coordinates = {
        "stimulus": [f"sound-{place}" for place in range(40)],
        "subject": ("voxel", SUBJECTS),
        "region": ("voxel", ["Primary", "Lateral"] * 3),
    }
    return layers, xr.DataArray(values, coordinates, ("stimulus", "voxel"))


def strangers(noise: float) -> Score:
    """Score by a metric that no plugin has: the highest correlation with any feature."""
    layers, target = responses(noise)
    best = [
        np.abs(np.corrcoef(features.T, target.values.T)[:6, 6:]).max(axis=0)
        for features in layers.values()
    ]
    raw = xr.Dataset(
        {"layer_score": (("layer", "voxel"), np.array(best))},
        {"layer": list(layers), **target.drop_vars("stimulus").coords},
    )
    return Score(value=float(best[1].mean()), layer="mid", raw=raw)


def cka(noise: float) -> Score:
    metric = pytest.importorskip("brainbench_cka.metric")
    layers, target = responses(noise)
    score: Score = metric.CKA()(layers, target, np.arange(40) % 5)
    return score


METRICS = {"cka": cka, "strange": strangers}


@pytest.fixture(params=METRICS)
def benchmark(request: pytest.FixtureRequest) -> str:
    """Return a benchmark on which a model and two steps of its training are scored."""
    name = f"Made-{request.param}"
    for model, noise in (("net", 0.5), ("net@step=0", 2.0), ("net@step=10", 1.0)):
        score = METRICS[request.param](noise)
        assert check_raw(score.raw) == []
        provenance = {"model": model, "benchmark": name, "created": "2026-01-01T00:00:00"}
        score = replace(score, provenance=provenance)
        keep_score(score_stem(name, model, "k" * 24), score)
    return name


def expected(name: str, noise: float) -> np.ndarray:
    """Return the profile (layer, subject) that the reports should show."""
    score = METRICS[name.partition("-")[2]](noise)
    values = score.raw["layer_score"].values
    if values.shape[1] == 3:
        return values
    return np.stack([np.median(values[:, [place, place + 1]], axis=1) for place in (0, 2, 4)], 1)


def drawn(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> Any:
    pytest.importorskip("matplotlib")
    output = folder / "figure.svg"
    assert main(["figure", *arguments, "--output", str(output), "--json"]) == 0
    assert output.read_text().startswith("<?xml")
    return json.loads(capsys.readouterr().out)


def test_figure_of_layers(
    benchmark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = drawn(capsys, tmp_path, "layers", "-m", "net", "-b", benchmark)
    assert [row["layer"] for row in rows] == list(LAYERS)
    assert [list(row["parts"]) for row in rows] == [["a", "b", "c"]] * 3
    shown = [list(row["parts"].values()) for row in rows]
    np.testing.assert_allclose(shown, expected(benchmark, 0.5))


def test_map_of_regions(benchmark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = drawn(capsys, tmp_path, "layer-regions", "-m", "net", "-b", benchmark)
    score = METRICS[benchmark.partition("-")[2]](0.5)
    found = layer_regions(score.raw)
    regions = [
        {name: row[name] for name in row if name not in ("positions", "shares")} for row in rows
    ]
    assert regions == region_rows(found)
    assert {row["most_frequent_layer"] for row in rows} == {"mid"}


def test_trajectory(benchmark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = drawn(capsys, tmp_path, "trajectory", "-m", "net", "-b", benchmark)
    assert [row["layer"] for row in rows] == list(LAYERS)
    for place, row in enumerate(rows):
        means = [expected(benchmark, noise)[place].mean() for noise in (2.0, 1.0)]
        assert row["values"] == pytest.approx(means)
    scores = {(0, benchmark): METRICS[benchmark.partition("-")[2]](2.0)}
    data = label_scores(scores)
    assert data["score"].dims == ("step", "layer", "subject", "benchmark")
    np.testing.assert_allclose(data["score"].values[0, ..., 0], expected(benchmark, 2.0))


def test_page_of_the_model(benchmark: str, tmp_path: Path) -> None:
    (path,) = (entry.path for entry in stored_scores() if entry.model == "net")
    profile = read_stored(path).profile
    assert profile is not None
    assert (profile.what, profile.layers, profile.parts) == ("score", LAYERS, ("a", "b", "c"))
    np.testing.assert_allclose(profile.values, expected(benchmark, 0.5).T)
    build_site(all_results("none"), tmp_path / "site")
    page = (tmp_path / "site" / "models" / "net.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 1
    assert f"{benchmark}, best mid; 3 thin lines and their mean" in page


def test_reports_read_the_store_alone() -> None:
    root = Path(brainbench_audio.__file__).parent
    for path in (root / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", ()) if hasattr(alias, "name")]
            modules = [f"{getattr(node, 'module', None) or ''}.{name}" for name in names]
            for module in modules:
                assert not {"pipeline", "activations", "stimuli", "training"} & set(
                    module.split(".")
                ), f"{path} imports {module}"
