"""Lists what a release is made of, as CycloneDX JSON: our wheels and all that they need.

Third-party packages are those of the environment this runs in, in the versions installed there.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SPEC = "1.6"
OWN = "brainbench"
_SHORT = 64  # characters: a longer field holds the text of a licence, not its name


def write_components(wheels: Iterable[Path], file: Path) -> None:
    """Write the list for some wheels of ours.

    Parameters
    ----------
    wheels : iterable of Path
        Installed or not: names, versions, licences and requirements are read from them.
    file : Path
        Ends in ``.cdx.json``.
    """
    own = [_of_wheel(wheel) for wheel in sorted(wheels)]
    others = [_of_package(each) for each in _needed(own)]
    components = sorted((*own, *others), key=lambda each: str(each["component"]["bom-ref"]))
    refs = {each["name"]: each["component"]["bom-ref"] for each in components}
    content = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {"timestamp": _built()},
        "components": [each["component"] for each in components],
        "dependencies": [
            {
                "ref": each["component"]["bom-ref"],
                "dependsOn": sorted({refs[need] for need in each["needs"] if need in refs}),
            }
            for each in components
        ],
    }
    # the same content has the same number
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    content["serialNumber"] = f"urn:uuid:{number}"
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _of_wheel(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode("utf-8")
    folder: Any = _Folder(text)
    about = metadata.PathDistribution(folder)
    described = _of_package(about)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    described["component"]["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return described


class _Folder:
    """What `importlib.metadata` asks of the folder of a distribution, for one file."""

    def __init__(self, text: str) -> None:
        self._text = text

    def joinpath(self, name: str) -> _Folder:
        if name != "METADATA":
            raise FileNotFoundError(name)
        return self

    def read_text(self, encoding: str = "utf-8") -> str:
        return self._text


def _of_package(package: metadata.Distribution) -> dict[str, Any]:
    name = canonicalize_name(package.metadata["Name"])
    purl = f"pkg:pypi/{name}@{package.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": package.version,
        "purl": purl,
    }
    if licences := _licences(package):
        component["licenses"] = licences
    return {"name": name, "component": component, "needs": _needs(package)}


def _needs(package: metadata.Distribution) -> list[str]:
    """Return what a package needs without its extras, on this machine."""
    wanted = map(Requirement, package.requires or ())
    return [
        canonicalize_name(one.name)
        for one in wanted
        if one.marker is None or one.marker.evaluate({"extra": ""})
    ]


def _needed(own: Iterable[dict[str, Any]]) -> list[metadata.Distribution]:
    """Return the installed packages that ours need, and those that these need."""
    ours = {each["name"] for each in own}
    waiting = [need for each in own for need in each["needs"]]
    found: dict[str, metadata.Distribution] = {}
    while waiting:
        name = waiting.pop()
        if name in ours or name in found or name.startswith(OWN):
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise SystemExit(f"{name} is not installed, so its version is not known.") from None
        waiting += _needs(found[name])
    return list(found.values())


def _licences(package: metadata.Distribution) -> list[dict[str, Any]]:
    about = package.metadata
    if "License-Expression" in about:
        return [{"expression": about["License-Expression"]}]
    classified = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License :: OSI Approved :: ")
    ]
    free = about["License"].strip() if "License" in about else ""
    names = classified or ([free] if free and len(free) <= _SHORT and "\n" not in free else [])
    return [{"license": {"name": name}} for name in names]


def _built() -> str:
    """Return when this is built, or what ``SOURCE_DATE_EPOCH`` puts in its place."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
