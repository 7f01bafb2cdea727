from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from brainbench_rsa import brainbench_metrics
from brainbench_rsa import metric as metric_module
from brainbench_rsa.anew import chosen_anew
from brainbench_rsa.cards import RSA as CARD
from brainbench_rsa.influence import influence
from brainbench_rsa.metric import RSA, load
from brainbench_rsa.rdm import rdm
from brainbench_rsa.selection import CrossValidation, cross_validate
from brainbench_rsa.targets import subject_rdms
from scipy.io import loadmat
from scipy.stats import pearsonr, rankdata, spearmanr
from tqdm import tqdm

from brainbench_audio import progress
from brainbench_audio.assemblies.assembly import build
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.errors import DataError
from brainbench_audio.scores.chance import orders
from brainbench_audio.scores.score import WITHHELD, Score

STIMULI = [f"stim{number}" for number in range(30)]
FOLDS = Folds(tuple(STIMULI), tuple(number % 5 for number in range(30)), "made up")


class ReadOnce(Mapping[str, np.ndarray]):
    """Layers that count how often each is read."""

    def __init__(self, layers: dict[str, np.ndarray]) -> None:
        self.layers, self.reads = layers, dict.fromkeys(layers, 0)

    def __getitem__(self, name: str) -> np.ndarray:
        self.reads[name] += 1
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)


