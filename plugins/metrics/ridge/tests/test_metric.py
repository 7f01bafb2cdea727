from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from brainbench_ridge import brainbench_metrics
from brainbench_ridge.cards import RIDGE as CARD
from brainbench_ridge.loader import load
from brainbench_ridge.metric import Ridge
from brainbench_ridge.solver import nested_ridge
from scipy.io import loadmat

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.scores.ceilings import session_reliability
from brainbench_audio.scores.score import Score

STIMULI = [f"stim{number}" for number in range(40)]
FOLDS = Folds(tuple(STIMULI), tuple(number % 5 for number in range(40)), "made up")
Layers = dict[str, npt.NDArray[np.float32]]


def made_up(targets: int = 12, sessions: int = 3) -> tuple[Layers, npt.NDArray[np.float64]]:
    """Three layers, and (stimulus, target, session) responses that follow the second one."""
    generator = np.random.default_rng(0)
    values = generator.standard_normal((3, 40, 20)).astype(np.float32)
    layers = dict(zip(("in", "mid", "out"), values, strict=True))
    clean = layers["mid"][:, :4] @ generator.standard_normal((4, targets))
    noise = (
        generator.standard_normal((40, targets, sessions)) * np.linspace(0.3, 3, targets)[:, None]
    )
    return layers, clean[:, :, np.newaxis] + noise


def voxels(responses: npt.NDArray[np.float64]) -> xr.DataArray:
    """Three subjects with 5, 3 and the rest of the voxels, in an order of their own."""
    subject = np.repeat(["subject-0", "subject-10", "subject-2"], [5, 3, responses.shape[1] - 8])
    region = np.resize(["primary", "lateral"], responses.shape[1])
    return build(responses, STIMULI, "voxel", {"subject": subject, "region": region})


def components(responses: npt.NDArray[np.float64]) -> xr.DataArray:
    names = [f"c{number}" for number in range(responses.shape[1])]
    return build(responses, STIMULI, "component", {"component": names})


def test_subjects_are_medians_over_voxels_then_a_mean() -> None:
    layers, responses = made_up()
    score = Ridge()(layers, voxels(responses), FOLDS)
    found = nested_ridge(layers, responses.mean(axis=2), np.asarray(FOLDS))
    assert found.layer_r2 is not None
    cuts = [slice(0, 5), slice(5, 8), slice(8, 12)]
    expected = [float(np.median(found.r2[cut])) for cut in cuts]
    assert score.parts == pytest.approx(
        dict(zip(["subject-0", "subject-10", "subject-2"], expected, strict=True))
    )
    assert score.value == pytest.approx(np.mean(expected))
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    reliability = session_reliability(responses)
    assert score.ceiling == pytest.approx(np.mean([np.median(reliability[cut]) for cut in cuts]))
    assert score.layer == "mid"
    assert score.n == {
        "stimulus": 40, "voxel": 12, "voxel_dropped": 0, "voxel_stuck": 0,
        "voxel_without_ceiling": 0, "subject": 3, "subject_dropped": 0,
    }  # fmt: skip
    profile = [np.mean([np.median(one[cut]) for cut in cuts]) for one in found.layer_r2]
    np.testing.assert_allclose(score.raw["profile"], profile)


