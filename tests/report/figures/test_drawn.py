"""What is drawn is what is true: every name, one scale, whole markers, digits that differ."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.report.category_errors import CategoryError
from brainbench_audio.report.figures import (
    agreement,
    bars,
    categories,
    courses,
    layer_weights,
    rdm,
    scatter,
    style,
    trajectory,
)
from brainbench_audio.report.known_models import paper_labels, with_paper_labels
from brainbench_audio.report.results import Result, published_results

Told = pytest.CaptureFixture[str]


def result(model: str, benchmark: str, value: float) -> Result:
    return Result(model=model, label=model, family="", benchmark=benchmark, value=value)


@pytest.mark.parametrize(("labels", "name"), [("card", "NH2015-ridge"), ("paper", "B2021-rsa")])
def test_every_model_of_a_scatter_has_its_name(labels: str, name: str) -> None:
    results = published_results()
    panel = scatter.Panel.of(with_paper_labels(results) if labels == "paper" else results, name)
    with style.look():
        figure = scatter.plot([panel])
        (axes,) = figure.axes
        renderer = figure.canvas.get_renderer()
        boxes = [text_box(text, renderer) for text in axes.texts]
        points = axes.transData.transform([(one.x, one.result.value) for one in panel.points])
    names = [point.result.label for point in panel.points]
    assert len(set(names)) == len(names) == 36
    assert sorted(text.get_text() for text in axes.texts) == sorted(names)
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert not any(box.contains(x, y) for x, y in points)


@pytest.mark.parametrize("count", [2, 12, 100])
def test_a_scatter_says_how_many_names_find_no_room(count: int) -> None:
    values = 0.5 + 1e-3 * np.random.default_rng(0).normal(size=(count, 2))
    results = [
        result(f"encodecmae-variant-{place:03}", name, float(values[place, column]))
        for place in range(count)
        for column, name in enumerate(("A-x", "B-x"))
    ]
    panels = [scatter.Panel.of(results, *names) for names in (("A-x", "B-x"), ("B-x", "A-x"))]
    with style.look():
        figure = scatter.plot(panels)
    for axes in figure.axes:
        lost = count - len(axes.texts)
        title = axes.get_title(loc="left")
        assert title.endswith(f"; {lost} name{'s' * (lost > 1)} left out") == (lost > 0)
        assert ("left out" in title) == (lost > 0)
    assert any(len(axes.texts) < count for axes in figure.axes) == (count > 2)


def text_box(text: Any, renderer: Any) -> Any:
    """Return the box of the letters alone, without the line that leads to them."""
    from matplotlib.text import Text

    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer)


def test_matrices_share_one_scale_and_what_is_alike_is_light() -> None:
    names = ("a", "b", "c")
    near, far = (np.array([[0, low, 1], [low, 0, 1], [1, 1, 0]]) for low in (0.1, 0.6))
    matrices = [rdm.Rdm("x", names, ("", "", ""), values) for values in (near, far * 1.5)]
    with style.look():
        figure = rdm.plot(matrices)
    images = [axes.images[0] for axes in figure.axes if axes.images and axes.get_title()]
    assert {image.get_clim() for image in images} == {(0.1, 1.5)}
    light, dark = (sum(images[0].to_rgba(value)[:3]) for value in (0.1, 1.5))
    assert light > dark + 1


def test_markers_of_weights_are_whole() -> None:
    weights = xr.DataArray(
        [[0.0, 1.0], [0.0, 1.0]], {"layer": ["a", "b"]}, ("fold", "layer"), name="layer_weights"
    )
    with style.look():
        axes = layer_weights.plot({"x": weights}, "").axes[0]
    drawn = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    assert drawn
    assert not any(line.get_clip_on() for line in drawn)


def test_agreement_tells_three_digits_and_where_both_are_equal() -> None:
    values = {"NH2015-ridge": [0.1, 0.2, 0.3, 0.4], "B2021-ridge": [0.2, 0.29, 0.41, 0.5]}
    values["NH2015-rsa"] = [0.4, 0.1, 0.2, 0.3]
    results = [
        result(f"m{place}", name, value)
        for name, column in values.items()
        for place, value in enumerate(column)
    ]
    with style.look():
        axes = agreement.plot(agreement.Agreement.of(results, list(values))).axes
    r = np.corrcoef(values["NH2015-ridge"], values["B2021-ridge"])[0, 1]
    assert 0.995 < r < 0.9995  # what two digits would make 1.00
    assert f"r = {r:.3f}" in axes[1].texts[0].get_text()
    dotted = [[line for line in one.lines if line.get_linestyle() == ":"] for one in axes]
    # rows and columns of a table of three: below the diagonal of the first, with one unit
    assert [len(lines) for lines in dotted] == [0, 0, 0, 1, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(dotted[3][0].get_xdata(), dotted[3][0].get_ydata())


def test_the_baseline_stays_with_chosen_models(tmp_path: Path, capsys: Told) -> None:
    output = ["-o", str(tmp_path / "a.svg"), "--published", "only", "--json"]
    chosen = ["-m", "beats-iter1"]
    assert main(["figure", "bars", *chosen, "-b", "NH2015-rsa", *output]) == 0
    (panel,) = json.loads(capsys.readouterr().out)
    assert [bar["model"] for bar in panel["bars"]] == ["beats-iter1"]
    assert panel["baseline"]["model"] == "spectrotemporal"
    assert panel["bars"][0]["reading_error"] == 0.002
    assert main(["figure", "components", *chosen, *output, "--labels", "paper"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["label"] for row in rows} == {"BEATs (Iter 1)", "Spectrotemporal"}


def test_components_are_those_of_one_benchmark(tmp_path: Path, capsys: Told) -> None:
    output = ["-o", str(tmp_path / "a.svg"), "--published", "only", "--json"]
    two = ["-b", "NH2015comp-ridge", "B2021-ridge"]
    assert main(["figure", "components", *two, *output]) == 1
    assert "of one benchmark, not of NH2015comp-ridge, B2021-ridge" in capsys.readouterr().err
    # a glob stands for what has scores
    assert main(["figure", "components", "-b", "NH2015-r*e", *output]) == 1
    assert "NH2015-ridge has no components lf, hf, broadband" in capsys.readouterr().err
    assert not (tmp_path / "a.svg").exists()


def test_categories_far_below_zero_are_arrows_at_the_edge() -> None:
    def error(category: str, explained: float) -> CategoryError:
        return CategoryError(
            category=category,
            sounds=10,
            explained=explained,
            interval=(explained - 0.6, explained + 0.6),
            over="sounds",
            share=0.1,
        )

    models = {
        "a": [error("Music", 0.5), error("Nature", -0.9)],
        "b": [error("Music", 0.4), error("Nature", -0.2)],
    }
    with style.look():
        (axes,) = categories.plot(models, "X-ridge").axes
        (plain,) = categories.plot({"b": models["b"]}, "X-ridge").axes
    left, right = axes.get_xlim()
    arrows = [x for line in axes.lines if line.get_marker() == "<" for x in line.get_xdata()]
    assert arrows == [-0.5]
    points = [
        float(x) for line in axes.lines if line.get_linestyle() == "None" for x in line.get_xdata()
    ]
    assert len(points) == 4
    assert all(left <= x <= right for x in points)
    assert [text.get_text() for text in axes.texts] == ["arrows: below −0.5, see the numbers"]
    assert not plain.texts


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_bars_of_many_benchmarks_stay_on_the_page(count: int, rows: int) -> None:
    results = [
        result(f"m{model}", f"B{place}-x", 0.1 * model)
        for place in range(count)
        for model in range(4)
    ]
    panels = [bars.Panel.of(results, f"B{place}-x") for place in range(count)]
    with style.look():
        figure = bars.plot(panels)
    width, height = figure.get_size_inches() * 25.4
    assert width == pytest.approx(90 * min(count, 2))
    assert height == pytest.approx(style.height_of(4, rows))
    shown = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert shown == [panel.benchmark for panel in panels]


def test_values_read_from_figures_print_their_true_digits(tmp_path: Path, capsys: Told) -> None:
    imported = tmp_path / "mine.csv"
    imported.write_text("model,benchmark,value,reading_error\nnew-one,NH2015-rsa,0.4567,0.03\n")
    assert main(["import", str(imported)]) == 0
    capsys.readouterr()
    shown = ["-m", "new-one", "-b", "NH2015-rsa", "--published", "only"]
    assert main(["figure", "bars", *shown, "-o", str(tmp_path / "a.svg")]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "new-one" in line)
    assert line.split()[2:] == ["0.46", "-", "0.030", "published"]


def test_the_papers_labels_are_those_of_its_36_models() -> None:
    labels = paper_labels()
    assert labels.keys() == {one.model for one in published_results()}
    assert len(set(labels.values())) == 36
    mine = result("mine", "b-c", 0.1)
    measured = {
        "beats-iter1#1a2b": "BEATs (Iter 1) (#1a2b)",
        "beats-iter1@untrained": "BEATs (Iter 1) (untrained)",
        # two models share the id, and stand in different places
        "lab/nets.py:beats-iter1@step=10#new": "BEATs (Iter 1) (step=10, lab/nets.py, #new)",
        "brainbench-beats:beats-iter1": "BEATs (Iter 1) (brainbench-beats)",
    }
    stored = [
        replace(result(name, "b-c", 0.1), id=name.partition(":")[2].partition("#")[0])
        for name in measured
        if ":" in name
    ]
    named = {one.model: one.label for one in with_paper_labels([mine, *stored])}
    assert named.pop("mine") == "mine"
    unknown = [result(name, "b-c", 0.1) for name in measured if ":" not in name]
    assert named | {one.model: one.label for one in with_paper_labels(unknown)} == measured


def courses_of(layers: int) -> dict[str, xr.DataArray]:
    """Return the courses of two benchmarks over steps 0 to 10,000; the second lacks a layer."""
    steps, names = [0, 100, 1000, 10_000], [f"layer_{place}" for place in range(layers)]
    values = np.random.default_rng(0).random((2, 4, layers))
    whole = {
        name: xr.DataArray(value, {"step": steps, "layer": names}, ("step", "layer"))
        for name, value in zip(("NH2015-rsa", "_B2021-rsa"), values, strict=True)
    }
    return whole | {"_B2021-rsa": whole["_B2021-rsa"].isel(layer=slice(1, None))}


def test_a_training_with_one_panel_a_layer() -> None:
    panels = courses_of(15)
    with style.look():
        figure = courses.plot_overlaid(panels, "", logarithmic=True)
        figure.draw_without_rendering()
    seen = [axes for axes in figure.axes if axes.get_visible()]
    assert len(figure.axes) == 16
    # the last layer on top, the first one at the lower end
    top = sorted(seen, key=lambda axes: (axes.get_position().x0, -axes.get_position().y0))
    assert [axes.get_title(loc="left") for axes in top] == [f"layer_{at}" for at in range(15)][::-1]
    assert [len(axes.lines) for axes in top] == [4] * 14 + [2]
    dots, line = top[0].lines[2:]
    expected = panels["_B2021-rsa"].sel(layer="layer_14")
    np.testing.assert_array_equal(dots.get_ydata(), expected)
    np.testing.assert_allclose(line.get_ydata(), trajectory.smooth(expected.values))
    assert line.get_linestyle() != top[0].lines[1].get_linestyle()
    ticks = [text.get_text() for text in top[-1].get_xticklabels()]
    assert ticks == ["0", "100", "300", "1,000", "3,000", "10,000"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(panels)


def test_layers_of_a_training_are_chosen_and_named() -> None:
    panels = trajectory.chosen_layers(courses_of(9), ["layer_5", "layer_[0-2]"])
    assert trajectory.layers_of(panels) == ["layer_0", "layer_1", "layer_2", "layer_5"]
    assert "layer_0" not in panels["_B2021-rsa"]["layer"]
    with style.look():
        figure = courses.plot(panels, "")
    assert len(figure.axes) == 2  # few enough for a legend instead of a bar of shades
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == trajectory.layers_of(panels)
    # of long names fewer stand side by side
    long = {
        name: panel.assign_coords(layer=[f"{each}.{'x' * 30}" for each in panel["layer"].values])
        for name, panel in panels.items()
    }
    with style.look():
        wide = courses.plot(long, "")
        wide.draw_without_rendering()
    (legend,) = wide.legends
    assert len(legend.get_texts()) == 4
    assert 0 <= legend.get_window_extent().x0 <= legend.get_window_extent().x1 <= wide.bbox.width
    # 10,000 on a linear axis, too
    figure.draw_without_rendering()
    assert "10,000" in [text.get_text() for text in figure.axes[0].get_xticklabels()]
    with pytest.raises(DataError, match=r"There is no layer out, only layer_0, layer_1"):
        trajectory.chosen_layers(panels, ["layer_1", "out"])
    assert list(trajectory.chosen_layers(panels, ["layer_0"])) == ["NH2015-rsa"]
