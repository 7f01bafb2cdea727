"""Real plugins, real processes and real full disks for the tests of the core."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.registry.discovery import plugins

TINY = Path(__file__).parent / "tiny"
collect_ignore = ["tiny"]
Process = subprocess.CompletedProcess[str]
Install = Callable[..., Path]


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Look for plugins anew, and forget them and their modules afterwards."""
    before = set(sys.modules)
    plugins.cache_clear()
    yield
    plugins.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith(("brainbench_tiny", "plugin_")):
            del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_registry: None) -> Path:
    """Return an empty folder of installed distributions, for this process and those it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    return folder


@pytest.fixture
def install(site: Path) -> Install:
    """Return a function that installs a module as a distribution with our entry point."""

    def write(distribution: str, module: str, source: str | None = None) -> Path:
        if source is not None:
            (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        (info / "entry_points.txt").write_text(f"[brainbench_audio]\n{module} = {module}\n")
        plugins.cache_clear()
        return info

    return write


@pytest.fixture
def tiny(site: Path, install: Install) -> Path:
    """Install the tiny plugin (models, a data set, a metric); return the folder of its source."""
    shutil.copytree(TINY, site / "brainbench_tiny", ignore=shutil.ignore_patterns("__pycache__"))
    install("brainbench-tiny", "brainbench_tiny")
    return site / "brainbench_tiny"


@pytest.fixture
def benchmark(tiny: Path) -> ComposedBenchmark:
    """Return the tiny benchmark: 40 short sounds, three components, 16 sounds a chunk."""
    from brainbench_audio.pipeline.loading import load_benchmark

    return load_benchmark("Tiny-match")


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Process]:
    """Return a function that runs Python code in a process of its own."""

    def run(code: str, *arguments: str, **environment: str) -> Process:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def brainbench(tmp_path: Path) -> Callable[..., Process]:
    """Return a function that runs the command line in a process of its own."""

    def run(*arguments: str, **environment: str) -> Process:
        return subprocess.run(
            [sys.executable, "-m", "brainbench_audio.cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 64 kB, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("no small disk: mounting one takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk that is mounted read-only, which stops even root."""
    folder = tmp_path / "read_only"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("no read-only disk: mounting one takes root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def keep() -> Callable[..., Path]:
    """Return a function that puts a score into the store."""
    from brainbench_audio.scores.score import Score
    from brainbench_audio.scores.store import keep_score, score_stem

    def write(
        model: str,
        benchmark: str,
        value: float,
        *,
        created: str = "2026-01-01T00:00:00",
        key: str = "a",
        **fields: Any,
    ) -> Path:
        provenance = {"model": model, "benchmark": benchmark, "created": created}
        provenance |= fields.pop("provenance", {})
        score = Score(value=value, provenance=provenance, **fields)
        return keep_score(score_stem(benchmark, model, key * 24), score)

    return write


@pytest.fixture
def keep_version(keep: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that puts a score into the store whose provenance has an identity."""
    from brainbench_audio.files import hash_json

    def write(
        model: str, source: str, version: str, benchmark: str, value: float, **fields: Any
    ) -> Path:
        fingerprint = hash_json([source, version])
        identity = {"id": model, "source": source, "version": version, "fingerprint": fingerprint}
        provenance = {"identity": identity, **fields.pop("provenance", {})}
        key = fields.pop("key", hash_json([identity, benchmark]))
        return keep(model, benchmark, value, key=key, provenance=provenance, **fields)

    return write