def made_up(seed: int = 0) -> tuple[dict[str, np.ndarray], xr.DataArray]:
    """Three layers and three subjects of 12 voxels that follow the second layer."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((3, 30, 16)).astype(np.float32)
    layers = dict(zip(("in", "mid", "out"), values, strict=True))
    voxels = layers["mid"] @ generator.standard_normal((16, 36)) / 4
    voxels += 0.3 * generator.standard_normal(voxels.shape)
    subject = np.repeat(["subject-0", "subject-10", "subject-2"], 12)
    return layers, build(voxels, STIMULI, "voxel", {"subject": subject})


def plain_rho(layer: np.ndarray, voxels: np.ndarray) -> float:
    def distances(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=np.float64)
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        pairs: np.ndarray = (1 - np.corrcoef(z))[np.triu_indices(len(z), k=1)]
        return pairs

    return float(spearmanr(distances(layer), distances(voxels)).statistic)


def test_the_best_layer_and_the_mean_over_subjects() -> None:
    layers, target = made_up()
    score = RSA()(layers, target, FOLDS)
    expected = np.array(
        [
            [plain_rho(layer, target.values[:, 12 * s : 12 * s + 12]) for s in range(3)]
            for layer in layers.values()
        ]
    )
    np.testing.assert_allclose(score.raw["layer_score"], expected, atol=1e-10)
    assert score.layer == "mid"
    assert score.value == pytest.approx(expected[1].mean(), abs=1e-10)
    assert list(score.parts) == ["subject-0", "subject-10", "subject-2"]
    np.testing.assert_allclose(list(score.parts.values()), expected[1], atol=1e-10)
    assert score.n == {
        "stimulus": 30, "voxel": 36, "voxel_dropped": 0, "subject": 3, "subject_dropped": 0,
        "layer": 3, "layer_dropped": 0,
    }  # fmt: skip


def test_the_ceiling_is_each_subject_with_the_mean_of_the_others() -> None:
    layers, target = made_up()
    rdms = np.array([rdm(target.values[:, 12 * s : 12 * s + 12]) for s in range(3)])
    lower = [spearmanr(rdms[s], np.delete(rdms, s, 0).mean(axis=0)).statistic for s in range(3)]
    ranks = rankdata(rdms, axis=1)
    upper = [pearsonr(ranks[s], ranks.mean(axis=0)).statistic for s in range(3)]
    score = RSA()(layers, target, FOLDS)
    assert score.ceiling == pytest.approx(np.mean(lower), abs=1e-10)
    np.testing.assert_allclose(score.raw["ceiling_lower"], lower, atol=1e-10)
    np.testing.assert_allclose(score.raw["ceiling_upper"], upper, atol=1e-10)
    assert score.normalised == pytest.approx(score.value / np.mean(lower))
    two = RSA()(layers, target[:, :24], FOLDS)
    rho = spearmanr(*rdms[:2]).statistic
    assert two.ceiling == pytest.approx(rho, abs=1e-14)
    assert two.normalised == pytest.approx(two.value / rho)


@pytest.mark.parametrize("variant", [None, "cv", "crossnobis"])
def test_no_score_is_divided_by_a_ceiling_of_noise(variant: str | None) -> None:
    layers, target = made_up()
    noise = np.random.default_rng(1).standard_normal((*target.shape, 2))
    silent = build(noise, STIMULI, "voxel", {"subject": target["subject"].values})
    found = RSA(variant=variant, permutations=0)(layers, silent, FOLDS)
    assert found.ceiling is not None
    assert found.normalised is None
    assert "is below 0.05, so it is too uncertain" in found.provenance[WITHHELD]


def test_no_model_exceeds_the_upper_ceiling() -> None:
    generator = np.random.default_rng(0)
    latent = generator.standard_normal((30, 6))
    # few noisy voxels of one subject: their distances are spread the most
    counts, noise = (4, 90, 90), (3.0, 1.0, 1.0)
    values = np.hstack(
        [
            latent @ generator.standard_normal((6, count))
            + deviation * generator.standard_normal((30, count))
            for count, deviation in zip(counts, noise, strict=True)
        ]
    )
    subjects = {"subject": np.repeat(["a", "b", "c"], counts)}
    target = build(values, [f"stim{number}" for number in range(30)], "voxel", subjects)
    rdms = subject_rdms(target, zscore=True).arrays
    upper = float(RSA()({"one": latent}, target, FOLDS).raw["ceiling_upper"].mean())
    ranks = rankdata(rdms, axis=1).mean(axis=0)
    # the best there can be, the same with neighbours tied, and means of distances
    models = [ranks, ranks // 10, ranks // 50, rdms.mean(axis=0), *rdms]
    best = [np.mean([spearmanr(model, one).statistic for one in rdms]) for model in models]
    assert max(best) <= upper
    assert max(best) == pytest.approx(upper, abs=0.01)
    assert best[3] < upper - 0.01


def test_cv_chooses_the_planted_layer_and_says_so() -> None:
    layers, target = made_up()
    plain, score = RSA()(layers, target, FOLDS), RSA(variant="cv")(layers, target, FOLDS)
    assert (score.raw["layer"][score.raw["chosen_layer"]] == "mid").all()
    assert score.raw["chosen_layer"].dims == ("fold_pair", "subject")
    assert score.raw.sizes["fold_pair"] == 15
    assert score.layer == "mid"
    assert score.value == pytest.approx(plain.value, abs=1e-12)
    np.testing.assert_array_equal(score.raw["layer_score"], plain.raw["layer_score"])


def test_cv_is_not_optimistic_where_layers_are_noise() -> None:
    generator = np.random.default_rng(1)
    layers = {f"layer-{n}": generator.standard_normal((30, 16)) for n in range(12)}
    _, target = made_up()
    plain, score = RSA()(layers, target, FOLDS), RSA(variant="cv")(layers, target, FOLDS)
    assert score.value < plain.value


def test_an_array_of_folds_will_do() -> None:
    layers, target = made_up()
    metric = RSA(variant="cv")
    one, other = metric(layers, target, FOLDS), metric(layers, target, np.asarray(FOLDS))
    assert one.parts == other.parts


def test_without_subjects_all_targets_make_one_rdm() -> None:
    layers, target = made_up()
    components = build(target.values[:, :6], STIMULI, "component", {"component": list("abcdef")})
    score = RSA()(layers, components, FOLDS)
    assert score.value == pytest.approx(plain_rho(layers["mid"], target.values[:, :6]), abs=1e-10)
    assert score.parts == {}
    assert score.ceiling is None
    assert score.raw["subject"].values.tolist() == ["component"]
    assert score.error is not None
    assert score.interval is not None
    assert 0 < score.error < 0.3
    assert score.interval[0] < score.value < score.interval[1]


def test_draws_follow_their_seed_and_only_they_do() -> None:
    layers, target = made_up()
    one_subject = target.isel(voxel=slice(12))
    scores = [RSA(seed=seed, bootstrap=50)(layers, one_subject, FOLDS) for seed in (3, 3, 4)]
    assert scores[0].interval == scores[1].interval == scores[2].interval
    draws = [one.raw["bootstrap"].values for one in scores]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()
    assert draws[0].std() == pytest.approx(scores[0].error)
    assert list(scores[0].parts) == ["subject-0"]
    assert scores[0].raw.attrs == {"seed": 3, "bootstrap": 50, "zscore": 1}
    assert "bootstrap" not in RSA()(layers, one_subject, FOLDS).raw


def test_each_layer_is_read_once() -> None:
    layers, target = made_up()
    for variant in (None, "cv"):
        counted = ReadOnce(layers)
        RSA(variant=variant)(counted, target, FOLDS)
        assert set(counted.reads.values()) == {1}


def test_sessions_are_averaged_first() -> None:
    layers, target = made_up()
    noise = np.random.default_rng(2).standard_normal((*target.shape, 2))
    noise[:, :, 1] = -noise[:, :, 0]
    sessions = xr.DataArray(
        target.values[:, :, None] + noise, target.coords, ("stimulus", "voxel", "session")
    )
    assert RSA()(layers, sessions, FOLDS).value == pytest.approx(
        RSA()(layers, target, FOLDS).value, abs=1e-9
    )


def test_unusable_voxels_and_subjects_are_dropped_and_counted() -> None:
    layers, target = made_up()
    damaged = target.copy(deep=True)
    damaged[4, 0] = np.nan
    damaged[:, 1] = 0.7
    damaged[:, 13:24] = np.nan
    score = RSA()(layers, damaged, FOLDS)
    assert list(score.parts) == ["subject-0", "subject-2"]
    assert score.parts["subject-0"] == pytest.approx(
        plain_rho(layers["mid"], target.values[:, 2:12]), abs=1e-10
    )
    assert (score.n["voxel"], score.n["voxel_dropped"]) == (22, 14)
    assert (score.n["subject"], score.n["subject_dropped"]) == (2, 1)
    assert score.raw["subject_dropped"].values.tolist() == ["subject-10"]


def test_sessions_that_differ_by_rounding_make_no_responses() -> None:
    layers, target = made_up()
    sessions = np.repeat(target.values[:, :, None], 3, axis=2).astype(np.float32)
    sessions[:, 0] = np.float32(0.1)
    sessions[::2, 0, 1:] = np.nan
    labelled = xr.DataArray(sessions, target.coords, ("stimulus", "voxel", "session"))
    score = RSA()(layers, labelled, FOLDS)
    assert (score.n["voxel"], score.n["voxel_dropped"]) == (35, 1)


def test_an_assembled_rdm_without_variance_is_an_error_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers, target = made_up()

    def constant(*arguments: np.ndarray) -> CrossValidation:
        found = cross_validate(*arguments)
        return replace(found, rho=np.where(np.arange(3) == 1, np.nan, found.rho))

    monkeypatch.setattr(metric_module, "cross_validate", constant)
    with pytest.raises(DataError, match="chosen layers is constant for subject-10"):
        RSA(variant="cv")(layers, target, FOLDS)


@pytest.mark.parametrize("variant", [None, "cv"])
def test_errors_are_over_stimuli_and_subjects(variant: str | None) -> None:
    layers, target = made_up()
    score = RSA(variant=variant)(layers, target, FOLDS)
    # all layers chosen are one here, so both variants compare its RDM
    brains = [rdm(target.values[:, 12 * s : 12 * s + 12]) for s in range(3)]
    owed = influence(rdm(layers["mid"]), brains, "listeners")
    if variant == "cv":
        rdms = np.stack([rdm(features) for features in layers.values()])
        found = cross_validate(rdms, brains, FOLDS)
        owed = replace(owed, choice=chosen_anew(found, rdms, np.stack(brains), FOLDS))
    estimate = owed.estimate()
    assert score.error == pytest.approx(estimate.error)
    assert score.interval == pytest.approx(estimate.interval())
    assert score.provenance["error_over"] == "sounds and listeners"
    np.testing.assert_allclose(score.raw["influence"], owed.stimuli, atol=1e-12)
    np.testing.assert_allclose(score.raw["pair_sketch"], owed.pairs, atol=1e-6)
    # comparisons leave out more of what pairs owe than errors do, with listeners and without
    alone = RSA(variant=variant)(layers, target.drop_vars("subject"), FOLDS)
    for one in (score, alone):
        assert one.raw["pair_sketch"].attrs == {"share_of_differences": 0.8}
    for place, name in enumerate(score.parts):
        alone = owed.part(place).estimate()
        assert score.part_errors[name] == pytest.approx(alone.error)
        assert score.part_intervals[name] == pytest.approx(alone.interval())
    few = RSA(variant=variant)(layers, target[:, :24], FOLDS)
    assert few.provenance["error_over"] == "sounds, for these listeners"


def test_too_few_stimuli_have_no_error() -> None:
    layers, target = made_up()
    few = {name: features[:15] for name, features in layers.items()}
    score = RSA()(few, target[:15, :24], np.arange(15) % 5)
    assert (score.error, score.interval, score.part_errors) == (None, None, {})
    assert "15 sounds and 2 listeners are too few" in score.provenance["error_withheld"]
    listeners = RSA()(few, target[:15], np.arange(15) % 5)
    parts = list(listeners.parts.values())
    assert listeners.error == pytest.approx(np.std(parts, ddof=1) / np.sqrt(3))
    assert listeners.provenance["error_over"] == "listeners, for these sounds"


@pytest.mark.parametrize("variant", [None, "cv"])
@pytest.mark.parametrize("subjects", [1, 3])
def test_chance_is_scoring_stimuli_in_random_order(variant: str | None, subjects: int) -> None:
    layers, target = made_up(1)
    layers = {"other": layers["in"], "noise": layers["out"] + 0.2 * layers["mid"]}
    target = target[:, : 12 * subjects]
    metric = RSA(variant=variant, permutations=19, seed=4)
    score = metric(layers, target, FOLDS)
    mixed = []
    for order in orders(30, 19, 4):
        moved = target.copy(data=target.values[order])
        mixed.append(RSA(variant=variant, permutations=0)(layers, moved, FOLDS).value)
    found = score.provenance["chance"]
    assert found["mean"] == pytest.approx(np.mean(mixed))
    assert found["p"] == score.p == (1 + sum(one >= score.value for one in mixed)) / 20
    assert (found["permutations"], found["seed"]) == (19, 4)


def test_the_plain_variant_is_tested_against_chance_by_default() -> None:
    layers, target = made_up()
    score = RSA()(layers, target, FOLDS)
    assert score.provenance["chance"]["permutations"] == 999
    assert score.p == pytest.approx(1 / 1000)
    assert RSA(variant="cv")(layers, target, FOLDS).p is None
    assert RSA(permutations=0)(layers, target, FOLDS).p is None


def test_max_memory_is_accepted_and_changes_nothing() -> None:
    layers, target = made_up()
    score, whole = (load(CARD, max_memory=size)(layers, target, FOLDS) for size in (1, None))
    assert score.raw.identical(whole.raw)


def test_progress_counts_layers_and_is_silent_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bars: list[tqdm[Any]] = []

    def watched(**options: Any) -> tqdm[Any]:
        bars.append(tqdm(**{**options, "delay": 0, "mininterval": 0}))
        return bars[-1]

    monkeypatch.setattr(progress, "tqdm", watched)
    layers, target = made_up()
    RSA(permutations=0)(layers, target, FOLDS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    RSA(permutations=0)(layers, target, FOLDS)
    assert [(bar.total, bar.n) for bar in bars][1:] == [(3, 3)]
    assert "3/3" in capsys.readouterr().err


def test_responses_without_any_rdm_are_refused() -> None:
    layers, target = made_up()
    with pytest.raises(DataError, match="0 of 36 voxels are finite"):
        RSA()(layers, target * np.nan, FOLDS)
    with pytest.raises(DataError, match="at least 2 targets"):
        RSA()(layers, target.isel(voxel=[0]), FOLDS)


def test_a_dead_layer_is_dropped_and_counted() -> None:
    layers, target = made_up()
    dead = {"dead": np.ones((30, 4), dtype=np.float32)}
    score = RSA(variant="cv")(dead | layers, target, FOLDS)
    assert (score.n["layer"], score.n["layer_dropped"]) == (3, 1)
    assert np.isnan(score.raw["layer_score"].sel(layer="dead")).all()
    assert score.layer == "mid"
    with pytest.raises(DataError, match="None of the 1 layers"):
        RSA()(dead, target, FOLDS)


def test_layers_that_do_not_fit_are_named() -> None:
    layers, target = made_up()
    with pytest.raises(DataError, match="Layer out has 29 rows, the responses 30"):
        RSA()(layers | {"out": layers["out"][1:]}, target, FOLDS)
    broken = layers["out"].copy()
    broken[3, 2] = np.nan
    with pytest.raises(DataError, match=r"Layer out: .*1 of 16 features"):
        RSA()(layers | {"out": broken}, target, FOLDS)


def test_zscore_is_an_option() -> None:
    layers, target = made_up()
    loud = {name: layer * np.arange(1.0, 17.0) ** 2 for name, layer in layers.items()}
    with_it, without = RSA()(loud, target, FOLDS), RSA(zscore=False)(loud, target, FOLDS)
    assert with_it.value == pytest.approx(RSA()(layers, target, FOLDS).value, abs=1e-6)
    assert without.value < with_it.value - 0.05


@pytest.mark.parametrize("variant", [None, "cv"])
def test_the_order_of_stimuli_does_not_matter(variant: str | None) -> None:
    layers, target = made_up()
    order = np.random.default_rng(5).permutation(30)
    score = RSA(variant=variant)(layers, target, FOLDS)
    permuted = RSA(variant=variant)(
        {name: layer[order] for name, layer in layers.items()},
        target.isel(stimulus=order),
        np.asarray(FOLDS)[order],
    )
    assert permuted.value == pytest.approx(score.value, abs=1e-10)


@pytest.mark.parametrize("variant", [None, "cv"])
def test_scores_survive_a_file(tmp_path: Path, variant: str | None) -> None:
    layers, target = made_up()
    score = RSA(variant=variant)(layers, target, FOLDS)
    score.to_netcdf(tmp_path / "score.nc")
    back = Score.from_netcdf(tmp_path / "score.nc")
    xr.testing.assert_equal(back.raw, score.raw)
    assert replace(back, raw=score.raw) == score


def test_the_plain_variant_keeps_the_rdms_of_the_best_layer_and_of_subjects() -> None:
    layers, target = made_up()
    raw = RSA()(layers, target, FOLDS).raw
    assert raw["rdm"].dtype == raw["target_rdm"].dtype == np.float32
    np.testing.assert_allclose(raw["rdm"], rdm(layers["mid"]), atol=1e-6)
    mean = np.mean([rdm(target.values[:, place : place + 12]) for place in (0, 12, 24)], axis=0)
    np.testing.assert_allclose(raw["target_rdm"], mean, atol=1e-6)
    assert raw["rdm"].attrs == raw["target_rdm"].attrs == {"distance": "1 − r"}


def test_the_card_loads_the_metric() -> None:
    assert brainbench_metrics() == [CARD]
    metric = load(CARD, "cv", zscore=False)
    assert (metric.variant, metric.zscore) == ("cv", False)
    assert CARD.required("cv") == CARD.required(None) == {"responses", "multivariate"}
    with pytest.raises(DataError, match="no variant 'loo'"):
        load(CARD, "loo")
    with pytest.raises(DataError, match="at least 2 draws"):
        load(CARD, bootstrap=1)
    with pytest.raises(DataError, match="at least 19 permutations"):
        load(CARD, permutations=5)


@pytest.mark.data
def test_real_components_resemble_themselves_and_their_categories(data_folder: Path) -> None:
    path = next(data_folder.rglob("components.mat"))
    data = loadmat(path, squeeze_me=True)
    responses = np.asarray(data["R"], dtype=np.float64)
    names = [str(name) for name in data["stim_names"]]
    target = build(responses, names, "component", {"component": list("abcdef")})
    labels = np.unique(data["category_labels"].astype(str), return_inverse=True)[1]
    noise = np.random.default_rng(6).standard_normal((165, 64))
    layers = {"noise": noise, "categories": np.eye(11)[labels], "self": responses}
    score = RSA()(layers, target, np.arange(165) % 5)
    rho = score.raw["layer_score"].sel(subject="component")
    assert float(rho.sel(layer="self")) == pytest.approx(1, abs=1e-12)
    assert abs(float(rho.sel(layer="noise"))) < 0.05 < 0.1 < float(rho.sel(layer="categories"))
