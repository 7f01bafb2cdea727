"""Errors of predictions by category: beside plain loops, and intervals in made-up worlds."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.category_errors import ALL, CategoryError, category_errors, rows_of
from brainbench_audio.report.export import export_errors
from brainbench_audio.report.results import Result
from brainbench_audio.scores.predictions import errors_of, with_categories, with_sound_errors
from brainbench_audio.scores.profiles import TAKEN, check_raw

KINDS = {"Music": 9, "Speech": 5, "Rain": 3}
SOUNDS = [f"{kind}-{place}" for kind, count in KINDS.items() for place in range(count)]
CATEGORIES = {name: name.partition("-")[0] for name in SOUNDS}


def made_up(targets: int, dimension: str, **coordinates: list[str]) -> xr.Dataset:
    """Predictions of all kinds: good and bad, one constant, one upside down."""
    generator = np.random.default_rng(1)
    measured = generator.standard_normal((len(SOUNDS), targets)) * 5 + 3
    scale = generator.uniform(0.1, 3, targets)
    prediction = scale * measured + 8 * generator.standard_normal(measured.shape) - 7
    prediction[:, 0] = 2.0
    prediction[:, 1] = -measured[:, 1]
    dims = ("stimulus", dimension)
    return xr.Dataset(
        {"measured": (dims, measured), "prediction": (dims, prediction)},
        {"stimulus": SOUNDS, **{name: (dimension, each) for name, each in coordinates.items()}},
    )


def plain(raw: xr.Dataset, groups: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return errors and spreads, (stimulus, part)."""
    error, spread = np.zeros((2, len(SOUNDS), len(groups)))
    for part, targets in enumerate(groups):
        for target in targets:
            y, guess = raw["measured"].values[:, target], raw["prediction"].values[:, target]
            slope = 0.0
            if np.ptp(guess) > 0:
                slope = max(0.0, scipy.stats.linregress(guess, y).slope)
            for row in range(len(y)):
                off = y[row] - y.mean() - slope * (guess[row] - guess.mean())
                error[row, part] += off**2 / y.var() / len(targets)
                spread[row, part] += (y[row] - y.mean()) ** 2 / y.var() / len(targets)
    return error, spread


def test_equal_to_plain_loops() -> None:
    subject = [f"s{place % 2}" for place in range(8)]
    groups = [[0, 2, 4, 6], [1, 3, 5, 7]]
    raw = made_up(8, "voxel", subject=subject)
    found = with_sound_errors(with_categories(raw, CATEGORIES))
    assert check_raw(found) == []
    error, spread = plain(raw, groups)
    np.testing.assert_allclose(found["sound_error"], error)
    np.testing.assert_allclose(found["sound_spread"], spread)
    assert found["predicted_part"].values.tolist() == ["s0", "s1"]
    # what was stored is taken, and so is what was not
    stored = errors_of(found.drop_vars(["measured", "prediction"]))
    assert stored is not None
    anew = errors_of(raw)
    assert anew is not None
    assert category_errors(with_categories(anew, CATEGORIES)) == category_errors(stored)

    every = {one.category: one for one in category_errors(stored)}
    assert list(every)[-1] == ALL
    assert {name: one.sounds for name, one in every.items()} == {**KINDS, ALL: len(SOUNDS)}
    for kind in KINDS:
        rows = [place for place, name in enumerate(SOUNDS) if name.startswith(kind)]
        missed, there = error[rows].mean(axis=1).sum(), spread[rows].mean(axis=1).sum()
        assert every[kind].explained == pytest.approx(1 - missed / there)
        assert every[kind].share == pytest.approx((there - missed) / len(SOUNDS))
    # the mean R², and shares add up to it
    pairs = zip(raw["measured"].values.T[1:], raw["prediction"].values.T[1:], strict=True)
    r = [0.0, *(scipy.stats.pearsonr(*pair)[0] for pair in pairs)]
    r2 = np.square(np.maximum(r, 0.0))
    mean = np.mean([r2[group].mean() for group in groups])
    assert every[ALL].explained == pytest.approx(mean)
    assert sum(every[kind].share for kind in KINDS) == pytest.approx(mean)


def test_interval_is_the_jackknife_of_the_logarithm() -> None:
    names = ["a", "b", "b"]
    raw = made_up(3, "component").assign_coords(component=names)
    error, spread = plain(raw, [[0], [1, 2]])
    errors = errors_of(with_sound_errors(with_categories(raw, CATEGORIES)))
    assert errors is not None
    found = {one.category: one for one in category_errors(errors)}
    e, b = error[:9].mean(axis=1), spread[:9].mean(axis=1)
    left = [np.log(np.delete(e, row).sum() / np.delete(b, row).sum()) for row in range(9)]
    deviation = np.sqrt(8 / 9 * np.square(left - np.mean(left)).sum())
    low, high = scipy.stats.t.interval(0.95, 8, np.log(e.sum() / b.sum()), deviation)
    assert found["Music"].interval == pytest.approx((1 - np.exp(high), 1 - np.exp(low)))
    assert found["Music"].over == "sounds"
    # three sounds tell nothing of others, and of all the score itself has an interval
    assert found["Rain"].interval is found[ALL].interval is None


