"""Finding the shortest sound that is told apart."""

from __future__ import annotations

import pytest
import torch

from brainbench_audio.activations.lengths import find_shortest, told_apart
from brainbench_audio.errors import ContractError


def padding_only(sounds: torch.Tensor) -> list[torch.Tensor]:
    """Hear whole frames of 400 samples, and nothing of a sound that has none."""
    if sounds.shape[1] < 240:
        raise IndexError("nothing to hear")
    if sounds.shape[1] < 400:
        return [torch.zeros(len(sounds), 2)]
    return [sounds.unfold(1, 400, 160)[..., :2].mean(dim=1)]


def test_the_fewest_samples_are_found_from_any_start() -> None:
    assert [find_shortest(padding_only, "x", start=start) for start in (1, 300, 400)] == [400] * 3


def test_a_sign_is_not_enough() -> None:
    with pytest.raises(ContractError, match="same activations for noises of 64 samples"):
        find_shortest(lambda sounds: [sounds[:, :1].sign()], "x", longest=64)


def test_no_memory_is_no_reason() -> None:
    def full(_sounds: torch.Tensor) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        find_shortest(full, "x")


def test_each_layer_must_tell_all_sounds_apart() -> None:
    apart, same = torch.arange(6.0).reshape(3, 2), torch.ones(3, 2)
    assert told_apart([apart, apart])
    for other in (same, same.index_fill(0, torch.tensor(1), 2.0), apart / 0 * apart):
        assert not told_apart([apart, other])
