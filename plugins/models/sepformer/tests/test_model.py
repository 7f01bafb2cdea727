from __future__ import annotations

import numpy as np
import pytest

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.testing.behaviour import noise

pytestmark = pytest.mark.standin("sepformer")


def test_level(standin: TorchModel) -> None:
    loud, soft = (standin.activations([level * noise(800)]) for level in (1, 0.5))
    np.testing.assert_allclose(loud["encoder"], 2 * soft["encoder"], rtol=1e-5)
    np.testing.assert_allclose(loud["transformer32"], soft["transformer32"], atol=1e-4)
