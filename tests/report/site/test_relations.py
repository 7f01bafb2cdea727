"""Ranks as the pages print them."""

from __future__ import annotations

import pytest

from brainbench_audio.report.comparison import Rank
from brainbench_audio.report.correlations import correlations
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.relations import rank_text, relations


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1, 4, "2 (1–4)"), (2, 2, "2"), (None, None, "2"), (2, 3, "2 (2–3)")],
)
def test_a_range_is_shown_where_there_is_one(
    low: int | None, high: int | None, expected: str
) -> None:
    assert rank_text(Rank(place=2, low=low, high=high, group=1, paired=True)) == expected


def test_no_rank_is_a_dash() -> None:
    assert rank_text(None) == "–"


def test_each_pair_of_benchmarks_is_there_once() -> None:
    names = ("A-ridge", "B-ridge", "HEAR.esc50-probe")
    results = [
        Result(model=f"m{model}", label="", family="", benchmark=name, value=(model * step) % 7)
        for model in range(6)
        for step, name in enumerate(names, start=2)
    ]
    found = relations(results)
    pairs = [frozenset((one["x"], one["y"])) for one in found if one["subset"] == "all"]
    assert len(pairs) == len(set(pairs)) == 6  # with the mean over tasks
    both = correlations(results, names, names, subsets=("all",)).rows
    once = correlations(results, names, names, subsets=("all",), once=True).rows
    assert [row for row in both if row.benchmark < row.compared] == list(once)
