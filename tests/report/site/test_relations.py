"""Ranks and correlations of the pages."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.report import evidence
from brainbench_audio.report.comparison import Rank, differences, ranking
from brainbench_audio.report.correlations import correlations
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.relations import rank_text, relations, standings
from brainbench_audio.scores.score import Score


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


def test_files_are_read_once_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    groups: dict[str, list[Result]] = {"A-ridge": [], "B-ridge": [], "C-ridge": []}
    for name, group in groups.items():
        for model in "abc":
            parts = generator.normal(0.3, 0.05, 5)
            raw = {"influence": (("left_out", "part"), generator.normal(0, 0.001, (30, 5)))}
            path, value = tmp_path / f"{name}-{model}.nc", float(parts.mean())
            Score(value=value, raw=xr.Dataset(raw)).to_netcdf(path)
            known = dict(zip("vwxyz", parts.tolist(), strict=True))
            one = Result(model=model, label="", family="", benchmark=name, value=value, path=path)
            group.append(replace(one, parts=known, n={"subject": 5}))
    results = [one for group in groups.values() for one in group]
    # room for the files of one benchmark
    read = lru_cache(maxsize=3)(evidence._read.__wrapped__)
    monkeypatch.setattr(evidence, "_read", read)
    ranks, pairs = standings(results[:-1], results)
    assert read.cache_info().misses == len(results)
    assert pairs == {name: differences(group) for name, group in groups.items()}
    assert [len(each) for each in pairs.values()] == [3, 3, 3]
    for group in (groups["A-ridge"], groups["B-ridge"], groups["C-ridge"][:-1]):
        assert [ranks.pop(one.pair) for one in group] == ranking(group)
    assert not ranks
