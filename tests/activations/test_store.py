"""The activation store: what goes in comes out, damage is seen, nothing is half-written."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainbench_audio.activations.store import Plan, StoredActivations, stored_sets
from brainbench_audio.errors import CacheError
from brainbench_audio.files import set_aside

LAYERS = ("a/b", "conv 1", "çäß漢字", "..", "a_b", "", "x" * 300)
PLAN = Plan({"model": "m", "weights": 1}, tuple(f"s{i}" for i in range(7)), LAYERS, 3)


def content(plan: Plan) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        layer: generator.standard_normal((len(plan.stimuli), 2 + number)).astype(np.float32)
        for number, layer in enumerate(plan.layers)
    }


def fill(stored: StoredActivations, values: dict[str, np.ndarray]) -> None:
    for index in stored.missing():
        rows = list(stored.plan.chunks()[index])
        stored.write(index, {layer: array[rows] for layer, array in values.items()})


def filled(store: Path, plan: Plan = PLAN) -> StoredActivations:
    stored = StoredActivations.open(store, plan)
    fill(stored, content(plan))
    return stored


def check(stored: StoredActivations) -> None:
    values = content(stored.plan)
    assert list(stored) == list(values)
    assert len(stored) == len(values)
    for layer, expected in values.items():
        assert stored[layer].dtype == np.float32
        np.testing.assert_array_equal(stored[layer], expected)


def test_round_trip_with_odd_layer_names(tmp_path: Path) -> None:
    check(filled(tmp_path))
    reopened = StoredActivations.open(tmp_path, PLAN)
    assert reopened.missing() == []
    check(reopened)


def test_chunks_say_what_they_were_computed_in(tmp_path: Path) -> None:
    stored = StoredActivations.open(tmp_path, PLAN)
    values = content(PLAN)
    said = ("cuda (NVIDIA X1), float32", "", "cpu, float32")
    for rows, where in zip(enumerate(stored.plan.chunks()), said, strict=True):
        index, chosen = rows
        stored.write(index, {n: each[list(chosen)] for n, each in values.items()}, where)
    reopened = StoredActivations.open(tmp_path, PLAN)
    check(reopened)
    assert reopened.computed_in() == ["cpu, float32", "cuda (NVIDIA X1), float32"]


@settings(max_examples=20, deadline=None)
@given(stimuli=st.integers(1, 9), chunk=st.integers(1, 10), order=st.randoms())
def test_any_chunking(
    tmp_path_factory: pytest.TempPathFactory, stimuli: int, chunk: int, order: object
) -> None:
    plan = Plan({}, tuple(f"s{i}" for i in range(stimuli)), ("one", "two"), chunk)
    rows = [row for part in plan.chunks() for row in part]
    assert rows == list(range(stimuli))
    assert max(map(len, plan.chunks())) == min(chunk, stimuli)
    stored = StoredActivations.open(tmp_path_factory.mktemp("store"), plan)
    values = content(plan)
    missing = stored.missing()
    order.shuffle(missing)  # type: ignore[attr-defined]
    for index in missing:
        part = list(plan.chunks()[index])
        stored.write(index, {layer: array[part] for layer, array in values.items()})
    check(stored)
    ends = sorted(order.sample(range(stimuli + 1), 2))  # type: ignore[attr-defined]
    rows = stored.rows("one", range(*ends))
    np.testing.assert_array_equal(rows, values["one"][slice(*ends)])


def test_rows_are_read_from_their_chunks_alone(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    for name in ("chunk-00000-*.nc", "chunk-00002-*.nc"):
        next(stored.folder.glob(name)).unlink()
    np.testing.assert_array_equal(stored.rows("a/b", range(3, 6)), content(PLAN)["a/b"][3:6])
    with pytest.raises(CacheError, match="cannot be read now"):
        stored.rows("a/b", range(3, 7))


def test_a_stored_set_keeps_its_chunk_size(tmp_path: Path) -> None:
    filled(tmp_path)
    other = StoredActivations.open(tmp_path, replace(PLAN, chunk=5))
    assert other.plan.chunk == 3
    check(other)


def test_the_key_covers_fields_and_layers() -> None:
    variants = [
        PLAN,
        replace(PLAN, fields={"model": "m", "weights": 2}),
        replace(PLAN, fields={"model": "m"}),
        replace(PLAN, layers=PLAN.layers[:-1]),
        replace(PLAN, layers=PLAN.layers[::-1]),
    ]
    assert len({plan.key for plan in variants}) == len(variants)
    assert replace(PLAN, chunk=1).key == PLAN.key


def test_what_is_missing_cannot_be_read(tmp_path: Path) -> None:
    stored = StoredActivations.open(tmp_path, PLAN)
    stored.write(1, {layer: array[3:6] for layer, array in content(PLAN).items()})
    assert stored.missing() == [0, 2]
    with pytest.raises(CacheError, match="still lacks 2 chunks"):
        stored["a/b"]
    with pytest.raises(KeyError):
        stored["no such layer"]


@pytest.mark.parametrize("place", [0, 0.3, 0.7, -1])
def test_a_flipped_byte_is_seen(
    tmp_path: Path, place: float, caplog: pytest.LogCaptureFixture
) -> None:
    stored = filled(tmp_path)
    chunk = next(stored.folder.glob("chunk-00001-*.nc"))
    damaged = bytearray(chunk.read_bytes())
    damaged[int(place * len(damaged))] ^= 0x10
    chunk.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        reopened = StoredActivations.open(tmp_path, PLAN)
    assert f"{chunk} is damaged" in caplog.text
    assert reopened.missing() == [1]
    assert not chunk.exists()
    assert (stored.folder / f"{chunk.name}.0.corrupt").read_bytes() == damaged
    fill(reopened, content(PLAN))
    check(reopened)


def test_truncated_and_absent_chunks_are_missing(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    first, _, last = sorted(stored.folder.glob("chunk-*.nc"))
    first.write_bytes(b"")
    last.unlink()
    assert StoredActivations.open(tmp_path, PLAN).missing() == [0, 2]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"chunk": "x"}', '{"chunk": null}', '{"chunk": 0}', "\udcff"]
)
def test_a_damaged_manifest_is_written_again(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    stored = filled(tmp_path)
    manifest = stored.folder / "manifest.json"
    good = manifest.read_text()
    manifest.write_bytes(text.encode(errors="surrogateescape"))
    with caplog.at_level(logging.WARNING):
        check(StoredActivations.open(tmp_path, PLAN))
    assert f"{manifest} is damaged" in caplog.text
    assert manifest.read_text() == good
    assert (stored.folder / "manifest.json.0.corrupt").exists()


def test_the_manifest_says_what_the_folder_holds(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    (found,) = stored_sets(tmp_path)
    assert found["fields"] == PLAN.fields
    assert found["stimuli"] == list(PLAN.stimuli)
    assert found["layers"] == list(LAYERS)
    assert found["folder"] == str(stored.folder)
    assert found["bytes"] == sum(file.stat().st_size for file in stored.folder.iterdir())
    (stored.folder / "manifest.json").write_text("{")
    assert stored_sets(tmp_path)[0]["bytes"] > 0
    assert stored_sets(tmp_path / "absent") == []


def test_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    plan = Plan({}, ("s0", "s1"), ("wide",), 1)
    stored = StoredActivations.open(small_disk, plan)
    wide = np.random.default_rng(0).standard_normal((1, 100_000)).astype(np.float32)
    with pytest.raises(CacheError, match=r"Cannot write .*chunk-00000.*BRAINBENCH_HOME"):
        stored.write(0, {"wide": wide})
    assert [file.name for file in stored.folder.iterdir()] == ["manifest.json"]
    assert StoredActivations.open(small_disk, plan).missing() == [0, 1]


def test_a_store_that_cannot_be_written(read_only_folder: Path) -> None:
    with pytest.raises(CacheError, match=r"Cannot write .*manifest\.json.*Read-only"):
        StoredActivations.open(read_only_folder / "store", PLAN)


def test_a_chunk_that_was_set_aside_by_another_process(tmp_path: Path) -> None:
    stored = filled(tmp_path)
    chunk = next(stored.folder.glob("chunk-00000-*.nc"))
    set_aside(chunk)
    assert StoredActivations.open(tmp_path, PLAN).missing() == [0]
    assert json.loads((stored.folder / "manifest.json").read_text())["chunk"] == 3