def test_raw_holds_everything_with_coordinates(tmp_path: Path) -> None:
    layers, responses = made_up()
    score = Ridge()(layers, voxels(responses), FOLDS)
    found = nested_ridge(layers, responses.mean(axis=2), np.asarray(FOLDS))
    raw = score.raw
    np.testing.assert_array_equal(raw["r2"], found.r2)
    np.testing.assert_allclose(raw["layer_score"], found.layer_r2, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(raw["chosen_layer"], found.layer)
    np.testing.assert_array_equal(raw["penalty"], found.penalty)
    np.testing.assert_allclose(raw["prediction"], found.predictions, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(raw["measured"], responses.mean(axis=2), rtol=1e-5, atol=1e-5)
    assert raw["prediction"].dims == ("stimulus", "voxel")
    assert raw["stimulus"].values.tolist() == STIMULI
    assert raw["layer"].values.tolist() == ["in", "mid", "out"]
    assert raw["region"].dims == ("voxel",)
    score.to_netcdf(tmp_path / "score.nc")
    again = Score.from_netcdf(tmp_path / "score.nc")
    xr.testing.assert_identical(again.raw.load(), raw)
    assert (again.value, again.parts, again.n) == (score.value, score.parts, score.n)


def test_components_are_averaged() -> None:
    layers, responses = made_up(4, sessions=1)
    target = components(responses[:, :, 0])
    score = Ridge()(layers, target, FOLDS)
    found = nested_ridge(layers, responses[:, :, 0], np.asarray(FOLDS))
    assert score.value == pytest.approx(found.r2.mean())
    assert score.parts == pytest.approx(dict(zip(["c0", "c1", "c2", "c3"], found.r2, strict=True)))
    assert score.ceiling is None
    assert score.normalised is None
    assert score.n == {
        "stimulus": 40,
        "component": 4,
        "component_dropped": 0,
        "component_stuck": 0,
    }


def test_one_subject_is_scored_over_sounds() -> None:
    layers, responses = made_up(5, sessions=1)
    target = build(responses, STIMULI, "voxel", {"subject": ["subject-7"] * 5})
    score = Ridge()(layers, target, FOLDS)
    assert list(score.parts) == ["subject-7"]
    assert score.value == pytest.approx(np.median(score.raw["r2"]))
    assert score.error is not None
    assert score.error > 0
    assert score.ceiling is None, "one session tells nothing about noise"


def test_voxels_without_subjects_have_no_parts() -> None:
    layers, responses = made_up(5)
    score = Ridge()(layers, build(responses, STIMULI, "voxel", {}), FOLDS)
    assert score.parts == {}
    assert score.value == pytest.approx(float(score.raw["r2"].mean()))


def test_unusable_targets_are_dropped_and_counted() -> None:
    layers, responses = made_up()
    clean = Ridge()(layers, voxels(responses[:, 2:]), FOLDS)
    responses[:, 0] = 0.1
    responses[3, 1] = np.nan
    responses[7, 4, 1] = np.nan
    target = voxels(responses)
    target["subject"] = (
        "voxel",
        ["away"] * 2 + voxels(responses[:, 2:])["subject"].values.tolist(),
    )
    score = Ridge()(layers, target, FOLDS)
    assert score.n["voxel"] == 10
    assert score.n["voxel_dropped"] == 2
    assert score.raw["dropped"].values.tolist() == [0, 1]
    assert list(score.parts) == list(clean.parts)
    assert score.raw["region"].values.tolist() == target["region"].values[2:].tolist()
    # One missing session of one stimulus only changes that voxel's mean.
    others = np.arange(10) != 2
    np.testing.assert_allclose(score.raw["r2"][others], clean.raw["r2"][others])
    assert (score.n["subject"], score.n["subject_dropped"]) == (3, 1)
    assert score.raw["subject_dropped"].values.tolist() == ["away"]
    assert score.n["voxel_incomplete"] == 1
    assert "voxel_incomplete" not in clean.n
    with pytest.raises(DataError, match="None of the 2 voxels has finite responses"):
        Ridge()(layers, target[:, :2], FOLDS)


def test_a_target_that_cannot_be_predicted_counts_as_zero() -> None:
    layers, responses = made_up(2, sessions=1)
    layers = {name: np.ones_like(features) for name, features in layers.items()}
    score = Ridge(permutations=0)(layers, components(responses), FOLDS)
    assert score.value == 0.0
    assert score.n["component_dropped"] == 0


def test_zscored_is_indifferent_to_the_scale_of_features() -> None:
    layers, responses = made_up(4, sessions=1)
    target = components(responses)
    scaled = {name: features * np.geomspace(1, 1e3, 20) for name, features in layers.items()}
    for variant in ("zscored", "zscored-all"):
        metric = Ridge(variant=variant, permutations=0)
        one, other = metric(layers, target, FOLDS), metric(scaled, target, FOLDS)
        np.testing.assert_allclose(one.raw["r2"], other.raw["r2"], atol=1e-5)
        assert Ridge(permutations=0)(scaled, target, FOLDS).value != pytest.approx(
            one.value, abs=1e-3
        )


def test_statistics_over_all_sounds_equal_features_scaled_beforehand() -> None:
    layers, responses = made_up(4, sessions=1)
    metric = Ridge(variant="zscored-all", permutations=0)
    beforehand = {
        name: (features.astype(float) - features.mean(axis=0, dtype=float))
        / features.std(axis=0, dtype=float)
        for name, features in layers.items()
    }
    one = metric(layers, components(responses), FOLDS)
    other = Ridge(permutations=0)(beforehand, components(responses), FOLDS)
    np.testing.assert_allclose(one.raw["r2"], other.raw["r2"], atol=1e-9)


@pytest.mark.parametrize(
    "metric", [Ridge(), Ridge(variant="zscored"), Ridge(variant="zscored-all")]
)
def test_wrong_layers_are_named(metric: Ridge) -> None:
    layers, responses = made_up(2)
    broken = {**layers, "mid": np.where(np.arange(20) == 3, np.nan, layers["mid"])}
    with pytest.raises(DataError, match="'mid'"):
        metric(broken, components(responses), FOLDS)
    with pytest.raises(ContractError, match="'mid'"):
        metric({"mid": layers["mid"][:, 0]}, components(responses), FOLDS)
    with pytest.raises(ContractError, match="'mid'"):
        metric({"mid": layers["mid"][1:]}, components(responses), FOLDS)


def test_wrong_options() -> None:
    with pytest.raises(DataError, match="no variant 'loo'"):
        load(CARD, "loo")
    with pytest.raises(DataError, match="at least 2 draws"):
        load(CARD, bootstrap=1)


def test_card() -> None:
    assert brainbench_metrics() == [CARD]
    assert CARD.variants == ("zscored", "zscored-all", "scaled", "corrected", "unique", "from")
    assert CARD.required("zscored") == frozenset({"responses"})
    assert load(CARD, "zscored") == Ridge(variant="zscored")


@pytest.fixture
def natural_sounds(
    data_folder: Path, parity_folder: Path
) -> tuple[Layers, xr.DataArray, npt.NDArray[np.int64]]:
    """Spectrotemporal features, the six components, and the folds of the paper."""
    folds = pytest.importorskip("brainbench_natsound165.stimuli").published_folds()
    found = loadmat(data_folder / "natsound165" / "components.mat", squeeze_me=True)
    rows = {str(name).removesuffix(".wav"): row for row, name in enumerate(found["stim_names"])}
    responses = found["R"][[rows[name.removesuffix(".wav")] for name in folds.stimuli]]
    names = ["lf", "hf", "broadband", "pitch", "speech", "music"]
    with np.load(parity_folder / "spectrotemporal.npz") as stored:
        features = [stored[f"{name.removesuffix('.wav')}/avgpool"] for name in folds.stimuli]
    target = build(responses, folds.stimuli, "component", {"component": names})
    return {"avgpool": np.stack(features)}, target, np.asarray(folds)


@pytest.mark.data
@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Ridge(), [0.739, 0.570, 0.453, 0.545, 0.721, 0.330]),
        (
            Ridge(variant="zscored-all"),
            [0.819, 0.652, 0.426, 0.684, 0.783, 0.478],
        ),
    ],
    ids=["plain", "zscored"],
)
def test_real_components_are_predicted_as_well_as_by_the_reference(
    metric: Callable[..., Score],
    expected: list[float],
    natural_sounds: tuple[Layers, xr.DataArray, npt.NDArray[np.int64]],
) -> None:
    score = metric(*natural_sounds)
    np.testing.assert_allclose(list(score.parts.values()), expected, atol=0.001)
    assert score.error is not None
    assert 0.01 < score.error < 0.1


