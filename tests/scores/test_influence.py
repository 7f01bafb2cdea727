"""What scores owe to stimuli: errors against plain loops, p, draws, differences, sketches."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from brainbench_audio.errors import DataError
from brainbench_audio.scores.estimate import Estimate
from brainbench_audio.scores.influence import BINS, Influence, sketch, stored_influence
from brainbench_audio.scores.weightings import ONCE, WEIGHTINGS, added_variance, weightings

FloatArray = npt.NDArray[np.float64]


def means(
    stimuli: int = 25, parts: int = 1, spread: float = 0.0, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Return values (stimulus, part), and their means without each stimulus."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((stimuli, 1)) + generator.standard_normal((stimuli, parts))
    values += spread * generator.standard_normal(parts)
    without = (values.sum(axis=0) - values) / (stimuli - 1)
    return values, without


def of_means(units: str = "", **options: Any) -> Influence:
    values, without = means(**options)
    return Influence.of_left_out(values.mean(axis=0), without, units)


def test_of_a_mean_the_error_is_the_standard_error() -> None:
    values, _ = means()
    estimate = of_means().estimate()
    error = values.std(ddof=1) / 5
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.error == pytest.approx(error)
    assert (estimate.freedom, estimate.over) == (24, "sounds")
    margin = t.ppf(0.975, 24) * error
    expected = values.mean() - margin, values.mean() + margin
    assert estimate.interval() == pytest.approx(expected)
    narrower = t.ppf(0.75, 24) * error
    assert estimate.interval(0.5)[1] == pytest.approx(values.mean() + narrower)


def plain_jackknife(without: FloatArray) -> float:
    """Return the variance, by one stimulus after the other."""
    total = 0.0
    for one in without:
        total += (one - sum(without) / len(without)) ** 2
    return total * (len(without) - 1) / len(without)


def test_components_are_no_sample() -> None:
    values, without = means(parts=4)
    estimate = of_means(parts=4).estimate()
    assert estimate.value == pytest.approx(values.mean())
    plain = plain_jackknife(np.array([row.mean() for row in without]))
    assert estimate.error == pytest.approx(np.sqrt(plain))
    assert (estimate.over, estimate.freedom) == ("sounds", 24)


@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("listeners", [3, 8])
def test_sounds_and_listeners_are_two_ways(listeners: int, spread: float) -> None:
    values, without = means(parts=listeners, spread=spread)
    estimate = of_means("listeners", parts=listeners, spread=spread).estimate()
    parts = values.mean(axis=0)
    over = plain_jackknife(np.array([row.mean() for row in without]))
    between = sum((one - parts.mean()) ** 2 for one in parts) / (listeners - 1) / listeners
    both = [plain_jackknife(column) / listeners**2 for column in without.T]
    added = max(0.0, between - sum(both))
    assert estimate.error == pytest.approx(np.sqrt(over + added))
    unsure = over**2 / 24
    if added:
        unsure += sum(np.square(both)) / 24 + between**2 / (listeners - 1)
    assert estimate.freedom == pytest.approx((over + added) ** 2 / unsure)
    assert estimate.over == "sounds and listeners"
    if spread == 3.0:
        assert estimate.error == pytest.approx(np.sqrt(between), rel=0.2)
        assert estimate.freedom < listeners


def test_listeners_who_agree_leave_what_sounds_say() -> None:
    alike = replace(of_means("listeners", parts=3), parts=np.full(3, 0.2)).estimate()
    sounds = of_means(parts=3).estimate()
    assert (alike.error, alike.freedom) == (pytest.approx(sounds.error), 24)
    assert alike.over == "sounds and listeners"


def test_a_variance_of_which_much_is_taken_off_has_fewer_degrees_of_freedom() -> None:
    """Squares of n influences have n - 1, and a share of them that share of these."""
    generator = np.random.default_rng(0)
    stimuli = generator.standard_normal((30, 4))
    pairs = generator.standard_normal((BINS, 4)) * np.sqrt(30 / BINS) * [0.0, 0.2, 0.6, 3.0]
    every = Influence(np.zeros(4), stimuli - stimuli.mean(axis=0), pairs, share=1.0)
    for place in range(4):
        one = every.part(place)
        assert one.pairs is not None
        whole, twice = np.square(one.stimuli).sum(), np.square(one.pairs).sum()
        left = max(1 - twice / whole, 0.5)
        assert one.estimate().freedom == pytest.approx(29 * left)
        assert one.estimate().error == pytest.approx(np.sqrt(29 / 30 * whole * left))
    # nothing can be taken off nothing
    nothing = Influence(np.zeros(1), np.zeros((30, 1)), np.zeros((BINS, 1))).estimate()
    assert (nothing.error, nothing.freedom) == (0, 29)


@pytest.mark.parametrize(("once", "again"), [(9.0, 9.0), (9.0, 0.0), (9.0, 10.0), (0.0, 30.0)])
def test_what_one_more_noise_changes_of_a_choice_is_not_sure(once: float, again: float) -> None:
    """It counts as a sum of squares with 20 degrees of freedom would, by Satterthwaite's rule."""
    generator = np.random.default_rng(0)
    stimuli = generator.standard_normal((30, 1))
    moved = generator.standard_normal((WEIGHTINGS, 1))
    moved *= np.where(np.arange(WEIGHTINGS) < ONCE, once, again)[:, np.newaxis]
    held = Influence(np.zeros(1), stimuli - stimuli.mean(axis=0))
    whole = float(np.square(held.stimuli).sum())
    added, changed = added_variance(-weightings(30) @ held.stimuli, moved)
    squares = max(whole + float(added[0]), whole / 4)
    estimate = replace(held, choice=moved).estimate()
    assert estimate.error == pytest.approx(np.sqrt(29 / 30 * squares))
    # what is added makes no variance surer, and what is taken off so many sounds fewer
    unsure = squares * max(squares, whole) / 29 + float(changed[0]) ** 2 / 20
    assert estimate.freedom == pytest.approx(max(squares**2 / unsure, 1))
    # as much in weightings of weightings as in those of the sample: nothing to correct
    assert (estimate.freedom > 28) == (once == again)
    tiny = replace(held, stimuli=1e-90 * held.stimuli, choice=1e-90 * moved).estimate()
    assert tiny.freedom == pytest.approx(estimate.freedom)
    # next to nothing is left, and how much is not known
    assert (estimate.freedom == 1) == (once == 0)


