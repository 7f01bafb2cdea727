from __future__ import annotations

import random

import numpy as np
import pytest
from brainbench_encodecmae.masking import GAP, TimeGapMask
from hypothesis import given
from hypothesis import strategies as st

from brainbench_audio.testing.references import references_folder

GOLDEN = "synthetic/encodecmae-pretraining.npz"


def reference(name: str, frames: int = 300) -> np.ndarray:
    with np.load(references_folder() / GOLDEN) as stored:
        return np.unpackbits(stored[name], axis=1)[:, :frames].astype(bool)


def plain_mask(draw: random.Random, length: int, longest: int) -> list[int]:
    """Frame numbers, from the words of the definition."""
    masked: set[int] = set()
    starts: list[int] = []
    while len(masked) < length // 2:
        starts.append(draw.randint(0, max(0, length - GAP)))
        masked |= set(range(starts[-1], min(length, starts[-1] + GAP)))
    first = [start for start in starts if start < longest - GAP] or starts
    return sorted(masked - set(range(first[0], first[0] + len(masked) - length // 2)))[:length]


@pytest.mark.parametrize("seed", range(100, 106))
def test_masks_of_the_published_training(seed: int) -> None:
    ours = TimeGapMask(seed)([300, 225, 150]).numpy()
    assert np.array_equal(ours, reference(f"timegap/{seed}"))


def test_masks_go_on_from_batch_to_batch() -> None:
    masks, draw = TimeGapMask(3), random.Random(3)
    for _ in range(5):
        found = masks([300, 260])
        for row, length in zip(found, (300, 260), strict=True):
            assert row.nonzero().flatten().tolist() == plain_mask(draw, length, 300)


@given(st.lists(st.integers(1, 320), min_size=1, max_size=4), st.integers(0, 2**32))
def test_half_of_each_clip_is_masked(lengths: list[int], seed: int) -> None:
    mask, draw = TimeGapMask(seed)(lengths), random.Random(seed)
    assert mask.shape == (len(lengths), max(lengths))
    for row, length in zip(mask, lengths, strict=True):
        assert int(row.sum()) == length // 2
        assert not row[length:].any()
        if length >= 2:
            assert row.nonzero().flatten().tolist() == plain_mask(draw, length, max(lengths))


def test_the_global_stream_is_left_alone() -> None:
    state = random.getstate()
    TimeGapMask(0)([300])
    assert random.getstate() == state
