"""Where sources lie, and the record that goes with a result."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from brainbench_audio import provenance
from brainbench_audio.errors import PluginLoadError


def test_where_a_package_lies_is_told_without_importing_it(tiny: Path) -> None:
    assert provenance.source_folder("brainbench_tiny") == tiny
    assert "brainbench_tiny" not in sys.modules


def test_a_module_of_one_file_counts_as_a_package(site: Path) -> None:
    (site / "plugin_single.py").write_text("a = 1\n")
    assert provenance.source_folder("plugin_single") == site / "plugin_single.py"


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.sub"])
def test_a_package_that_is_not_installed(name: str) -> None:
    with pytest.raises(PluginLoadError, match=f"Package {name}.*not installed"):
        provenance.source_folder(name)


def test_the_environment_can_be_stored() -> None:
    found = json.loads(json.dumps(provenance.environment()))
    assert found["versions"]["brainbench-audio"] == provenance.package_version()
    assert found["versions"]["numpy"]
    assert found["created"].endswith("+00:00")
    assert found["machine"]["cores"] >= 1
