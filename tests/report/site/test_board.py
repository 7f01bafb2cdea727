"""What pages say of a score: value and interval on one scale, letters, and no digits too many."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.report.results import Result
from brainbench_audio.report.site.board_data import board_data, column_groups
from brainbench_audio.report.site.build import build_site
from brainbench_audio.report.site.content import gather

from .browsing import Visit


def result(model: str, benchmark: str, value: float, **known: Any) -> Result:
    return Result(model=model, label=model, family="f", benchmark=benchmark, value=value, **known)


def test_no_two_groups_share_letters() -> None:
    results = [
        result(f"m{place}", "B-ridge", 0.01 * place, error=1e-5, interval=(0.0, 1.0))
        for place in range(60)
    ]
    content = gather("title", results)
    rows = board_data(content, column_groups(content), "")["rows"]
    found = [
        row["scores"][0][0][12] for row in sorted(rows, key=lambda row: row["scores"][0][0][9])
    ]
    groups = [content_row.ranks["B-ridge"].group for content_row in content.rows]
    assert max(group or 0 for group in groups) > 26
    assert len(set(found)) == len(set(groups))
    assert found[25:28] == ["Z", "AA", "AB"]


@pytest.mark.parametrize("told", [True, False])
def test_a_normalised_value_lies_in_its_interval(visit: Visit, tmp_path: Path, told: bool) -> None:
    """The ceiling counts by the share that can be reached, for the interval as for the value."""
    share = {"reachable_share": 0.8} if told else {}
    results = [
        result(
            f"m{place}",
            "SimCortex-ridge",
            value,
            error=0.01,
            interval=(value - 0.02, value + 0.02),
            ceiling=0.5,
            normalised=value / (0.5 * 0.8),
            provenance=share,
        )
        for place, value in enumerate((0.2, 0.1, 0.3))
    ]
    build_site(results, tmp_path / "site")
    visit.folder = tmp_path / "site"
    tab = visit.open("index.html", "#scale=normalised")
    cells = tab.locator("#board tbody tr td:last-child")
    titles = [
        title.replace("−", "-") for title in cells.evaluate_all("all => all.map(one => one.title)")
    ]
    assert [title.partition(", rank")[0] for title in titles] == [
        "0.750, ± 0.0250, interval 0.700 to 0.800, measured",
        "0.500, ± 0.0250, interval 0.450 to 0.550, measured",
        "0.250, ± 0.0250, interval 0.200 to 0.300, measured",
    ]
    # the mark of the value stands in the middle of the line of its interval
    for lines in cells.evaluate_all(
        "all => all.map(one => [...one.querySelectorAll('.whisker line')]"
        ".map(line => [+line.getAttribute('x1'), +line.getAttribute('x2')]))"
    ):
        (low, high), (middle, _) = lines
        assert middle == pytest.approx((low + high) / 2, abs=0.11)
    visit.open("index.html")
    assert re.search(r"0\.300, ± 0\.0100, interval 0\.280", str(cells.first.get_attribute("title")))


def test_dots_of_correlations_have_the_digits_that_reading_allows(
    visit: Visit, tmp_path: Path
) -> None:
    heard = ("birds", "birds", "frogs")
    results = [
        result(
            f"m{place}",
            name,
            value,
            published=name == "A-x" and place < 2,
            provenance={"reading_error": 0.03, "cards": {"model": {"training_data": heard[place]}}},
        )
        for name in ("A-x", "B-x")
        for place, value in enumerate((0.12345, 0.23456, 0.34567))
    ]
    build_site(results, tmp_path / "site")
    visit.folder = tmp_path / "site"
    tab = visit.open("correlations.html", "#x=A-x&y=B-x")
    points = tab.locator(".point")
    told = [points.nth(place).get_attribute("aria-label") for place in range(3)]
    assert told == [
        "m0: A-x 0.12 (published), B-x 0.123",
        "m1: A-x 0.23 (published), B-x 0.235",
        "m2: A-x 0.346, B-x 0.346",
    ]
    points.first.hover()
    assert "A-x 0.12 (published)" in tab.locator("#tip").inner_text()
    tab.get_by_label("Vertical axis").select_option("A-x")
    assert tab.locator("#relation").inner_text() == (
        "A-x on both axes: choose another benchmark for one of them."
    )
    means = tab.locator("#learned-table tbody tr > :nth-child(2)").all_inner_texts()
    assert means == ["0.346", "0.18"]
    dots = tab.locator("#learned-table svg").last
    assert dots.get_attribute("aria-label") == "m0 0.12, m1 0.23"
