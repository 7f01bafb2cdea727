"""Writes a repository of results: folders, a workflow that validates them, and a guide."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import atomic_folder
from brainbench_audio.sharing.declared import MODELS
from brainbench_audio.sharing.record import RESULTS

from .distribution import CORE_RANGE, template_files

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# no package takes files with a dot before their names along
_DOTTED = ("github", "gitignore")


def write_results_folder(name: str, folder: Path) -> list[Path]:
    """Write a folder that `brainbench results submit` adds to; return its files.

    Raises
    ------
    ContractError
        The name does not do for a repository.
    DataError
        The folder exists.
    CacheError
        It cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ContractError(
            f"{name!r} does not do as the name of a repository: use up to 100 letters, digits, "
            f"dots, hyphens and underscores, a letter or a digit first."
        )
    if folder.exists():
        raise DataError(f"{folder} exists: choose another folder with --output, or remove it.")
    with atomic_folder(folder) as temporary:
        for template, relative in template_files("results"):
            top = relative.partition("/")[0]
            place = temporary / (f".{relative}" if top in _DOTTED else relative)
            place.parent.mkdir(parents=True, exist_ok=True)
            text = Template(template.read_text(encoding="utf-8"))
            place.write_text(text.substitute(name=name, core=CORE_RANGE), encoding="utf-8")
        for top in (RESULTS, MODELS):
            (temporary / top).mkdir()
            (temporary / top / ".gitkeep").touch()
    return sorted(path for path in folder.rglob("*") if path.is_file())
