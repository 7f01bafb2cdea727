"""Full disks, disks that may only be read, and disks that fail when a file is closed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.scores.score import Score
from brainbench_audio.settings import results_home

Told = pytest.CaptureFixture[str]
VERBS = {
    "figure": ["figure", "bars", "--benchmark", "Brain-x", "--output", "{}/bars.{}"],
    "new": ["new", "{1}", "mine", "--output", "{0}/mine"],
    "export": ["export", "--output", "{}/all.{}"],
    "report": ["report", "--output", "{0}/site", "--published", "none"],
}
CASES = [
    *(("figure", suffix) for suffix in ("png", "pdf", "svg")),
    *(("new", kind) for kind in ("model", "benchmark", "metric")),
    *(("export", suffix) for suffix in ("csv", "nc")),
    ("report", ""),
]


@pytest.fixture(autouse=True)
def fast_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: no test here pulls the plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def scores(keep: Callable[..., Path]) -> None:
    for number in range(3):
        keep(f"net-{number}", "Brain-x", number / 10 + 0.1, error=0.01)


def refused(arguments: list[str], told: Told) -> str:
    """Run a verb that cannot write; return the one sentence that it says."""
    told.readouterr()
    assert main(arguments) == 1
    message = told.readouterr().err
    assert message.count("\n") == 1, message
    assert message.startswith("brainbench: Cannot write")
    return message


@pytest.mark.usefixtures("scores")
@pytest.mark.parametrize(("verb", "kind"), CASES)
def test_a_full_disk(small_disk: Path, capsys: Told, verb: str, kind: str) -> None:
    if verb == "figure":
        pytest.importorskip("matplotlib")
    arguments = [part.format(small_disk, kind) for part in VERBS[verb]]
    ballast = small_disk / "ballast"
    for free in (0, 1, 2):
        ballast.unlink(missing_ok=True)
        ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 4096 * free))
        told = refused(arguments, capsys) if free == 0 else ""
        if free:
            main(arguments)
            shutil.rmtree(small_disk / "mine", ignore_errors=True)
        assert not list(small_disk.rglob(".part-*"))
        assert free or "No space left on device. Free some space" in told


@pytest.mark.usefixtures("scores")
@pytest.mark.parametrize(("verb", "kind"), CASES)
def test_a_disk_that_may_only_be_read(
    read_only_folder: Path, capsys: Told, verb: str, kind: str
) -> None:
    if verb == "figure":
        pytest.importorskip("matplotlib")
    arguments = [part.format(read_only_folder, kind) for part in VERBS[verb]]
    told = refused(arguments, capsys)
    assert "Read-only file system. You may not write there" in told


def test_simcortex_on_a_full_disk(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = pytest.importorskip("brainbench_simcortex.storage")
    from brainbench_audio.errors import CacheError

    monkeypatch.setattr(storage, "synthesise", lambda *_: np.ones(4000, np.int16))
    monkeypatch.setattr(storage, "percepts", lambda *_: {})
    with pytest.raises(CacheError, match=r"No space left on device\. Free some space"):
        storage.generate(small_disk / "simcortex")
    assert list(small_disk.iterdir()) == []


# a root user obeys the permissions of files, too, without its capabilities
WITHOUT_RIGHTS = """
import ctypes, os, sys
from brainbench_audio.cli.main import main
if not os.geteuid():
    head, nothing = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert not ctypes.CDLL(None).capset(head, nothing)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@pytest.mark.usefixtures("scores")
@pytest.mark.parametrize(
    "verb",
    [
        *("figure", "cache"),
        *(pytest.param(verb, marks=pytest.mark.slow) for verb in ("new", "export", "report")),
        pytest.param("results", marks=pytest.mark.slow),
    ],
)
def test_a_user_who_may_not_write(tmp_path: Path, verb: str) -> None:
    target = tmp_path / "theirs"
    target.mkdir()
    kind = {"figure": "png", "new": "model", "export": "csv"}.get(verb, "")
    removing = {
        "cache": ["cache", "clear", "--results"],
        "results": ["results", "rm", "--model", "*", "--yes"],
    }
    arguments = [part.format(target, kind) for part in VERBS.get(verb, removing.get(verb, []))]
    folders = [target, *(path for path in results_home().rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    stored = sorted(results_home().rglob("*"))
    try:
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_RIGHTS, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
        )
        assert list(target.iterdir()) == []
        assert sorted(results_home().rglob("*")) == stored
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Permission denied. You may not write there" in done.stderr


SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int close(int file) {
    static int (*real)(int);
    char link[64], target[4096];
    if (!real) real = dlsym(RTLD_NEXT, "close");
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, target, sizeof target - 1);
    int result = real(file);
    if (length > 0 && (target[length] = 0, strstr(target, ".part-")) && strstr(target, ".nc")) {
        errno = EIO;
        return -1;
    }
    return result;
}
"""
WRITE = """
import sys
import numpy as np, xarray as xr
from brainbench_audio.errors import CacheError
from brainbench_audio.scores.score import Score
from brainbench_audio.settings import results_home
try:
    Score(value=0.5, raw=xr.Dataset({"a": ("x", np.arange(3.0))})).to_netcdf(sys.argv[1])
except CacheError as error:
    print(error)
"""


def test_a_disk_that_fails_when_a_file_is_closed(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("no shim: it takes Linux and a C compiler")
    (tmp_path / "shim.c").write_text(SHIM)
    library = tmp_path / "shim.so"
    command = [compiler, "-shared", "-fPIC", "-o", library, tmp_path / "shim.c", "-ldl"]
    subprocess.run(command, check=True)
    place = tmp_path / "store" / "score.nc"
    done = subprocess.run(
        [sys.executable, "-c", WRITE, str(place)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "LD_PRELOAD": str(library)},
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert "Input/output error. Look at the disk" in done.stdout
    assert list(place.parent.iterdir()) == []


def test_files_are_not_padded(tmp_path: Path) -> None:
    """Also not where they were put together in memory."""
    Score(value=0.5).to_netcdf(tmp_path / "score.nc")
    assert (tmp_path / "score.nc").stat().st_size < 20_000
    assert Score.from_netcdf(tmp_path / "score.nc").value == 0.5