def test_listeners_alone_and_sounds_alone() -> None:
    few = of_means("listeners", stimuli=19, parts=5)
    estimate = few.estimate()
    assert estimate.error == pytest.approx(few.parts.std(ddof=1) / np.sqrt(5))
    assert (estimate.freedom, estimate.over) == (4, "listeners, for these sounds")
    assert few.trouble() is None
    two = of_means("listeners", parts=2)
    assert two.estimate().over == "sounds, for these listeners"
    assert two.estimate().freedom == 24
    one = of_means("listeners", parts=1)
    assert one.estimate().over == "sounds, for this listener"
    blocks = replace(few, kind="blocks of time")
    assert blocks.estimate().over == "listeners, for these blocks of time"
    assert "19 blocks of time are too few" in str(blocks.part(0).trouble())
    with pytest.raises(DataError, match="other stimuli"):
        few - blocks
    none = Influence(np.array([0.1, 0.2, 0.4]), np.empty((0, 3)), units="folds").estimate()
    assert none.over == "folds"
    assert none.error == pytest.approx(np.std([0.1, 0.2, 0.4], ddof=1) / np.sqrt(3))


@pytest.mark.parametrize(
    ("influence", "told"),
    [
        (
            of_means(stimuli=19),
            "19 sounds are too few to say anything of others: an error needs 20 sounds at least.",
        ),
        (
            of_means("listeners", stimuli=19, parts=2),
            "19 sounds and 2 listeners are too few to say anything of others: an error needs 20 "
            "sounds or 3 listeners at least.",
        ),
        (
            of_means("listeners", stimuli=9, parts=1),
            "9 sounds and 1 listener are too few to say anything of others: an error needs 20 "
            "sounds or 3 listeners at least.",
        ),
    ],
)
def test_what_says_nothing_of_others(influence: Influence, told: str) -> None:
    assert influence.trouble() == told
    with pytest.raises(DataError, match="too few to say anything"):
        influence.estimate()


