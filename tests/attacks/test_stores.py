"""Stores: flipped bits in manifests, stale hashes, two files of one key, no locks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio import hash_cache
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.cli.main import main
from brainbench_audio.files import hash_file
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.run import run
from brainbench_audio.report.export import export
from brainbench_audio.report.results import stored_files, stored_results
from brainbench_audio.scores.store import find_score, keep_score, stored_scores
from brainbench_audio.settings import cache_home, results_home
from brainbench_audio.testing import DummyModel


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def manifest() -> Path:
    (file,) = activations_folder().glob("*/manifest.json")
    return file


def forget_scores() -> None:
    shutil.rmtree(results_home())


@pytest.mark.parametrize("flips", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_flipped_bit_in_a_manifest(benchmark: ComposedBenchmark, flips: int) -> None:
    generator = np.random.default_rng(flips)
    right = run(DummyModel(), benchmark).score
    for _ in range(flips):
        content = bytearray(manifest().read_bytes())
        content[generator.integers(len(content))] ^= 1 << generator.integers(8)
        manifest().write_bytes(content)
        forget_scores()
        assert run(DummyModel(), benchmark).score.value == right.value
        for aside in activations_folder().rglob("*.corrupt"):
            aside.unlink()


@pytest.mark.parametrize("size", [1, 5, 17, 39, 40, 1000])
def test_another_chunk_size_in_a_manifest_is_told(
    benchmark: ComposedBenchmark, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    right = run(DummyModel(), benchmark).score
    content = json.loads(manifest().read_text())
    assert content["chunk"] == 16
    manifest().write_text(json.dumps({**content, "chunk": size}))
    forget_scores()
    assert run(DummyModel(), benchmark).score.value == right.value
    assert "manifest.json is damaged" in caplog.text
    assert json.loads(manifest().read_text()) == content


def test_chunks_of_another_size_are_not_taken_for_ours(benchmark: ComposedBenchmark) -> None:
    """The manifest and the first chunk are lost, and what is left was cut elsewhere."""
    right = run(DummyModel(), benchmark).score
    first, second, _ = sorted(manifest().parent.glob("chunk-*.nc"))
    for file in (manifest(), first):
        file.unlink()
    with xr.open_dataset(second) as stored:
        turned = stored.load().isel(stimulus=slice(None, None, -1))
    turned.to_netcdf(second)
    os.replace(second, second.with_name(f"chunk-00001-{hash_file(second)[:16]}.nc"))
    forget_scores()
    assert run(DummyModel(), benchmark).score.value == right.value


def test_hashes_do_not_outlive_a_change_of_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another disk is mounted in place of the first: same name, times, size and inode."""
    file = tmp_path / "weights.bin"
    file.write_bytes(b"a")
    monkeypatch.setattr(hash_cache, "_SETTLED", 0)
    real = Path.stat
    times = real(file).st_mtime_ns

    class Elsewhere:
        """The status of a file as another device has it."""

        def __init__(self, path: Path, device: int) -> None:
            status = real(path)
            self.st_size, self.st_ino, self.st_dev = status.st_size, 7, device
            self.st_mtime_ns = self.st_ctime_ns = times

    device = 1

    def stat(path: Path, **more: Any) -> Any:
        return Elsewhere(path, device) if path == file else real(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    before = hash_files([file])
    file.write_bytes(b"b")
    assert hash_files([file]) == before, "nothing tells them apart"
    device = 2
    assert hash_files([file]) != before


@pytest.mark.usefixtures("tiny")
def test_hashes_can_be_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program goes on writing through a memory map: no time changes."""
    file = tmp_path / "sound.wav"
    file.write_bytes(b"aa")
    monkeypatch.setattr(hash_cache, "_SETTLED", 0)
    monkeypatch.setattr(hash_cache, "_mark", lambda _: [2, 0, 0, 0, 0])
    before = hash_files([file])
    file.write_bytes(b"bb")
    assert hash_files([file]) == before
    (activations_folder() / "kept").mkdir(parents=True)
    (cache_home() / "benchmarks").mkdir()
    (cache_home() / "benchmarks" / "a.json").write_text("{}")
    assert main(["cache", "clear", "--hashes"]) == 0
    assert "freed" in capsys.readouterr().out
    assert hash_files([file]) != before
    assert list((cache_home() / "benchmarks").glob("*.json")) == []
    assert (activations_folder() / "kept").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["cache", "clear", "--hashes", "--results"])


def test_of_two_files_of_one_key_one_wins_everywhere(
    keep_version: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`--recompute` was killed before it removed the older file, whichever digest comes first."""
    for attempt in range(6):
        old = keep_version("Net", "plugin", "a" * 8, "A-x", 0.1 + attempt / 1000, key="k" * 24)
        aside = tmp_path / "aside"
        os.replace(old, aside)
        new = keep_version("Net", "plugin", "a" * 8, "A-x", 0.5 + attempt / 1000, key="k" * 24)
        os.replace(aside, old)
        stem = new.with_name(new.stem.rpartition("-")[0])
        value = 0.5 + attempt / 1000
        found = find_score(stem)
        assert found is not None
        assert found.value == value
        assert [entry.summary["value"] for entry in stored_scores()] == [value]
        assert [one.value for one in stored_results()] == [value]
        assert [one.value for one in stored_files()] == [value]
        export(stored_results(), tmp_path / "all.json")
        assert [row["value"] for row in json.loads((tmp_path / "all.json").read_text())] == [value]
        assert main(["results", "list", "--all", "--json"]) == 0
        assert [row["score"] for row in json.loads(capsys.readouterr().out)] == [value]
        assert main(["results", "rm", "--model", "Net", "--yes"]) == 0
        assert list(results_home().rglob("*.nc")) == [], "the loser does not come back"
        capsys.readouterr()


def test_two_writers_of_one_key_never_remove_each_other(keep: Callable[..., Path]) -> None:
    """Without locks, the second may begin and end while the first writes."""
    from brainbench_audio.scores.score import Score

    first = keep("net", "A-x", 0.1)
    stem = first.with_name(first.stem.rpartition("-")[0])
    inner: list[Path] = []

    class Slow(Score):
        def to_netcdf(self, path: str | Path) -> None:
            super().to_netcdf(path)
            inner.append(keep_score(stem, Score(value=0.3)))

    outer = keep_score(stem, Slow(value=0.2))
    found = find_score(stem)
    assert found is not None
    assert found.value in (0.2, 0.3)
    assert not first.exists()
    assert outer.exists() or inner[0].exists()


SHIM = """
#include <errno.h>
int flock(int file, int operation) { (void)file; (void)operation; %s }
"""
# imports once; each of the four is a fork
SCORE = """
import os, sys
from brainbench_audio import locks
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.pipeline.run import run
from brainbench_audio.testing import DummyModel

rounds, locking, right = int(sys.argv[1]), sys.argv[2] == "True", float(sys.argv[3])
if not locking:  # as between machines that do not see each other's locks
    locks.Lock.acquire = locks.Lock.release = lambda self: None
    locks.Lock.is_there = lambda self: True
children = []
for _ in range(4):
    children.append(os.fork())
    if not children[-1]:
        for number in range(rounds):
            anew = locking and number % 2 == 1
            found = run(DummyModel(), load_benchmark("Tiny-match"), recompute=anew)
            assert found.score.value == right
        os._exit(0)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""
KINDS = {"no-op": "return 0;", "refuses": "errno = ENOLCK; return -1;", "unseen": "return 0;"}


def shim(kind: str, folder: Path) -> dict[str, str]:
    """Return the environment of processes on a file system without locks."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("no shim: it takes Linux and a C compiler")
    source, library = folder / "shim.c", folder / "shim.so"
    source.write_text(SHIM % KINDS[kind])
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    # as the command sets it: HDF5 locks files itself
    kept = {**os.environ, "HDF5_USE_FILE_LOCKING": "FALSE", "OMP_NUM_THREADS": "1"}
    return {**kept, "LD_PRELOAD": str(library)}


SLOW = [pytest.param(kind, 20, marks=pytest.mark.slow) for kind in KINDS]


@pytest.mark.parametrize(("kind", "rounds"), [("no-op", 2), *SLOW])
def test_four_processes_on_a_file_system_without_locks(
    benchmark: ComposedBenchmark, tmp_path: Path, kind: str, rounds: int
) -> None:
    without_locks = shim(kind, tmp_path)
    right = run(DummyModel(), benchmark).score.value
    shutil.rmtree(results_home())
    shutil.rmtree(activations_folder())
    done = subprocess.run(
        [sys.executable, "-c", SCORE, str(rounds), str(kind != "unseen"), str(float(right))],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=without_locks,
    )
    assert done.returncode == 0, done.stderr
    assert [entry.summary["value"] for entry in stored_scores()] == [right]
    home = results_home().parent
    assert not [path for path in home.rglob("*") if path.suffix == ".corrupt"]
    assert not list(home.rglob(".part-*"))
    for chunk in activations_folder().glob("*/chunk-*.nc"):
        assert hash_file(chunk)[:16] == chunk.stem.rpartition("-")[2]
    assert run(DummyModel(), benchmark).cached
