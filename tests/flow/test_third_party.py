"""A stranger's plugin, from nothing to a score and away again, in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from brainbench_audio.templates.distribution import Kind, names, write_distribution

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a virtual environment that borrows the libraries of this one, but not what pip added."""
    folder = tmp_path_factory.mktemp("stranger")
    venv.create(folder / "venv", with_pip=False)
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    # pip takes 4 s to unpack and torch has gigabytes; a plain line in a .pth file does not run the
    # .pth files it leads to
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (site / "core.pth").write_text(str(ROOT) + "\n")
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Run:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    settings = {**clean, "BRAINBENCH_HOME": str(tmp_path / "home"), "BRAINBENCH_OFFLINE": "1"}

    def command(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(environment / "venv" / "bin" / "python"), *arguments],
            cwd=tmp_path,
            env=settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return command


def brainbench(run: Run, *arguments: str, status: int = 0) -> str:
    done = run("-m", "brainbench_audio.cli.main", *arguments, status=status)
    return done.stdout + done.stderr


# what pip calls, in a fork for each folder: setuptools does not forget the first
BUILD = """
import os, sys
from setuptools import build_meta
for folder in sys.argv[2:]:
    if not os.fork():
        os.chdir(folder)
        build_meta.build_wheel(sys.argv[1])
        sys.exit()
    if os.wait()[1]:
        sys.exit(f"{folder} cannot be built")
"""


def build(wheels: Path, *folders: Path) -> list[str]:
    """Build wheels with this environment's setuptools; return their paths."""
    wheels.mkdir()
    command = [sys.executable, "-c", BUILD, str(wheels), *map(str, folders)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    built = sorted(map(str, wheels.glob("*.whl")))
    assert len(built) == len(folders)
    return built


def install(run: Run, *folders: Path) -> None:
    """Build and install; nothing is fetched."""
    built = build(folders[0].parent / f"wheels-{folders[0].name}", *folders)
    run("-m", "pip", "install", "-q", "--no-deps", "--no-index", *built)


def test_a_wheel_is_installed_scored_and_removed(run: Run, tmp_path: Path) -> None:
    folders = []
    kinds: dict[Kind, str] = {
        "model": "stranger-net",
        "benchmark": "Strange",
        "metric": "strangely",
    }
    for kind, name in kinds.items():
        named = names(kind, name)
        folder = tmp_path / named.distribution
        write_distribution(kind, named, folder)
        folders.append(folder)
    install(run, *folders)

    told = brainbench(
        run, "score", "--json", "-m", "stranger-net", "-b", "Strange-strangely", "--bootstrap", "0"
    )
    (pair,) = json.loads(told[told.index("[\n") : told.rindex("]") + 1])
    assert (pair["model"], pair["benchmark"]) == ("stranger-net", "Strange-strangely")
    assert 0 < pair["score"] <= 1
    assert pair["n"]["stimulus"] == 30

    run("-m", "pip", "uninstall", "-q", "-y", "brainbench-stranger-net")
    told = brainbench(run, "score", "-m", "stranger-net", "-b", "Strange-strangely", status=2)
    assert "There is no model 'stranger-net'" in told
    assert "stranger-net" not in brainbench(run, "list", "models")


def test_a_broken_plugin_is_listed_and_harms_nothing(run: Run, tmp_path: Path) -> None:
    folders = []
    for name, fault in (("sound-net", ""), ("broken-net", "import nothing_")):
        named = names("model", name)
        folder = tmp_path / named.distribution
        write_distribution("model", named, folder)
        module = folder / named.package / "__init__.py"
        module.write_text(module.read_text() + fault)
        folders.append(folder)
    install(run, *folders)
    told = brainbench(run, "doctor", status=1)
    assert "brainbench-broken-net" in told
    assert "nothing_" in told
    assert "sound-net" in brainbench(run, "list", "models")
    assert "broken-net" not in brainbench(run, "list", "models")


def test_a_plugin_for_another_version_says_so(run: Run, tmp_path: Path) -> None:
    named = names("model", "future-net")
    write_distribution("model", named, tmp_path / "future")
    project = tmp_path / "future" / "pyproject.toml"
    project.write_text(project.read_text().replace(">=0.1,<0.2", ">=7"))
    install(run, tmp_path / "future")
    told = brainbench(run, "doctor", status=1)
    assert "brainbench-future-net works with brainbench-audio>=7" in told
    assert "pip install --upgrade brainbench-future-net" in told


def test_from_wheels_to_a_figure_of_ones_own_network(generated: Path, tmp_path: Path) -> None:
    """What README shows runs in an empty folder, with nothing but wheels, in under 12 lines.

    Its data are there, which it would make in some seconds.
    """
    shutil.copytree(generated, tmp_path / "home" / "data" / generated.name)
    wheels, copies = tmp_path / "wheels", []
    for source in (".", "plugins/metrics/rsa", "plugins/benchmarks/simcortex"):
        copy = tmp_path / "sources" / source
        # building leaves files beside the source
        others = (
            "*.egg-info",
            "build",
            "tests",
            *((".*", "plugins", "docs") if source == "." else ()),
        )
        shutil.copytree(
            ROOT / source, copy, ignore=shutil.ignore_patterns(*others), dirs_exist_ok=True
        )
        copies.append(copy)
    built = build(wheels, *copies)
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    # into a folder of its own: what is installed already is neither asked nor touched
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target"]
    subprocess.run([*install, str(installed), *built], check=True)

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script = text.partition('```python title="my_networks.py"\n')[2].partition("```")[0]
    assert 5 < len([line for line in script.splitlines() if line.strip()]) < 12
    settings = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "BRAINBENCH_HOME": str(tmp_path / "home"),
        "BRAINBENCH_OFFLINE": "1",
    }
    checked = script + "\nprint(bb.__file__)\n"
    command = [sys.executable, "-c", checked]
    done = subprocess.run(
        command, cwd=empty, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(installed / "brainbench_audio" / "__init__.py")
    assert re.search(r"net-64 +SimCortex-rsa +0\.\d", done.stdout)
    assert re.search(r"^significant +(True|False)$", done.stdout, re.MULTILINE)
    assert (empty / "layers.png").read_bytes().startswith(b"\x89PNG")
    assert (empty / "scores.csv").read_text().count("SimCortex-rsa") == 2


@pytest.mark.data
def test_the_commands_of_contributing(data_folder: Path, run: Run, tmp_path: Path) -> None:
    """From nothing to a score on real components, in fewer than five commands."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = text.partition("From nothing to a score")[2].split("\n\n")[1]
    commands = [shlex.split(line) for line in block.splitlines()]
    assert 2 < len(commands) < 5
    copies = []
    for plugin in ("metrics/ridge", "benchmarks/natsound165"):  # what `make setup` has installed
        copy = tmp_path / plugin
        shutil.copytree(
            ROOT / "plugins" / plugin, copy, ignore=shutil.ignore_patterns("*.egg-info")
        )
        copies.append(copy)
    install(run, *copies)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "brainbench-audio"\n')
    told = ""
    for program, *arguments in commands:
        if program == "pip":
            assert arguments[:2] == ["install", "-e"]
            install(run, tmp_path / arguments[2])
        else:
            told = brainbench(run, *arguments)
    assert re.search(r"my-net +NH2015comp-ridge +0\.[1-9]", told)
