"""Correlations of published scores alone, and of scores made up."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from brainbench_audio.report.correlations import correlations
from brainbench_audio.report.overall import TASKS
from brainbench_audio.report.results import OVERALL, Result, published_results


def result(model: str, benchmark: str, value: float) -> Result:
    return Result(model=model, label=model, family="", benchmark=benchmark, value=value)


def test_models_of_the_papers_table() -> None:
    table = correlations(published_results())
    assert len(table.rows) == 20
    assert table.excluded == ("dcase2020", "deepspeech2", "metricgan", "sepformer")
    assert {row.n for row in table.rows if row.subset == "all"} == {36}
    assert {row.n for row in table.rows if row.subset == "sub"} == {32}
    assert not table.skipped


def test_without_the_baseline_it_is_another_table() -> None:
    networks = [one for one in published_results() if one.model != "spectrotemporal"]
    (row,) = correlations(networks, ["NH2015comp.pitch-ridge"], subsets=["sub"]).rows
    assert row.r - 0.647 > 0.1


def scores() -> tuple[list[Result], np.ndarray, np.ndarray]:
    """Twelve models on two tasks and a brain benchmark, which two of them lack."""
    generator = np.random.default_rng(0)
    tasks = generator.random((12, 2))
    brain = tasks.mean(axis=1) + 0.2 * generator.random(12)
    found = [result(f"m{m:02d}", TASKS[task], tasks[m, task]) for m in range(12) for task in (0, 1)]
    found += [result(f"m{m:02d}", "Brain-x", brain[m]) for m in range(10)]
    return found, tasks, brain


def test_measured_scores_beside_scipy() -> None:
    results, tasks, brain = scores()
    table = correlations(results, least_z=-0.5)
    z = scipy.stats.zscore(tasks, axis=0, ddof=1).mean(axis=1)
    sides = {TASKS[0]: tasks[:, 0], TASKS[1]: tasks[:, 1], OVERALL: z}
    assert len(table.rows) == 6
    for row in table.rows:
        chosen = np.arange(12) < 10
        if row.subset == "sub":
            chosen &= z > -0.5
        expected = scipy.stats.pearsonr(brain[chosen], sides[row.compared][chosen])
        assert row.r == pytest.approx(expected.statistic)
        assert row.p == pytest.approx(expected.pvalue)
        assert row.n == chosen.sum() == len(row.models)
    assert 3 < sum(z > -0.5) < 12
    assert len(table.excluded) == sum(z <= -0.5)


def test_tasks_with_each_other_and_none_with_itself() -> None:
    results, tasks, _ = scores()
    table = correlations(results, TASKS[:2], TASKS[:2], subsets=["all"])
    assert [(row.benchmark, row.compared) for row in table.rows] == [TASKS[:2], TASKS[1::-1]]
    assert table.rows[0].n == 12
    assert table.rows[0].r == pytest.approx(np.corrcoef(tasks.T)[0, 1])


def test_what_cannot_be_correlated_is_said() -> None:
    results = [
        result(model, "Brain-x", value) for model, value in zip("abcd", range(4), strict=True)
    ]
    results += [result(model, TASKS[0], 0.5) for model in "abcd"]
    results += [result(model, TASKS[1], 0.5) for model in "ab"]
    table = correlations(results, subsets=["all"])
    assert table.rows == ()
    assert "the same score" in table.skipped["Brain-x", TASKS[0], "all"]
    assert "here are 2" in table.skipped["Brain-x", TASKS[1], "all"]
    assert table.overall.left_out == {"c": (TASKS[1],), "d": (TASKS[1],)}
    assert "here are 0" in correlations(results, ["None-x"]).skipped["None-x", OVERALL, "sub"]


def test_intervals_by_bootstrap() -> None:
    results = published_results()
    fisher = correlations(results, ["NH2015-ridge"]).rows[0]
    drawn = correlations(results, ["NH2015-ridge"], draws=2000, seed=1).rows[0]
    assert drawn.r == fisher.r
    assert drawn.interval != fisher.interval
    np.testing.assert_allclose(drawn.interval, fisher.interval, atol=0.1)
    assert correlations(results, ["NH2015-ridge"], draws=2000, seed=1).rows[0] == drawn
