"""Fixtures of all tests; see `brainbench_audio.testing.pytest_plugin`."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

# a shell has what it starts with `&` ignore Ctrl-C, and so would all processes of the tests
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["brainbench_audio.testing.pytest_plugin"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage meanwhile: importing all modules makes millions of objects that stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for doctests only where there are some: pytest imports a module to find that none is."""
    collectors = yield
    if file_path.suffix == ".py" and b">>>" not in file_path.read_bytes():
        return [each for each in collectors if type(each).__name__ != "DoctestModule"]
    return collectors


# has imported what reads MATLAB files, and forks for each program it is sent
_FORKS = """
import json, os, sys
import numpy, scipy.io
for line in sys.stdin:
    code, argument, folder, out, err = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.chdir(folder)
        sys.argv = ["-c", argument]
        status = 0
        try:
            exec(code, {"__name__": "__main__"})
        except SystemExit as stop:
            print(stop, file=sys.stderr)
            status = 1
        sys.stdout.flush()
        os._exit(status)  # taking modules down would take longer than all else
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
_BENCHMARKS = Path(__file__).parent / "plugins" / "benchmarks"
_Done = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., _Done]]:
    """Return what runs a program on a MATLAB file in a process of its own, which is forked."""
    out, err = (tmp_path_factory.mktemp("forks") / name for name in ("out", "err"))
    with ExitStack() as stack:

        @cache
        def started() -> subprocess.Popen[str]:
            command = [sys.executable, "-c", _FORKS]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            return stack.enter_context(subprocess.Popen(command, text=True, **pipes))

        def run(arguments: Sequence[str], *, timeout: float) -> _Done:
            _, code, argument = arguments
            question = [code, argument, str(Path.cwd()), str(out), str(err)]
            process = started()
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(question), file=process.stdin, flush=True)
            status = int(process.stdout.readline())
            return _Done(arguments, status, out.read_bytes(), err.read_bytes())

        yield run


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Put it back: what the command sets for its processes would reach those of later tests."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(autouse=True)
def quick_matlab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import SciPy once, not for each of a hundred files; tests/own_data and tests/faults do."""
    if hasattr(os, "fork") and _BENCHMARKS in request.path.parents:
        monkeypatch.setattr("brainbench_audio.matlab.run_python", request.getfixturevalue("forks"))
