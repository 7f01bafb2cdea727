"""Whether what a plugin builds holds what its folder holds."""

from __future__ import annotations

import json
import shutil
import tempfile
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlparse

from brainbench_audio.archives import unpack
from brainbench_audio.children import last_lines, run_python
from brainbench_audio.testing.conformance.check import Failed, NotChecked

# what building leaves behind, and what is no part of a distribution
_LITTER = (".*", "__pycache__", "*.pyc", "*.egg-info", "build", "dist")
_SECONDS = 300
_LARGEST = 2_000_000_000  # bytes
# one call of a build backend, https://peps.python.org/pep-0517
_CALL = """
import importlib, os, sys
os.chdir(sys.argv[2])
backend, _, inner = sys.argv[1].partition(":")
found = importlib.import_module(backend)
for name in filter(None, inner.split(".")):
    found = getattr(found, name)
print(getattr(found, sys.argv[3])(sys.argv[4]))
"""


def built_is_whole(name: str, package: str) -> None:
    """Fail if the wheel of a distribution lacks files of its package's folder.

    The wheel is built from the sdist, as pip does for whom there is no wheel, in a copy of the
    folder that the distribution was installed from.

    Parameters
    ----------
    name : str
        Of the distribution.
    package : str
        Its import package.
    """
    source = _folder(name)
    inside = next(
        (one for one in (source / package, source / "src" / package) if one.is_dir()), None
    )
    if inside is None:
        raise NotChecked(f"{source} has no folder {package}")
    with tempfile.TemporaryDirectory() as scratch:
        work, out = Path(scratch) / "copy", Path(scratch) / "out"
        shutil.copytree(source, work, ignore=shutil.ignore_patterns(*_LITTER))
        out.mkdir()
        kept = work / inside.relative_to(source)
        wanted = {
            f"{package}/{one.relative_to(kept).as_posix()}"
            for one in kept.rglob("*")
            if one.is_file()
        }
        sdist = out / _call(work, "build_sdist", out)
        unpack(sdist, Path(scratch) / "sdist", largest=_LARGEST)
        (unpacked,) = (Path(scratch) / "sdist").iterdir()
        wheel = out / _call(unpacked, "build_wheel", out)
        with zipfile.ZipFile(wheel) as archive:
            missing = sorted(wanted - set(archive.namelist()))
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise Failed(
            f"The wheel lacks {', '.join(missing[:3])}{more}, so nobody who installs it gets "
            f"them: name them in pyproject.toml, [tool.setuptools.package-data]."
        )


def _folder(name: str) -> Path:
    """Return the folder that a distribution was installed from."""
    told = distribution(name).read_text("direct_url.json")
    url = urlparse(json.loads(told).get("url", "") if told else "")
    folder = Path(unquote(url.path))
    if url.scheme != "file" or not (folder / "pyproject.toml").is_file():
        raise NotChecked("it was not installed from a folder: pip install -e FOLDER")
    return folder


def _call(folder: Path, hook: str, out: Path) -> str:
    """Call the build backend of a folder; return the name of the file it made."""
    content = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    backend = content.get("build-system", {}).get("build-backend", "setuptools.build_meta")
    done = run_python(["-c", _CALL, backend, str(folder), hook, str(out)], timeout=_SECONDS)
    if done.returncode:
        raise Failed(f"It cannot be built: {last_lines(done.stderr)}")
    return done.stdout.decode().splitlines()[-1]
