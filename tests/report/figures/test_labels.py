"""Names beside points cover nothing and are not cut off."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from brainbench_audio.report.figures.agreement import _broken
from brainbench_audio.report.figures.labels import column_width, place


@pytest.fixture
def axes() -> Any:
    """Return axes of 4 x 3 inches, laid out, from 0 to 1."""
    figure = Figure(figsize=(4, 3), dpi=100)
    FigureCanvasAgg(figure)
    inside = figure.subplots()
    inside.set(xlim=(0, 1), ylim=(0, 1))
    figure.draw_without_rendering()
    return inside


def boxes(axes: Any, written: list[Any]) -> list[Any]:
    """Return the boxes of letters, without the lines that lead to them."""
    renderer = axes.figure.canvas.get_renderer()
    for text in written:
        text.update_positions(renderer)
    return [Text.get_window_extent(text, renderer) for text in written]


def crowd(count: int, spread: float) -> list[tuple[float, float]]:
    generator = np.random.default_rng(count)
    return [(x, y) for x, y in (0.5 + spread * generator.uniform(-1, 1, (count, 2))).tolist()]


@pytest.mark.parametrize(("count", "spread"), [(1, 0.3), (12, 0.45), (36, 0.4), (30, 0.05)])
def test_names_cover_no_point_and_no_other_name(axes: Any, count: int, spread: float) -> None:
    points = crowd(count, spread)
    written = place(axes, points, [f"model-{index}" for index in range(count)])
    found = boxes(axes, written)
    assert found
    for one, other in combinations(found, 2):
        assert not one.overlaps(other)
    area = axes.get_window_extent()
    for box in found:
        assert area.x0 - 1 <= box.x0 <= box.x1 <= area.x1 + 1
        assert area.y0 - 1 <= box.y0 <= box.y1 <= area.y1 + 1
        for x, y in axes.transData.transform(points):
            assert not box.contains(x, y)


def test_each_lonely_point_gets_its_name_close_by(axes: Any) -> None:
    points = [(0.2, 0.2), (0.8, 0.8), (0.2, 0.8)]
    written = place(axes, points, ["a", "b", "c"])
    assert {text.get_text(): text.xy for text in written} == dict(zip("abc", points, strict=True))
    assert not axes.lines  # no leader is needed
    for text, box in zip(written, boxes(axes, written), strict=True):
        x, y = axes.transData.transform(text.xy)
        away = np.hypot(max(box.x0 - x, x - box.x1, 0), max(box.y0 - y, y - box.y1, 0))
        assert away < 10


def test_what_finds_no_place_is_left_out(axes: Any) -> None:
    written = place(axes, crowd(200, 0.05), ["a-rather-long-name"] * 200)
    assert 0 < len(written) < 200


def test_a_name_that_is_wider_than_the_axes_is_left_out(axes: Any) -> None:
    assert place(axes, [(0.5, 0.5)], ["x" * 200]) == []


def test_names_keep_clear_of_lines(axes: Any) -> None:
    (right,) = boxes(axes, place(axes, [(0.5, 0.5)], ["name"]))
    x, y = axes.transData.inverted().transform([(right.x0 + right.x1) / 2, right.y0])
    (moved,) = boxes(axes, place(axes, [(0.5, 0.5)], ["name"], [((x, 0.0), (x, 1.0))]))
    middle = (right.x0 + right.x1) / 2
    assert not moved.x0 < middle < moved.x1
    assert y < 1


def test_no_points_no_names(axes: Any) -> None:
    assert place(axes, [], []) == []
    assert not axes.texts


@pytest.mark.parametrize("crowded", [False, True])
def test_names_without_a_place_stand_in_a_column(axes: Any, crowded: bool) -> None:
    count = 26 if crowded else 16
    points = [*crowd(count - 1, 0.05), (0.1, 0.1)]
    names = [f"model-{index}" for index in range(count)]
    axes.set_position((0.1, 0.1, 0.6, 0.8))
    written = place(axes, points, names, column=True)
    assert sorted(text.get_text() for text in written) == sorted(names)
    found = boxes(axes, written)
    for one, other in combinations(found, 2):
        assert not one.overlaps(other)
    right = axes.get_window_extent().x1
    beside = [box for box in found if box.x0 > right]
    assert 0 < len(beside) < count
    assert max(box.x1 for box in beside) <= right + column_width(axes, names) + 1
    # lines from the points to the column cross neither each other nor a name
    lines = [
        (axes.transData.transform(text.xy), np.array([box.x0, (box.y0 + box.y1) / 2]))
        for text, box in zip(written, found, strict=True)
        if box in beside
    ]
    assert cross(np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 0]]))
    for one, other in combinations(lines, 2):
        assert not cross(one, other)
    if crowded:
        return  # the column is full: better a line through a name than a name less
    for start, end in lines:
        for x, y in start + np.linspace(0, 0.95, 200)[:, None] * (end - start):
            assert not any(box.contains(x, y) for box in found)


def cross(one: Any, other: Any) -> bool:
    """Whether two lines between ends cross: each has the ends of the other on both sides."""

    def sides(line: Any, ends: Any) -> Any:
        (x, y), (u, v) = line[1] - line[0], np.transpose(ends - line[0])
        return np.prod(np.sign(x * v - y * u)) < 0

    return bool(sides(one, other) and sides(other, one))


def test_a_broken_id_keeps_categories_and_the_given_model() -> None:
    told = _broken("NH2015comp[speech,music]-ridge-unique=spectrotemporal")
    assert told == "NH2015comp[speech,music]\n-ridge-unique=spectrotemporal"
