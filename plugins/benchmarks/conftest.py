"""Reads MATLAB files in processes that are forked: SciPy is imported once, not for each file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

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
def quick_matlab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork where the product starts a process; tests/own_data and tests/faults start it."""
    if hasattr(os, "fork"):
        monkeypatch.setattr("brainbench_audio.matlab.run_python", request.getfixturevalue("forks"))
