"""The maps beside scikit-learn and SciPy, the nested choice beside plain loops, and rates."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
import xarray as xr
from brainbench_mapping.maps import MAPS, procrustes
from brainbench_mapping.metric import LinearMap
from sklearn.cross_decomposition import PLSRegression

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.scores.influence import Influence, sketch, stored_influence
from brainbench_audio.scores.profiles import check_raw

SOUNDS = 40
NAMES = [f"sound-{place}" for place in range(SOUNDS)]
folds = np.arange(SOUNDS) % 4


def plain_pls(x: np.ndarray, y: np.ndarray, others: np.ndarray) -> np.ndarray:
    most = min(25, np.linalg.matrix_rank(x - x.mean(axis=0)))
    return PLSRegression(most, scale=False).fit(x, y).predict(others).reshape(len(others), -1)


def plain_procrustes(x: np.ndarray, y: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Pad with zeros, as for SciPy; what was not learned does not count."""
    width = max(x.shape[1], y.shape[1])

    def padded(values: np.ndarray) -> np.ndarray:
        return np.pad(values, ((0, 0), (0, width - values.shape[1])))

    turn, scale = scipy.linalg.orthogonal_procrustes(
        padded(x - x.mean(axis=0)), padded(y - y.mean(axis=0))
    )
    size = np.square(x - x.mean(axis=0)).sum()
    found = padded(others - x.mean(axis=0)) @ turn * scale / size
    return y.mean(axis=0) + found[:, : y.shape[1]]


PLAIN = {"pls": plain_pls, "procrustes": plain_procrustes}


def made_up(
    targets: int, wide: int = 3, subjects: int = 0, sessions: int = 0
) -> tuple[dict[str, np.ndarray], xr.DataArray]:
    """Return a noisy layer, one that responses are made from, turned, and more columns of it."""
    generator = np.random.default_rng(0)
    signal = generator.standard_normal((SOUNDS, targets)) * np.linspace(1, 2, targets)
    layers = {
        "noise": generator.standard_normal((SOUNDS, 6)),
        "turned": signal @ np.linalg.qr(generator.standard_normal((targets, targets)))[0],
        "wide": np.tile(signal, (1, wide)) + generator.standard_normal((SOUNDS, wide * targets)),
    }
    values = signal + 0.5 * generator.standard_normal(signal.shape)
    if sessions:
        noise = generator.standard_normal((*signal.shape, sessions))
        values = signal[..., None] + 0.5 * noise
    coordinates = {"voxel_id": list(range(targets))}
    if subjects:
        coordinates["subject"] = [f"s{place % subjects}" for place in range(targets)]
    return layers, build(values, NAMES, "voxel", coordinates)


