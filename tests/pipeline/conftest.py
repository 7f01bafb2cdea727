"""A real Dask scheduler with real workers, each a process of its own on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

START_SECONDS = 60
Started = Callable[..., AbstractContextManager["Cluster"]]
MODELS = """
import os, time
from brainbench_audio.testing import DummyModel

class {name}(DummyModel):
    # says what it hears, one line a call
    name = "{name}"

    def __init__(self):
        super().__init__({bands})

    def activations(self, waveforms, layers=None):
        with open(os.environ["HEARD"], "a") as file:
            file.write(f"{{self.name}} {{len(waveforms)}} {{os.getpid()}}\\n")
        time.sleep({seconds})
        return super().activations(waveforms, layers)
"""


@dataclass
class Cluster:
    """A scheduler and its workers."""

    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]] = field(default_factory=list)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a process as the kernel does when memory is short."""
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)


@contextmanager
def _real_cluster(folder: Path, workers: int = 2, **environment: str) -> Iterator[Cluster]:
    """Start a scheduler and workers of one thread, without nannies; end them at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    contact = folder / "scheduler.json"
    contact.unlink(missing_ok=True)
    surroundings = {
        # of no use to a worker: the settings come with the work
        **{name: value for name, value in os.environ.items() if not name.startswith("BRAINBENCH_")},
        "OMP_NUM_THREADS": "1",
        **environment,
    }

    def start(program: str, *arguments: str) -> subprocess.Popen[str]:
        with (folder / f"{program}-{time.monotonic_ns()}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *arguments, "--no-dashboard"],
                stdout=log,
                stderr=log,
                text=True,
                cwd=folder,
                env=surroundings,
            )

    local = ("--host", "127.0.0.1")
    scheduler = start("dask_scheduler", *local, "--port", "0", "--scheduler-file", str(contact))
    started = Cluster("", scheduler)
    try:
        started.address = _address(contact)
        for _ in range(workers):
            small = (
                "--nthreads",
                "1",
                "--no-nanny",
                "--memory-limit",
                "0",
                "--death-timeout",
                "60",
            )
            started.workers.append(start("dask_worker", started.address, *local, *small))
        _wait_for_workers(started.address, workers)
        yield started
    finally:
        for process in (*started.workers, scheduler):
            if process.poll() is None:
                process.kill()
            process.wait(timeout=10)


def _address(contact: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            return str(json.loads(contact.read_text())["address"])
        except (FileNotFoundError, ValueError):
            time.sleep(0.1)
    raise TimeoutError(f"no scheduler after {START_SECONDS} s")


def _wait_for_workers(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, timeout=START_SECONDS, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=START_SECONDS)


@pytest.fixture
def real_cluster(tmp_path: Path) -> Started:
    """Return a function that starts a cluster, used as a context manager."""
    return lambda *arguments, **options: _real_cluster(tmp_path / "cluster", *arguments, **options)


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that writes model files which log what they hear, and returns their ids."""
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))
    (tmp_path / "heard").touch()

    def write(number: int, prefix: str = "Counted", seconds: float = 0) -> list[str]:
        ids = []
        for index in range(number):
            name = f"{prefix}{index}"
            source = MODELS.format(name=name, bands=3 + index, seconds=seconds)
            (tmp_path / f"{name}.py").write_text(source)
            ids.append(f"{tmp_path}/{name}.py:{name}")
        return ids

    return write


@pytest.fixture
def heard(tmp_path: Path) -> Callable[[], list[tuple[str, int, int]]]:
    """Return a function that tells model, number of sounds and process of every call so far."""

    def read() -> list[tuple[str, int, int]]:
        lines = (tmp_path / "heard").read_text().splitlines()
        return [
            (name, int(number), int(process)) for name, number, process in map(str.split, lines)
        ]

    return read
