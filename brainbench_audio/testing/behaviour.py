"""Checks of a model's behaviour, for the contract of all and for what plugins add to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from brainbench_audio.activations.lengths import works_with
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ShortSound

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


def assert_shortest(model: TorchModel) -> None:
    """Fail unless ``card.shortest`` is the fewest samples at which noises are told apart.

    Sounds shorter by one sample are refused, and rightly so: let through, they cannot be heard, or
    not be told apart.
    """

    def hear(noises: torch.Tensor) -> list[torch.Tensor]:
        return [torch.from_numpy(x) for x in model.activations(list(noises.numpy())).values()]

    card, shortest = model.card, model.card.shortest
    assert works_with(hear, shortest), f"{card.id} does not tell {shortest} samples apart"
    fewer = shortest - 1
    fact = rf"Sound 1 has {fewer} samples \(.* s\), too few for .* {shortest} samples on \(.* s at"
    refused: ShortSound | None = None
    try:
        model.activations([noise(shortest), noise(fewer)])
    except ShortSound as error:
        refused = error
    assert refused is not None, f"{card.id} takes {fewer} samples, fewer than its card says"
    assert re.match(fact, str(refused)), str(refused)
    model.card = replace(card, shortest=0)
    try:
        assert not fewer or not works_with(hear, fewer), f"{card.id} refuses {fewer} samples"
    finally:
        model.card = card


def distances(model: TorchModel, dtype: str, sounds: Sequence[Waveform]) -> dict[str, float]:
    """Return how far each layer in half precision is from float32; NaN if it is not finite.

    ``rms(near - exact) / std(exact)`` over all sounds and features of the layer. The model is left
    in float32.
    """
    exact = model.activations(sounds)
    model.place(model.device.type, dtype)
    try:
        near = model.activations(sounds)
    finally:
        model.place(model.device.type)
    return {
        layer: float(np.sqrt(np.square(near[layer] - values).mean()) / values.std())
        for layer, values in exact.items()
    }
