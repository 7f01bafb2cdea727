"""Code that lies in the current folder, such as a downloaded archive's, never runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# what pip writes as `brainbench`
SCRIPT = "import sys\nfrom brainbench_audio.cli.main import main\nsys.exit(main())\n"
OTHERS = (
    *("brainbench_audio", "brainbench_tiny", "dask", "distributed", "filelock", "matplotlib"),
    *("netCDF4", "numpy", "packaging", "pip", "platformdirs", "pluggy", "pooch", "requests"),
    *("safetensors", "scipy", "setuptools", "sitecustomize", "sklearn", "soundfile", "soxr"),
    *("torch", "torchaudio", "tqdm", "transformers", "usercustomize", "xarray", "yaml"),
)
Hostile = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hostile(tmp_path: Path, tiny: Path) -> Hostile:
    """Return a function that runs the command in a folder of modules that leave a mark if run."""
    folder, marks, home = tmp_path / "archive", tmp_path / "marks", tmp_path / "home"
    script = tmp_path / "bin" / "brainbench"
    for each in (folder, marks, home, script.parent):
        each.mkdir()
    script.write_text(SCRIPT)
    source = f"open({str(marks)!r} + '/' + __name__, 'w').close()\nraise ImportError('hostile')\n"
    # also the names of modules that are there already when anything of ours runs
    for name in (*sys.stdlib_module_names, *OTHERS):
        (folder / f"{name}.py").write_text(source)

    def run(
        *arguments: str, start: tuple[str, ...] = (str(script),)
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *start, *arguments],
            cwd=folder,
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert [mark.name for mark in marks.iterdir()] == [], done.stderr
        return done

    run.folder, run.marks = folder, marks  # type: ignore[attr-defined]
    return run


def test_the_modules_would_leave_a_mark(hostile: Hostile) -> None:
    with pytest.raises(AssertionError, match="json"):
        hostile(start=("-c", "import json"))


def test_a_verb_in_this_process(hostile: Hostile) -> None:
    assert hostile("list", "models").returncode == 0


@pytest.mark.slow
def test_more_verbs(hostile: Hostile) -> None:
    assert hostile("score", "-m", "tiny-plain", "-b", "Tiny-match", "--json").returncode == 0
    assert hostile("results", "list").returncode == 0
    assert hostile("report", "--output", "site").returncode == 0


@pytest.mark.slow
def test_a_plugin_is_checked(hostile: Hostile) -> None:
    told = hostile("check", "brainbench-tiny", "--json").stdout
    assert '"brainbench-tiny"' in told or '"state": "ok"' in told, told


def test_a_matlab_file_is_read(hostile: Hostile) -> None:
    pytest.importorskip("brainbench_natsound165")
    code = (
        "import sys; del sys.path[0]\n"  # as for a script, which lies elsewhere
        "from pathlib import Path\n"
        "from brainbench_audio.matlab import load_mat\n"
        "print(load_mat(Path('own.mat'))['x'].sum())\n"
    )
    import numpy as np
    import scipy.io

    scipy.io.savemat(hostile.folder / "own.mat", {"x": np.arange(4.0)})  # type: ignore[attr-defined]
    done = hostile(start=("-c", code))
    assert done.stdout == "6.0\n", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", [("--workers", "1"), ("--isolate", "shared")])
def test_other_processes_score(
    hostile: Hostile, how: tuple[str, ...], tiny: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    if how[0] == "--workers":
        pytest.importorskip("cryptography")
    wheel(tiny.parent, tmp_path)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    done = hostile("score", "-m", "tiny-plain", "-b", "Tiny-match", *how)
    assert done.returncode == 0, done.stderr


def wheel(site: Path, folder: Path) -> None:
    """Write what pip installs of the tiny plugin."""
    info = "brainbench_tiny-1.5.dist-info"
    with zipfile.ZipFile(folder / "brainbench_tiny-1.5-py3-none-any.whl", "w") as archive:
        for file in (*site.glob("brainbench_tiny/*.py"), *(site / info).iterdir()):
            archive.write(file, file.relative_to(site))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize("module", ["brainbench_audio", "brainbench_audio.cli.main"])
def test_as_a_module(module: str, hostile: Hostile) -> None:
    """Python itself imports `runpy` and the package from the current folder first, if it can."""
    folder: Path = hostile.folder  # type: ignore[attr-defined]
    before = "import sys, runpy, brainbench_audio.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", before], capture_output=True, text=True, check=True
    ).stdout.split()
    for name in {module.partition(".")[0] for module in loaded}:
        (folder / f"{name}.py").unlink(missing_ok=True)
    assert (folder / "json.py").exists()
    assert (folder / "argparse.py").exists()
    done = hostile("list", "models", start=("-m", module))
    assert "tiny-plain" in done.stdout
