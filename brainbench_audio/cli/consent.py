"""Asks before something large or doubtful is done."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import size_in_words
from brainbench_audio.names import printable

_ASKED_ABOVE = 2_000_000_000  # bytes


def confirm_download(sizes: Mapping[str, int | None], agreed: bool) -> None:
    """Show what is to be downloaded; ask if it is much or nobody knows how much.

    Parameters
    ----------
    sizes : mapping of str to (int or None)
        What, and its bytes.
    agreed : bool
        Do not ask.

    Raises
    ------
    DataError
        Nobody agrees.
    """
    if not sizes:
        return
    for name, size in sizes.items():
        print(f"{name}: {_size(size)}", file=sys.stderr)
    known = [size for size in sizes.values() if size is not None]
    whole = len(known) == len(sizes)
    total = f"{'' if whole else 'more than '}{_size(sum(known))}" if known else "files of any size"
    if agreed or (whole and sum(known) <= _ASKED_ABOVE):
        return
    free = shutil.disk_usage(_existing(settings.data_home())).free
    ask(
        f"Download {total} ({_size(free)} are free)?",
        f"This would download {total}. Nothing was downloaded",
    )


def ask(question: str, refusal: str) -> None:
    """Ask a question on the terminal.

    Raises
    ------
    DataError
        The answer is not yes, or there is nobody to answer.
    """
    if not sys.stdin.isatty():
        raise DataError(f"{refusal}: add --yes to agree.")
    print(f"{printable(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise DataError(f"{refusal}.")


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _size(size: int | None) -> str:
    return "size not known" if size is None else size_in_words(size)
