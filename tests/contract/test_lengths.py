"""The shortest sound on every family's card: told from another, and one sample less is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainbench_audio import load_model
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import ContractError
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing.behaviour import assert_shortest
from brainbench_audio.testing.dummies import dummy_stimuli

from .families import BIG, FAMILIES, untrained

TOO_SHORT = pytest.mark.parametrize(
    "identifier",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in BIG)) for name in FAMILIES],
)


@TOO_SHORT
def test_the_shortest_sound_of_a_family(identifier: str) -> None:
    assert_shortest(untrained(identifier))


def test_a_stimulus_that_is_too_short_is_named(tmp_path: Path) -> None:
    stimuli: StimulusSet = dummy_stimuli(tmp_path, 3, seconds=0.05)
    model = load_model("zerospeech2020", weights="untrained", device="cpu")
    assert isinstance(model, TorchModel)
    told = (
        r"Sound sound00 has 800 samples \(0.05 s\), too few for zerospeech2020@.*: .* 1025 samples"
    )
    with pytest.raises(ContractError, match=told), extracted(model, stimuli):
        pass
