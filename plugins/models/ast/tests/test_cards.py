from __future__ import annotations

from brainbench_ast.cards import AST


def test_the_file_has_the_size_of_the_parameters() -> None:
    (file,) = AST.weights
    assert file.sha256 is not None
    assert 0 < file.size - 4 * AST.parameters < 100_000
