"""Every kind of figure, from a small store: the files, the numbers, and what is drawn."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from brainbench_audio import figure as draw_figure
from brainbench_audio.cli.main import main
from brainbench_audio.report.figures import (
    agreement,
    bars,
    compared,
    components,
    learning_curves,
    rdm,
    scatter,
    style,
    trajectory,
)
from brainbench_audio.report.results import Result, all_results, stored_results
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import keep_score, score_stem
from brainbench_audio.training.trajectory import label_scores

Scores = dict[tuple[str, str], Score]
Told = pytest.CaptureFixture[str]
STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
LAYERS = ["in", "mid", "out"]
MODELS = ("beats-iter1", "beats-iter2", "dasheng-base", "spectrotemporal", "mine")
BRAIN = ("NH2015-ridge", "B2021-ridge", "NH2015-rsa", "B2021-rsa")
TASKS = ("HEAR.gtzan-probe", "HEAR.esc50-probe")
COMPONENTS = ("lf", "hf", "broadband", "pitch", "speech", "music")


def keep(model: str, benchmark: str, score: Score) -> Score:
    provenance = {"model": model, "benchmark": benchmark, "created": "2026-01-01T00:00:00"}
    score = replace(score, provenance=provenance)
    keep_score(score_stem(benchmark, model, "k" * 24), score)
    return score


def brain_score(generator: np.random.Generator, value: float, metric: str) -> Score:
    values = value * generator.random((3, 4))
    raw = xr.Dataset(
        {"layer_score": (("layer", "subject"), values)}, {"layer": LAYERS, "subject": list("abcd")}
    )
    if metric == "ridge":
        raw = xr.Dataset(
            {"layer_score": (("layer", "voxel"), value * generator.random((3, 12)))},
            {
                "layer": LAYERS,
                "subject": ("voxel", list("abcd") * 3),
                "region": ("voxel", ["Primary"] * 6 + ["Lateral"] * 6),
                "stimulus": [f"s{place}" for place in range(9)],
                "category": ("stimulus", ["Music"] * 4 + ["Rain"] * 5),
            },
        )
        for name, scale in (("sound_error", 0.5), ("sound_spread", 1.0)):
            raw[name] = (
                ("stimulus", "part"),
                scale * generator.random((9, 2)),
                {"units": "listeners"},
            )
        raw["dimensionality"] = "layer", generator.uniform(2, 50, 3)
        raw["feature_count"] = "layer", generator.integers(60, 900, 3)
    else:
        raw["ceiling_lower"] = ("subject", [0.7, 0.8, 0.8, 0.9])
    return Score(value=value, error=value / 20, ceiling=0.8, layer="mid", raw=raw)


def probe_score(generator: np.random.Generator, value: float) -> Score:
    curves = generator.random((4, 9))
    curves[1, 5:] = np.nan
    weights = generator.dirichlet(np.ones(3), 5)
    raw = xr.Dataset(
        {
            "layer_weights": (("fold", "layer"), weights),
            "learning_curve": (("setting", "epoch"), curves),
        },
        {
            "layer": LAYERS,
            "metric": ["accuracy"],
            "learning_rate": ("setting", [0.1, 0.1, 0.2, 0.2]),
        },
        {"chosen_setting": 2},
    )
    return Score(value=value, error=0.01, layer="out", raw=raw)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Scores]:
    """Fill a store once with made-up scores of five models."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINBENCH_HOME", str(home))
        return home, fill()


@pytest.fixture
def store(filled: tuple[Path, Scores], tmp_path: Path) -> Scores:
    """Return the scores in this test's own store."""
    shutil.copytree(filled[0], tmp_path / "home")
    return filled[1]


def fill() -> Scores:
    generator = np.random.default_rng(0)
    found: Scores = {}
    for model in MODELS:
        for benchmark in BRAIN:
            metric = benchmark.partition("-")[2]
            value = float(generator.uniform(0.1, 0.6))
            found[model, benchmark] = keep(model, benchmark, brain_score(generator, value, metric))
        for benchmark in TASKS:
            value = float(generator.uniform(0.3, 0.9))
            found[model, benchmark] = keep(model, benchmark, probe_score(generator, value))
        parts = dict(zip(COMPONENTS, generator.uniform(0.1, 0.9, 6).tolist(), strict=True))
        whole = Score(value=float(np.mean(list(parts.values()))), parts=parts)
        found[model, "NH2015comp-ridge"] = keep(model, "NH2015comp-ridge", whole)
        for benchmark in ("NH2015-rsa", "B2021-rsa"):
            value = found[model, benchmark].value - 0.01
            score = brain_score(generator, value, "rsa")
            found[model, f"{benchmark}-cv"] = keep(model, f"{benchmark}-cv", score)
    for step in (0, 100, 200, 300, 400, 500):
        name = f"beats-iter1@step={step}"
        score = brain_score(generator, 0.1 + step / 1000, "rsa")
        found[name, "NH2015-rsa"] = keep(name, "NH2015-rsa", score)
    return found


