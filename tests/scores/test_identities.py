"""Versions of models: which made a score, which is current, what people call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.scores.identities import (
    ModelVersion,
    add_tag,
    record_version,
    recorded_version,
    remove_tag,
    tag_of,
    tags_of,
    version_of,
)

NET = ModelVersion("Net", "/home/me/a/model.py", "1a2b3c4d")
OTHER = NET._replace(version="5e6f7a8b")
VERSIONS = (NET.version, OTHER.version)


@pytest.fixture
def home() -> Path:
    return settings.results_home() / "identities"


def test_a_score_says_which_network_made_it() -> None:
    identity = {**NET._asdict(), "fingerprint": "0" * 64}
    assert version_of({"identity": identity}, "something else") == NET


@pytest.mark.parametrize(
    "identity", [None, "Net", [], {"id": "Net"}, {"id": "Net", "source": None, "version": "1"}]
)
def test_a_score_of_an_older_release(identity: Any) -> None:
    activations = {"fingerprint": {"weights": 1}, "source": "abc"}
    provenance = {"identity": identity, "activations": activations}
    version = hash_json([{"weights": 1}, "abc"])[:8]
    assert version_of(provenance, "net") == ("net", "", version)
    for unknown in ({}, {"activations": None}, {"activations": {"fingerprint": 1}}):
        assert version_of(unknown, "net") == ("net", "", "unknown")


def test_the_version_of_last_time() -> None:
    assert recorded_version(*NET.model) == ""
    record_version({**NET._asdict(), "layers": ["a"]})
    assert recorded_version(*NET.model) == NET.version
    record_version(OTHER._asdict())
    assert recorded_version(*NET.model) == OTHER.version
    assert recorded_version("Net", "/home/me/b/model.py") == ""
    with pytest.raises(DataError, match="needs id, source, version as text"):
        record_version({"id": "Net", "version": "1a2b3c4d"})


def test_a_file_that_says_so_already_is_not_written_again(home: Path) -> None:
    record_version(NET._asdict())
    (file,) = home.glob("*.json")
    assert file.stem == hash_json(list(NET.model))
    before = file.stat()
    record_version(NET._asdict())
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"id": "Net"}', "\x00\xff", "[" * 100_000])
def test_a_damaged_file_says_nothing(home: Path, content: str) -> None:
    record_version(NET._asdict())
    (file,) = home.glob("*.json")
    file.write_text(content, encoding="latin-1")
    assert recorded_version(*NET.model) == ""
    record_version(NET._asdict())
    assert recorded_version(*NET.model) == NET.version


def test_a_file_of_another_model_says_nothing(home: Path) -> None:
    record_version(NET._asdict())
    (file,) = home.glob("*.json")
    file.rename(file.with_stem(hash_json(["Other", ""])))
    assert recorded_version("Other", "") == ""


def test_tags() -> None:
    assert tag_of(NET) is None
    add_tag(NET, "before-finetuning", VERSIONS)
    add_tag(NET, "v1.0_final", VERSIONS)
    add_tag(OTHER, "after", VERSIONS)
    assert tags_of(*NET.model) == {
        "before-finetuning": NET.version,
        "v1.0_final": NET.version,
        "after": OTHER.version,
    }
    assert (tag_of(NET), tag_of(OTHER)) == ("v1.0_final", "after")
    add_tag(NET, "before-finetuning", VERSIONS)
    assert tag_of(NET) == "before-finetuning"
    with pytest.raises(DataError, match=r"tag after is that of another version, Net#5e6f7a8b"):
        add_tag(NET, "after", VERSIONS)
    with pytest.raises(DataError, match="has no tag after"):
        remove_tag(NET, "after")
    remove_tag(OTHER, "after")
    add_tag(NET, "after", VERSIONS)
    assert tag_of(NET) == "after"
    assert recorded_version(*NET.model) == ""


@pytest.mark.parametrize(
    "tag", ["", "deadbeef", "DEADBEEF", "a b", "a#b", "a/b", "ä", "x\x1b[31m", "a" * 65, "unknown"]
)
def test_what_is_no_tag(tag: str) -> None:
    with pytest.raises(DataError, match="A tag is up to 64 letters"):
        add_tag(NET, tag, VERSIONS)
    assert tags_of(*NET.model) == {}
