"""Builds the core and every plugin, installs each alone in a clean environment, runs its tests.

Clean means: the wheel, the core's wheel and the plugins it depends on, all installed by pip, and
third-party libraries of the environment this runs in. Those are borrowed, not installed again,
because torch alone takes gigabytes; that they suffice is what `pip check` says afterwards.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

if __package__:
    from .components import write_components
else:
    from components import write_components

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
OWN = "brainbench"


@dataclass(frozen=True)
class Project:
    """A folder with a pyproject.toml; ``needs`` are the other projects it depends on."""

    name: str
    folder: Path
    needs: tuple[str, ...]

    @property
    def wheel(self) -> Path:
        """The wheel that `build` made."""
        (found,) = DIST.glob(f"{self.name.replace('-', '_')}-*.whl")
        return found


def projects() -> dict[str, Project]:
    """Return the core and all plugins by name."""
    found = {}
    for file in [ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/*/pyproject.toml"))]:
        content = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        required = (Requirement(line).name for line in content["dependencies"])
        needs = tuple(name for name in required if name.startswith(OWN))
        found[content["name"]] = Project(content["name"], file.parent, needs)
    return found


def build(project: Project) -> None:
    """Build sdist and wheel into dist/; the wheel from the sdist, so that nothing is left out."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST)]
    done = subprocess.run(
        [*command, str(project.folder)],
        capture_output=True,
        text=True,
        check=False,
        env=build_environment(),
    )
    if done.returncode:
        raise SystemExit(f"{project.name} cannot be built:\n{done.stdout}{done.stderr}")


def build_environment() -> dict[str, str]:
    """Return variables that give the same source the same wheel, whenever it is built."""
    moment = os.environ.get("SOURCE_DATE_EPOCH")
    if moment is None:
        command = ["git", "log", "-1", "--format=%ct"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        moment = done.stdout.strip() or "0"
    return {**os.environ, "SOURCE_DATE_EPOCH": moment}


def try_alone(project: Project, known: dict[str, Project]) -> bool:
    """Install a project with what it needs and nothing else, and run its tests."""
    with tempfile.TemporaryDirectory(prefix="brainbench-dist-") as name:
        folder = Path(name)
        python = environment(folder)
        wheels = [str(known[need].wheel) for need in closure(project, known)]
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", *wheels], check=True)
        commands = [[str(python), "-m", "brainbench_audio.cli.main", "doctor"]]
        tests = copied_tests(project, folder / "checkout")
        commands.append([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests])
        return all(passes(command, folder / "checkout", settings(folder)) for command in commands)


def requirements_met(pip: list[str]) -> bool:
    """Ask pip whether anything of ours lacks something; what others lack is theirs."""
    done = subprocess.run([*pip, "check"], capture_output=True, text=True, check=False)
    lacking = [line for line in done.stdout.splitlines() if line.startswith(OWN)]
    for line in lacking:
        print(f"  {line}")
    return not lacking


def environment(folder: Path) -> Path:
    """Make a virtual environment that sees this one's libraries but none of its plugins."""
    venv.create(folder / "venv", with_pip=False)
    borrowed = folder / "borrowed"
    borrowed.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith((OWN, "__editable__")):
            (borrowed / entry.name).symlink_to(entry)
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    (site / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    return folder / "venv" / "bin" / "python"


def closure(project: Project, known: dict[str, Project]) -> list[str]:
    """Return a project's name and those of all it depends on."""
    found = [project.name]
    for need in project.needs:
        found += [name for name in closure(known[need], known) if name not in found]
    return found


def copied_tests(project: Project, checkout: Path) -> list[str]:
    """Copy what tests need to a place without sources, so that wheels are what is tested."""
    checkout.mkdir()
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout / name)
    shutil.copytree(
        ROOT / "tests", checkout / "tests", ignore=shutil.ignore_patterns("__pycache__")
    )
    if project.folder == ROOT:
        # what loops over all plugins is no test of the core alone
        return ["tests/assemblies", "tests/registry", "tests/scores", "tests/stimuli"]
    relative = project.folder.relative_to(ROOT) / "tests"
    shutil.copytree(ROOT / relative, checkout / relative)
    return [str(relative)]


def settings(folder: Path) -> dict[str, str]:
    """Return the environment variables of a clean run."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**kept, "PYTHONPATH": str(folder / "checkout"), "BRAINBENCH_HOME": str(folder / "home")}


def passes(command: list[str], folder: Path, variables: dict[str, str]) -> bool:
    """Run a command and show what it printed if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"  {' '.join(command[1:4])} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    else:
        print(f"  {' '.join(command[1:4])}: {done.stdout.strip().splitlines()[-1]}")
    return done.returncode == 0


def changed_since(base: str, known: dict[str, Project]) -> list[Project]:
    """Return the plugins in which a file differs from a commit."""
    command = ["git", "diff", "--name-only", base]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        project
        for project in known.values()
        if project.folder != ROOT
        and any((ROOT / file).is_relative_to(project.folder) for file in files.splitlines())
    ]


def main() -> int:
    """Build all, try the chosen ones; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changed-since", metavar="COMMIT", help="only plugins changed since then")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these distributions")
    options = parser.parse_args()
    known = projects()
    chosen = list(known.values())
    if options.changed_since:
        chosen = changed_since(options.changed_since, known)
    if options.only:
        chosen = [known[name] for name in options.only]
    needed = {name for project in chosen for name in closure(project, known)}
    shutil.rmtree(DIST, ignore_errors=True)
    for name in sorted(needed):
        build(known[name])
    os.environ["SOURCE_DATE_EPOCH"] = build_environment()["SOURCE_DATE_EPOCH"]
    write_components((known[name].wheel for name in needed), DIST / "components.cdx.json")
    failed = []
    for project in chosen:
        print(project.name, flush=True)
        if not try_alone(project, known):
            failed.append(project.name)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} distributions pass alone")
    if failed:
        print("failed:", ", ".join(failed))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
