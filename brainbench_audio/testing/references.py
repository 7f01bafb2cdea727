"""Reads a model's manifest and references, and compares activations with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from brainbench_audio.provenance import source_folder


def references_folder() -> Path:
    """Return the folder of manifests and references in the project's tests, or skip the test.

    Looked for are the checkout that the core runs from and the working directory. Neither is there
    where plugin and core come from packages.
    """
    roots = (source_folder("brainbench_audio").parent, Path.cwd())
    for folder in (root / "tests" / "parity" for root in roots):
        if folder.is_dir():
            return folder
    pytest.skip(
        "no references of the original networks: they are in tests/parity of the project's "
        "checkout, run the tests there",
        allow_module_level=True,
    )


def read_manifest(name: str) -> dict[str, Any]:
    """Return a model's manifest: layers, shapes, rules for stand-in weights, tolerance."""
    file = references_folder() / f"{name}.json"
    manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return manifest


def read_manifests() -> dict[str, dict[str, Any]]:
    """Return the manifests of all models that have references, by id."""
    manifests = [read_manifest(file.stem) for file in sorted(references_folder().glob("*.json"))]
    return {manifest["model"]: manifest for manifest in manifests}


def read_references(manifest: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Return ``sound/layer`` -> activations: to the made-up sounds, or those of another folder."""
    folder = references_folder() / "synthetic" if folder is None else folder
    with np.load(folder / f"{manifest['golden']}.npz", allow_pickle=False) as stored:
        return dict(stored)


def assert_equal(
    ours: npt.NDArray[Any], reference: npt.NDArray[Any], tolerance: Mapping[str, Any], word: str
) -> None:
    """Fail unless activations agree within every limit of a manifest's tolerance."""
    assert ours.shape == reference.shape, f"{word}: shape {ours.shape}, not {reference.shape}"
    found = differences(ours, reference)
    limits = {name: tolerance[name] for name in found if name in tolerance}
    assert limits, f"{word}: the manifest gives no tolerance"
    for name, limit in limits.items():
        assert found[name] <= limit, f"{word}: {name} is {found[name]:.2e}, at most {limit:.0e}"


def times_tolerance(
    ours: npt.NDArray[Any], reference: npt.NDArray[Any], tolerance: Mapping[str, Any]
) -> float:
    """Return how far activations are from a reference, in parts of what the manifest allows."""
    found = differences(ours, reference)
    return float(max(found[name] / tolerance[name] for name in found if name in tolerance))


def differences(ours: npt.NDArray[Any], reference: npt.NDArray[Any]) -> dict[str, float]:
    """Return how far activations are from a reference, by the names of a manifest's tolerance.

    ``atol`` is the largest difference, ``rtol_of_layer_std`` the same in standard deviations of the
    reference, ``rel_l2`` the norm of the difference over that of the reference.
    """
    difference = ours.astype(np.float64) - reference
    largest = np.abs(difference).max()
    return {
        "atol": float(largest),
        "rtol_of_layer_std": float(largest / reference.std(dtype=np.float64)),
        "rel_l2": float(np.linalg.norm(difference) / np.linalg.norm(reference.astype(np.float64))),
    }
