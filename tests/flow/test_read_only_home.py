"""Verbs that only read need write access to nothing."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main

# of Linux: <linux/prctl.h> and <linux/capability.h>
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
READING = {
    "list models": ["list", "models"],
    "list benchmarks": ["list", "benchmarks", "--json"],
    "list results": ["list", "results"],
    "results list": ["results", "list"],
    "info of a model": ["info", "tiny-plain"],
    "info of a benchmark": ["info", "Tiny-match"],
    "data list": ["data", "list"],
    "data path": ["data", "path", "Tiny"],
    "cache info": ["cache", "info"],
    "doctor": ["doctor"],
    "cite": ["cite", "tiny-plain", "Tiny-match"],
    "compare": ["compare", "-b", "Tiny-match"],
    "correlate": ["correlate", "--published"],
    "export": ["export", "-o", "OUTPUT/scores.csv"],
    "figure": ["figure", "bars", "-b", "Tiny-match", "-o", "OUTPUT/bars.svg"],
    "results export": ["results", "export", "OUTPUT/scores.tar", "--by", "Ann"],
    "report": ["report", "-o", "OUTPUT/site"],
}
WRITING = {
    "score": ["score", "-m", "tiny-wide", "-b", "Tiny.a-match"],
    "results tag": ["results", "tag", "tiny-plain", "mine"],
    "results rm": ["results", "rm", "-m", "tiny-plain", "--yes"],
}
EACH = """
import contextlib, io, json, os, sys, traceback
from brainbench_audio.cli.main import main

told = {}
for name, arguments in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as error:
            status = error.code
        except BaseException:
            status = traceback.format_exc()
    told[name] = [status, out.getvalue(), err.getvalue()]
json.dump(told, sys.stdout)
"""


@pytest.fixture
def home(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a home with two scores that nobody may write to."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BRAINBENCH_HOME", str(folder))
    assert main(["score", "-m", "tiny-plain", "tiny-wide", "-b", "Tiny-match"]) == 0
    set_mode(folder, 0o555)
    yield folder
    set_mode(folder, 0o755)


def set_mode(folder: Path, mode: int) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(mode)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def heed_modes() -> None:
    """Take from root what lets it write to files whose modes forbid it; in effect after exec."""
    if os.getuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0):
        raise OSError("prctl")


def told_by(home: Path, output: Path, verbs: dict[str, list[str]]) -> dict[str, Any]:
    """Run verbs in a process that heeds the modes of files, whoever it runs as."""
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        input=json.dumps(verbs).replace("OUTPUT", str(output)),
        capture_output=True,
        text=True,
        cwd=home,
        env={**os.environ, "HOME": str(home), "MPLCONFIGDIR": str(output)},
        check=False,
        preexec_fn=heed_modes,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.skipif(sys.platform != "linux", reason="root heeds modes on Linux only")
def test_verbs_that_only_read_need_no_write_access(home: Path, tmp_path: Path) -> None:
    before, output = content(home), tmp_path / "output"
    output.mkdir()
    told = told_by(home, output, READING | WRITING)
    for name in READING:
        status, out, err = told[name]
        assert status == 0, f"{name}: {status} {err}"
        assert out or name in ("figure", "report"), name
        assert "denied" not in err, f"{name}: {err}"
    for name in WRITING:
        status, _, err = told[name]
        assert status == 1, f"{name}: {status} {err}"
        assert "BRAINBENCH_HOME" in err, f"{name}: {err}"
    assert content(home) == before
    assert (output / "bars.svg").is_file()
    assert (output / "site/index.html").is_file()