ONE = ["-m", "beats-iter1"]
FIGURES = {
    "bars": [],
    "components": [],
    "scatter": ["-b", "NH2015-ridge"],
    "dimensionality": ["-b", *BRAIN[:2], "-m", *MODELS],
    "agreement": ["-b", *BRAIN[:2]],
    "categories": ["-m", "beats-*", "-b", "NH2015-ridge"],
    "layer-choice": [],
    "layers": [*ONE, "-b", "NH2015-r*"],
    "layer-regions": [*ONE, "-b", "NH2015-ridge"],
    "layer-weights": [*ONE, "-b", "HEAR.*"],
    "learning-curves": [*ONE, "-b", "HEAR.*"],
    "trajectory": [*ONE, "-b", "NH2015-rsa", "--log"],
    "explain": ["--published", "only"],
}

# axes of numbers, not of names; the images of `rdm` are those of its numbers, see below
MEASURED = {
    "bars": "x",
    "components": "x",
    "scatter": "xy",
    "dimensionality": "xy",
    "agreement": "xy",
    "categories": "x",
    "layer-choice": "xy",
    "layers": "y",
    "layer-regions": "y",
    "layer-weights": "y",
    "learning-curves": "y",
    "trajectory": "xy",
    "explain": "x",
}


def numbers(capsys: Told, name: str, output: Path, *arguments: str) -> Any:
    arguments = arguments or tuple(FIGURES[name])
    assert main(["figure", name, *arguments, "--output", str(output), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_in_every_format(name: str, tmp_path: Path, capsys: Told) -> None:
    for kind, start in STARTS.items():
        output = tmp_path / f"figure.{kind}"
        assert main(["figure", name, *FIGURES[name], "--output", str(output)]) == 0
        assert output.read_bytes().startswith(start)
        assert capsys.readouterr().out
    # and the same numbers give the same file
    again = tmp_path / "again.svg"
    assert numbers(capsys, name, again)
    assert again.read_bytes() == (tmp_path / "figure.svg").read_bytes()
    assert "<text" in again.read_text()
    assert ", sans-serif" in again.read_text()


@pytest.mark.usefixtures("store")
def test_json_holds_what_is_drawn() -> None:
    """Every point, bar, line, error bar and pixel of every kind of figure stands in its JSON."""
    grouped = {"benchmark": "NH2015-rsa", "group": "X=beats-iter1,beats-iter2", "published": "add"}
    of_one = {
        "model": "beats-iter1",
        "layers": {"benchmark": "NH2015-r*"},
        "layer-regions": {"benchmark": "NH2015-ridge"},
        "trajectory": {"benchmark": "NH2015-rsa"},
        "categories": {"model": "beats-*", "benchmark": "NH2015-ridge"},
    }
    of_some: dict[str, dict[str, Any]] = {
        "bars": grouped,
        "scatter": {"benchmark": "NH2015-rsa"},
        "agreement": {"benchmark": BRAIN[:2], "published": "add"},
        "explain": {"published": "only"},
    }
    assert set(MEASURED) == set(FIGURES)
    for kind, measured in MEASURED.items():
        options: dict[str, Any] = dict(of_some.get(kind, {}))
        if FIGURES[kind][:1] == ["-m"]:
            options = {"model": "beats-iter1", **of_one.get(kind, {"benchmark": "HEAR.*"})}
        drawing = draw_figure(kind, **options)
        known = numbers_in(drawing.numbers)
        drawn = drawn_numbers(drawing.figure(), measured)
        assert drawn.size > 8
        far = np.abs(drawn[:, np.newaxis] - known).min(axis=1) > 1e-6
        assert drawn[far].tolist() == [], kind


def numbers_in(value: Any) -> Any:
    """Return all numbers of a JSON value, and ends of error bars."""
    found: list[float] = []
    if isinstance(value, dict):
        middles = [value.get(name) for name in ("value", "mean", "weight", "position", "ceiling")]
        for error in (value.get(name) for name in ("error", "ceiling_error")):
            pairs = [(m, error) for m in middles if m is not None and error is not None]
            found += [middle + sign * size for middle, size in pairs for sign in (-1, 1)]
        value = list(value.values())
    if isinstance(value, list | tuple):
        found += [number for one in value for number in numbers_in(one)]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found.append(float(value))
    return np.array(found)


def drawn_numbers(figure: Any, measured: str) -> Any:
    """Return the numbers of everything that is drawn along the measured axes of a figure."""
    found: list[Any] = []
    for axes in figure.axes:
        if axes.get_label() == "<colorbar>":
            continue
        for line in axes.lines:
            if line.get_label() in ("_leader", "_guide"):  # to a name; at 0
                continue
            across, along = line.get_transform().contains_branch_seperately(axes.transData)
            found += [line.get_xdata(orig=False)] if across and "x" in measured else []
            found += [line.get_ydata(orig=False)] if along and "y" in measured else []
        for each in axes.collections:  # error bars
            found += [
                part[:, "xy".index(name)] for part in each.get_segments() for name in measured
            ]
        # bars, which start at zero, and no bands or histograms
        found += [[one.get_width()] for one in axes.patches if one.get_x() == 0]
        found += [np.ma.filled(image.get_array(), np.nan) for image in axes.images]
    numbers = np.concatenate([np.ravel(one).astype(float) for one in found])
    return numbers[np.isfinite(numbers)]


def test_bars_are_the_stored_scores(store: Scores, tmp_path: Path, capsys: Told) -> None:
    for panel in numbers(capsys, "bars", tmp_path / "a.svg", "-b", *BRAIN):
        benchmark = panel["benchmark"]
        assert panel["ceiling"] == 0.8
        # over subjects, where there is a ceiling of each
        error = np.std([0.7, 0.8, 0.8, 0.9], ddof=1) / 2
        assert panel["ceiling_error"] == (pytest.approx(error) if "rsa" in benchmark else None)
        assert panel["baseline"]["value"] == store["spectrotemporal", benchmark].value
        values = [bar["value"] for bar in panel["bars"]]
        assert values == sorted(values, reverse=True)
        assert {bar["model"] for bar in panel["bars"]} == set(MODELS) - {"spectrotemporal"}
        for bar in panel["bars"]:
            score = store[bar["model"], benchmark]
            assert (bar["value"], bar["error"]) == (score.value, score.error)


def test_dimensionality_is_that_of_the_best_layer(
    store: Scores, tmp_path: Path, capsys: Told
) -> None:
    (panel,) = numbers(capsys, "dimensionality", tmp_path / "a.svg", "-b", "NH2015-ridge")
    scores = [store[one, "NH2015-ridge"] for one in sorted(MODELS)]
    best = [one.raw.sel(layer="mid") for one in scores]
    effective = np.log10([one["dimensionality"].item() for one in best])
    features = np.log10([one["feature_count"].item() for one in best])
    assert [one["with"] for one in panel["points"]] == pytest.approx(effective.tolist())
    values = [one.value for one in scores]
    given = np.column_stack([np.ones(5), features])
    left = [each - given @ np.linalg.lstsq(given, each)[0] for each in (values, effective)]
    assert panel["partial_r"] == pytest.approx(np.corrcoef(*left)[0, 1])
    assert (panel["n"], panel["partial_p"] < 1) == (5, True)


def result(model: str, value: float, error: float | None = None, **fields: Any) -> Result:
    fields = {"label": model, "family": "", "benchmark": "X-ridge", **fields}
    return Result(model=model, value=value, error=error, **fields)


def test_of_ceilings_that_differ_the_middle_one_counts_with_its_error(tmp_path: Path) -> None:
    results = []
    for ceiling, half in ((0.9, 0.05), (0.7, 0.02), (0.6, 0.1)):
        each = xr.Dataset({"ceiling_lower": ("subject", [ceiling - half, ceiling + half])})
        path = tmp_path / f"{ceiling}.nc"
        Score(value=0.3, ceiling=ceiling, raw=each).to_netcdf(path)
        results.append(result("mine", 0.3, ceiling=ceiling, path=path))
    # two subjects half a distance from their mean: that is the standard error
    assert compared.ceiling_of("X-ridge", results) == (0.7, pytest.approx(0.02))


def test_error_bars_stand_where_errors_are() -> None:
    results = [
        result("beats-iter1", 0.2, 0.05),
        result("mine", 0.4),
        result("ast", 0.3, 0.02, published=True),
        result("spectrotemporal", 0.1, 0.01, ceiling=0.7),
    ]
    with style.look():
        axes = bars.plot([bars.Panel.of(results, "X-ridge")]).axes[0]
    named = [label.get_text() for label in axes.get_yticklabels()]
    assert named == ["mine", "ast", "beats-iter1"]
    drawn = {round(patch.get_y() + patch.get_height() / 2): patch for patch in axes.patches[:3]}
    assert [drawn[-place].get_width() for place in range(3)] == [0.4, 0.3, 0.2]
    # published among measured: hatched
    assert [bool(drawn[-place].get_hatch()) for place in range(3)] == [False, True, False]
    segments = [line for bar in axes.collections for line in bar.get_segments()]
    spans = {round(line[0][1]): tuple(line[:, 0].round(9)) for line in segments}
    assert spans == {-1: (0.28, 0.32), -2: (0.15, 0.25)}
    upright = {line.get_label(): line.get_xdata()[0] for line in axes.lines if line.get_label()}
    assert upright["spectrotemporal"] == 0.1
    # on a white ground, so that it is seen on bars that are as dark
    ground = next(line for line in axes.lines if line.get_color() == "white")
    (line,) = (line for line in axes.lines if line.get_label() == "spectrotemporal")
    assert ground.get_xdata()[0] == 0.1
    assert ground.get_linewidth() > line.get_linewidth()
    assert axes.lines.index(ground) < axes.lines.index(line)
    assert upright["ceiling"] == 0.7
    band = axes.patches[-1]
    assert (round(band.get_x(), 9), round(band.get_width(), 9)) == (0.09, 0.02)


def test_bars_without_errors_have_no_error_bars() -> None:
    with style.look():
        axes = bars.plot([bars.Panel.of([result("mine", 0.4)], "X-ridge")]).axes[0]
    assert not axes.collections
    # the lowest bar is inside the axes
    assert axes.get_ylim()[0] < min(patch.get_y() for patch in axes.patches)


def test_published_scores_alone_have_the_published_topline() -> None:
    panel = bars.Panel.of(all_results("only"), "NH2015-rsa")
    assert (len(panel.bars), panel.ceiling, panel.ceiling_error) == (35, 0.759, 0.012)
    assert panel.baseline is not None
    assert panel.baseline.value == 0.424
    with style.look():
        band = bars.plot([panel]).axes[0].patches[-1]
    assert (band.get_x(), band.get_width()) == (pytest.approx(0.747), pytest.approx(0.024))


def test_components_come_from_parts_and_single_scores(
    store: Scores, tmp_path: Path, capsys: Told
) -> None:
    single = Score(value=0.99, error=0.03)
    keep("mine", "NH2015comp.pitch-ridge", single)
    rows = numbers(capsys, "components", tmp_path / "a.svg")
    assert {row["model"] for row in rows} == set(MODELS)
    means = [row["mean"] for row in rows]
    assert means == sorted(means, reverse=True)
    for row in rows:
        expected = dict(store[row["model"], "NH2015comp-ridge"].parts)
        if row["model"] == "mine":
            expected["pitch"] = 0.99
            assert row["errors"]["pitch"] == 0.03
        assert row["values"] == expected


def test_incomplete_models_come_last() -> None:
    rows = components.rows_of(
        [
            result("one", 0.9, benchmark="NH2015comp.lf-ridge"),
            result("all", 0.1, benchmark="NH2015comp-ridge", parts=dict.fromkeys(COMPONENTS, 0.1)),
        ]
    )
    assert [row.result.model for row in rows] == ["all", "one"]
    with style.look():
        axes = components.plot(rows).axes
    assert [len(one.lines) for one in axes] == [2, 1, 1, 1, 1, 1]


def test_scatter_tells_the_correlation(store: Scores, tmp_path: Path, capsys: Told) -> None:
    arguments = ["-b", "NH2015-ridge", "--with", "B2021-rsa"]
    (panel,) = numbers(capsys, "scatter", tmp_path / "a.svg", *arguments)
    x = [store[model, "B2021-rsa"].value for model in sorted(MODELS)]
    y = [store[model, "NH2015-ridge"].value for model in sorted(MODELS)]
    assert [(p["with"], p["value"]) for p in panel["points"]] == list(zip(x, y, strict=True))
    assert panel["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert panel["n"] == len(MODELS)
    assert panel["points"][0]["with_error"] == store["beats-iter1", "B2021-rsa"].error


def test_published_correlations_are_those_of_the_paper() -> None:
    panel = scatter.Panel.of(all_results("only"), "NH2015-ridge")
    assert panel.fit is not None
    assert panel.fit.r == pytest.approx(0.90, abs=0.01)
    with style.look():
        figure = scatter.plot([panel])
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "r = 0.90, p < 0.001, n = 36"
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    assert len(axes.texts) == 36
    for text in axes.texts:
        one = text.get_window_extent(renderer)
        assert figure.bbox.contains(one.x0, one.y0)
        assert figure.bbox.contains(one.x1, one.y1)


def test_two_models_have_no_correlation() -> None:
    results = [
        result(model, value, benchmark=benchmark)
        for benchmark in ("X-ridge", "Y-ridge")
        for model, value in (("ast", 0.1), ("mine", 0.2))
    ]
    panel = scatter.Panel.of(results, "X-ridge", "Y-ridge")
    assert panel.fit is None
    with style.look():
        assert scatter.plot([panel]).axes[0].get_title(loc="left") == "n = 2"


def test_agreement_of_every_pair(store: Scores) -> None:
    rows = agreement.Agreement.of(all_results(), BRAIN).numbers()
    assert len(rows) == 6
    for row in rows:
        x, y = ([store[name, row[key]].value for name in MODELS] for key in ("benchmark", "with"))
        assert row["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_agreement_takes_two_benchmarks(tmp_path: Path, capsys: Told) -> None:
    output = str(tmp_path / "a.svg")
    assert main(["figure", "agreement", "-b", "NH2015-rsa", "-o", output]) == 1
    assert "two different benchmarks" in capsys.readouterr().err
    found = agreement.Agreement.of(
        [result("a", 1.0), result("b", 1.0, benchmark="Y")], ["X-ridge", "Y"]
    )
    assert found.models == ()


def test_layer_choice_is_beside_the_best_layer(store: Scores, tmp_path: Path, capsys: Told) -> None:
    rows = numbers(capsys, "layer-choice", tmp_path / "a.svg")
    assert [row["benchmark"] for row in rows] == ["NH2015-rsa-cv", "B2021-rsa-cv"]
    for row in rows:
        assert row["difference"] == pytest.approx(-0.01)
        for point in row["points"]:
            assert point["value"] == store[point["model"], row["benchmark"]].value
            assert point["with"] == store[point["model"], row["with"]].value
    wrong = ["layer-choice", "-o", str(tmp_path / "b.svg"), "-b"]
    assert main(["figure", *wrong, "NH2015-rsa"]) == 1
    assert "NH2015-rsa has no variant to compare" in capsys.readouterr().err
    assert main(["figure", *wrong, "NH2015-ridge-corrected"]) == 1
    assert "both NH2015-ridge and NH2015-ridge-corrected" in capsys.readouterr().err


def test_layers_are_medians_over_voxels(store: Scores, tmp_path: Path, capsys: Told) -> None:
    rows = numbers(capsys, "layers", tmp_path / "a.svg")
    raw = store["beats-iter1", "NH2015-ridge"].raw
    subjects = raw["subject"].values
    for row in (row for row in rows if row["benchmark"] == "NH2015-ridge"):
        r2 = raw["layer_score"].sel(layer=row["layer"]).values
        medians = [np.median(r2[subjects == name]) for name in "abcd"]
        assert list(row["parts"].values()) == pytest.approx(medians)
        assert row["mean"] == pytest.approx(np.mean(medians))
        assert row["error"] == pytest.approx(np.std(medians, ddof=1) / 2)


def test_weights_and_curves_are_the_stored_ones(
    store: Scores, tmp_path: Path, capsys: Told
) -> None:
    raw = store["beats-iter1", "HEAR.gtzan-probe"].raw
    rows = numbers(capsys, "layer-weights", tmp_path / "a.svg")
    told = [row["weight"] for row in rows if row["benchmark"] == "HEAR.gtzan-probe"]
    assert told == pytest.approx(raw["layer_weights"].mean("fold").values)
    rows = numbers(capsys, "learning-curves", tmp_path / "a.svg")
    rows = [row for row in rows if row["benchmark"] == "HEAR.gtzan-probe"]
    assert [row["chosen"] for row in rows] == [False, False, True, False]
    assert rows[1]["values"] == pytest.approx(raw["learning_curve"].values[1, :5])
    assert rows[2]["setting"] == "learning rate 0.2"


def test_the_chosen_curve_is_bold(store: Scores) -> None:
    raw = store["mine", "HEAR.gtzan-probe"].raw
    with style.look():
        axes = learning_curves.plot({"x": learning_curves.learning_curves(raw)}, "").axes[0]
    widest = max(axes.lines, key=lambda line: line.get_linewidth())
    np.testing.assert_array_equal(widest.get_ydata(), raw["learning_curve"].values[2])


def test_a_trajectory_from_the_store_and_from_a_file(
    store: Scores, tmp_path: Path, capsys: Told
) -> None:
    rows = numbers(capsys, "trajectory", tmp_path / "a.svg")
    assert [row["layer"] for row in rows] == LAYERS
    assert rows[0]["steps"] == [0, 100, 200, 300, 400, 500]
    stored = [
        float(store[f"beats-iter1@step={step}", "NH2015-rsa"].raw["layer_score"].values[0].mean())
        for step in rows[0]["steps"]
    ]
    assert rows[0]["values"] == pytest.approx(stored)
    assert rows[0]["smoothed"] == pytest.approx(trajectory.smooth(stored))
    chosen = [*FIGURES["trajectory"], "--overlay", "--layers", "mid", "i*"]
    assert numbers(capsys, "trajectory", tmp_path / "c.svg", *chosen) == rows[:2]
    assert (tmp_path / "c.svg").read_bytes() != (tmp_path / "a.svg").read_bytes()
    steps = trajectory.stored_steps("beats-iter1", ["NH2015-*"], stored_results())
    data = label_scores(steps)
    data.to_netcdf(tmp_path / "t.nc")
    assert (
        numbers(capsys, "trajectory", tmp_path / "b.svg", "--input", str(tmp_path / "t.nc")) == rows
    )


@pytest.mark.usefixtures("store")
def test_a_trajectory_from_a_file_shows_the_benchmarks_that_are_named(
    tmp_path: Path, capsys: Told
) -> None:
    steps = trajectory.stored_steps("beats-iter1", ["NH2015-rsa"], stored_results())
    other = {(step, "B2021-rsa"): score for (step, _), score in steps.items()}
    label_scores({**steps, **other}).to_netcdf(tmp_path / "t.nc")
    file = ["--input", str(tmp_path / "t.nc")]
    both = numbers(capsys, "trajectory", tmp_path / "a.svg", *file)
    assert {row["benchmark"] for row in both} == {"NH2015-rsa", "B2021-rsa"}
    for named in ("B2021-rsa", "B*"):
        rows = numbers(capsys, "trajectory", tmp_path / "b.svg", *file, "--benchmark", named)
        assert rows == [row for row in both if row["benchmark"] == "B2021-rsa"]
    wrong = ["--benchmark", "NH2015-rsa", "NH2015-ridge", "--output", str(tmp_path / "c.svg")]
    assert main(["figure", "trajectory", *file, *wrong]) == 1
    assert "has no NH2015-ridge, only" in capsys.readouterr().err
    assert not (tmp_path / "c.svg").exists()


def test_smoothing_is_that_of_scipy() -> None:
    import scipy.signal

    values = np.random.default_rng(0).random(40)
    np.testing.assert_allclose(trajectory.smooth(values), scipy.signal.savgol_filter(values, 10, 3))
    # as many values as coefficients: nothing to smooth
    np.testing.assert_array_equal(trajectory.smooth(values[:3]), values[:3])
    gap = np.array([0.0, np.nan, 1.0, 8.0, 27.0, 64.0])
    np.testing.assert_allclose(trajectory.smooth(gap), gap, atol=1e-9)


def test_regions_of_a_trajectory_are_panels() -> None:
    values = np.random.default_rng(0).random((4, 2, 3, 2))
    array = xr.DataArray(
        values,
        {"step": [300, 0, 100, 200], "layer": ["a", "b"], "region": ["p", "l"]},
        ("step", "layer", "subject", "region"),
        name="score",
    )
    panels = trajectory.panels_of(array)
    assert list(panels) == ["p", "l"]
    assert panels["l"]["step"].values.tolist() == [0, 100, 200, 300]
    np.testing.assert_allclose(panels["l"].values[3], values[0, :, :, 1].mean(axis=1))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("bars", ["-b", "NH2015.primary-rsa"], "brainbench score --model spectrotemporal"),
        ("bars", ["-b", "NH2015.primary-rsa"], "--published add"),
        ("scatter", ["--with", "Y-rsa"], "There is no result of Y-rsa"),
        ("layers", ["-m", "mine", "-b", "X-rsa"], "brainbench score --model mine"),
        ("layers", ["-m", "mine", "-b", "HEAR.gtzan-probe"], "This score has no `layer_score`"),
        ("dimensionality", ["-b", "NH2015-rsa"], "NH2015-rsa does not say how many dimensions"),
        ("categories", ["-b", "X-rsa"], "brainbench score --model ID --benchmark X-rsa"),
        ("categories", ["-b", "NH2015-rsa"], "Scores of NH2015-rsa keep no predictions"),
        ("layer-weights", ["-m", "mine", "-b", "NH2015-rsa"], "This score has no `layer_weights`"),
        (
            "learning-curves",
            ["-m", "mine", "-b", "NH2015-rsa"],
            "This score has no `learning_curve`",
        ),
        ("trajectory", ["-m", "mine", "-b", "NH2015-rsa"], "brainbench trajectory --model mine"),
        ("trajectory", ["--input", "gone.nc"], "brainbench trajectory --model ID"),
        ("trajectory", [], "Give --input FILE.nc, or --model ID"),
    ],
)
def test_what_is_missing_is_named(
    name: str, arguments: list[str], told: str, tmp_path: Path, capsys: Told
) -> None:
    output = tmp_path / "a.png"
    assert main(["figure", name, *arguments, "-o", str(output)]) == 1
    assert told in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.usefixtures("tiny")
def test_rdms_of_a_model_and_of_responses(tmp_path: Path, capsys: Told) -> None:
    from brainbench_audio.activations.extraction import activations_folder
    from brainbench_audio.assemblies.assembly import align
    from brainbench_audio.pipeline.loading import load_dataset
    from brainbench_audio.pipeline.loading_models import load_model

    pair = ["-m", "tiny-plain", "-b", "Tiny-match"]
    draw = ["figure", "rdm", *pair, "-o", str(tmp_path / "a.png"), "--json"]
    assert main(draw) == 1
    assert "brainbench score --model tiny-plain --benchmark Tiny-match" in capsys.readouterr().err
    assert main(["score", *pair, "--json"]) == 0
    layer = json.loads(capsys.readouterr().out)[0]["layer"]
    assert main(draw) == 0
    of_model, of_brain = json.loads(capsys.readouterr().out)
    dataset, model = load_dataset("Tiny"), load_model("tiny-plain")
    sounds = dataset.stimuli.waveforms(range(40), model.sample_rate)
    order = [dataset.stimuli.names.index(name) for name in of_model["stimuli"]]
    responses = align(dataset.assembly, dataset.stimuli.names).values
    for found, values in ((of_model, model.activations(sounds)[layer]), (of_brain, responses)):
        scaled = (values - values.mean(axis=0)) / values.std(axis=0)
        expected = 1 - np.corrcoef(scaled)[np.ix_(order, order)]
        np.testing.assert_allclose(found["values"], expected, atol=1e-5)
    assert main([*draw, "--layer", "other"]) == 1
    assert "no stored layer 'other', only bands, log_bands" in capsys.readouterr().err
    for folder in activations_folder().iterdir():
        if folder.is_dir():
            (folder / "manifest.json").unlink()
    assert main(draw) == 1
    assert "Tiny-match --recompute" in capsys.readouterr().err


def test_categories_stand_together() -> None:
    sounds = rdm.Sounds(("a", "b", "c", "d"), ("Music", "Odd", "EngSpeech", "Odd"))
    values = np.arange(16.0).reshape(4, 4)
    found = sounds.ordered("x", values)
    assert found.stimuli == ("c", "a", "b", "d")
    assert found.values[0].tolist() == [10.0, 8.0, 9.0, 11.0]
    with style.look():
        figure = rdm.plot([found, found, found])
    named = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert named == ["EngSpeech", "Music", "Odd"]
