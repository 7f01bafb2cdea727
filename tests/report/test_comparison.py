"""Pairs and ranks of stored scores: what is drawn, what is tested, beside plain computations."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.comparison import Comparison, compare, ranking
from brainbench_audio.report.evidence import Predictions, shared_parts, stored_draws, unit
from brainbench_audio.report.results import Result, published_results, stored_results
from brainbench_audio.scores.bootstrap import uncertainty
from brainbench_audio.scores.comparison import false_discovery, sign_flip_test, swap_test
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.statistics import percentile_interval, squared_pearson

Keep = Callable[..., Path]
STIMULI = 40


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


def predicted(noise: float, seed: int, subjects: int = 0) -> xr.Dataset:
    """Return responses and predictions as the metric `ridge` stores them."""
    targets = max(6, 5 * subjects)
    measured = np.random.default_rng(50).standard_normal((STIMULI, targets))
    wrong = np.random.default_rng(seed).standard_normal((STIMULI, targets))
    one = "voxel" if subjects else "component"
    coordinates: dict[str, object] = {"stimulus": [f"s{place}" for place in range(STIMULI)]}
    if subjects:
        coordinates["subject"] = (one, [f"subject-{place}" for place in range(subjects)] * 5)
    variables = {
        "measured": (("stimulus", one), measured.astype(np.float32)),
        "prediction": (("stimulus", one), (measured + noise * wrong).astype(np.float32)),
    }
    return xr.Dataset(variables, coordinates)


def parts_of(raw: xr.Dataset, counts: np.ndarray | None = None) -> np.ndarray:
    """Return the parts of the score as the metric does."""
    r2 = squared_pearson(raw["measured"].values, raw["prediction"].values, counts)
    if "subject" not in raw.coords:
        return r2
    names = raw["subject"].values
    return np.stack([np.median(r2[..., names == one], axis=-1) for one in np.unique(names)], -1)


def keep_predictions(
    keep: Keep, model: str, noise: float, *, subjects: int = 0, draws: int = 0, seed: int = 0
) -> xr.Dataset:
    """Keep a score with its predictions and, with ``draws``, its bootstrap."""
    raw = predicted(noise, seed=sum(map(ord, model)), subjects=subjects)
    parts = parts_of(raw)
    kept = raw
    if draws:
        found = uncertainty(
            parts,
            lambda counts: parts_of(raw, counts),
            stimuli=STIMULI,
            subjects=bool(subjects),
            bootstrap=draws,
            seed=seed,
        )
        kept = raw.assign(bootstrap=("draw", found.draws)).assign_attrs(found.attributes)
    names = np.unique(raw["subject"].values).tolist() if subjects else list("abcdef")
    n = {"stimulus": STIMULI} | ({"subject": subjects} if subjects else {})
    keep(
        model,
        "Made-up",
        float(parts.mean()),
        parts=dict(zip(names, parts.tolist(), strict=True)),
        n=n,
        raw=kept,
    )
    return raw


def only() -> Comparison:
    (found,) = compare(stored_results())
    return found


def test_subjects_alone(keep: Keep) -> None:
    keep_subjects(keep, "good", 0.05, seed=1)
    keep_subjects(keep, "bad", 0.0, seed=2)
    found = only()
    assert (found.model, found.other, found.n) == ("good", "bad", 9)
    assert (found.over, found.test) == ("subjects", "signs of subjects changed")
    assert found.draws == 10_000
    bad, good = stored_results()
    difference = np.array(list(good.parts.values())) - np.array(list(bad.parts.values()))
    assert found.difference == pytest.approx(difference.mean())
    assert found.p == found.q == pytest.approx(sign_flip_test(difference).item())
    assert found.significant
    # paired: much narrower than either score's own error allows
    low, high = found.interval
    assert low < found.difference < high
    assert high - low < 0.03


def test_false_discoveries_are_controlled_over_all_pairs(keep: Keep) -> None:
    for place in range(4):
        keep_subjects(keep, f"m{place}", 0.008 * place, seed=place)
    found = compare(stored_results())
    assert len(found) == 6
    assert all(one.difference >= 0 for one in found)
    np.testing.assert_allclose([one.q for one in found], false_discovery([one.p for one in found]))
    assert any(one.p < 0.05 for one in found)
    assert compare(stored_results()) == found


def test_stored_draws_are_paired(keep: Keep) -> None:
    raws = [keep_predictions(keep, name, 1.0, draws=300) for name in ("one", "two")]
    found = only()
    assert found.over == "stimuli"
    assert found.draws == 300
    one, two = (raws if found.model == "one" else raws[::-1])  # fmt: skip
    (first, second) = sorted(stored_results(), key=lambda result: -result.value)
    drawn = [stored_draws(result) for result in (first, second)]
    assert drawn[0] is not None
    assert drawn[1] is not None
    assert drawn[0].origin == drawn[1].origin
    assert found.interval == percentile_interval(drawn[0].values - drawn[1].values)
    assert found.test == "predictions of stimuli exchanged"
    sides = (raw["prediction"].values for raw in (one, two))
    assert found.p == swap_test(one["measured"].values, *sides)
    # new draws of the same seed take the same stimuli, so they say the same
    (again,) = compare(stored_results(), draws=300)
    assert again.interval == pytest.approx(found.interval, rel=1e-5)


def test_predictions_are_drawn_where_draws_do_not_fit(keep: Keep) -> None:
    keep_predictions(keep, "one", 1.0, draws=300)
    keep_predictions(keep, "two", 1.0, draws=200, seed=1)
    found = only()
    assert (found.over, found.draws) == ("stimuli", 1000)


def test_stimuli_and_subjects(keep: Keep) -> None:
    raw = keep_predictions(keep, "one", 0.8, subjects=4)
    keep_predictions(keep, "two", 1.2, subjects=4)
    found = only()
    assert (found.over, found.test, found.n) == (
        "stimuli and subjects",
        "signs of subjects changed",
        4,
    )
    assert found.interval[0] > 0
    assert found.p == pytest.approx(2 / 2**4)
    predictions = Predictions.of(raw)
    assert predictions is not None
    expected = uncertainty(
        parts_of(raw),
        lambda counts: parts_of(raw, counts),
        stimuli=STIMULI,
        subjects=False,
        bootstrap=300,
        seed=5,
    )
    drawn = predictions.drawn_parts(300, seed=5)
    np.testing.assert_allclose(drawn.mean(axis=1), expected.draws, rtol=1e-5)


def test_draws_are_those_of_the_metric() -> None:
    ridge = pytest.importorskip("brainbench_ridge.metric")
    generator = np.random.default_rng(0)
    features = generator.standard_normal((STIMULI, 8))
    target = xr.DataArray(
        features @ generator.standard_normal((8, 6)) + generator.standard_normal((STIMULI, 6)),
        dims=("stimulus", "voxel"),
        coords={
            "stimulus": [f"s{place}" for place in range(STIMULI)],
            "subject": ("voxel", list("ababab")),
        },
    )
    score: Score = ridge.Ridge(bootstrap=50)({"l": features}, target, np.arange(STIMULI) % 4)
    predictions = Predictions.of(score.raw)
    assert predictions is not None
    counts = np.ones((1, STIMULI))
    np.testing.assert_allclose(
        predictions._part(counts, predictions.groups["a"])[0, 0], score.parts["a"], rtol=1e-5
    )
    expected = uncertainty(
        list(score.parts.values()),
        lambda _: predictions.drawn_parts(50, seed=0),
        stimuli=STIMULI,
        subjects=True,
        bootstrap=50,
    )
    np.testing.assert_allclose(score.raw["bootstrap"], expected.draws, rtol=1e-4)
    corrected = score.raw.assign(r2_corrected=score.raw["r2"])
    assert Predictions.of(corrected) is None


def test_draws_alone_give_p(keep: Keep) -> None:
    for name, value in (("one", 0.5), ("two", 0.4)):
        generator = np.random.default_rng(0)
        draws = value + 0.01 * generator.standard_normal(99)
        raw = xr.Dataset({"bootstrap": ("draw", draws)}, attrs={"seed": 0})
        keep(name, "B-x", value, n={"stimulus": 5}, raw=raw)
    found = only()
    assert (found.test, found.n, found.p) == ("bootstrap", 5, pytest.approx(2 / 100))


def test_what_cannot_be_compared(keep: Keep, keep_version: Keep) -> None:
    keep("one", "B-x", 0.5)
    keep("two", "B-x", 0.4)
    with pytest.raises(DataError, match=r"share no subjects.*--bootstrap"):
        compare(stored_results())
    keep_version("Net", "/my models/net.py", "1", "B-y", 0.1)
    keep_version("Net", "brainbench-net", "1", "B-y", 0.1)
    told = r"--model brainbench-net:Net '/my models/net\.py:Net' --benchmark B-y --bootstrap"
    with pytest.raises(DataError, match=told):
        compare([one for one in stored_results() if one.benchmark == "B-y"])
    published = [one for one in published_results() if one.benchmark == "NH2015-ridge"][:2]
    with pytest.raises(DataError, match="is published"):
        compare(published)
    assert compare([]) == []


def test_components_are_no_sample() -> None:
    def result(n: dict[str, int], **parts: float) -> Result:
        return Result(model="m", label="m", family="", benchmark="B-x", value=0.1, parts=parts, n=n)

    assert unit(result({"component": 2}, a=0.1, b=0.2)) is None
    assert unit(result({"fold": 2}, a=0.1, b=0.2)) == "fold"
    assert unit(result({"subject": 1}, a=0.1)) is None
    assert unit(result({"subject": 3}, a=0.1, b=0.2)) is None
    two = {"subject": 2}
    shared = shared_parts([result(two, a=0.1, b=0.2), result(two, b=0.3, a=0.4)])
    np.testing.assert_array_equal(shared, [[0.1, 0.4], [0.2, 0.3]])
    assert shared_parts([result(two, a=0.1, b=0.2), result(two, b=0.3, c=0.4)]) is None
    assert shared_parts([]) is None


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


def test_stored_draws_give_ranges(keep: Keep) -> None:
    keep_predictions(keep, "good", 0.5, draws=300)
    keep_predictions(keep, "bad", 1.5, draws=300)
    keep("other", "Made-up", 0.01, error=0.001)
    results = stored_results()
    found = dict(zip([one.model for one in results], ranking(results), strict=True))
    assert found["good"].paired
    assert not found["other"].paired
    assert [found[name].place for name in ("good", "bad", "other")] == [1, 2, 3]
    assert [found[name].group for name in ("good", "bad", "other")] == [1, 2, 3]


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
