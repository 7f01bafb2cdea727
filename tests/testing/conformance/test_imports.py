"""What importing a module imports is told alike for one module and for many."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.testing.conformance import imports
from brainbench_audio.testing.conformance.check import Failed

MODULES = {
    "brainbench_first": "import brainbench_second\nprint('[1')\nprint(1)",
    "brainbench_second": "import own_third",
    "own_third": "import brainbench_audio",
    "brainbench_broken": "raise RuntimeError('no')",
}


def test_one_process_for_many_modules(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, source in MODULES.items():
        (site / f"{name}.py").write_text(source)
    calls = []
    started = imports.run_python

    def counted(arguments: Any, **options: Any) -> Any:
        calls.append(arguments[2:])
        return started(arguments, **options)

    monkeypatch.setattr(imports, "run_python", counted)
    together = imports.Imports([*MODULES])
    assert together.of("brainbench_first", "brainbench_first") == {
        "brainbench_audio",
        "brainbench_first",
        "brainbench_second",
    }
    assert together.of("own_third", "own_third") == {"brainbench_audio", "own_third"}
    assert len(calls) == (1 if hasattr(os, "fork") else 2)
    with pytest.raises(Failed, match=r"brainbench_broken cannot be imported: .*no"):
        together.of("brainbench_broken", "brainbench_broken")
    alone = imports.Imports(["brainbench_second"])
    assert alone.of("brainbench_second", "own_third") == {
        "brainbench_audio",
        "brainbench_second",
        "own_third",
    }
