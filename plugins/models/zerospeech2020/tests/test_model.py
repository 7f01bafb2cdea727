from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_zerospeech2020.network import LogMel

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import noise

pytestmark = pytest.mark.standin("zerospeech2020")

RATE = 16_000

Waveform = npt.NDArray[np.float32]


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    assert np.abs(ours - expected).max() <= 1e-5 * max(1e-2, expected.std())


def test_the_level_does_not_matter(standin: TorchModel) -> None:
    loud, soft = (standin.activations([gain * noise(RATE)]) for gain in (1.0, 0.125))
    for layer, values in loud.items():
        assert_close(soft[layer], values)


@torch.inference_mode()
def test_the_range_is_that_of_each_sound() -> None:
    sounds = np.stack([noise(RATE), np.zeros(RATE, np.float32)])
    sounds[0, RATE // 2 :] = 0
    images = LogMel()(torch.from_numpy(sounds)).numpy()
    assert images[0].max() - images[0].min() == pytest.approx(1, abs=1e-6)
    # 20 log10(1e-5) = -100 dB
    np.testing.assert_allclose(images[1], 1 - 100 / 80, atol=1e-6)
