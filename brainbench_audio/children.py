"""Starts processes, of Python and of git: the one place that does.

A child finds no module in the current folder (``-P``), where a downloaded archive may have put a
``json.py``, and inherits no secrets: what it reads or runs has no use for them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brainbench_audio.errors import DataError

Child = subprocess.Popen[bytes]
_STANDARD_ERROR = 2
_STOP_SECONDS = 10
_GIT_SECONDS = 60
_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false")
# of the Hugging Face hub, for children that load models which may lie there
HUB_SECRETS = ("HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN")
# what would let packages of this environment, or of the user, into another one
_OF_ENVIRONMENTS = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
_SECRET_NAME = re.compile(
    r"^(AWS|AZURE)_|(^|_)(AUTH|JWT|PASS|PAT)(_|$)|_PWD$"
    r"|(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|KEY)S?(_|$)",
    re.IGNORECASE,
)
_SECRET_ADDRESS = re.compile(r"://[^/@\s]+:[^/@\s]+@")


def child_environment(
    variables: Mapping[str, str] | None = None, *, keep: Collection[str] = (), other: bool = False
) -> dict[str, str]:
    """Return the environment variables of a child process.

    Left out is what is called a token, secret, password, key, credential, cookie or the like, all
    of ``AWS_`` and ``AZURE_``, and every address with a password in it, but for those of proxies.
    ``PYTHONPATH`` was set on purpose and stays; its folders become absolute, and empty entries,
    which stand for the current folder, go.

    Parameters
    ----------
    variables : mapping of str to str, optional
        Added.
    keep : collection of str
        Secrets that this child needs.
    other : bool
        The child runs in another virtual environment, which must not see packages of this one.
    """
    kept = {
        name: value for name, value in os.environ.items() if name in keep or _is_plain(name, value)
    }
    if other:
        kept = {name: value for name, value in kept.items() if name not in _OF_ENVIRONMENTS}
        kept["PYTHONNOUSERSITE"] = "1"
    elif "PYTHONPATH" in kept:
        folders = filter(None, kept["PYTHONPATH"].split(os.pathsep))
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(each).absolute()) for each in folders)
    # for its own children, such as those of pip and of Dask
    return {**kept, "PYTHONSAFEPATH": "1", **(variables or {})}


def run_python(
    arguments: Sequence[str],
    *,
    python: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run Python to its end and return what it wrote, whatever its exit status.

    Parameters
    ----------
    arguments : sequence of str
        Behind the name of the interpreter: ``-m``, ``-c`` and so on.
    python : Path, optional
        Of another virtual environment.
    environment : mapping of str to str, optional
        See `child_environment`, which is also the default.
    timeout : float, optional
        Seconds.

    Raises
    ------
    subprocess.TimeoutExpired
        It took longer, and was ended.
    """
    return subprocess.run(
        _command(arguments, python),
        env=child_environment() if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def started_python(arguments: Sequence[str], environment: Mapping[str, str]) -> Iterator[Child]:
    """Have Python run within a block; all that it writes goes to our standard error.

    At the end it is asked to stop, so that it removes what it wrote, and made to after 10 s. Ctrl-C
    reaches this process only, which then comes to the end of the block.
    """
    process = subprocess.Popen(
        _command(arguments, None),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=_STANDARD_ERROR,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def open_python(arguments: Sequence[str]) -> Child:
    """Start Python and return at once; it is spoken to through its standard input and output."""
    return subprocess.Popen(
        _command(arguments, None),
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def ask(process: Child, request: Any, content: bytes = b"", *, longest: int) -> Any:
    """Send a child of `open_python` a line of JSON, and bytes; return its answer, a line of JSON.

    Raises
    ------
    EOFError
        It ended, or answers with more than ``longest`` bytes.
    OSError, ValueError
        It takes nothing, or answers with something else.
    """
    source, target = pipes(process)
    source.write(json.dumps(request).encode() + b"\n")
    source.write(content)
    source.flush()
    line = target.readline(longest)
    if not line.endswith(b"\n"):
        raise EOFError("its parser ended")
    return json.loads(line)


@contextmanager
def limited(process: Child, seconds: float) -> Iterator[None]:
    """Kill a child where the block takes longer."""
    limit = threading.Timer(seconds, process.kill)
    limit.daemon = True
    limit.start()
    try:
        yield
    finally:
        limit.cancel()


def ended(process: Child) -> int:
    """Close the pipes of a child, so that it ends, else kill it; return its exit status."""
    for pipe in pipes(process):
        with suppress(OSError):  # of what it did not take
            pipe.close()
    try:
        return process.wait(1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def pipes(process: Child) -> tuple[Any, Any]:
    """Return the ways to and from a child of `open_python`."""
    return process.stdin, process.stdout


def run_git(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run git in a checkout to its end and return what it wrote, whatever its exit status.

    Hooks of the checkout do not run. Variables that would lead git to another checkout are left
    out.

    Parameters
    ----------
    folder : Path
    arguments : sequence of str
        Behind ``git``.

    Raises
    ------
    DataError
        There is no git.
    """
    plain = {name: text for name, text in child_environment().items() if name[:4] != "GIT_"}
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *_NO_HOOKS, *arguments],
            env={**plain, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise DataError(
            f"{folder} is a git checkout, and git was not found: install it."
        ) from error


def last_lines(output: bytes, number: int = 1) -> str:
    """Return the last lines that a child wrote, on one line."""
    return " / ".join(output.decode("utf-8", "replace").strip().splitlines()[-number:])


def _command(arguments: Sequence[str], python: Path | None) -> list[str]:
    return [str(python or sys.executable), "-P", *arguments]


def _is_plain(name: str, value: str) -> bool:
    if _SECRET_NAME.search(name):
        return False
    return name.lower().endswith("_proxy") or not _SECRET_ADDRESS.search(value)
