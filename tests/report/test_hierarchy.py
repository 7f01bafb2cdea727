"""Do layers deepen from primary to other regions: planted truth, plain loops, rates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from brainbench_audio import hierarchy as table
from brainbench_audio.cli.main import main
from brainbench_audio.report.hierarchy import difference, positions_of

Keep = Callable[..., Path]
Told = pytest.CaptureFixture[str]
REGIONS = ("Primary", "Lateral", "Anterior", "")
LAYERS = list("abcde")


def voxels(best: np.ndarray, noise: float, seed: int, each: int = 5) -> xr.Dataset:
    """Return voxels, some a listener and region, whose best layer is planted, (listener, region).

    A NaN: the listener has no voxels there.
    """
    generator = np.random.default_rng(seed)
    cells = [
        (f"s{listener}", REGIONS[region], place)
        for (listener, region), place in np.ndenumerate(best)
        if np.isfinite(place)
        for _ in range(each)
    ]
    subject, region, planted = zip(*cells, strict=True)
    score = noise * generator.random((len(LAYERS), len(cells)))
    score[np.array(planted, dtype=int), np.arange(len(cells))] += 1 - noise
    return xr.Dataset(
        {"layer_score": (("layer", "voxel"), score)},
        {"layer": LAYERS, "subject": ("voxel", list(subject)), "region": ("voxel", list(region))},
    )


def test_listeners_who_are_all_the_same_say_nothing_of_the_error() -> None:
    positions = positions_of(voxels(np.array([[0, 2]] * 4), 0.1, 0))
    assert positions is not None
    found = difference("net", "B-ridge", positions)
    assert (found.value, found.listeners) == (0.5, 4)
    assert found.interval is None
    assert found.p is None


def test_equal_to_a_plain_loop_and_a_t_test(keep: Keep, capsys: Told) -> None:
    best = np.array(
        [[0, 2, 4, 1], [1, 3, np.nan, 1], [1, 2, 2, 1], [0, 1, 3, 1], [np.nan, 4, 4, 1]]
    )
    raw = voxels(best, 0.9, 3)
    keep("net", "B-ridge", 0.4, raw=raw)
    differences = []
    for listener in range(4):
        sides = []
        for names in (("Primary",), ("Lateral", "Anterior")):
            means = []
            for name in names:
                mine = (raw["subject"] == f"s{listener}") & (raw["region"] == name)
                places = raw["layer_score"].values[:, mine.values].argmax(axis=0) / 4
                means += [np.mean(places)] if len(places) else []
            sides.append(np.mean(means))
        differences.append(sides[1] - sides[0])
    (row,) = table("net").to_dict("records")
    assert row["listeners"] == 4
    assert row["value"] == pytest.approx(np.mean(differences))
    assert row["others"] - row["primary"] == pytest.approx(row["value"])
    found = scipy.stats.ttest_1samp(differences, 0)
    assert row["p"] == pytest.approx(found.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(found.confidence_interval()))
    # the command prints the same
    assert main(["hierarchy", "--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["value"] == row["value"]
    assert printed["interval"] == [row["low"], row["high"]]
    # another region may be the one that others are compared with
    assert table("net", primary="LATERAL")["listeners"].item() == 5


def test_planted_depth_is_found() -> None:
    best = np.array([[1, 3, 4, 0]] * 3)
    positions = positions_of(voxels(best, 0.0, 0))
    assert positions is not None
    np.testing.assert_allclose(positions.values, [[0.25, 0.875]] * 3)
    # listeners who agree to the last digit tell nothing of others
    assert difference("m", "X-ridge", positions).p is None


def test_steps_have_a_trend(keep: Keep, capsys: Told) -> None:
    # the last listener has nothing but the primary region at one step: no part in the trend
    depths = {0: [1, 1, 1, 4], 100: [1, 1, 2, np.nan], 200: [1, 2, 3, 2], 1000: [1, 4, 4, 1]}
    for step, places in depths.items():
        best = np.array([[1, place, np.nan, np.nan] for place in places])
        keep(f"net@step={step}", "B-ridge", 0.4, raw=voxels(best, 0.0, 0))
    *steps, trend = table().to_dict("records")
    assert [one["what"] for one in steps] == ["difference"] * 4
    assert [one["listeners"] for one in steps] == [4, 3, 4, 4]
    assert (trend["what"], trend["model"], trend["steps"]) == ("trend", "net", 4)
    assert trend["listeners"] == 3
    rho = [
        0,
        *(
            scipy.stats.spearmanr(list(depths), one).statistic
            for one in ([1, 1, 2, 4], [1, 2, 3, 4])
        ),
    ]
    # the first listener never changes
    assert trend["value"] == pytest.approx(np.mean(rho))
    assert trend["p"] == pytest.approx(scipy.stats.ttest_1samp(rho, 0).pvalue)
    assert main(["hierarchy"]) == 0
    assert "trend (4 steps)" in capsys.readouterr().out


def test_two_files_with_a_class_of_one_name_are_two_trainings(keep_version: Keep) -> None:
    for folder, depth in (("a", 1), ("b", 4)):
        for step in range(3):
            best = np.array([[1, 1 + depth * step / 8, np.nan, np.nan]] * 4)
            keep_version(
                f"Net@step={step}",
                f"/lab/{folder}/net.py",
                f"{folder}{step}",
                "B-ridge",
                0.4,
                raw=voxels(best, 0.0, 0),
            )
    trends = [row for row in table().to_dict("records") if row["what"] == "trend"]
    assert [(row["model"], row["steps"]) for row in trends] == [
        ("a/net.py:Net", 3),
        ("b/net.py:Net", 3),
    ]


def test_what_says_nothing_is_left_out(keep: Keep, capsys: Told) -> None:
    best = np.array([[0, 2, 4, 1]] * 2)
    raw = voxels(best, 0.0, 0)
    keep("net", "two-ridge", 0.4, raw=raw)
    keep("net", "one-ridge", 0.4, raw=raw.isel(layer=[0]))
    keep("net", "none-ridge", 0.4, raw=raw.drop_vars("region"))
    (row,) = table().to_dict("records")
    # two listeners say nothing of others
    assert row["benchmark"] == "two-ridge"
    assert row["p"] is row["low"] is None
    assert main(["hierarchy", "--primary", "A1"]) == 1
    assert "data with a region A1 and another one" in capsys.readouterr().err


def test_p_of_no_hierarchy_is_uniform() -> None:
    generator, times = np.random.default_rng(0), 100
    p = []
    for seed in range(times):
        best = generator.integers(0, 5, (6, 2)).astype(float)
        raw = voxels(best, 0.8, seed, each=3)
        positions = positions_of(raw)
        assert positions is not None
        p.append(difference("m", "X-ridge", positions).p)
    for level in (0.05, 0.2, 0.5):
        low, high = np.array(scipy.stats.binom.ppf([5e-4, 1 - 5e-4], times, level)) / times
        assert low <= np.mean(np.array(p, dtype=float) < level) <= high
