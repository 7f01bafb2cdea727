from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from brainbench_dcase2020.network import LogMel

from brainbench_audio.activations.torch_model import TorchModel
from tests.contract.behaviour import noise

RATE = 44_100

Waveform = npt.NDArray[np.float32]


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    assert np.abs(ours - expected).max() <= 1e-5 * max(1e-2, expected.std())


def test_the_level_does_not_matter(published: TorchModel) -> None:
    loud, soft = (published.activations([gain * noise(RATE)]) for gain in (1.0, 0.125))
    for layer, values in loud.items():
        assert_close(soft[layer], values)


@torch.inference_mode()
def test_silence_in_a_sound_is_neither_dithered_nor_clipped() -> None:
    sound = noise(RATE)
    sound[RATE // 2 :] = 0
    image = LogMel()(torch.from_numpy(sound)[None])[0].numpy()
    assert image.shape == (1 + RATE // 512, 64)
    np.testing.assert_allclose(image[-20:], np.log(np.finfo(float).eps), atol=1e-5)
    assert image[:20].min() > -15
