"""The 36 models of the paper: all of them, no other called so, each held to references."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from brainbench_audio.registry.lookup import find_model, list_ids
from brainbench_audio.testing.references import read_manifests, references_folder

PAPER = [
    "beats-iter1",
    "beats-iter2",
    "beats-iter3",
    "beats-iter3-as2m",
    "dasheng-base",
    "dasheng-06b",
    "dasheng-12b",
    "dasheng-base-as",
    "encodecmae-base",
    "encodecmae-base-as",
    "encodecmae-base-ll",
    "encodecmae-base-fma",
    "encodecmae-small",
    "encodecmae-large",
    "encodecmae-ec-base",
    "encodecmae-spec-base",
    "encodecmae-base-st",
    "encodecmae-large-st",
    "cochcnn9-word",
    "cochcnn9-speaker",
    "cochcnn9-audioset",
    "cochcnn9-multitask",
    "cochresnet50-word",
    "cochresnet50-speaker",
    "cochresnet50-audioset",
    "cochresnet50-multitask",
    "ast",
    "vggish",
    "dcase2020",
    "deepspeech2",
    "metricgan",
    "wav2vec2",
    "sepformer",
    "s2t",
    "zerospeech2020",
    "spectrotemporal",
]
# the smallest and the largest layer that section 4.2 of the paper names, where it gives a range
RANGES = {"cochcnn9-word": (2304, 9216), "cochresnet50-word": (2048, 14336)}
OTHERS = {"crepe-tiny", "lowlevel", "resemblyzer"}


@cache
def manifests() -> dict[str, dict[str, Any]]:
    """Return the reference manifest of each id, its own or one that also holds for it."""
    own = read_manifests()
    shared = {name: manifest for manifest in own.values() for name in manifest.get("also", ())}
    return shared | own


def test_there_are_36_and_all_are_installed() -> None:
    assert len(set(PAPER)) == 36
    installed = {name for name in list_ids("model") if not name.startswith("tiny-")}
    assert installed == set(PAPER) | OTHERS


@pytest.mark.parametrize("identifier", PAPER)
def test_layers_and_features_are_those_of_the_references(identifier: str) -> None:
    card, manifest = find_model(identifier).card, manifests()[identifier]
    assert list(card.layers) == manifest["layers"]
    dims = manifest["dims"]
    assert list(card.dims) == [dims[layer] for layer in manifest["layers"]]
    assert card.sample_rate == manifest["sample_rate"]


@pytest.mark.parametrize("identifier", PAPER)
def test_references_to_made_up_sounds_are_at_hand(identifier: str) -> None:
    golden = manifests()[identifier].get("golden")
    assert golden is not None
    assert (references_folder() / "synthetic" / f"{golden}.npz").is_file()


@pytest.mark.parametrize("identifier", RANGES)
def test_the_paper_s_ranges_of_features(identifier: str) -> None:
    dims = find_model(identifier).card.dims
    assert (min(dims), max(dims)) == RANGES[identifier]
