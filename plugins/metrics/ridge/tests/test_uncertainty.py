"""The bootstrap, memory and progress of the metric."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_ridge.memory import Memory
from brainbench_ridge.metric import Ridge
from tqdm import tqdm

from brainbench_audio import progress
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError
from brainbench_audio.scores.bootstrap import bootstrap_subjects
from brainbench_audio.scores.statistics import bootstrap_counts

FOLDS = np.arange(30) % 3
Layers = dict[str, npt.NDArray[np.float64]]


def made_up(targets: int = 9) -> tuple[Layers, xr.DataArray]:
    generator = np.random.default_rng(0)
    layers = {"one": generator.standard_normal((30, 5)), "two": generator.standard_normal((30, 5))}
    responses = layers["one"] @ generator.standard_normal((5, targets))
    responses += 2 * generator.standard_normal(responses.shape)
    subject = np.sort(np.arange(targets) % 3)
    names = [f"stim{number}" for number in range(30)]
    return layers, build(responses, names, "voxel", {"subject": [f"s{n}" for n in subject]})


def plain_draws(score: Any, draws: int, seed: int) -> list[float]:
    """Resample stimuli and subjects one draw, one subject and one voxel at a time."""
    raw = score.raw
    counts = bootstrap_counts(30, draws, seed).astype(int)
    chosen = bootstrap_subjects(draws, 3, seed)
    values = []
    for rows, subjects in zip(counts, chosen, strict=True):
        stimuli = np.repeat(np.arange(30), rows)
        medians = []
        for name in [f"s{number}" for number in subjects]:
            voxels = np.flatnonzero(raw["subject"].values == name)
            measured, predicted = (
                raw[key].values[stimuli][:, voxels] for key in ("measured", "prediction")
            )
            pairs = zip(measured.T, predicted.T, strict=True)
            r = [np.corrcoef(one, other)[0, 1] for one, other in pairs]
            medians.append(np.median(np.maximum(r, 0) ** 2))
        values.append(float(np.mean(medians)))
    return values


def test_subjects_and_stimuli_are_drawn() -> None:
    layers, target = made_up()
    plain = Ridge()(layers, target, FOLDS)
    score = Ridge(bootstrap=40, seed=3)(layers, target, FOLDS)
    expected = plain_draws(score, 40, 3)
    np.testing.assert_allclose(score.raw["bootstrap"], expected, atol=1e-5)
    assert score.value == plain.value
    assert score.error == pytest.approx(np.std(expected, ddof=1), rel=1e-4)
    assert score.interval == pytest.approx(np.quantile(expected, [0.025, 0.975]), abs=1e-5)
    assert score.raw.attrs["bootstrap"] == 40
    assert score.raw.attrs["seed"] == 3
    assert score.raw.attrs["subject_interval"] == plain.interval
    assert score.raw.attrs["subject_error"] == plain.error
    assert "bootstrap" not in plain.raw
    assert plain.raw.attrs["bootstrap"] == 0


def test_no_bootstrap_means_no_interval_without_subjects() -> None:
    layers, target = made_up()
    alone = target.drop_vars("subject")
    score = Ridge(bootstrap=0)(layers, alone, FOLDS)
    assert (score.error, score.interval) == (None, None)
    assert Ridge()(layers, alone, FOLDS).raw.sizes["draw"] == 1000
    for wrong in (1, -5):
        with pytest.raises(DataError, match="at least 2 draws"):
            Ridge(bootstrap=wrong)


@pytest.mark.parametrize("variant", [None, "zscored"])
def test_memory_does_not_change_the_result(variant: str | None) -> None:
    layers, target = made_up(300)
    free = Ridge(variant=variant, bootstrap=30)(layers, target, FOLDS)
    memory = Memory(30, 300, 2, 3, 10**9)
    assert memory.block() == 512
    tight = next(limit for limit in range(10**5, 10**8, 10**5) if fits(limit))
    assert Memory(30, 300, 2, 3, tight).block() < 100
    bounded = Ridge(variant=variant, bootstrap=30, max_memory=tight)(layers, target, FOLDS)
    np.testing.assert_allclose(bounded.raw["r2"], free.raw["r2"], atol=1e-12)
    np.testing.assert_allclose(bounded.raw["bootstrap"], free.raw["bootstrap"], atol=1e-12)


def fits(limit: int) -> bool:
    try:
        return Memory(30, 300, 2, 3, limit).block() > 0
    except DataError:
        return False


def test_too_little_memory_is_refused() -> None:
    layers, target = made_up()
    with pytest.raises(DataError, match=r"9 targets take \d+ MB at least, and max_memory is 0 MB"):
        Ridge(max_memory=1000)(layers, target, FOLDS)


def test_memory_stays_below_the_limit() -> None:
    generator = np.random.default_rng(0)
    layers = {str(number): generator.standard_normal((165, 20)) for number in range(3)}
    responses = generator.standard_normal((165, 4000))
    names = [f"stim{number}" for number in range(165)]
    target = build(responses, names, "voxel", {"subject": ["a"] * 2000 + ["b"] * 2000})
    limit = 60 * 10**6
    tracemalloc.start()
    try:
        Ridge(bootstrap=300, max_memory=limit)(layers, target, np.arange(165) % 5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


@pytest.mark.parametrize("variant", [None, "zscored"])
def test_memory_stays_below_the_limit_when_one_stimulus_is_left_out_at_a_time(
    variant: str | None,
) -> None:
    generator = np.random.default_rng(0)
    layers = {"l": generator.standard_normal((60, 200)).astype(np.float32)}
    target = build(
        layers["l"][:, :40] + generator.standard_normal((60, 40)),
        [f"stim{number}" for number in range(60)],
        "voxel",
        {"subject": ["a"] * 40},
    )
    folds = np.arange(60)
    free = Ridge(variant=variant, bootstrap=0)(layers, target, folds)
    limit = 20 * 10**6
    assert Memory(60, 40, 1, 60).share() == (512, 60)
    assert Memory(60, 40, 1, 60, limit).share()[1] < 30
    tracemalloc.start()
    try:
        bounded = Ridge(variant=variant, bootstrap=0, max_memory=limit)(layers, target, folds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit
    np.testing.assert_allclose(bounded.raw["r2"], free.raw["r2"], atol=1e-12)


def test_progress_counts_layers_and_is_silent_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = []

    def watched(**options: Any) -> tqdm[Any]:
        bars.append(tqdm(**{**options, "delay": 0, "mininterval": 0}))
        return bars[-1]

    monkeypatch.setattr(progress, "tqdm", watched)
    layers, target = made_up()
    Ridge()(layers, target, FOLDS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    Ridge()(layers, target, FOLDS)
    assert [bar.total for bar in bars] == [2, 2]
    assert bars[1].n == 2
    assert "2/2" in capsys.readouterr().err
