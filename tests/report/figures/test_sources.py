"""Points of two scores: hollow where one of them is published."""

from __future__ import annotations

from typing import Any

import pytest

from brainbench_audio.report.figures import agreement, scatter, style
from brainbench_audio.report.results import Result

PUBLISHED = {("A-x", "m1"), ("B-x", "m2")}
NAMES = ("A-x", "B-x", "C-x")


@pytest.fixture
def results() -> list[Result]:
    return [
        Result(
            model=f"m{place}",
            label=f"m{place}",
            family="",
            benchmark=name,
            value=0.1 * place + 0.01 * place**2 * column,
            published=(name, f"m{place}") in PUBLISHED,
        )
        for column, name in enumerate(NAMES)
        for place in range(4)
    ]


def hollow(axes: Any) -> list[bool]:
    """Return whether points are, from left to right."""
    points = [line for line in axes.lines if line.get_marker() not in ("None", None)]
    points.sort(key=lambda line: float(line.get_xdata()[0]))
    return [line.get_markerfacecolor() == "white" for line in points]


def test_agreement_tells_sources_of_each_pair(results: list[Result]) -> None:
    found = agreement.Agreement.of(results, NAMES)
    expected = {
        ("A-x", "B-x"): [False, True, True, False],
        ("A-x", "C-x"): [False, True, False, False],
        ("B-x", "C-x"): [False, False, True, False],
    }
    told = {
        (row["benchmark"], row["with"]): [one["published"] for one in row["points"]]
        for row in found.numbers()
    }
    assert told == expected
    with style.look():
        figure = agreement.plot(found)
    axes = figure.axes
    drawn = {pair: hollow(axes[place]) for pair, place in zip(expected, (3, 6, 7), strict=True)}
    assert drawn == expected
    (legend,) = figure.legends
    assert {"measured", "published"} <= {text.get_text() for text in legend.get_texts()}


def test_scatter_tells_the_source_of_both_scores(results: list[Result]) -> None:
    panel = scatter.Panel.of(results, "A-x", "B-x")
    points = panel.numbers()["points"]
    assert [one["published"] for one in points] == [False, True, False, False]
    assert [one["with_published"] for one in points] == [False, False, True, False]
    with style.look():
        figure = scatter.plot([panel])
    assert hollow(figure.axes[0]) == [False, True, True, False]
    (legend,) = figure.legends
    assert {"measured", "published"} <= {text.get_text() for text in legend.get_texts()}
