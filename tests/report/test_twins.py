"""Models that score the same everywhere."""

from __future__ import annotations

from dataclasses import replace

from brainbench_audio.report.results import Result
from brainbench_audio.report.twins import twins


def results(**scores: list[float]) -> list[Result]:
    return [
        Result(model=model, label=model, family="", benchmark=f"B{place}", value=value)
        for model, values in scores.items()
        for place, value in enumerate(values)
        if value >= 0
    ]


def test_all_common_scores_are_equal() -> None:
    assert twins(results(a=[0.5, 0.25], b=[0.5, 0.125], c=[0.5, 0.25])) == [("a", "c", 2)]
    assert twins(results(a=[0.5, 0.25], b=[-1, 0.25])) == [("a", "b", 1)]
    assert twins(results(a=[0.5, -1], b=[-1, 0.5])) == []


def test_networks_that_differ_may_score_nothing_or_all() -> None:
    assert twins(results(a=[0.0, 1.0], b=[0.0, 1.0])) == []


def test_published_scores_have_few_digits() -> None:
    found = results(a=[0.5], b=[0.5])
    assert twins([replace(one, published=True) for one in found]) == []
