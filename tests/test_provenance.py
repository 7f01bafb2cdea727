"""Hashes of sources and the record that goes with a result."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from brainbench_audio import provenance
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.testing import DummyModel


def test_package_hash_imports_nothing_and_follows_the_source(tiny: Path) -> None:
    first = provenance.package_hash(["brainbench_tiny"])
    assert "brainbench_tiny" not in sys.modules
    assert provenance.package_hash(["brainbench_tiny"]) == first
    (tiny / "things.py").write_text("")
    assert provenance.package_hash(["brainbench_tiny"]) != first
    assert provenance.package_hash([]) != first


def test_a_module_of_one_file_counts_as_a_package(site: Path) -> None:
    (site / "plugin_single.py").write_text("a = 1\n")
    first = provenance.package_hash(["plugin_single"])
    (site / "plugin_single.py").write_text("a = 2\n")
    assert provenance.package_hash(["plugin_single"]) != first


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.sub"])
def test_a_package_that_is_not_installed(name: str) -> None:
    with pytest.raises(PluginLoadError, match=f"Package {name}.*not installed"):
        provenance.package_hash([name])


def test_class_hash() -> None:
    assert provenance.class_hash(DummyModel()) is not None
    assert provenance.class_hash(3) is None
    unsourced = type("Unsourced", (), {"__module__": "__main__"})
    assert provenance.class_hash(DummyModel()) != provenance.class_hash(unsourced())


def test_function_hash() -> None:
    def one(value: float) -> float:
        return value + 1

    def two(value: float) -> float:
        return value + 2

    def hides(value: float) -> float:
        return one(value)

    assert provenance.function_hash(one) is not None
    assert provenance.function_hash(one) != provenance.function_hash(two)
    assert provenance.function_hash(hides) is None
    assert provenance.function_hash(len) is None
    assert provenance.function_hash([].append) is None


def test_the_environment_can_be_stored() -> None:
    found = json.loads(json.dumps(provenance.environment()))
    assert found["versions"]["brainbench-audio"] == provenance.package_version()
    assert found["versions"]["numpy"]
    assert found["created"].endswith("+00:00")
    assert found["machine"]["cores"] >= 1
