"""What `make dist` writes: wheels that come out the same twice, and the list of components."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tools.components import write_components
from tools.distributions import ROOT, build_environment

METADATA = """\
Metadata-Version: 2.4
Name: brainbench-made-up
Version: 0.3
License-Expression: MIT
Requires-Dist: numpy
Requires-Dist: xarray; python_version > "3"
Requires-Dist: absent; extra == "test"
"""
BUILD = "import sys, setuptools.build_meta as back; back.build_wheel(sys.argv[1])"


def wheel(folder: Path) -> Path:
    path = folder / "brainbench_made_up-0.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("brainbench_made_up-0.3.dist-info/METADATA", METADATA)
    return path


def test_the_list_of_components_has_what_cyclonedx_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    file = tmp_path / "components.cdx.json"
    write_components([wheel(tmp_path)], file)
    content = json.loads(file.read_text())
    assert (content["bomFormat"], content["specVersion"], content["version"]) == (
        "CycloneDX",
        "1.6",
        1,
    )
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        content["serialNumber"],
    )
    assert content["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    components = {one["name"]: one for one in content["components"]}
    assert {"brainbench-made-up", "numpy", "xarray", "pandas", "packaging"} <= components.keys()
    assert "absent" not in components
    refs = [one["bom-ref"] for one in content["components"]]
    assert len(set(refs)) == len(refs)
    for one in content["components"]:
        assert one["type"] == "library"
        assert one["version"]
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        for licence in one.get("licenses", []):
            assert licence.get("expression") or licence["license"]["name"]
    ours = components["brainbench-made-up"]
    assert ours["licenses"] == [{"expression": "MIT"}]
    assert re.fullmatch(r"[0-9a-f]{64}", ours["hashes"][0]["content"])
    assert components["numpy"]["version"] == metadata.version("numpy")
    needs = {one["ref"]: one["dependsOn"] for one in content["dependencies"]}
    assert needs.keys() == set(refs)
    assert set(needs[ours["bom-ref"]]) == {
        components[name]["bom-ref"] for name in ("numpy", "xarray")
    }
    assert {ref for each in needs.values() for ref in each} <= set(refs)


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "brainbench_made_up-0.3-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        text = METADATA.replace("numpy", "no-such-package")
        archive.writestr("brainbench_made_up-0.3.dist-info/METADATA", text)
    with pytest.raises(SystemExit, match="no-such-package is not installed"):
        write_components([path], tmp_path / "components.cdx.json")


def test_builds_are_dated_by_the_last_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert int(build_environment()["SOURCE_DATE_EPOCH"]) > 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1600000000")
    assert build_environment()["SOURCE_DATE_EPOCH"] == "1600000000"


@pytest.mark.slow
def test_a_wheel_comes_out_the_same_twice(tmp_path: Path) -> None:
    built = []
    for number, moment in enumerate((1_500_000_000, 1_600_000_000)):
        source, target = tmp_path / f"source{number}", tmp_path / f"target{number}"
        target.mkdir()
        shutil.copytree(
            ROOT / "plugins" / "metrics" / "cka",
            source,
            ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"),
        )
        for path in source.rglob("*"):
            os.utime(path, (moment, moment))
        subprocess.run(
            [sys.executable, "-c", BUILD, str(target)],
            cwd=source,
            env=build_environment(),
            check=True,
            capture_output=True,
        )
        built += list(target.glob("*.whl"))
    first, second = built
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
