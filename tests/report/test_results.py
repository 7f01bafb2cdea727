"""Results: the newest of each pair, published ones beside them, z-scores over models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from brainbench_audio.errors import DataError
from brainbench_audio.report.export import record
from brainbench_audio.report.frames import table_of
from brainbench_audio.report.matrix import matrix
from brainbench_audio.report.overall import TASKS, overall
from brainbench_audio.report.published_files import import_scores
from brainbench_audio.report.results import (
    OVERALL,
    Result,
    all_results,
    preferred,
    published_results,
    read_score,
    stored_results,
)

Keep = Callable[..., Path]


def result(model: str, benchmark: str, value: float, published: bool = False) -> Result:
    return Result(
        model=model,
        label=model,
        family="",
        benchmark=benchmark,
        value=value,
        published=published,
    )


def test_the_newest_of_each_pair(keep: Keep) -> None:
    keep("one", "B-x", 0.1, created="2026-03-01T00:00:00", key="b")
    keep("one", "B-x", 0.2, created="2026-02-01T00:00:00", key="a")
    keep("one", "A-x", 0.3)
    found = stored_results()
    assert [(one.benchmark, one.value) for one in found] == [("A-x", 0.3), ("B-x", 0.1)]
    assert read_score(found, "one", "B-x").value == 0.1
    with pytest.raises(DataError, match="no stored score of two on B-x"):
        read_score(found, "two", "B-x")


def test_of_the_same_second_the_file_written_last(keep: Keep) -> None:
    keep("one", "B-x", 0.1, key="b")
    keep("one", "B-x", 0.2, key="a")
    assert [one.value for one in stored_results()] == [0.2]


def test_everything_of_a_score(keep: Keep) -> None:
    path = keep(
        "someone",
        "B-x",
        0.3,
        error=0.01,
        interval=(0.28, 0.32),
        ceiling=0.6,
        parts={"s0": 0.2, "s1": 0.4},
        layer="mid",
        n={"subject": 2},
        provenance={"stimuli": "abc"},
    )
    (found,) = stored_results()
    assert found == Result(
        model="someone",
        label="someone",
        family="",
        benchmark="B-x",
        value=0.3,
        error=0.01,
        interval=(0.28, 0.32),
        ceiling=0.6,
        normalised=0.5,
        parts={"s0": 0.2, "s1": 0.4},
        layer="mid",
        n={"subject": 2},
        created="2026-01-01T00:00:00",
        path=path,
        provenance={
            "model": "someone",
            "benchmark": "B-x",
            "created": "2026-01-01T00:00:00",
            "stimuli": "abc",
        },
        id="someone",
        version="unknown",
    )
    assert not found.is_control
    # neither a record nor an imported file, whatever it is called, has arrays
    assert found.arrays == path
    assert replace(found, path=path.with_suffix(".json")).arrays is None
    assert replace(found, published=True).arrays is None


def test_scores_that_measure_something_else_are_not_the_benchmarks(keep: Keep) -> None:
    usual = {"inputs": {"options": {"permutations": 0, "seed": 1}}}
    other = {"inputs": {"options": {"permutations": 0, "zscore": False}}}
    keep("one", "B-x", 0.1, key="a", provenance=usual)
    keep("one", "B-x", 0.2, key="b", provenance=other, created="2026-03-01T00:00:00")
    assert [one.value for one in stored_results()] == [0.1]


@pytest.mark.parametrize("ceiling", [None, 0.0, -0.1])
def test_no_ceiling_no_normalised_score(keep: Keep, ceiling: float | None) -> None:
    keep("one", "B-x", 0.3, ceiling=ceiling)
    assert stored_results()[0].normalised is None


def test_names_are_from_cards(keep: Keep, tiny: Path) -> None:
    for model in ("tiny-plain", "tiny-plain@permuted", "stranger", "odd@odd"):
        keep(model, "Tiny-match", 0.1)
    found = {one.model: one for one in stored_results()}
    assert (found["tiny-plain"].label, found["tiny-plain"].family) == ("Tiny", "tiny")
    control = found["tiny-plain@permuted"]
    assert (control.label, control.family) == ("Tiny (permuted)", "tiny")
    assert control.is_control
    assert (found["stranger"].label, found["stranger"].family) == ("stranger", "")
    assert (found["odd@odd"].label, found["odd@odd"].family) == ("odd@odd", "")


def test_parts_of_the_whole_count_as_components(keep: Keep, tiny: Path) -> None:
    keep("tiny-plain", "Tiny-match", 0.3, parts={"a": 0.2, "b": 0.4, "c": 0.3})
    keep("tiny-plain", "Tiny.b-match", 0.5)
    found = {one.benchmark: one for one in all_results()}
    assert {name: one.value for name, one in found.items()} == {
        "Tiny-match": 0.3,
        "Tiny.a-match": 0.2,
        "Tiny.b-match": 0.5,
    }
    assert found["Tiny.a-match"].provenance["part_of"] == "Tiny-match"
    assert found["Tiny.a-match"].path is None
    assert len(stored_results()) == 2


def test_the_numbers_of_the_paper_are_there() -> None:
    found = published_results()
    assert len(found) == 36 * 11
    assert len({one.model for one in found}) == 36
    assert all(one.published for one in found)
    values = {one.pair: one for one in found}
    best = values["encodecmae-large", "NH2015-rsa"]
    assert best.value == 0.537
    assert best.provenance["reading_error"] == 0.002
    assert best.error is None
    assert "arXiv:2511.16849" in best.provenance["source"]
    vague = [one for one in found if one.approximate]
    assert {one.benchmark for one in vague} == {OVERALL}
    assert {one.provenance["reading_error"] for one in vague} == {0.03}
    # no number is out of the range of its kind
    assert all(0 < one.value < 1 for one in found if one.benchmark != OVERALL)


def test_published_ones_stand_beside_measured_ones(keep: Keep) -> None:
    keep("beats-iter1", "NH2015-ridge", 0.39)
    keep("mine", "NH2015-ridge", 0.41)
    assert len(all_results("none")) == 2
    assert len(all_results("only")) == 36 * 11
    together = all_results("add")
    assert len(together) == 2 + 36 * 11
    both = [one for one in together if one.pair == ("beats-iter1", "NH2015-ridge")]
    assert [(one.published, one.value) for one in both] == [(False, 0.39), (True, 0.383)]
    for order in (together, together[::-1]):
        (left,) = [one for one in preferred(order) if one.pair == both[0].pair]
        assert not left.published
    assert matrix(together).sel(model="beats-iter1", benchmark="NH2015-ridge") == 0.39


def test_an_imported_score_goes_before_the_papers(tmp_path: Path) -> None:
    file = tmp_path / "again.csv"
    file.write_text(
        "model,benchmark,value,error\nast,NH2015-ridge,0.36,0.02\nnew,NH2015-ridge,0.5\n"
    )
    with pytest.raises(DataError, match="row 2 below the head: not as many cells"):
        import_scores(file)
    file.write_text(
        "model,benchmark,value,error\nast,NH2015-ridge,0.36,.02\nnew,NH2015-ridge,.5,\n"
    )
    kept = import_scores(file, "Somebody 2027")
    found = {one.pair: one for one in published_results()}
    assert len(found) == 36 * 11 + 1
    again = found["ast", "NH2015-ridge"]
    assert (again.value, again.error, again.path) == (0.36, 0.02, kept)
    assert again.provenance == {"source": "Somebody 2027"}
    assert found["new", "NH2015-ridge"].error is None


def test_matrix_has_nan_where_nothing_is() -> None:
    results = [result("b", "X-y", 1.0), result("a", "X-y", 2.0), result("a", "W-y", 3.0)]
    found = matrix(results)
    assert found.dims == ("model", "benchmark")
    assert found["model"].values.tolist() == ["a", "b"]
    assert found["benchmark"].values.tolist() == ["W-y", "X-y"]
    np.testing.assert_array_equal(found, [[3, 2], [np.nan, 1]])
    chosen = matrix(results, models=["b", "z"], benchmarks=["X-y"])
    np.testing.assert_array_equal(chosen, [[1], [np.nan]])
    assert matrix([]).shape == (0, 0)


def test_overall_is_a_plain_loop() -> None:
    generator = np.random.default_rng(0)
    scores = generator.random((5, 3))
    results = [
        result(f"m{model}", TASKS[task], scores[model, task])
        for model in range(5)
        for task in range(3)
    ]
    found = overall(results)
    expected = scipy.stats.zscore(scores, axis=0, ddof=1).mean(axis=1)
    assert found.tasks == TASKS[:3]
    assert not found.published
    np.testing.assert_allclose([found.values[f"m{model}"] for model in range(5)], expected)


def test_who_lacks_a_task_is_left_out() -> None:
    scores = {"a": (0.1, 0.2), "b": (0.3, 0.5), "c": (0.9, None)}
    results = [
        result(model, TASKS[task], value)
        for model, values in scores.items()
        for task, value in enumerate(values)
        if value is not None
    ]
    found = overall(results)
    # z-scores of a and b alone
    assert found.values == pytest.approx({"a": -np.sqrt(0.5), "b": np.sqrt(0.5)})
    assert found.left_out == {"c": (TASKS[1],)}
    assert overall(results, tasks=TASKS[:1]).models == ("a", "b", "c")
    with_other_task = [*results, result("a", "HEAR.mine-probe", 0.5)]
    assert overall(with_other_task) == found


def test_a_task_that_tells_no_models_apart_counts_nothing() -> None:
    results = [result(model, TASKS[0], 0.1 + 0.2) for model in "abc"]
    assert overall(results).values == {"a": 0.0, "b": 0.0, "c": 0.0}
    assert overall(results[:1]).values == {"a": 0.0}
    assert overall([]).values == {}


def test_published_means_are_not_mixed_with_computed_ones() -> None:
    published = [result(f"p{place}", OVERALL, place / 10, published=True) for place in range(4)]
    own = [result(f"m{place}", TASKS[0], place / 10) for place in range(4)]
    assert overall([*published, *own[:3]]).published
    assert overall([*published, *own[:3]]).models == ("p0", "p1", "p2", "p3")
    assert not overall([*published, *own]).published


def test_what_was_tested_of_the_whole_is_not_said_of_its_components(keep: Keep) -> None:
    names = ["lf", "hf", "broadband", "pitch", "speech", "music"]
    about = {"chance": {"p": 0.005}, "reachable_share": 0.9, "normalised_withheld": "noise"}
    parts = dict.fromkeys(names, 0.1)
    keep("one", "NH2015comp-ridge", 0.1, parts=parts, provenance=about | {"stimuli": "x"})
    # all components are predicted together: no component is a benchmark of its own
    keep("one", "NH2015comp-pls", 0.1, parts=parts, provenance=about)
    # nobody knows this metric here
    keep("one", "NH2015comp-odd", 0.1, parts=parts, provenance=about)
    found = {one.benchmark: one for one in all_results("none")}
    assert found["NH2015comp-ridge"].provenance["chance"] == {"p": 0.005}
    assert not {*about} & {*found["NH2015comp.pitch-ridge"].provenance}
    assert found["NH2015comp.pitch-ridge"].provenance["stimuli"] == "x"
    assert "NH2015comp.pitch-pls" not in found
    assert "NH2015comp.pitch-odd" in found


def test_a_score_that_was_not_tested_says_so_in_tables(keep: Keep) -> None:
    keep("one", "B-x", 0.1, provenance={"chance": None})
    (row,) = stored_results()
    assert record(row)["p"] is None
    assert np.isnan(table_of([row])["p"][0])
