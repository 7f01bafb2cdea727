from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.io
from brainbench_ridge.decomposition import coordinates, signal_directions
from brainbench_ridge.nested import NestedRidge
from brainbench_ridge.partition import Partition
from brainbench_ridge.search import HIGHEST_PENALTY, LOWEST_PENALTY
from brainbench_ridge.solver import nested_ridge
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbench_audio.errors import ContractError, DataError

sys.path.insert(0, str(Path(__file__).parent))
from plain_loop import plain_ridge

FloatArray = npt.NDArray[np.float64]
Layers = dict[str, FloatArray]

STIMULI, TARGETS = 25, 4
# Below, penalties hardly change predictions, and rounding decides where the walk ends.
NEGLIGIBLE = 1e-6


def problem(
    seed: int = 0,
    *,
    dims: tuple[int, ...] = (40, 20, 50),
    stimuli: int = STIMULI,
    targets: int = TARGETS,
    noise: float = 1.0,
) -> tuple[Layers, FloatArray, npt.NDArray[np.int64]]:
    """Layers that share some latent sounds with the targets, each layer others."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((stimuli, 5))
    layers = {}
    for number, dim in enumerate(dims):
        mix = rng.standard_normal((5, dim)) * (rng.random((5, 1)) < 0.6)
        layers[f"layer{number}"] = latent @ mix + rng.standard_normal((stimuli, dim))
    responses = latent @ rng.standard_normal((5, targets)) + 3.0
    responses += noise * np.linspace(0.2, 2, targets) * rng.standard_normal((stimuli, targets))
    return layers, responses, rng.permutation(np.arange(stimuli) % 5)


def agrees(
    layers: Mapping[str, npt.NDArray[np.floating]],
    targets: FloatArray,
    folds: npt.NDArray[np.int64],
    negligible: float = NEGLIGIBLE,
    profile: bool = False,
    **options: object,
) -> NestedRidge:
    """Check everything against the plain loop, and return what the solver found."""
    found = nested_ridge(layers, targets, folds, **options)  # type: ignore[arg-type]
    assert found.layer_r2 is not None
    for number, target in enumerate(targets.T):
        plain = plain_ridge(layers, target, folds, **options)  # type: ignore[arg-type]
        assert found.r2[number] == pytest.approx(plain.r2, abs=1e-6)
        assert found.layer[:, number].tolist() == plain.layers
        penalties = [found.penalty[:, number], np.array(plain.penalties)]
        np.testing.assert_array_equal(*(np.maximum(each, negligible) for each in penalties))
        np.testing.assert_allclose(
            found.predictions[:, number],
            plain.predictions,
            rtol=1e-12,
            atol=1e-6 * target.std(),
        )
        for place, (name, features) in enumerate(layers.items() if profile else ()):
            alone = plain_ridge({name: features}, target, folds, **options)  # type: ignore[arg-type]
            assert found.layer_r2[place, number] == pytest.approx(alone.r2, abs=1e-6), name
    return found


@pytest.mark.parametrize("zscore", [False, True])
def test_equals_the_plain_loop(zscore: bool) -> None:
    found = agrees(*problem(targets=3), zscore=zscore, profile=True)
    assert len(np.unique(found.layer)) > 1, "the problem is too easy to test the choice of layers"
    assert found.penalty.max() > 50.0, "nor does it go past the edge of the grid"
    assert 0.1 < found.r2.max() < 0.99


def test_follows_a_falling_penalty_past_the_lower_edge() -> None:
    layers, targets, folds = problem(3, noise=0.05)
    small = {name: features * 0.01 for name, features in layers.items()}
    found = agrees(small, targets, folds)
    assert LOWEST_PENALTY <= found.penalty.min() < 0.01


@pytest.mark.parametrize("penalties", [(1.0,), (0.5, 40.0), (3.0, 4.0, 5.0)])
def test_other_grids(penalties: tuple[float, ...]) -> None:
    agrees(*problem(4, targets=2), penalties=penalties)


def test_folds_of_unequal_size_and_any_labels() -> None:
    layers, targets, _ = problem(5, targets=2)
    folds = np.repeat([7, -2, 30, 4], [4, 9, 5, 7])
    agrees(layers, targets, folds)


def test_stimuli_without_a_fold_are_counted() -> None:
    for lacking in (np.nan, None):
        labels = [0, 1, lacking, 2, lacking]
        with pytest.raises(DataError, match="2 of 5 stimuli have no fold, the first is in row 2"):
            Partition.from_labels(labels)  # type: ignore[arg-type]


def test_three_folds_are_enough_and_two_are_not() -> None:
    layers, targets, _ = problem(6, targets=2)
    agrees(layers, targets, np.arange(STIMULI) % 3)
    with pytest.raises(DataError, match="at least 3 folds, got 2"):
        nested_ridge(layers, targets, np.arange(STIMULI) % 2)


@pytest.mark.parametrize("zscore", [False, True])
def test_duplicate_features(zscore: bool) -> None:
    layers, targets, folds = problem(7, dims=(8, 30), targets=2)
    rank_deficient = {name: np.repeat(features, 3, axis=1) for name, features in layers.items()}
    agrees(rank_deficient, targets, folds, zscore=zscore)


def test_low_rank_features_with_the_smallest_penalties() -> None:
    layers, targets, folds = problem(8, dims=(6,), targets=2, noise=0.0)
    lifted = {"lifted": layers["layer0"] @ np.random.default_rng(1).standard_normal((6, 70))}
    found = agrees(lifted, targets, folds, penalties=(1e-48, 1e-30, 1.0))
    assert np.isfinite(found.predictions).all()


def test_large_features() -> None:
    layers, targets, folds = problem(9, targets=2)
    large = {name: features * 1e6 for name, features in layers.items()}
    found = agrees(large, targets, folds, negligible=1e12 * NEGLIGIBLE)
    assert found.penalty.max() > 1e9
    # Powers of two are exact: only the units of the penalty change.
    scaled = {name: features * 2.0**20 for name, features in layers.items()}
    penalties = (0.01, 0.1, 1.0, 10.0)
    larger = tuple(penalty * 2.0**40 for penalty in penalties)
    np.testing.assert_allclose(
        nested_ridge(scaled, targets, folds, penalties=larger).r2,
        nested_ridge(layers, targets, folds, penalties=penalties).r2,
        atol=1e-9,
    )


def test_features_too_small_for_the_penalties_score_zero() -> None:
    layers, targets, folds = problem(9, targets=2)
    small = {name: features * 1e-6 for name, features in layers.items()}
    # Predictions are little more than training means, which fall where the left-out sounds rise.
    assert not agrees(small, targets, folds).r2.any()


def test_features_of_very_different_scales_in_one_layer() -> None:
    layers, targets, folds = problem(10, dims=(50,), targets=2)
    features = layers["layer0"].copy()
    features[:, 0] *= 1e6
    features[:, 1] *= 1e-6
    agrees({"layer": features}, targets, folds)
    agrees({"layer": features}, targets, folds, zscore=True)


@pytest.mark.parametrize("zscore", [False, True])
def test_large_common_offset(zscore: bool) -> None:
    layers, targets, folds = problem(11, targets=2)
    plain = nested_ridge(layers, targets, folds, zscore=zscore)
    for offset in (100.0, 1e6):
        shifted = {name: features + offset for name, features in layers.items()}
        found = nested_ridge(shifted, targets + offset, folds, zscore=zscore)
        np.testing.assert_allclose(found.r2, plain.r2, atol=1e-7)
    agrees(
        {name: features + 100 for name, features in layers.items()},
        targets + 100,
        folds,
        zscore=zscore,
    )


@pytest.mark.parametrize("zscore", [False, True])
def test_constant_features_change_nothing(zscore: bool) -> None:
    layers, targets, folds = problem(12, targets=2)
    padded = {
        name: np.hstack([features, np.full((STIMULI, 3), 0.3)]) for name, features in layers.items()
    }
    found = agrees(padded, targets, folds, zscore=zscore)
    plain = nested_ridge(layers, targets, folds, zscore=zscore)
    np.testing.assert_allclose(found.r2, plain.r2, atol=1e-10)


def test_features_constant_in_some_training_parts_only() -> None:
    layers, targets, folds = problem(13, targets=2)
    for features in layers.values():
        features[folds != 2, 0] = 1.0
    agrees(layers, targets, folds, zscore=True)


@pytest.mark.parametrize("zscore", [False, True])
def test_a_layer_without_information_scores_zero(zscore: bool) -> None:
    layers, targets, folds = problem(14, targets=2)
    flat = {"flat": np.full((STIMULI, 5), 1.1), "empty": np.zeros((STIMULI, 0))}
    found = nested_ridge(flat, targets, folds, zscore=zscore)
    assert not found.r2.any()
    with_others = nested_ridge({**flat, **layers}, targets, folds, zscore=zscore)
    np.testing.assert_array_equal(
        with_others.r2, nested_ridge(layers, targets, folds, zscore=zscore).r2
    )


@pytest.mark.parametrize("zscore", [False, True])
def test_fewer_features_than_stimuli(zscore: bool) -> None:
    agrees(*problem(15, dims=(3, 1), targets=2), zscore=zscore)


def test_constant_targets_score_zero() -> None:
    layers, targets, folds = problem(16, targets=2)
    targets[:, 0] = 0.1
    targets[:, 1] = np.where(folds == 1, targets[:, 1], 0.1)
    found = agrees(layers, targets, folds)
    assert found.r2[0] == 0.0
    np.testing.assert_allclose(found.predictions[:, 0], 0.1)


def test_single_layer_equals_its_profile() -> None:
    layers, targets, folds = problem(17)
    found = nested_ridge({"layer1": layers["layer1"]}, targets, folds)
    every = nested_ridge(layers, targets, folds)
    assert found.layer_r2 is not None
    assert every.layer_r2 is not None
    np.testing.assert_array_equal(found.r2, found.layer_r2[0])
    np.testing.assert_array_equal(found.r2, every.layer_r2[1])


def test_without_profile_the_rest_is_the_same() -> None:
    layers, targets, folds = problem(18)
    full = nested_ridge(layers, targets, folds)
    short = nested_ridge(layers, targets, folds, profile=False)
    assert short.layer_r2 is None
    for name in ("r2", "predictions", "layer", "penalty"):
        np.testing.assert_array_equal(getattr(short, name), getattr(full, name))


def test_the_first_of_two_equal_layers_is_chosen() -> None:
    layers, targets, folds = problem(19)
    found = nested_ridge({"a": layers["layer0"], "b": layers["layer0"]}, targets, folds)
    assert not found.layer.any()


def test_more_features_than_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, targets, folds = problem(20, targets=2)
    monkeypatch.setattr("brainbench_ridge.decomposition._COLUMNS", 16)
    narrow = {name: features.astype(np.float32) for name, features in layers.items()}
    agrees(narrow, targets, folds)
    agrees(narrow, targets, folds, zscore=True)


def test_penalties_stay_within_their_limits() -> None:
    rng = np.random.default_rng(21)
    features = rng.standard_normal((STIMULI, 60)) * 1e-30
    found = nested_ridge({"tiny": features}, features[:, :3] * 1e30, np.arange(STIMULI) % 5)
    assert found.penalty.min() >= LOWEST_PENALTY
    assert found.penalty.max() <= HIGHEST_PENALTY


class _Lazy(Mapping[str, FloatArray]):
    """Counts how often each layer is read."""

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self.reads: list[str] = []

    def __getitem__(self, name: str) -> FloatArray:
        self.reads.append(name)
        return self._layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def test_each_layer_is_read_once_and_reported() -> None:
    layers, targets, folds = problem(22)
    lazy, reported = _Lazy(layers), list[int]()
    nested_ridge(lazy, targets, folds, progress=reported.append)
    assert lazy.reads == list(layers)
    assert reported == [1, 1, 1]


def test_arguments_are_left_as_they_are() -> None:
    layers, targets, folds = problem(23)
    copies = {name: features.copy() for name, features in layers.items()}, targets.copy()
    nested_ridge(layers, targets, folds, zscore=True)
    for name, features in layers.items():
        np.testing.assert_array_equal(features, copies[0][name])
    np.testing.assert_array_equal(targets, copies[1])


@settings(max_examples=15, deadline=None)
@given(data=st.data(), zscore=st.booleans())
def test_order_and_blocks_do_not_matter(data: st.DataObject, zscore: bool) -> None:
    seed = data.draw(st.integers(0, 1000))
    layers, targets, folds = problem(seed, dims=(30, 9), stimuli=25)
    found = nested_ridge(layers, targets, folds, zscore=zscore)
    assert found.layer_r2 is not None

    block = data.draw(st.integers(1, TARGETS))
    group = data.draw(st.integers(1, 5))
    blocked = nested_ridge(layers, targets, folds, zscore=zscore, block=block, group=group)
    np.testing.assert_allclose(blocked.r2, found.r2, atol=1e-9)

    order = np.array(data.draw(st.permutations(range(TARGETS))))
    permuted = nested_ridge(layers, targets[:, order], folds, zscore=zscore)
    np.testing.assert_allclose(permuted.r2, found.r2[order], atol=1e-9)
    np.testing.assert_allclose(permuted.predictions, found.predictions[:, order], atol=1e-6)

    swapped = nested_ridge(dict(reversed(layers.items())), targets, folds, zscore=zscore)
    assert swapped.layer_r2 is not None
    np.testing.assert_allclose(swapped.layer_r2[::-1], found.layer_r2, atol=1e-9)
    # Two layers that both score 0 in a fold are a tie, which goes to the first.
    decided = (swapped.layer == 1 - found.layer).all(axis=0)
    np.testing.assert_allclose(swapped.r2[decided], found.r2[decided], atol=1e-9)

    stimuli = np.array(data.draw(st.permutations(range(25))))
    shuffled = {name: features[stimuli] for name, features in layers.items()}
    moved = nested_ridge(shuffled, targets[stimuli], folds[stimuli], zscore=zscore)
    np.testing.assert_allclose(moved.r2, found.r2, atol=1e-9)


def test_wrong_input_is_named() -> None:
    layers, targets, folds = problem(24)
    broken = {**layers, "layer1": layers["layer1"].copy()}
    broken["layer1"][3, 5] = np.nan
    with pytest.raises(DataError, match=r"'layer1'.*stimulus 3, feature 5"):
        nested_ridge(broken, targets, folds)
    with pytest.raises(ContractError, match=r"'layer2'.*25 rows.*\(24, 50\)"):
        nested_ridge({**layers, "layer2": layers["layer2"][1:]}, targets, folds)
    infinite = targets.copy()
    infinite[0, 2] = np.inf
    with pytest.raises(DataError, match="1 of 4 targets hold NaN or infinite"):
        nested_ridge(layers, infinite, folds)
    with pytest.raises(ContractError, match="Targets must be"):
        nested_ridge(layers, targets[1:], folds)
    with pytest.raises(ContractError, match="Targets must be"):
        nested_ridge(layers, targets[:, :0], folds)
    with pytest.raises(DataError, match="one label a stimulus"):
        nested_ridge(layers, targets, folds[:, np.newaxis])
    with pytest.raises(ContractError, match="No layers"):
        nested_ridge({}, targets, folds)
    for penalties in ((), (1.0, 1.0), (0.0, 1.0), (1.0, np.inf)):
        with pytest.raises(ContractError, match="Penalties must be"):
            nested_ridge(layers, targets, folds, penalties=penalties)


@pytest.mark.slow
@pytest.mark.data
def test_fifty_voxels_of_the_real_components_equal_the_plain_loop(data_folder: Path) -> None:
    """165 sounds, published folds; voxels are sums of the measured components, with noise."""
    from brainbench_natsound165.components import read_components
    from brainbench_natsound165.stimuli import published_folds

    from brainbench_audio.assemblies.assembly import align

    file = data_folder / "natsound165" / "components.mat"
    folds = published_folds()
    components = align(read_components(file), folds.stimuli).values
    rng = np.random.default_rng(0)
    chosen = rng.choice(11065, 50, replace=False)
    voxels = components @ scipy.io.loadmat(file)["W"][:, chosen]
    voxels += 0.5 * voxels.std(axis=0) * rng.standard_normal(voxels.shape)
    mixed = components @ rng.standard_normal((6, 60))
    layers = {
        "near": mixed + 0.5 * mixed.std() * rng.standard_normal(mixed.shape),
        "far": mixed[:, :30] + 3.0 * mixed.std() * rng.standard_normal((165, 30)),
    }
    found = agrees(layers, voxels, np.asarray(folds))
    assert float(np.median(found.r2)) > 0.2


@pytest.mark.parametrize("zscore", [False, True])
@pytest.mark.parametrize("scale", [1, 3])
def test_features_of_low_rank_are_as_good_in_float32(scale: float, zscore: bool) -> None:
    generator = np.random.default_rng(5)
    inner = generator.standard_normal((80, 8))
    wide = inner @ generator.standard_normal((8, 64)) + 0.5
    targets = inner @ generator.standard_normal((8, 40)) * 0.1
    targets += generator.standard_normal((80, 40))
    folds = np.arange(80) % 5
    exact = nested_ridge({"l": wide}, targets, folds, zscore=zscore).r2
    scaled = nested_ridge({"l": scale * wide}, targets, folds, zscore=zscore).r2
    rounded = nested_ridge(
        {"l": (scale * wide).astype(np.float32)}, targets, folds, zscore=zscore
    ).r2
    np.testing.assert_allclose(rounded, scaled, atol=2e-3)
    np.testing.assert_allclose(rounded, exact, atol=0.03)


def test_small_features_beside_large_ones_are_no_rounding() -> None:
    generator = np.random.default_rng(6)
    small = generator.standard_normal((60, 3))
    large = 1e9 * (generator.standard_normal((60, 1)) @ np.ones((1, 4)))
    features = np.hstack([small, large]).astype(np.float32)
    directions = signal_directions(features)
    assert directions is not None
    assert directions.shape == (60, 4)
    targets = small[:, :1] + 0.1 * generator.standard_normal((60, 1))
    folds = np.arange(60) % 5
    alone = nested_ridge({"l": small.astype(np.float32)}, targets, folds).r2
    assert nested_ridge({"l": features}, targets, folds).r2 == pytest.approx(alone, abs=0.02)


def test_features_of_full_rank_lose_nothing() -> None:
    generator = np.random.default_rng(7)
    for shape in ((40, 20), (40, 39), (40, 400)):
        features = (generator.standard_normal(shape) + 30).astype(np.float32)
        assert signal_directions(features) is None
        assert signal_directions(features, coordinates(features)) is None
    assert signal_directions(np.ones((40, 20))) is None  # float64 keeps its rank by itself