def r2(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    pairs = zip(predicted.T, measured.T, strict=True)
    return np.array([max(0.0, scipy.stats.pearsonr(*pair)[0]) ** 2 for pair in pairs])


# fewer features than sounds, and more
@pytest.mark.parametrize(("name", "wide"), [("procrustes", 3), ("procrustes", 15), ("pls", 15)])
def test_equal_to_plain_loops(name: str, wide: int) -> None:
    layers, target = made_up(4, wide)
    measured, learn = target.values, PLAIN[name]
    score = LinearMap(map=name)(layers, target, folds)

    def predicted(x: np.ndarray, test: np.ndarray, train: np.ndarray) -> np.ndarray:
        return learn(x[train], measured[train], x[test])

    inner, outer = np.zeros((3, 4)), []
    for place, x in enumerate(layers.values()):
        held = np.zeros(measured.shape)
        for fold in range(4):
            held[folds == fold] = predicted(x, folds == fold, folds != fold)
            pooled = np.full(measured.shape, np.nan)
            for other in set(range(4)) - {fold}:
                train = (folds != fold) & (folds != other)
                pooled[folds == other] = predicted(x, folds == other, train)
            inner[place, fold] = r2(pooled[folds != fold], measured[folds != fold]).mean()
        outer.append(held)
    chosen = inner.argmax(axis=0)
    assert score.raw["chosen_layer"].values.tolist() == np.repeat(chosen[:, None], 4, 1).tolist()
    expected = np.empty(measured.shape)
    for fold, place in enumerate(chosen):
        expected[folds == fold] = outer[place][folds == fold]
    np.testing.assert_allclose(score.raw["prediction"], expected, rtol=1e-4, atol=1e-4)
    # sessions and subjects are not known, so parts are the targets
    assert score.value == pytest.approx(r2(expected, measured).mean(), abs=1e-6)
    np.testing.assert_allclose(
        score.raw["layer_score"], [r2(one, measured) for one in outer], atol=1e-6
    )
    assert score.layer == list(layers)[int(score.raw["profile"].values.argmax())] != "noise"
    assert check_raw(score.raw) == []

    # without each group of sounds of one fold, weights learned anew
    left = []
    groups = [
        part for fold in range(4) for part in np.array_split(np.flatnonzero(folds == fold), 5)
    ]
    for group in groups:
        kept = ~np.isin(np.arange(SOUNDS), group)
        again = expected.copy()
        for fold, place in enumerate(chosen):
            if fold != folds[group[0]]:
                x = list(layers.values())[place]
                again[folds == fold] = predicted(x, folds == fold, (folds != fold) & kept)
        left.append(r2(again[kept], measured[kept]))
    influence = Influence.of_left_out(r2(expected, measured), np.array(left))
    np.testing.assert_allclose(score.raw["influence"], influence.stimuli, atol=1e-5)
    assert score.error == pytest.approx(influence.estimate().error, rel=1e-4)


@pytest.mark.parametrize("name", MAPS)
def test_pairs_of_one_layer_are_those_of_plain_loops(name: str) -> None:
    """A group less to learn from changes predictions of the others, which r is moved by."""
    layers, target = made_up(4)
    target = target.rename(voxel="component", voxel_id="component")
    x, measured = layers["wide"], target.values
    score = LinearMap(map=name)({"wide": x}, target, folds)
    groups = [
        part for fold in range(4) for part in np.array_split(np.flatnonzero(folds == fold), 5)
    ]

    def held_out(without: np.ndarray) -> np.ndarray:
        predicted = np.empty(measured.shape)
        for fold in range(4):
            train = (folds != fold) & ~np.isin(np.arange(SOUNDS), without)
            predicted[folds == fold] = PLAIN[name](x[train], measured[train], x[folds == fold])
        return predicted

    whole, step = held_out(np.array([], dtype=int)), 1e-5
    roots = np.sqrt(r2(whole, measured))
    owed = np.zeros((20, 20, 4))
    for number, group in enumerate(groups):
        lost = whole - held_out(group)
        for place, other in enumerate(groups):
            if folds[group[0]] != folds[other[0]]:
                moved = whole.copy()
                moved[other] += step * lost[other]
                change = (np.sqrt(r2(moved, measured)) - roots) / step
                owed[number, place] = 2 * roots * change
    pairs = (owed + owed.swapaxes(0, 1))[np.triu_indices(20, 1)]
    np.testing.assert_allclose(score.raw["pair_sketch"], sketch(pairs.T), atol=1e-5)
    # with several layers there are none, see the metric
    several = LinearMap(map=name)({"wide": x, "noise": layers["noise"]}, target, folds)
    assert "pair_sketch" not in several.raw


def test_twenty_sounds_have_an_error_in_whatever_folds() -> None:
    """Groups of sounds, of which an error needs 20, are rounded to a number in each fold."""
    layers, target = made_up(2)
    for sounds in (20, 33, 34, 37, 40):
        for number in (3, 4, 8):
            score = LinearMap(map="procrustes")(
                {"turned": layers["turned"][:sounds]}, target[:sounds], np.arange(sounds) % number
            )
            assert score.error is not None, (sounds, number)
            assert len(score.raw["influence"]) >= 20
    few = LinearMap(map="procrustes")(
        {"turned": layers["turned"][:19]}, target[:19], np.arange(19) % 3
    )
    assert few.error is None


def test_what_was_not_learned_is_not_mapped() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((5, 30)), generator.standard_normal((5, 8))
    away = scipy.linalg.null_space(x - x.mean(axis=0))[:, :3].T
    np.testing.assert_allclose(procrustes(x, y, x.mean(axis=0) + away), [y.mean(axis=0)] * 3)
    for learn in MAPS.values():
        same = learn(np.ones((5, 3)), y, np.zeros((2, 3)))
        np.testing.assert_allclose(same, [y.mean(axis=0)] * 2)


def test_listeners_and_sessions() -> None:
    layers, target = made_up(12, subjects=3, sessions=2)
    score = LinearMap(map="procrustes", bootstrap=50)(layers, target, folds)
    each = score.raw["r2"].values
    medians = {f"s{place}": np.median(each[place::3]) for place in range(3)}
    assert score.parts == pytest.approx(medians)
    assert score.provenance["error_over"] == "sounds and listeners"
    assert score.ceiling is not None
    assert score.normalised is None
    assert score.n == {
        "stimulus": SOUNDS, "voxel": 12, "voxel_dropped": 0, "subject": 3, "subject_dropped": 0
    }  # fmt: skip
    assert score.raw["bootstrap"].size == 50


def test_what_is_refused() -> None:
    layers, target = made_up(4)
    metric = LinearMap(map="pls")
    with pytest.raises(ContractError, match="No layers"):
        metric({}, target, folds)
    with pytest.raises(ContractError, match=r"Layer 'one' must be .* 40 rows"):
        metric({"one": np.zeros((3, 2))}, target, folds)
    with pytest.raises(DataError, match=r"NaN or infinite .* stimulus 0, feature 0"):
        metric({"one": np.full((SOUNDS, 2), np.nan)}, target, folds)
    with pytest.raises(DataError, match="at least 3 folds, got 2"):
        metric(layers, target, folds % 2)
    with pytest.raises(DataError, match="one label a stimulus"):
        metric(layers, target, folds[:, np.newaxis])
    with pytest.raises(ContractError, match="39 rows, one a fold label"):
        metric(layers, target, folds[1:])
    with pytest.raises(DataError, match="no map 'turn'"):
        LinearMap(map="turn")


def worlds(name: str, times: int, sounds: int = 40) -> tuple[float, float]:
    """Return how many intervals hold the mean score, and p of equally good models are < .05."""
    tuning = np.random.default_rng(99).standard_normal((6, 3))
    scores, pairs = [], []
    for seed in range(times):
        generator = np.random.default_rng(seed)
        signal = generator.standard_normal((sounds, 6))
        values = signal @ tuning + 2 * generator.standard_normal((sounds, 3))
        names = [f"{place}" for place in range(sounds)]
        target = build(values, names, "component", {"component": ["a", "b", "c"]})
        both = [
            LinearMap(map=name)(
                {"layer": signal + generator.standard_normal(signal.shape)},
                target,
                np.arange(sounds) % 5,
            )
            for _ in range(2)
        ]
        scores += both
        one, other = (stored_influence(each.raw, each.parts, each.value) for each in both)
        assert one is not None
        assert other is not None
        pairs.append((one - other).estimate().p)
    mean = np.mean([each.value for each in scores])
    held = [
        each.interval is not None and each.interval[0] <= mean <= each.interval[1]
        for each in scores
    ]
    return float(np.mean(held)), float(np.mean(np.array(pairs) < 0.05))


def test_rates() -> None:
    covered, false = worlds("procrustes", 25)
    # 50 intervals of 25 worlds, and 25 pairs
    assert covered >= 0.8
    assert false <= 0.24


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_rates_in_more_worlds(name: str) -> None:
    covered, false = worlds(name, 100)
    assert 0.88 <= covered <= 0.99
    assert false <= 0.13
