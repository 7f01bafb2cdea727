from __future__ import annotations

import numpy as np
import pytest

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import noise

pytestmark = pytest.mark.standin("metricgan")


def test_the_level_is_kept(standin: TorchModel) -> None:
    loud, soft = (standin.activations([level * noise(8000)]) for level in (1, 0.1))
    assert all(np.abs(loud[layer] - soft[layer]).max() > 0.01 for layer in loud)
