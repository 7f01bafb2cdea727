from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from brainbench_dcase2020.cards import DCASE2020
from brainbench_dcase2020.network import FAMILY, CaptionNetwork, LogMel

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError
from brainbench_audio.testing.behaviour import noise

pytestmark = pytest.mark.standin("dcase2020")

RATE = 44_100

Waveform = npt.NDArray[np.float32]


def assert_close(ours: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    assert np.abs(ours - expected).max() <= 1e-5 * max(1e-2, expected.std())


def test_the_level_does_not_matter(standin: TorchModel) -> None:
    loud, soft = (standin.activations([gain * noise(RATE)]) for gain in (1.0, 0.125))
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


def test_another_size(standin_weights: dict[str, torch.Tensor]) -> None:
    narrow = replace(FAMILY, build=lambda _card: CaptionNetwork(width=8, words=10))
    with pytest.raises(DataError, match=r"30 of another shape: encoder\.gru_1\.weight_ih_l0"):
        narrow(DCASE2020, standin_weights)
