"""Checks of a model's behaviour, for the contract of all and for what plugins add to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from brainbench_audio.activations.torch_model import TorchModel

Waveform = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32]


def noise(samples: int, seed: int = 0) -> Waveform:
    """Return noise with a deviation of 0.1."""
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(samples)).astype(np.float32)


def silence(samples: int) -> Waveform:
    """Return zeros."""
    return np.zeros(samples, np.float32)


def assert_independent_of_batch(
    model: TorchModel, sounds: Sequence[Waveform], limit: float | Callable[[Values], float]
) -> None:
    """Fail unless each sound gives the same alone as among the others.

    ``limit`` is the largest difference, or a function of a layer's values that returns it.
    """
    together = model.activations(sounds)
    assert tuple(together) == model.layers
    for index, sound in enumerate(sounds):
        alone = model.activations([sound])
        for layer, values in alone.items():
            assert values.shape == (1, *together[layer].shape[1:])
            assert values.dtype == np.float32
            largest = limit(values) if callable(limit) else limit
            assert np.abs(together[layer][index] - values[0]).max() <= largest, (index, layer)


def assert_repeatable(model: TorchModel, sound: Waveform) -> None:
    """Fail unless a sound gives the very same numbers twice."""
    first, second = (model.activations([sound]) for _ in range(2))
    assert all(np.array_equal(first[layer], second[layer]) for layer in first)


def assert_finite(model: TorchModel, sound: Waveform) -> None:
    """Fail if a sound gives an infinity or no number."""
    for layer, values in model.activations([sound]).items():
        assert np.isfinite(values).all(), layer
