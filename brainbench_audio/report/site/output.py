"""The folder of a site: only ever filled if it is empty or ours, each file whole or absent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file
from brainbench_audio.report.site.clips import FOLDER, SUFFIX

MARKER = ".brainbench-site.json"


def check_folder(folder: Path) -> None:
    """Raise DataError unless a site may be written to a folder: absent, empty, or a site of ours.

    Raises
    ------
    DataError
        It is a file, or holds files that are not ours.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise DataError(f"{folder} is a file: give a folder for the site.")
    written_pages(folder)
    if not (folder / MARKER).exists() and next(folder.iterdir(), None) is not None:
        raise DataError(
            f"{folder} holds files but no site of brainbench, so nothing was written. Give another "
            f"folder, or empty this one."
        )


def write_folder(folder: Path, pages: Mapping[str, str | bytes]) -> int:
    """Write the pages of a site, and remove those of an earlier one that are no longer among them.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    pages : mapping of str to str or bytes
        Path below the folder, with ``/``, to text, or to a sound.

    Returns
    -------
    int
        Bytes of all pages.

    Raises
    ------
    DataError
        See `check_folder`.
    CacheError
        The folder cannot be written to or is full.
    """
    check_folder(folder)
    before = written_pages(folder)
    # first, and with the old pages too: a run that is killed leaves a folder that is still ours
    _mark(folder, {*before, *pages})
    size = 0
    for name, given in pages.items():
        content = given.encode() if isinstance(given, str) else given
        with atomic_file(folder / name) as temporary:
            temporary.write_bytes(content)
        size += len(content)
    for name in set(before) - set(pages):
        (folder / name).unlink(missing_ok=True)
    _mark(folder, set(pages))
    return size


def _mark(folder: Path, names: set[str]) -> None:
    with atomic_file(folder / MARKER) as temporary:
        temporary.write_text(json.dumps({"pages": sorted(names)}, indent=1), encoding="utf-8")


def written_pages(folder: Path) -> list[str]:
    """Return the pages that the last run wrote; none if there was no such run.

    Raises
    ------
    DataError
        The list of them is damaged.
    """
    try:
        names = json.loads((folder / MARKER).read_text(encoding="utf-8"))["pages"]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder / MARKER} is damaged ({error}), so it cannot be told which files of {folder} "
            f"are ours. Delete the folder, or give another one."
        ) from error
    return [name for name in names if _inside(name)]


def _inside(name: object) -> bool:
    """Say whether a name is that of a page or a clip of ours, whoever wrote it into the marker."""
    if not isinstance(name, str):
        return False
    path = PurePosixPath(name)
    ours = path.suffix == ".html" or (
        path.suffix == SUFFIX and path.parent == PurePosixPath(FOLDER)
    )
    return ours and not path.is_absolute() and ".." not in path.parts
