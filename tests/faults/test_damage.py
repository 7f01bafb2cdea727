"""Damaged and unreadable files: never a wrong number; found out, set aside, computed again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.download import pinned
from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.files import hash_file
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.run import run
from brainbench_audio.report.published_files import read_scores
from brainbench_audio.scores.score import Score, read_summary
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.settings import results_home
from brainbench_audio.stimuli.audio import read_waveform
from brainbench_audio.testing import DummyModel

Unreadable = Callable[[Path], Path]


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def files_of(kind: str) -> list[Path]:
    if kind == "score":
        return sorted(results_home().rglob("*-*.nc"))
    return sorted(activations_folder().glob("*/chunk-*.nc"))


def set_aside(kind: str) -> list[Path]:
    folder = results_home() if kind == "score" else activations_folder()
    return sorted(folder.rglob("*.corrupt"))


def put(file: Path, content: bytes) -> None:
    """Write a file anew: HDF5 may still know what an old one of the same inode held."""
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def scored_again(benchmark: ComposedBenchmark, kind: str) -> float:
    """Score the pair; what was set aside is counted and removed."""
    if kind == "chunk":  # a stored score hides the activations
        for score in files_of("score"):
            score.unlink()
    found = run(DummyModel(), benchmark)
    assert len(set_aside(kind)) == 1
    assert not found.cached
    set_aside(kind)[0].unlink()
    return found.score.value


@pytest.mark.parametrize("kind", ["chunk", "score"])
def test_truncated_at_every_tenth(benchmark: ComposedBenchmark, kind: str) -> None:
    right = run(DummyModel(), benchmark).score.value
    for tenth in range(10):
        file = files_of(kind)[-1]
        content = file.read_bytes()
        put(file, content[: len(content) * tenth // 10])
        if kind == "score":
            assert stored_scores() == []
        assert scored_again(benchmark, kind) == right
    assert run(DummyModel(), benchmark).cached


@pytest.mark.parametrize("kind", ["chunk", "score"])
@pytest.mark.parametrize("flips", [25, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_flipped_bit_anywhere(benchmark: ComposedBenchmark, kind: str, flips: int) -> None:
    generator = np.random.default_rng(flips)
    right = run(DummyModel(), benchmark).score
    for _ in range(flips):
        file = files_of(kind)[int(generator.integers(len(files_of(kind))))]
        content = bytearray(file.read_bytes())
        content[generator.integers(len(content))] ^= 1 << generator.integers(8)
        put(file, bytes(content))
        for entry in stored_scores():  # what `list` and reports see
            assert entry.summary["value"] == right.value
            assert entry.summary["parts"] == dict(right.parts)
        assert scored_again(benchmark, kind) == right.value
    assert run(DummyModel(), benchmark).cached


@pytest.mark.parametrize("flips", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_a_long_summary(tmp_path: Path, flips: int) -> None:
    """HDF5 itself does not check attributes of more than 64 kB."""
    generator = np.random.default_rng(flips)
    whole, damaged = tmp_path / "score.nc", tmp_path / "damaged.nc"
    parts = {f"subject-{number}": number / 7 for number in range(5000)}
    Score(value=0.25, parts=parts, provenance={"model": "m"}).to_netcdf(whole)
    right = read_summary(whole)
    content = whole.read_bytes()
    noticed = 0
    for _ in range(flips):
        changed = bytearray(content)
        changed[generator.integers(len(content))] ^= 1 << generator.integers(8)
        put(damaged, bytes(changed))
        try:
            assert read_summary(damaged) == right
        except DataError:
            noticed += 1
    assert noticed > flips / 2


def test_a_read_error_of_the_disk_in_the_store(
    benchmark: ComposedBenchmark, unreadable: Unreadable
) -> None:
    right = run(DummyModel(), benchmark).score.value
    for kind in ("score", "chunk"):
        unreadable(files_of(kind)[0])
        if kind == "score":
            assert stored_scores() == []
        assert scored_again(benchmark, kind) == right
    assert run(DummyModel(), benchmark).cached


def test_a_read_error_while_activations_are_read(
    benchmark: ComposedBenchmark, unreadable: Unreadable
) -> None:
    from brainbench_audio.activations.extraction import extracted

    right = run(DummyModel(), benchmark).score.value
    with extracted(DummyModel(), benchmark.stimuli) as activations:
        unreadable(files_of("chunk")[1])
        with pytest.raises(BrainbenchError, match="was sound when it was opened"):
            activations["bands"]
    assert run(DummyModel(), benchmark, recompute=True).score.value == right


def test_a_read_error_in_what_the_user_brings(
    benchmark: ComposedBenchmark, unreadable: Unreadable, tmp_path: Path
) -> None:
    """Each reader names the file."""
    sound = unreadable(benchmark.stimuli.files[3])
    with pytest.raises(DataError, match=r"sound03\.wav"):
        run(DummyModel(), benchmark)
    with pytest.raises(DataError, match=r"sound03\.wav"):
        read_waveform(sound, 8000)
    for name, read in {
        "scores.csv": read_scores,
        "file.bin": hash_file,
        "file.sha256": pinned,
        "score.nc": Score.from_netcdf,
    }.items():
        with pytest.raises(DataError, match=name):
            read(unreadable(tmp_path / name))


def test_a_damaged_pin_is_no_licence(tmp_path: Path) -> None:
    pin = tmp_path / "file.bin.sha256"
    for content in (b"", b"0" * 63, b"\xff" * 64, b"x" * 64):
        pin.write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            pinned(pin)
    pin.write_text("0" * 64)
    assert pinned(pin) == "0" * 64
    assert pinned(tmp_path / "other.sha256") is None
