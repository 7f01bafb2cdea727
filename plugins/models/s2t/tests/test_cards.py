from __future__ import annotations

import subprocess
import sys

from brainbench_s2t import brainbench_models
from brainbench_s2t.cards import CARDS, S2T

from tests.parity.comparison import read_manifest


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [S2T]


def test_the_card_is_light() -> None:
    code = (
        "import sys, brainbench_s2t as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    manifest = read_manifest("s2t")
    assert list(S2T.layers) == manifest["layers"]
    assert dict(zip(S2T.layers, S2T.dims, strict=True)) == manifest["dims"]
    assert S2T.sample_rate == manifest["sample_rate"]


def test_parameters_are_those_of_the_manifest() -> None:
    assert S2T.parameters == read_manifest("s2t")["parameters"]
