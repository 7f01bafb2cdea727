"""The error of the highest of several scores, any of which may be the highest."""

from __future__ import annotations

import numpy as np
import pytest

from brainbench_audio.scores.choice import best_of
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.weightings import weightings


def of_means(values: np.ndarray, units: str = "") -> Influence:
    """Return the influence on the mean over stimuli, values (stimulus, part)."""
    without = (values.sum(axis=0) - values) / (len(values) - 1)
    return Influence.of_left_out(values.mean(axis=0), without, units)


@pytest.mark.parametrize(("layers", "shared"), [(2, 0.0), (4, 0.0), (4, 0.8)])
def test_the_highest_of_equals_varies_as_its_error_says(layers: int, shared: float) -> None:
    generator = np.random.default_rng(layers)
    highest, variances, fixed = [], [], []
    for _ in range(300):
        values = np.sqrt(1 - shared) * generator.standard_normal((layers, 40, 1))
        values += np.sqrt(shared) * generator.standard_normal((40, 1))
        means = values.mean(axis=(1, 2))
        best, owed = best_of(means, lambda place: of_means(values[place]))  # noqa: B023
        assert best == means.argmax()
        assert owed.parts.item() == means.max()
        highest.append(means.max())
        variances.append(owed.estimate().error ** 2)
        fixed.append(of_means(values[best]).estimate().error ** 2)
    assert np.mean(variances) == pytest.approx(np.var(highest), rel=0.25)
    # which the error of one layer does not
    assert np.mean(fixed) > (1.3 if shared == 0 else 1.05) * np.mean(variances)


def test_layers_that_are_never_the_best_are_not_asked() -> None:
    values = np.random.default_rng(0).standard_normal((40, 3))
    layers = [of_means(values, "listeners"), of_means(values / 9 + 5, "listeners")]
    asked = []

    def influence(place: int) -> Influence:
        asked.append(place)
        return layers[place]

    best, owed = best_of([layer.parts.mean() for layer in layers], influence)
    assert (best, asked) == (1, [1])
    np.testing.assert_array_equal(owed.stimuli, layers[1].stimuli)
    assert owed.units == "listeners"


def test_parts_move_with_the_layer_that_is_the_best_by_their_mean() -> None:
    generator = np.random.default_rng(0)
    owed = generator.standard_normal((2, 2, 435)) / 435
    layers = [Influence.of_pairs([0.3, 0.3 + place / 1e4], owed[place]) for place in range(2)]
    best, found = best_of([layer.parts.mean() for layer in layers], layers.__getitem__)
    assert best == 1
    np.testing.assert_array_equal(found.pairs, layers[1].pairs)
    np.testing.assert_array_equal(found.stimuli, layers[1].stimuli)
    assert found.choice is not None
    other = 0
    for change, moved in zip(weightings(30), found.choice, strict=True):
        # a stimulus that counts for more is the opposite of one that is left out
        both = [layer.parts - change @ layer.stimuli for layer in layers]
        other += both[0].mean() > both[1].mean()
        expected = max(both, key=np.mean) - both[1]
        np.testing.assert_allclose(moved, expected, atol=1e-12)
    assert 0.3 < other / len(found.choice) < 0.7


def test_what_says_nothing_of_others_stays() -> None:
    few = of_means(np.random.default_rng(0).standard_normal((10, 1)))
    assert best_of([0.1, 0.1], lambda _: few) == (0, few)