def pair_means(stimuli: int, parts: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return noisy values of pairs, (part, pair), and what their means owe to each of them."""
    generator = np.random.default_rng(seed)
    first, second = np.triu_indices(stimuli, 1)
    heard = generator.standard_normal(stimuli) / 4
    values = heard[first] + heard[second] + generator.standard_normal((parts, first.size))
    return values, (values - values.mean(axis=1, keepdims=True)) / first.size


@pytest.mark.parametrize("listeners", [0, 4])
def test_pairs_of_stimuli_share_stimuli(listeners: int) -> None:
    stimuli, parts = 26, max(1, listeners)
    values, owed = pair_means(stimuli, parts)
    units = "listeners" if listeners else ""
    influence = Influence.of_pairs(values.mean(axis=1), owed, units)
    pairs = list(combinations(range(stimuli), 2))

    def variance(one: FloatArray) -> float:
        """Return the sum over all pairs of pairs that share a stimulus, and half for the second."""
        total = sum(
            one[a] * one[b] * (1 + (a == b) / 2)
            for a, b in np.ndindex(len(pairs), len(pairs))
            if set(pairs[a]) & set(pairs[b])
        )
        return float(total) * (stimuli - 1) / stimuli

    over = variance(owed.mean(axis=0))
    variances = over
    if listeners:
        both = sum(variance(one) for one in owed) / listeners**2
        variances += max(0.0, values.mean(axis=1).var(ddof=1) / listeners - both)
    assert influence.estimate().error == pytest.approx(np.sqrt(variances), rel=0.05)
    # the same with the sum of squares of each pair in place of bins: exact
    exact = Influence(influence.parts, influence.stimuli, owed.T, units)
    assert exact.estimate().error == pytest.approx(np.sqrt(variances))


def test_sums_over_pairs_of_a_stimulus() -> None:
    _, owed = pair_means(12, 2)
    found = Influence.of_pairs([0.0, 0.0], owed)
    sums = np.zeros((2, 12))
    for place, pair in enumerate(combinations(range(12), 2)):
        for stimulus in pair:
            sums[:, stimulus] += owed[:, place]
    np.testing.assert_allclose(found.stimuli, (sums.mean(axis=1, keepdims=True) - sums).T)


@pytest.mark.parametrize("pairs", [300, 3160, 13_530])
def test_sketches_tell_sums_of_squares(pairs: int) -> None:
    generator = np.random.default_rng(pairs)
    owed = generator.standard_t(5, size=(50, pairs))
    found = np.square(sketch(owed)).sum(axis=0)
    assert found.shape == (50,)
    ratio = found / np.square(owed).sum(axis=1)
    np.testing.assert_allclose(ratio, 1, atol=4 * np.sqrt(2 / BINS))
    assert ratio.mean() == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(sketch(owed[:1] - owed[1:2]), sketch(owed[:1]) - sketch(owed[1:2]))


@pytest.mark.parametrize(("order", "least", "most"), [(2, 1.3, 1.7), (3, 1.3, 1.9)])
def test_what_stimuli_owe_together_counts_more_than_once_and_less_than_twice(
    order: int, least: float, most: float
) -> None:
    """In a jackknife it counts as often as there are stimuli."""
    stimuli = 22
    groups = np.array(list(combinations(range(stimuli), order)))
    pairs = {pair: place for place, pair in enumerate(combinations(range(stimuli), 2))}
    generator = np.random.default_rng(0)
    found, alone = [], []
    for _ in range(40):
        noise = generator.standard_normal(len(groups)) / len(groups)
        owed, together = np.zeros(stimuli), np.zeros(len(pairs))
        np.add.at(owed, groups, noise[:, np.newaxis])
        for first, second in combinations(range(order), 2):
            ends = zip(groups[:, first].tolist(), groups[:, second].tolist(), strict=True)
            np.add.at(together, [pairs[pair] for pair in ends], noise)
        influence = Influence(np.zeros(1), owed[:, np.newaxis], together[:, np.newaxis])
        found.append(influence.estimate().error ** 2 * len(groups))
        alone.append(replace(influence, pairs=None).estimate().error ** 2 * len(groups))
    assert least < np.mean(found) < most
    assert np.mean(alone) == pytest.approx(order, rel=0.15)


@settings(deadline=None)
@given(
    value=st.floats(-1, 1).filter(lambda one: one == 0 or abs(one) > 1e-3),
    error=st.sampled_from([0.0, 0.01, 0.1, 0.4]),
    freedom=st.floats(1.5, 400),
)
def test_p_is_below_005_exactly_where_the_interval_leaves_out_0(
    value: float, error: float, freedom: float
) -> None:
    estimate = Estimate(value, error, freedom, "sounds")
    low, high = estimate.interval()
    assert (estimate.p < 0.05) == (not low <= 0 <= high)
    assert 0 <= estimate.p <= 1


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), listeners=st.sampled_from([0, 2, 5]), shift=st.floats(0, 1))
def test_interval_and_p_of_differences_agree(seed: int, listeners: int, shift: float) -> None:
    units, parts = "listeners" if listeners else "", max(1, listeners)
    one, other = (of_means(units, parts=parts, seed=some) for some in (seed, seed + 1))
    moved = Influence(one.parts + shift, one.stimuli, units=units)
    estimate = (moved - other).estimate()
    low, high = estimate.interval()
    assert (estimate.p < 0.05) == (not low <= 0 <= high)


def test_p_of_student() -> None:
    for size, freedom in product((0.0, 0.3, 3.0, 30.0), (0.6, 7, 164, 1e6)):
        one = Estimate(size / 10, 0.1, freedom, "")
        assert one.p == pytest.approx(2 * t.sf(size, freedom), rel=1e-14)
        margin = 0.1 * t.ppf(0.975, freedom)
        assert one.interval()[1] - one.value == pytest.approx(margin, rel=1e-13)
    assert Estimate(-0.3, 0.1, 7, "").p == Estimate(0.3, 0.1, 7, "").p
    assert Estimate(0.3, 0.0, 7, "").p == 0
    assert Estimate(0.0, 0.0, 7, "").p == 1


def test_correlations_have_intervals_on_fishers_scale() -> None:
    low, high = Estimate(0.6, 0.064, 30, "").fisher_interval()
    margin = t.ppf(0.975, 30) * 0.1
    assert np.arctanh((low, high)) == pytest.approx(np.arctanh(0.6) + np.array([-margin, margin]))
    assert Estimate(-0.6, 0.064, 30, "").fisher_interval() == pytest.approx((-high, -low))
    assert Estimate(1.0, 1e-17, 30, "").fisher_interval() == (1, 1)
    # near 0 it is the plain one
    near = Estimate(0.0, 0.01, 30, "")
    assert near.fisher_interval() == pytest.approx(near.interval(), rel=1e-3)


def test_roots_of_squares() -> None:
    root = Estimate(0.25, 0.1, 7, "sounds").root()
    assert root == Estimate(0.5, 0.1, 7, "sounds")
    # nothing tells how far a root of 0 is from others, unless by how much it can be off at most
    assert Estimate(0.0, 0.1, 7, "sounds").root() == Estimate(0.0, np.inf, 7, "sounds")
    assert Estimate(0.0, 0.1, 7, "sounds").root(0.2) == Estimate(0.0, 0.2, 7, "sounds")
    assert Estimate(0.0001, 0.1, 7, "sounds").root(0.2).error == 0.2


def test_the_largest_error_of_a_root_is_never_exceeded() -> None:
    generator = np.random.default_rng(0)
    roots = Influence(generator.standard_normal(3), generator.standard_normal((40, 3)))
    for _ in range(50):
        direction = generator.standard_normal(3)
        direction /= np.linalg.norm(direction)
        moved = roots.stimuli @ direction / np.sqrt(3)
        error = np.sqrt(39 / 40 * np.square(moved).sum())
        assert error <= roots.largest_error() * (1 + 1e-12)
    alone = roots.part(1)
    assert alone.largest_error() == pytest.approx(alone.estimate().error)


def test_differences_of_the_same_stimuli_are_paired() -> None:
    one, two = (of_means("listeners", parts=4, seed=seed) for seed in (1, 2))
    difference = one - two
    values = means(parts=4, seed=1)[0] - means(parts=4, seed=2)[0]
    np.testing.assert_allclose(difference.parts, values.mean(axis=0))
    without = (values.sum(axis=0) - values) / 24
    expected = Influence.of_left_out(values.mean(axis=0), without, "listeners")
    assert difference.estimate().error == pytest.approx(expected.estimate().error)
    same = (one - one).estimate()
    assert (same.value, same.error, same.p) == (0, 0, 1)
    for wrong in (
        of_means("listeners", parts=4, stimuli=26),
        of_means("listeners", parts=3),
        of_means("folds", parts=4),
    ):
        with pytest.raises(DataError, match="cannot be subtracted"):
            one - wrong


def test_differences_of_pairs_are_sketched_alike() -> None:
    owed = [pair_means(30, 2, seed)[1] for seed in (1, 2)]
    one, two = (Influence.of_pairs([0.1, 0.2], some) for some in owed)
    expected = Influence.of_pairs([0.0, 0.0], owed[0] - owed[1])
    found = one - two
    np.testing.assert_allclose(found.pairs, expected.pairs, atol=1e-15)
    np.testing.assert_allclose(found.stimuli, expected.stimuli, atol=1e-15)
    assert (one - Influence(two.parts, two.stimuli)).pairs is None


def test_the_choice_made_anew_adds_to_the_variance() -> None:
    changes = weightings(30)
    generator = np.random.default_rng(0)
    one, two = (of_means("listeners", parts=4, stimuli=30, seed=seed) for seed in (1, 2))
    # a fifth more of what it owes, wherever something else is chosen
    more = replace(one, choice=-0.2 * changes @ one.stimuli)
    added = 1.2**2 - 1
    for place in range(4):
        plain, found = (some.part(place).estimate().error ** 2 for some in (one, more))
        assert found == pytest.approx(plain * (1 + added), rel=0.15)
    assert more.estimate().error > one.estimate().error
    # where only one of two models could choose, the choice of that one counts, with its sign
    for first, second in ((more, two), (two, more)):
        choice = (first - second).choice
        np.testing.assert_array_equal(choice, more.choice if first is more else -more.choice)
    assert not (more - more).choice.any()
    assert (one - two).choice is None
    # the highest of many varies less than each, but not by less than a quarter
    still = replace(
        one, choice=changes @ one.stimuli + 0.01 * generator.standard_normal((len(changes), 4))
    )
    plain, found = (some.part(0).estimate().error ** 2 for some in (one, still))
    assert found == pytest.approx(plain / 4)


def skewed_mean(values: npt.NDArray[np.float64]) -> Influence:
    """Return the influence on the mean product of two different values."""
    first, second = np.triu_indices(len(values), 1)
    owed = values[first] * values[second] / len(first)
    return Influence.of_pairs([owed.sum()], owed[np.newaxis])


def test_intervals_are_moved_by_how_skewed_a_score_is() -> None:
    values = np.random.default_rng(0).exponential(size=60)
    influence = skewed_mean(values)
    estimate = influence.estimate()
    # written out: moments of what values owe, alone and two together, in jackknife errors
    owed, pairs = -influence.stimuli[:, 0], np.outer(values, values) / (60 * 59 / 2)
    np.fill_diagonal(pairs, 0)
    squares = (owed**2).sum()
    scale = squares**-1.5
    assert estimate.third == pytest.approx(scale * (owed**3).sum())
    # the sketch is off by a hundredth or so
    assert estimate.slope == pytest.approx(scale * owed @ pairs @ owed, abs=0.02)
    assert estimate.freedom == pytest.approx(60 * estimate.error**2 / squares)
    quantile = t.ppf(0.975, estimate.freedom)
    moved = (2 * quantile**2 + 1) * estimate.third + 3 * (quantile**2 + 1) * estimate.slope
    middle = estimate.value + estimate.error * moved / 6
    margin = quantile * estimate.error
    assert estimate.interval() == pytest.approx((middle - margin, middle + margin))
    # of a mean of squares it is the root that has an interval, and p of a difference has no order
    assert (estimate.root().third, estimate.root().slope) == (0, 0)
    difference = (influence - skewed_mean(values[::-1])).estimate()
    assert (difference.third, difference.slope) == (0, 0)
    assert influence.part(0).estimate() == estimate
    # listeners may differ where no sound counts
    still = Influence.of_pairs([0.1, 0.2, 0.4], np.zeros((3, 435)), "listeners").estimate()
    assert (still.third, still.slope) == (0, 0)
    assert still.error > 0
    # the value stays inside
    low, high = Estimate(0.3, 0.1, 7, "", third=50.0).interval()
    assert low == pytest.approx(0.3)
    assert high > 0.3


def test_moved_intervals_miss_on_both_sides_alike() -> None:
    generator = np.random.default_rng(0)
    missed = {True: [0, 0], False: [0, 0]}
    for _ in range(1000):
        influence = skewed_mean(generator.gamma(4.0, 0.25, size=60))
        for moved, sides in missed.items():
            low, high = replace(influence, skewed=moved).estimate().interval()
            sides[0] += high < 1
            sides[1] += low > 1
    below, above = missed[False]
    assert below > 5 * above
    below, above = missed[True]
    assert 30 <= below + above <= 75
    assert below < 2 * above


def test_a_part_alone() -> None:
    _, owed = pair_means(30, 3)
    whole = Influence.of_pairs([0.1, 0.2, 0.3], owed, "listeners")
    part = whole.part(1)
    assert part.units == ""
    assert part.estimate().over == "sounds"
    alone = Influence.of_pairs([0.2], owed[1:2])
    assert part.estimate() == alone.estimate()
    assert of_means(parts=2).part(1).pairs is None


@pytest.mark.parametrize("units", ["", "listeners"])
def test_draws_have_the_error_of_the_estimate_and_are_paired(units: str) -> None:
    one, two = (of_means(units, parts=4, seed=seed) for seed in (1, 2))
    draws = one.draws(4000, 7)
    assert draws.shape == (4000,)
    assert draws.std() == pytest.approx(one.estimate().error)
    assert draws.mean() == pytest.approx(one.estimate().value, abs=0.1 * one.estimate().error)
    np.testing.assert_array_equal(draws, one.draws(4000, 7))
    assert (draws != one.draws(4000, 8)).all()
    # almost the same score: almost the same draws
    near = Influence(0.9 * one.parts, 0.9 * one.stimuli, units=units)
    assert np.corrcoef(draws, near.draws(4000, 7))[0, 1] > 0.999
    # two that share nothing but what is drawn: as far apart as the error of their difference says
    apart = (draws - two.draws(4000, 7)).std()
    assert apart == pytest.approx((one - two).estimate().error, rel=0.25)


def test_draws_of_what_owes_nothing_stay() -> None:
    still = Influence(np.array([0.3]), np.zeros((30, 1)))
    assert still.draws(5, 0).tolist() == [0.3] * 5
    assert still.estimate().error == 0


def stored(names: bool = True, pairs: bool = False) -> xr.Dataset:
    variables: dict[str, Any] = {
        "influence": (("left_out", "part"), np.arange(60.0).reshape(30, 2))
    }
    if pairs:
        sums = np.arange(8.0).reshape(4, 2).astype(np.float32)
        variables["pair_sketch"] = (("bin", "part"), sums)
        moved = np.arange(2.0 * WEIGHTINGS).reshape(-1, 2).astype(np.float32)
        variables["choice_sketch"] = (("weighting", "part"), moved)
    return xr.Dataset(variables, {"part": ["a", "b"]} if names else {})


def test_stored_influence_follows_the_names_of_parts() -> None:
    found = stored_influence(stored(pairs=True), {"b": 0.2, "a": 0.1}, 0.15, "listeners")
    assert found is not None
    assert found.parts.tolist() == [0.2, 0.1]
    assert found.stimuli[0].tolist() == [1.0, 0.0]
    assert found.pairs is not None
    assert found.pairs.dtype == np.float64
    assert found.pairs[1].tolist() == [3.0, 2.0]
    assert found.choice is not None
    assert found.choice[1].tolist() == [3.0, 2.0]
    assert (found.apart, (found - found).apart) == (0.5, 0.5)
    assert found.units == "listeners"
    one = stored_influence(stored(), {"b": 0.2}, 0.2)
    assert one is not None
    assert (one.stimuli.shape, one.pairs, one.units) == ((30, 1), None, "")
    assert one.stimuli[2, 0] == 5.0
    with pytest.raises(DataError, match="a part 'c' of which no influence"):
        stored_influence(stored(), {"a": 0.1, "c": 0.2}, 0.15)
    older = stored(pairs=True).isel(weighting=slice(WEIGHTINGS // 2))
    assert stored_influence(older, {"a": 0.1, "b": 0.2}, 0.15) is None


def test_all_squares_of_pairs_go_from_differences_where_it_is_stored() -> None:
    raw = stored(pairs=True)
    raw["pair_sketch"].attrs["share_of_differences"] = 1.0
    del raw["choice_sketch"]
    first = stored_influence(raw, {"a": 0.1, "b": 0.2}, 0.15)
    assert first is not None
    assert first.pairs is not None
    second = replace(first, stimuli=0 * first.stimuli, pairs=0 * first.pairs)
    owed = np.square(first.stimuli.mean(axis=1)).sum()
    squares = np.square(first.pairs.mean(axis=1)).sum()
    for influence, off in ((first, squares / 2), (first - second, squares)):
        assert influence.estimate().error ** 2 == pytest.approx(29 / 30 * (owed - off))


def test_fewer_squares_of_pairs_go_from_a_single_part_where_it_is_stored() -> None:
    raw = stored(pairs=True)
    raw["pair_sketch"].attrs |= {"share_of_differences": 1.0, "share_of_single_parts": 0.8}
    del raw["choice_sketch"]
    parts = {"a": 0.1, "b": 0.2}
    read = [
        stored_influence(raw, chosen, 0.1, units)
        for chosen in (parts, {"a": 0.1})
        for units in ("", "listeners")
    ]
    shares = {}
    for first, name in zip(read, ("both", "two listeners", "a", "one listener"), strict=True):
        assert first is not None
        assert first.pairs is not None
        apart = first - replace(first, stimuli=0 * first.stimuli, pairs=0 * first.pairs)
        for told, difference in ((name, apart), (f"{name}, first", apart.part(0))):
            assert difference.pairs is not None
            owed, twice = (
                np.square(sums.mean(axis=1)).sum()
                for sums in (difference.stimuli, difference.pairs)
            )
            shares[told] = (owed - difference.estimate().error ** 2 * 30 / 29) / twice
        # a share that is smaller stays as it is
        assert first.estimate().error == replace(first, alone=1.0).estimate().error
    assert shares.pop("both") == pytest.approx(1.0)
    assert list(shares.values()) == pytest.approx([0.8] * 7)


def test_without_names_the_value_is_the_only_part() -> None:
    found = stored_influence(stored(names=False).isel(part=slice(1)), {}, 0.4)
    assert found is not None
    assert found.parts.tolist() == [0.4]
    assert found.stimuli.shape == (30, 1)


def test_parts_that_are_a_sample_need_no_stimuli() -> None:
    found = stored_influence(xr.Dataset(), {"a": 0.1, "b": 0.2, "c": 0.4}, 0.2, "folds")
    assert found is not None
    assert found.stimuli.shape == (0, 3)
    assert found.estimate().over == "folds"
    assert stored_influence(xr.Dataset(), {"a": 0.1, "b": 0.2}, 0.15) is None
