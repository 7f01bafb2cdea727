"""Locks where the file system has none, waits that are told, and holders that died."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import locks
from brainbench_audio.errors import CacheError
from brainbench_audio.files import locked

HOLD = """
import fcntl, os, sys, time
from pathlib import Path
if sys.argv[2] != "0":
    def flock(*_): raise OSError(int(sys.argv[2]), os.strerror(int(sys.argv[2])))
    fcntl.flock = flock
from brainbench_audio.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


@pytest.fixture(params=[0, errno.ENOLCK, errno.ENOSYS])
def flock_error(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    locks._FLOCK.clear()
    if request.param:
        import fcntl

        def refused(*_: Any) -> None:
            raise OSError(request.param, os.strerror(request.param))

        monkeypatch.setattr(fcntl, "flock", refused)
    yield request.param
    locks._FLOCK.clear()


def held(path: Path, error: int, seconds: float = 60) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(error), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "held\n"
    return process


def test_a_wait_is_told_and_a_killed_holder_s_lock_is_free(
    tmp_path: Path,
    flock_error: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "thing"
    monkeypatch.setattr(locks, "_ANNOUNCED", 0.2)
    process = held(path, flock_error)
    try:
        told = r"thing has been in use.*thing\.lock"
        with pytest.raises(CacheError, match=told), locked(path, timeout=0.5):
            pytest.fail("two processes hold the lock")
        assert f"waiting for {path}" in caplog.text
        if flock_error:
            assert f"({process.pid} on {socket.gethostname()})" in caplog.text
    finally:
        process.kill()
        process.wait()
    with locked(path, timeout=5):
        pass
    with locked(path, timeout=0):
        pass
    assert not list(tmp_path.glob("*.held"))


def test_locks_follow_each_other(tmp_path: Path, flock_error: int) -> None:
    path = tmp_path / "thing"
    process = held(path, flock_error, 0.5)
    with locked(path, timeout=10):
        pass
    assert process.wait() == 0


def test_an_empty_lock_file_of_a_machine_with_locks_is_no_lock(
    tmp_path: Path, flock_error: int
) -> None:
    (tmp_path / "thing.lock").touch()
    started = time.monotonic()
    with locked(tmp_path / "thing"):
        assert time.monotonic() - started < 1


def test_another_process_of_the_same_number_is_not_the_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_has_flock", lambda folder: False)
    mark = tmp_path / "thing.lock.held"
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "started": "1"}
    mark.write_text(json.dumps(holder))
    with locked(tmp_path / "thing", timeout=5):
        assert json.loads(mark.read_text())["started"] != "1"


def test_a_holder_on_another_machine_is_waited_for_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "_has_flock", lambda folder: False)
    monkeypatch.setattr(locks, "_ANNOUNCED", 0.1)
    monkeypatch.setattr(locks, "_OTHER_MACHINE", 0.3)
    mark = tmp_path / "thing.lock.held"
    mark.write_text(json.dumps({"host": "node7", "pid": 4, "started": "1"}))
    told = r"4 on node7\) .*delete .*thing\.lock\.held"
    with pytest.raises(CacheError, match=told), locked(tmp_path / "thing"):
        pytest.fail("the lock of another machine was taken")
    assert "4 on node7" in caplog.text
    assert mark.exists()
