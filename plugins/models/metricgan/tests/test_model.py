from __future__ import annotations

import numpy as np

from brainbench_audio.activations.torch_model import TorchModel
from tests.contract.behaviour import noise


def test_the_level_is_kept(model: TorchModel) -> None:
    loud, soft = (model.activations([level * noise(8000)]) for level in (1, 0.1))
    assert all(np.abs(loud[layer] - soft[layer]).max() > 0.01 for layer in loud)
