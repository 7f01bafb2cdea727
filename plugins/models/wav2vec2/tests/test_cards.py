from __future__ import annotations

import subprocess
import sys

from brainbench_wav2vec2 import brainbench_models
from brainbench_wav2vec2.cards import CARDS, WAV2VEC2

from tests.parity.comparison import read_manifest


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [WAV2VEC2]


def test_the_card_is_light() -> None:
    code = (
        "import sys, brainbench_wav2vec2 as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    manifest = read_manifest("wav2vec2")
    assert list(WAV2VEC2.layers) == manifest["layers"]
    assert dict(zip(WAV2VEC2.layers, WAV2VEC2.dims, strict=True)) == manifest["dims"]
    assert WAV2VEC2.sample_rate == manifest["sample_rate"]


def test_parameters_are_those_of_the_manifest() -> None:
    assert WAV2VEC2.parameters == read_manifest("wav2vec2")["parameters"]
