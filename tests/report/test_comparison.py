"""Pairs and ranks of stored scores, from what they owe to sounds and listeners."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report import evidence
from brainbench_audio.report.comparison import Comparison, compare, differences, ranking
from brainbench_audio.report.evidence import Evidence, asked_for, unit
from brainbench_audio.report.results import Result, all_results, published_results, stored_results
from brainbench_audio.scores import profiles
from brainbench_audio.scores.comparison import false_discovery
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.uncertainty import uncertainty

Keep = Callable[..., Path]
STIMULI = 40
DATA = {"inputs": {"assembly": "a", "folds": "f"}}


def keep_subjects(keep: Keep, model: str, shift: float, seed: int = 0, subjects: int = 9) -> None:
    """Keep a score of several subjects, whose common part all models share."""
    common = np.random.default_rng(99).normal(0.4, 0.1, subjects)
    parts = common + shift + np.random.default_rng(seed).normal(0, 0.01, subjects)
    names = {f"subject-{place}": float(part) for place, part in enumerate(parts)}
    keep(
        model,
        "Voxels-x",
        float(parts.mean()),
        error=0.03,
        parts=names,
        n={"subject": subjects, "stimulus": STIMULI},
    )


def owed(
    model: str, value: float, parts: int, stimuli: int = STIMULI, units: str = ""
) -> Influence:
    """Return what a model owes to sounds, most of which all models owe."""
    generator = np.random.default_rng([parts, *map(ord, model)])
    shared = np.random.default_rng(9).standard_normal((stimuli, parts))
    own = shared / 100 + generator.standard_normal((stimuli, parts)) / 500
    level = np.random.default_rng(8).random(parts) / 5
    return Influence(value + level - level.mean(), own - own.mean(axis=0), units=units)


def keep_influence(
    keep: Keep,
    model: str,
    value: float,
    *,
    benchmark: str = "Made-up",
    names: list[str] | None = None,
    subjects: int = 0,
    provenance: dict[str, Any] | None = None,
    **options: Any,
) -> Influence:
    """Keep a score with what it owes to sounds, as the metrics do."""
    names = names or [f"subject-{place}" for place in range(subjects)] or list("abc")
    influence = owed(model, value, len(names), units="listeners" * bool(subjects), **options)
    unsure = uncertainty(influence, names)
    keep(
        model,
        benchmark,
        float(influence.parts.mean()),
        parts=dict(zip(names, influence.parts.tolist(), strict=True)),
        n={"stimulus": len(influence.stimuli), "subject" if subjects else "component": len(names)},
        raw=xr.Dataset().assign(unsure.raw),
        provenance=DATA if provenance is None else provenance,
        **unsure.fields,
    )
    return influence


def only() -> Comparison:
    (found,) = compare(stored_results())
    return found


def difference_of(models: npt.ArrayLike) -> npt.NDArray[np.float64]:
    parts = {result.model: list(result.parts.values()) for result in stored_results()}
    one, other = (np.array(parts[str(model)]) for model in np.asarray(models))
    return one - other


@pytest.mark.parametrize("subjects", [2, 3, 9])
def test_without_influences_listeners_alone_are_a_t_test(keep: Keep, subjects: int) -> None:
    keep_subjects(keep, "good", 0.05, seed=1, subjects=subjects)
    keep_subjects(keep, "bad", 0.0, seed=2, subjects=subjects)
    if subjects == 2:
        with pytest.raises(DataError, match="0 sounds and 2 listeners are too few"):
            compare(stored_results())
        return
    found = only()
    assert (found.model, found.other, found.over) == ("good", "bad", "listeners")
    difference = difference_of(["good", "bad"])
    plain = scipy.stats.ttest_1samp(difference, 0)
    assert found.difference == pytest.approx(difference.mean())
    assert found.p == found.q == pytest.approx(plain.pvalue)
    assert found.interval == pytest.approx(tuple(plain.confidence_interval()))
    assert found.freedom == subjects - 1
    # paired: much narrower than either score's own error allows
    assert found.error < 0.01


def test_folds_are_a_sample_too(keep: Keep) -> None:
    for model, shift in (("good", 0.1), ("bad", 0.0)):
        parts = {f"fold{one}": 0.5 + shift + 0.01 * one * (1 + shift) for one in range(5)}
        value = float(np.mean(list(parts.values())))
        keep(model, "Task-probe", value, parts=parts, n={"fold": 5})
    found = only()
    assert found.over == "folds"
    plain = scipy.stats.ttest_1samp(difference_of(["good", "bad"]), 0)
    assert found.p == pytest.approx(plain.pvalue)


@pytest.mark.parametrize("subjects", [0, 2, 6])
def test_influences_are_subtracted(keep: Keep, subjects: int) -> None:
    good = keep_influence(keep, "good", 0.5, subjects=subjects)
    bad = keep_influence(keep, "bad", 0.4, subjects=subjects)
    found = only()
    expected = (good - bad).estimate()
    assert found.difference == pytest.approx(0.1)
    assert found.error == pytest.approx(expected.error)
    assert found.interval == pytest.approx(expected.interval())
    assert found.p == found.q == pytest.approx(expected.p)
    assert found.freedom == pytest.approx(expected.freedom)
    words = {0: "sounds", 2: "sounds, for these listeners", 6: "sounds and listeners"}
    assert found.over == words[subjects]
    assert found.significant
    # paired: most is shared
    assert found.error < 0.5 * good.estimate().error


def test_pairs_of_stimuli_are_subtracted(keep: Keep) -> None:
    both = []
    for seed, model in enumerate(("good", "bad")):
        values = np.random.default_rng(seed).standard_normal((1, 780)) / 2000
        influence = Influence.of_pairs([0.5 - 0.3 * seed], values)
        unsure = uncertainty(influence, [])
        raw = xr.Dataset().assign(unsure.raw)
        keep(model, "B-rsa", 0.5 - 0.3 * seed, raw=raw, provenance=DATA, **unsure.fields)
        both.append(influence)
    assert only().error == pytest.approx((both[0] - both[1]).estimate().error, rel=1e-5)


def test_false_discoveries_are_controlled_over_all_pairs(keep: Keep) -> None:
    influences = [keep_influence(keep, f"m{place}", 0.002 * place) for place in range(4)]
    for place in range(4):
        keep_subjects(keep, f"m{place}", 0.008 * place, seed=place)
    found = compare(stored_results())
    assert len(found) == 12
    assert all(one.difference >= 0 for one in found)
    np.testing.assert_allclose([one.q for one in found], false_discovery([one.p for one in found]))
    p = {(one.model, one.other): one.p for one in found if one.benchmark == "Made-up"}
    for low, high in combinations(range(4), 2):
        expected = (influences[high] - influences[low]).estimate().p
        assert p[f"m{high}", f"m{low}"] == pytest.approx(expected)
    for one in found:
        assert (one.p < 0.05) == (not one.interval[0] <= 0 <= one.interval[1])
    assert any(one.p < 0.05 for one in found)
    assert any(one.p > 0.05 for one in found)
    assert compare(stored_results()) == found


def test_a_part_of_a_stored_whole(keep: Keep) -> None:
    names = ["lf", "hf", "broadband", "pitch", "speech", "music"]
    whole = "NH2015comp-ridge"
    good = keep_influence(keep, "good", 0.5, benchmark=whole, names=names)
    bad = keep_influence(keep, "bad", 0.4, benchmark=whole, names=names)
    results = [one for one in all_results("none") if one.benchmark == "NH2015comp.pitch-ridge"]
    assert [one.error for one in results] == [
        pytest.approx(one.part(3).estimate().error) for one in (bad, good)
    ]
    assert all(one.path is None and one.whole is not None for one in results)
    (found,) = compare(results)
    expected = (good.part(3) - bad.part(3)).estimate()
    assert found.benchmark == "NH2015comp.pitch-ridge"
    assert found.difference == pytest.approx(expected.value)
    assert (found.p, found.error) == pytest.approx((expected.p, expected.error))
    # one that was scored alone stands beside parts of wholes
    keep_influence(keep, "alone", 0.1, benchmark="NH2015comp.pitch-ridge", names=["pitch"])
    results = [one for one in all_results("none") if one.benchmark == "NH2015comp.pitch-ridge"]
    assert len(compare(results)) == 3


@pytest.mark.parametrize(
    ("other", "inputs", "told"),
    [
        ({}, {"assembly": "b"}, "other sounds or listeners"),
        ({}, {"folds": "g"}, "other sounds or listeners"),
        ({"stimuli": 41}, {}, "other sounds or listeners"),
        ({"names": list("abd")}, {}, "other sounds or listeners"),
        # what an earlier version stored may count other things
        ({}, {"revision": 6}, "other versions of the metric"),
        ({}, {"metric": 5}, "other versions of the metric"),
        ({}, {"given": {"model": "Base", "key": "2"}}, "other versions of what is given"),
        ({}, {"second": "2"}, "other versions of what is given"),
    ],
)
def test_scores_of_other_data_or_versions_are_refused(
    keep: Keep, other: dict[str, Any], inputs: dict[str, Any], told: str
) -> None:
    known = {**DATA["inputs"], "revision": 7, "metric": 6}
    known |= {"given": {"model": "Base", "key": "1"}, "second": "1"}
    keep_influence(keep, "one", 0.5, provenance={"inputs": known})
    keep_influence(keep, "two", 0.4, provenance={"inputs": {**known, **inputs}}, **other)
    results = stored_results()
    with pytest.raises(DataError, match=rf"one and two .* {told}.*--recompute"):
        compare(results)
    assert differences(results) == []
    assert [rank.paired for rank in ranking(results)] == [False, False]


def test_recordings_at_other_sample_rates_are_the_same_sounds(keep: Keep) -> None:
    for model, heard in (("one", "at 16 kHz"), ("two", "at 44.1 kHz")):
        keep_influence(keep, model, 0.5, provenance=DATA | {"stimuli": heard})
    assert only().over == "sounds"


def test_without_known_responses_the_sounds_decide(keep: Keep) -> None:
    for model, heard in (("one", "x"), ("two", "x"), ("three", "y")):
        keep_influence(keep, model, 0.5, provenance={"stimuli": heard})
    results = {one.model: one for one in stored_results()}
    assert len(compare([results["one"], results["two"]])) == 1
    with pytest.raises(DataError, match="other sounds"):
        compare([results["one"], results["three"]])


def test_what_cannot_be_compared(keep: Keep, keep_version: Keep) -> None:
    keep("one", "B-x", 0.5)
    keep("two", "B-x", 0.4)
    with pytest.raises(DataError, match=r"not say what it owes .* --benchmark B-x --recompute"):
        compare(stored_results())
    keep_version("Net", "/my models/net.py", "1", "B-y", 0.1)
    keep_version("Net", "brainbench-net", "1", "B-y", 0.1)
    models = [one for one in stored_results() if one.benchmark == "B-y"]
    assert sorted(map(asked_for, models)) == ["'/my models/net.py:Net'", "brainbench-net:Net"]
    with pytest.raises(DataError, match=r"Net'? --benchmark B-y --recompute"):
        compare(models)
    published = [one for one in published_results() if one.benchmark == "NH2015-ridge"][:2]
    with pytest.raises(DataError, match="is published"):
        compare(published)
    assert compare([]) == []
    assert compare(stored_results()[:1]) == []
    few = [keep_influence(keep, name, 0.5, benchmark="F-x", stimuli=12) for name in ("a", "b")]
    assert len(few) == 2
    with pytest.raises(DataError, match="on F-x: 12 sounds are too few"):
        compare([one for one in stored_results() if one.benchmark == "F-x"])


def test_components_are_no_sample() -> None:
    def result(n: dict[str, int], **parts: float) -> Result:
        return Result(model="m", label="m", family="", benchmark="B-x", value=0.1, parts=parts, n=n)

    assert unit(result({"component": 2}, a=0.1, b=0.2)) is None
    assert unit(result({"fold": 2}, a=0.1, b=0.2)) == "fold"
    assert unit(result({"subject": 1}, a=0.1)) is None
    assert unit(result({"subject": 3}, a=0.1, b=0.2)) is None
    assert Evidence.read(result({"subject": 2}, a=0.1, b=0.2)) is None


def test_a_file_is_read_once_for_all_its_parts_and_again_when_it_changes(
    keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counted(path: Path, *names: str) -> xr.Dataset:
        read.append(path)
        return profiles.read_raw(path, *names)

    monkeypatch.setattr(evidence, "read_raw", counted)
    keep_influence(keep, "m", 0.5)
    (whole,) = stored_results()
    parts = [
        replace(whole, path=None, whole=whole.path, parts={name: whole.parts[name]})
        for name in "abc"
    ]
    columns = [Evidence.read(part).influence.stimuli[:, 0] for part in parts]
    np.testing.assert_array_equal(np.stack(columns, 1), Evidence.read(whole).influence.stimuli)
    assert read == [whole.path]
    score = Score.from_netcdf(whole.path)
    replace(score, raw=score.raw.assign(influence=score.raw["influence"] * 2)).to_netcdf(whole.path)
    assert Evidence.read(parts[0]).influence.stimuli[:, 0] == pytest.approx(2 * columns[0])
    whole.path.unlink()
    with pytest.raises(DataError, match=r"cannot be read|no file"):
        Evidence.read(parts[0])


def test_ranks_of_subjects(keep: Keep) -> None:
    for name, shift in (("best", 0.1), ("tied", 0.0), ("also", 0.0), ("last", -0.1)):
        keep_subjects(keep, name, shift, seed=len(name) + ord(name[0]))
    results = stored_results()
    found = dict(zip([one.model for one in results], ranking(results), strict=True))
    assert (found["best"].place, found["best"].low, found["best"].high) == (1, 1, 1)
    assert (found["tied"].low, found["tied"].high) == (2, 3)
    assert (found["also"].low, found["also"].high) == (2, 3)
    assert (found["last"].place, found["last"].low) == (4, 4)
    assert found["best"].group == 1
    assert found["tied"].group == found["also"].group == 2
    assert found["last"].group == 3
    assert all(one.paired for one in found.values())


def test_ranks_beside_published_scores(keep: Keep) -> None:
    keep("mine", "NH2015-ridge", 0.38, error=0.004)
    published = [one for one in published_results() if one.benchmark == "NH2015-ridge"]
    results = [*stored_results(), *published]
    found = ranking(results)
    assert len(found) == 37
    mine = found[0]
    assert mine.low is not None
    assert mine.high is not None
    assert mine.low < mine.place < mine.high
    assert not mine.paired
    assert mine.group == 1
    values = np.array([one.value for one in results])
    for one, rank in zip(results, found, strict=True):
        assert rank.place == 1 + (values > one.value).sum()
    assert all((one.low, one.group) == (None, None) for one in found[1:])
    assert ranking([]) == []


def test_independent_errors_are_drawn(keep: Keep) -> None:
    for name, value in (("a", 0.5), ("b", 0.49), ("c", 0.2)):
        keep(name, "B-x", value, error=0.02)
    found = ranking(stored_results())
    assert [(one.low, one.high, one.group) for one in found] == [(1, 2, 1), (1, 2, 1), (3, 3, 2)]


@pytest.mark.parametrize("subjects", [0, 6])
def test_influences_give_ranges_that_are_paired(keep: Keep, subjects: int) -> None:
    # far apart beside the error of their difference, not beside their own
    influences = {
        name: keep_influence(keep, name, value, subjects=subjects)
        for name, value in (("good", 0.5), ("bad", 0.46))
    }
    difference = (influences["good"] - influences["bad"]).estimate()
    assert difference.error < 0.01 < 0.02 < influences["good"].estimate().error
    keep("other", "Made-up", 0.01, error=0.001)
    results = stored_results()
    found = dict(zip([one.model for one in results], ranking(results), strict=True))
    assert found["good"].paired
    assert not found["other"].paired
    for place, name in enumerate(("good", "bad", "other"), start=1):
        rank = found[name]
        assert (rank.place, rank.low, rank.high, rank.group) == (place, place, place, place)


def test_too_few_sounds_have_neither_ranges_nor_groups(keep: Keep) -> None:
    for name in ("a", "b"):
        keep_influence(keep, name, 0.5, stimuli=12)
    for rank in ranking(stored_results()):
        assert (rank.low, rank.high, rank.group, rank.paired) == (None, None, None, False)


def test_a_board_is_ranked_in_no_time() -> None:
    generator = np.random.default_rng(0)
    results = []
    for model in range(36):
        parts = {f"subject-{place}": float(generator.random()) for place in range(20)}
        value = float(np.mean(list(parts.values())))
        results.append(
            Result(
                model=str(model),
                label="",
                family="",
                benchmark="B-x",
                value=value,
                error=0.1,
                parts=parts,
                n={"subject": 20},
            )
        )
    started = time.process_time()
    assert len(ranking(results)) == 36
    assert time.process_time() - started < 5
