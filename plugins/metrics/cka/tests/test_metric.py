"""The metric on assemblies: subjects, sessions, gaps, what is refused, and real components."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from brainbench_cka.gram import influence, unit_gram
from brainbench_cka.metric import CKA
from brainbench_cka.reference import plain_cka

from brainbench_audio import score
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import DataError
from brainbench_audio.scores.chance import orders

NAMES = [f"sound-{index}" for index in range(30)]
FOLDS = np.arange(30) % 5


def responses(subjects: int = 0, sessions: int = 0) -> tuple[dict[str, np.ndarray], xr.DataArray]:
    """Return two layers, and targets that come from the second."""
    generator = np.random.default_rng(0)
    layers = {name: generator.standard_normal((30, 6)) for name in ("first", "second")}
    targets = 4 * max(subjects, 1)
    values = layers["second"] @ generator.standard_normal((6, targets))
    values += 0.5 * generator.standard_normal(values.shape)
    if sessions:
        values = values[..., None] + 0.1 * generator.standard_normal((*values.shape, sessions))
    coordinates = {"voxel_id": list(range(targets))}
    if subjects:
        coordinates["subject"] = [f"subject-{index // 4}" for index in range(targets)]
    return layers, build(values, NAMES, "voxel", coordinates)


def test_the_best_layer_on_all_targets() -> None:
    layers, target = responses()
    found = CKA()(layers, target, FOLDS)
    assert found.layer == "second"
    assert found.value == pytest.approx(plain_cka(layers["second"], target.values))
    assert found.parts == {}
    assert found.ceiling is None
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]
    assert found.provenance["error_over"] == "sounds"
    assert found.part_errors == {}
    assert found.n == {
        "stimulus": 30, "voxel": 4, "voxel_dropped": 0, "layer": 2, "layer_dropped": 0
    }  # fmt: skip


def test_no_score_is_divided_by_a_ceiling_that_is_not_sure() -> None:
    layers, target = responses(subjects=3)
    assert CKA()(layers, target, FOLDS).normalised is not None
    noise = np.random.default_rng(1).standard_normal(target.shape)
    found = CKA()(layers, target.copy(data=noise), FOLDS)
    assert found.ceiling is not None
    assert found.normalised is None
    assert "is below 0.05, so it is" in found.provenance["normalised_withheld"]


@pytest.mark.parametrize("variant", [None, "biased"])
def test_each_subject_alone(variant: str | None) -> None:
    layers, target = responses(subjects=3, sessions=2)
    found = CKA(variant=variant)(layers, target, FOLDS)
    values = target.mean("session").values
    plain = [
        plain_cka(layers["second"], values[:, 4 * i : 4 * i + 4], variant == "biased")
        for i in range(3)
    ]
    assert list(found.parts.values()) == pytest.approx(plain)
    assert found.raw["layer_score"].sel(layer="second").values == pytest.approx(plain)
    assert found.value == pytest.approx(np.mean(plain))
    assert found.provenance["error_over"] == "sounds and listeners"
    grams = [
        unit_gram(one, biased=variant == "biased")
        for one in (layers["second"], *(values[:, 4 * i : 4 * i + 4] for i in range(3)))
    ]
    owed = influence(grams[0], np.stack(grams[1:]), "listeners", biased=variant == "biased")
    assert found.error == pytest.approx(owed.estimate().error)
    assert found.interval == pytest.approx(owed.estimate().interval())
    np.testing.assert_allclose(found.raw["influence"], owed.stimuli, atol=1e-12)
    # comparisons leave out all that pairs owe
    assert found.raw["pair_sketch"].attrs == {"share_of_differences": 1.0}
    for place, name in enumerate(found.parts):
        assert found.part_errors[name] == pytest.approx(owed.part(place).estimate().error)
        assert found.part_intervals[name] == pytest.approx(owed.part(place).estimate().interval())
    assert found.ceiling is not None
    assert found.ceiling < found.raw["ceiling_upper"].mean() <= 1


def test_the_ceiling_of_equal_subjects_is_one() -> None:
    _, target = responses(subjects=3)
    target.values[:] = np.tile(target.values[:, :4], 3) * np.repeat([1.0, 10.0, 0.1], 4)
    found = CKA()({"same": target.values[:, :4]}, target, FOLDS)
    assert found.ceiling == pytest.approx(1.0)
    assert found.value == pytest.approx(1.0)


def test_draws_are_kept_if_asked_for() -> None:
    layers, target = responses(subjects=3)
    found = CKA(bootstrap=50, seed=3)(layers, target, FOLDS)
    assert found.raw["bootstrap"].size == 50
    assert found.raw["bootstrap"].std() == pytest.approx(found.error)
    assert found.raw.attrs["seed"] == 3
    plain = CKA(bootstrap=0)(layers, target, FOLDS)
    assert (plain.error, plain.interval) == (found.error, found.interval)
    assert "bootstrap" not in plain.raw


def test_too_few_stimuli_have_no_error() -> None:
    layers, target = responses(subjects=2)
    few = {name: features[:15] for name, features in layers.items()}
    found = CKA()(few, target[:15], FOLDS[:15])
    assert (found.error, found.interval, found.part_errors) == (None, None, {})
    assert "15 sounds and 2 listeners are too few" in found.provenance["error_withheld"]


@pytest.mark.parametrize("variant", [None, "biased"])
@pytest.mark.parametrize("subjects", [0, 3])
def test_chance_is_scoring_stimuli_in_random_order(variant: str | None, subjects: int) -> None:
    layers, target = responses(subjects)
    layers["second"] = layers["second"] + 3 * layers["first"]
    layers["dead"] = np.zeros((30, 2))
    found = CKA(variant=variant, permutations=19, seed=4)(layers, target, FOLDS)
    mixed = []
    for order in orders(30, 19, 4):
        moved = target.copy(data=target.values[order])
        mixed.append(CKA(variant=variant, permutations=0)(layers, moved, FOLDS).value)
    assert found.provenance["chance"]["mean"] == pytest.approx(np.mean(mixed))
    assert found.p == (1 + sum(one >= found.value for one in mixed)) / 20
    default = CKA(variant=variant)(layers, target, FOLDS)
    assert default.provenance["chance"]["permutations"] == 999
    assert CKA(variant=variant, permutations=0)(layers, target, FOLDS).p is None


def test_gaps_are_left_out_and_counted() -> None:
    layers, target = responses(subjects=3)
    broken = target.copy(deep=True)
    broken[2, 0] = np.nan
    broken[:, 1] = 7.0
    broken[:, 8:] = np.nan
    layers["dead"] = np.zeros((30, 2))
    found = CKA()(layers, broken, FOLDS)
    assert found.n["voxel"] == 6
    assert found.n["voxel_dropped"] == 6
    assert found.n["subject"] == 2
    assert found.n["subject_dropped"] == 1
    assert found.n["layer_dropped"] == 1
    assert found.raw["subject_dropped"].values.tolist() == ["subject-2"]
    assert np.isnan(found.raw["layer_score"].sel(layer="dead")).all()
    expected = plain_cka(layers["second"], target.values[:, 2:4])
    assert found.parts["subject-0"] == pytest.approx(expected)


def test_what_is_refused() -> None:
    layers, target = responses()
    with pytest.raises(DataError, match="no variant 'x'"):
        CKA(variant="x")
    with pytest.raises(DataError, match="at least 19 permutations"):
        CKA(permutations=7)
    with pytest.raises(DataError, match="the responses have 30 stimuli"):
        CKA()({"short": np.zeros((29, 3))}, target, FOLDS)
    with pytest.raises(DataError, match="first of stimulus 4 in feature 0"):
        CKA()({"gap": np.where(np.eye(30, 3, k=-4) > 0, np.nan, 1.0)}, target, FOLDS)
    with pytest.raises(DataError, match="None of the 1 layers"):
        CKA()({"dead": np.ones((30, 3))}, target, FOLDS)
    with pytest.raises(DataError, match="do not tell stimuli apart"):
        CKA()(layers, target * np.nan, FOLDS)
    with pytest.raises(DataError, match="at least 4 stimuli"):
        CKA()(layers, target[:3], FOLDS[:3])


@pytest.mark.slow
def test_made_up_cortex() -> None:
    found = score("spectrotemporal", "SimCortex-cka")
    assert len(found.parts) == found.n["subject"] > 1
    assert found.ceiling is not None
    assert 0 < found.value < 1


@pytest.mark.slow
@pytest.mark.data
def test_real_components(data_folder: Path) -> None:
    plain, biased = (
        score("spectrotemporal", f"NH2015comp-cka{variant}") for variant in ("", "-biased")
    )
    assert 0.05 < plain.value < biased.value < 1
    assert plain.interval is not None
    assert plain.interval[0] < plain.value < plain.interval[1]