def test_a_component_measured_at_several_times_is_one_part() -> None:
    generator = np.random.default_rng(0)
    layer = generator.standard_normal((40, 5))
    values = layer @ generator.standard_normal((5, 4)) + generator.standard_normal((40, 4))
    names = [f"sound-{index}" for index in range(40)]
    along = {"component": ["a", "b", "a", "b"], "time": [0.0, 0.0, 0.1, 0.1]}
    found = Ridge()({"layer": layer}, build(values, names, "component", along), np.arange(40) % 5)
    r2 = found.raw["r2"].values
    assert found.parts == pytest.approx({"a": r2[[0, 2]].mean(), "b": r2[[1, 3]].mean()})
    assert found.value == pytest.approx(r2.mean())
    assert found.raw["time"].values.tolist() == along["time"]
    assert found.interval is not None
    assert found.interval[0] < found.value < found.interval[1]


def test_a_voxel_without_a_subject_is_dropped_and_no_subject_is_called_nan() -> None:
    layers, responses = made_up()
    target = voxels(responses)
    names = target["subject"].values.astype(object)
    names[[0, 9]] = None, np.nan
    score = Ridge()(layers, target.assign_coords(subject=("voxel", names)), FOLDS)
    kept = Ridge()(layers, target[:, np.delete(np.arange(12), [0, 9])], FOLDS)
    assert dict(score.parts) == dict(kept.parts)
    assert (score.n["voxel"], score.n["voxel_dropped"], score.n["subject_dropped"]) == (10, 2, 0)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int16, np.longdouble])
def test_responses_of_any_number_type_are_computed_in_float64(kind: Any) -> None:
    layers, responses = made_up()
    given = (responses * 50 + 1000).astype(kind)
    score, exact = (Ridge()(layers, voxels(one), FOLDS) for one in (given, given.astype(float)))
    assert score.value == exact.value
    np.testing.assert_array_equal(score.raw["r2"], exact.raw["r2"])


def test_complex_features_are_refused_by_name() -> None:
    layers, responses = made_up()
    with pytest.raises(DataError, match="layer 'mid' must be real numbers"):
        Ridge()({"mid": layers["mid"] * 1j}, voxels(responses), FOLDS)


def test_what_runs_along_stimuli_is_no_label_of_a_target() -> None:
    layers, responses = made_up()
    target = voxels(responses).assign_coords(category=("stimulus", ["x"] * 40))
    assert "category" not in Ridge()(layers, target, FOLDS).raw.coords