def test_what_cannot_be_used_is_left_out() -> None:
    raw = made_up(6, "voxel", subject=list("aabbcc"))
    raw["prediction"].values[0, 0] = np.nan
    raw["measured"].values[:, [2, 3]] = 1.0
    errors = errors_of(raw)
    assert errors is not None
    assert errors["predicted_part"].values.tolist() == ["a", "c"]
    assert errors["sound_error"].dims == ("stimulus", "predicted_part")
    assert np.isfinite(errors["sound_error"]).all()
    # a metric's own coordinate is not taken for that of sounds
    own = with_sound_errors(raw.assign_coords(category=("voxel", list("xyxyxy"))))
    assert own["category"].dims == ("voxel",)
    assert "category" not in TAKEN
    assert with_sound_errors(xr.Dataset()).identical(xr.Dataset())
    with pytest.raises(DataError, match="no categories"):
        category_errors(with_categories(errors, {"another": "Music"}))
    # units of responses do not matter, and what is constant but for rounding is left out
    expected = errors_of(made_up(6, "voxel"))
    assert expected is not None
    for unit in (1e-200, 1e200):
        other = errors_of(unit * made_up(6, "voxel"))
        assert other is not None
        np.testing.assert_allclose(other["sound_error"], expected["sound_error"])
    flat = made_up(6, "voxel")
    flat["measured"][:] = 1 / 3
    flat["measured"][0] = np.nextafter(1 / 3, 1)
    assert errors_of(flat) is None
    # responses have names in one form of Unicode, files and metrics may have another
    accented = errors.assign_coords(stimulus=[f"e\u0301-{name}" for name in SOUNDS])
    named = {f"\u00e9-{name}": kind for name, kind in CATEGORIES.items()}
    assert with_categories(accented, named)["category"].values.tolist() == [*CATEGORIES.values()]


def test_tables(tmp_path: Path) -> None:
    named = made_up(4, "component").assign_coords(component=list("abcd"))
    raw = with_sound_errors(with_categories(named, CATEGORIES))
    errors = errors_of(raw)
    assert errors is not None
    result = Result(model="m", label="m", family="", benchmark="X-ridge", value=0.1)
    assert export_errors([(result, errors)], tmp_path / "all.json", "category") == 1
    rows = json.loads((tmp_path / "all.json").read_text())
    assert [one["part"] for one in rows] == [part for part in ("all", *"abcd") for _ in range(4)]
    assert rows[3]["explained"] == pytest.approx(
        np.mean([rows[place]["share"] for place in (7, 11, 15, 19)])
    )
    export_errors([(result, errors)], tmp_path / "all.csv", "sound")
    with (tmp_path / "all.csv").open(newline="") as lines:
        sounds = list(csv.DictReader(lines))
    assert [one["stimulus"] for one in sounds] == SOUNDS * 5
    assert float(sounds[2]["error"]) == pytest.approx(errors["sound_error"].values[2].mean())
    assert sounds[-1]["category"] == "Rain"
    unknown = rows_of("m", "X-ridge", errors.drop_vars("category"), "sound")
    assert next(iter(unknown))["category"] == ""
    with pytest.raises(DataError, match=r"must end in \.csv, \.json"):
        export_errors([], tmp_path / "all.nc", "sound")


def world(seed: int, sounds: int, parts: int, *, listeners: bool) -> list[CategoryError]:
    """Return what is found of one category whose responses are stronger, and of a larger rest.

    Predictions of listeners differ in how good they are, and sounds in how hard they are.
    """
    generator = np.random.default_rng(seed)
    total = 80
    hard = generator.lognormal(0, 0.5, (total, 1))
    shift = np.where(np.arange(total) < sounds, 1.0, 0.0)[:, np.newaxis]
    signal = shift + generator.standard_normal((total, parts))
    quality = generator.uniform(0.6, 1.4, parts) if listeners else 1.0
    raw = xr.Dataset(
        {
            "sound_error": (
                ("stimulus", "predicted_part"),
                np.square(quality * hard * generator.standard_normal((total, parts))) / 2,
                {"units": "listeners" if listeners else ""},
            ),
            "sound_spread": (("stimulus", "predicted_part"), np.square(signal)),
        },
        {
            "stimulus": [f"{place}" for place in range(total)],
            "category": ("stimulus", ["A" if place < sounds else "B" for place in range(total)]),
            "predicted_part": [f"{place}" for place in range(parts)],
        },
    )
    return category_errors(raw)


def covered(times: int, sounds: int, parts: int, *, listeners: bool) -> float:
    """Return the share of worlds whose interval holds what is planted."""
    mean = (0.6**2 + 0.6 * 1.4 + 1.4**2) / 3 if listeners else 1.0
    truth = 1 - mean * np.exp(2 * 0.5**2) / 2 / 2
    held = 0
    for seed in range(times):
        found = {one.category: one for one in world(seed, sounds, parts, listeners=listeners)}
        interval = found["A"].interval
        held += interval is not None and interval[0] <= truth <= interval[1]
    return held / times


@pytest.mark.parametrize(("sounds", "parts", "listeners"), [(5, 6, False), (13, 8, True)])
def test_intervals_hold_the_truth(sounds: int, parts: int, listeners: bool) -> None:
    # 100 worlds: between .91 and .97, but for 1 in 1,000 times
    low, high = np.array(scipy.stats.binom.ppf([5e-4, 1 - 5e-4], 100, [0.91, 0.97])) / 100
    assert low <= covered(100, sounds, parts, listeners=listeners) <= high


@pytest.mark.slow
@pytest.mark.parametrize("sounds", [4, 10, 39])
@pytest.mark.parametrize(("parts", "listeners"), [(6, False), (8, True)])
def test_rates(sounds: int, parts: int, listeners: bool) -> None:
    assert 0.88 <= covered(500, sounds, parts, listeners=listeners) <= 0.98
