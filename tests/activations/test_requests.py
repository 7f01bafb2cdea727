"""What models refuse to hear, in place of numbers that mean nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations.requests import checked_layers, checked_sounds
from brainbench_audio.errors import BrainbenchError, UnfitSound

SOUND = (0.1 * np.random.default_rng(0).standard_normal(400)).astype(np.float32)


def test_floats_of_any_kind_are_sounds() -> None:
    one = [SOUND.astype(np.float64), SOUND.astype(np.float16), torch.tensor(SOUND), SOUND.tolist()]
    for sound in checked_sounds(one):
        assert sound.dtype == np.float32
        np.testing.assert_allclose(sound, SOUND, atol=1e-3)
    # a batch, and what comes one by one
    assert len(checked_sounds(np.stack([SOUND, SOUND]))) == 2
    assert checked_sounds(one for one in [SOUND])[0] is SOUND
    # silence, a clipped sound that was resampled, and no samples: lengths are seen to later
    some = [0 * SOUND, 6 * SOUND / np.abs(SOUND).max(), SOUND[:0]]
    assert [len(one) for one in checked_sounds(some)] == [400, 400, 0]


@pytest.mark.parametrize(
    ("sound", "told"),
    [
        (
            (SOUND * 32767).astype(np.int16),
            r"of int16, models take floats .*: divide them by 32768",
        ),
        ((SOUND * 2**31).astype(np.int32), "divide them by 2147483648"),
        ((SOUND * 127 + 128).astype(np.uint8), "subtract 128, then divide them by 128"),
        ([0, 1, 2], "divide them by their full scale, 32768 of 16 bits"),
        (SOUND * 32767, r"reaches .*, expected samples within \[-1, 1\].*divide them by 32768"),
        (SOUND > 0, "of bool"),
        (SOUND + 1j, "of complex"),
        (SOUND.astype(object), "of object"),
        ("a.wav", "is no array: models take a list"),
        (np.where(SOUND > 0, SOUND, np.nan), "NaN or infinite"),
        (np.where(SOUND > 0, SOUND, np.inf), "NaN or infinite"),
        (SOUND.astype(np.float64) * 1e300, "NaN or infinite"),
        (np.ma.masked_greater(SOUND, 0.1), "masked in part"),
        (np.stack([SOUND, SOUND]), r"has shape \(2, 400\): models take mono"),
        (SOUND[:, np.newaxis], r"has shape \(400, 1\): models take mono"),
        (torch.tensor(SOUND, requires_grad=True), r"no array of numbers: .*detach\(\)"),
        ([SOUND, SOUND[:3]], "no array of numbers"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_no_sound_is_refused(sound: Any, told: str) -> None:
    with pytest.raises(UnfitSound, match=f"^Sound 1 .*{told}"):
        checked_sounds([SOUND, sound])


@pytest.mark.parametrize("sounds", [SOUND, "a.wav", {"a": SOUND}, []], ids=type)
def test_sounds_come_in_a_list(sounds: Any) -> None:
    with pytest.raises(BrainbenchError, match="list"):
        checked_sounds(sounds)


def test_layers_come_in_a_list() -> None:
    assert checked_layers("m", None, ("a", "b")) == ["a", "b"]
    assert checked_layers("m", ("b",), ("a", "b")) == ["b"]
    for asked, told in (("a", "give a list"), ([], "No layer"), (["c"], "'c', only a, b")):
        with pytest.raises(BrainbenchError, match=told):
            checked_layers("m", asked, ("a", "b"))
