from __future__ import annotations

import subprocess
import sys

from brainbench_ast import brainbench_models
from brainbench_ast.cards import AST, CARDS

from tests.parity.comparison import read_manifest


def test_the_hook_hands_over_the_card() -> None:
    assert brainbench_models() == CARDS == [AST]


def test_the_card_is_light() -> None:
    code = (
        "import sys, brainbench_ast as plugin; plugin.brainbench_models();"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_layers_are_those_of_the_manifest() -> None:
    manifest = read_manifest("ast")
    assert list(AST.layers) == manifest["layers"]
    assert dict(zip(AST.layers, AST.dims, strict=True)) == manifest["dims"]
    assert AST.sample_rate == manifest["sample_rate"]


def test_the_file_has_the_size_of_the_parameters() -> None:
    (file,) = AST.weights
    assert file.sha256 is not None
    assert 0 < file.size - 4 * AST.parameters < 100_000
