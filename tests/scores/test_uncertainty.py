"""Errors and intervals of a score and its parts, as fields of a score."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr

from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.influence import Influence, stored_influence
from brainbench_audio.scores.profiles import check_raw
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.uncertainty import uncertainty


def made_up(stimuli: int = 30, parts: int = 3, units: str = "") -> Influence:
    generator = np.random.default_rng(stimuli)
    owed: npt.NDArray[np.float64] = generator.standard_normal((stimuli, parts)) / 100
    return Influence(generator.random(parts), owed - owed.mean(axis=0), units=units)


def test_a_score_and_its_parts() -> None:
    influence = made_up()
    found = uncertainty(influence, list("abc"))
    whole = influence.estimate()
    assert (found.error, found.interval) == (whole.error, whole.interval())
    assert found.provenance == {"error_over": "sounds"}
    for place, name in enumerate("abc"):
        alone = influence.part(place).estimate()
        assert found.part_errors[name] == alone.error
        assert found.part_intervals[name] == alone.interval()
    assert found.attributes == {}
    assert set(found.raw) == {"influence", "part"}
    assert set(found.fields) == {"error", "interval", "part_errors", "part_intervals"}


@pytest.mark.parametrize("corrected", [False, True])
def test_squares_have_the_intervals_of_their_roots(corrected: bool) -> None:
    influence = made_up()
    found = uncertainty(influence, list("abc"), squared=True, corrected=corrected)
    interval = Estimate.interval if corrected else Estimate.fisher_interval
    root = influence.estimate().root()
    assert root.value == pytest.approx(np.sqrt(influence.parts.mean()))
    low, high = interval(root)
    assert found.interval == pytest.approx((max(low, 0) ** 2, high**2))
    assert found.error == influence.estimate().error
    low, high = interval(influence.part(1).estimate().root())
    assert found.part_intervals["b"] == pytest.approx((max(low, 0) ** 2, high**2))
    # only what is divided by reliabilities may exceed 1
    near_one = Influence(np.array([0.97]), made_up(parts=1).stimuli)
    high = uncertainty(near_one, (), squared=True, corrected=corrected).interval[1]
    assert (high > 1) == corrected


def test_parts_whose_correlations_are_known_have_the_squares_of_their_intervals() -> None:
    roots = Influence(np.array([-0.5, 0.01, 0.6]), made_up().stimuli)
    influence = Influence(np.maximum(roots.parts, 0) ** 2, made_up().stimuli / 2)
    found = uncertainty(influence, list("abc"), roots=roots, squared=True)
    # surely below 0, around 0, above it
    assert found.part_intervals["a"] == (0.0, 0.0)
    assert found.part_intervals["b"][0] == 0 < found.part_intervals["b"][1]
    low, high = roots.part(2).estimate().fisher_interval()
    assert found.part_intervals["c"] == pytest.approx((low**2, high**2))
    assert found.part_errors["c"] == influence.part(2).estimate().error


def test_too_few_of_both_are_told_and_what_they_owe_is_kept() -> None:
    found = uncertainty(made_up(10, 2, "listeners"), ["a", "b"], bootstrap=50)
    assert found.fields == {
        "error": None, "interval": None, "part_errors": {}, "part_intervals": {}
    }  # fmt: skip
    assert found.provenance["error_withheld"].startswith("10 sounds and 2 listeners are too few")
    assert set(found.raw) == {"influence", "part"}
    listeners = uncertainty(made_up(10, 3, "listeners"), list("abc"))
    assert listeners.error is not None
    assert listeners.part_errors == {}
    assert listeners.provenance == {"error_over": "listeners, for these sounds"}


def test_draws_are_kept_with_their_seed() -> None:
    influence = made_up(units="listeners")
    found = uncertainty(influence, list("abc"), bootstrap=200, seed=4)
    dims, draws = found.raw["bootstrap"]
    assert dims == "draw"
    np.testing.assert_array_equal(draws, influence.draws(200, 4))
    assert found.attributes == {"seed": 4, "bootstrap": 200}


@pytest.mark.parametrize("pairs", [False, True])
def test_what_is_stored_comes_back_from_a_file(pairs: bool, tmp_path: object) -> None:
    influence = made_up(units="listeners")
    if pairs:
        owed = np.random.default_rng(0).standard_normal((3, 435)) / 1000
        influence = Influence.of_pairs(influence.parts, owed, "listeners")
    names = ["a", "b/c", "ä"]
    unsure = uncertainty(influence, names, bootstrap=20)
    raw = xr.Dataset().assign(unsure.raw).assign_attrs(unsure.attributes)
    assert check_raw(raw) == []
    parts = dict(zip(names, influence.parts.tolist(), strict=True))
    score = Score(value=float(influence.parts.mean()), parts=parts, raw=raw, **unsure.fields)
    file = f"{tmp_path}/score.nc"
    score.to_netcdf(file)
    again = Score.from_netcdf(file)
    assert again == score
    assert again.part_intervals["ä"] == unsure.part_intervals["ä"]
    found = stored_influence(again.raw, again.parts, again.value, "listeners")
    assert found is not None
    np.testing.assert_array_equal(found.stimuli, influence.stimuli)
    assert found.estimate().error == pytest.approx(unsure.error, rel=1e-6)


@pytest.mark.parametrize(("p", "low"), [(None, 0.1), (0.049, 0.1), (0.05, 0.0), (0.6, 0.0)])
def test_an_interval_begins_at_0_where_a_score_is_not_above_chance(
    p: float | None, low: float
) -> None:
    found = replace(uncertainty(made_up(), []), interval=(0.1, 0.3))
    tested = {} if p is None else {"chance": {"p": p}}
    assert found.with_chance(tested).interval == (low, 0.3)
    assert replace(found, interval=(-0.1, 0.3)).with_chance(tested).interval == (-0.1, 0.3)
    assert replace(found, interval=None).with_chance(tested).interval is None
