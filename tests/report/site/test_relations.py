"""Ranks as the pages print them."""

from __future__ import annotations

import pytest

from brainbench_audio.report.comparison import Rank
from brainbench_audio.report.site.relations import rank_text


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
