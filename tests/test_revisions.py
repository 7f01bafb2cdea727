"""Revisions in keys stand for the source that is here; see `brainbench_audio.revisions`.

A change of the code fails this test. If results change, raise the revision. If they do not, as the
goldens show, write the new hash into ``revisions.json`` beside it, and why results stay.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainbench_audio.cards import MetricCard
from brainbench_audio.files import hash_json, hash_sources
from brainbench_audio.provenance import source_folder
from brainbench_audio.registry.lookup import registered
from brainbench_audio.revisions import STANDS_FOR

PINS = json.loads(Path(__file__).with_name("revisions.json").read_text(encoding="utf-8"))
OURS = ("cka", "encoding", "pls", "probe", "procrustes", "ridge", "rsa")


def source_hash(packages: tuple[str, ...]) -> str:
    return hash_json([hash_sources(source_folder(package)) for package in packages])


def in_use() -> dict[str, tuple[int | None, tuple[str, ...]]]:
    metrics = {
        f"metric {entry.card.id}": (entry.card.revision, entry.card.packages)
        for entry in registered(MetricCard)
        if entry.card.id in OURS
    }
    return {**STANDS_FOR, **metrics}


@pytest.mark.parametrize("name", [*STANDS_FOR, *(f"metric {name}" for name in OURS)])
def test_a_revision_stands_for_the_source_that_is_here(name: str) -> None:
    if name not in in_use():
        pytest.skip(f"{name} is not installed")
    revision, packages = in_use()[name]
    pin, source = PINS[name], source_hash(packages)
    assert revision == pin["revision"], f"{name} has revision {revision}: pin its source anew."
    assert source == pin["source"], (
        f"The code of {name} ({', '.join(packages)}) is not what its revision {revision} stands "
        f"for. If results change, raise the revision. If the goldens did not move, write into "
        f'tests/revisions.json "source": "{source}" and why.'
    )
    assert pin["confirmed"], "say why results are those of this revision"
