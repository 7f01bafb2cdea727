"""Names that look the same are the same, and none can write to a terminal."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from brainbench_audio.errors import DataError

# control characters, and those that turn the direction of writing
_CONTROL = {"Cc", "Cf", "Cs"}


def one_form(text: str) -> str:
    r"""Return a name in the one form (Unicode NFC) in which names are compared.

    ``é`` may be one character, as typed, or an ``e`` with an accent behind it, as macOS and some
    archives write names of files.

    Examples
    --------
    >>> len("e\u0301"), len(one_form("e\u0301"))
    (2, 1)
    """
    return unicodedata.normalize("NFC", text)


def printable(text: str) -> str:
    r"""Return a text without control characters, which could write anything to a terminal.

    Examples
    --------
    >>> printable("red \x1b[31m")
    'red \\x1b[31m'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(repr(sign)[1:-1] if is_control(sign) else sign for sign in text)


def printable_lines(text: str) -> str:
    r"""Return a text of several lines without other control characters.

    Examples
    --------
    >>> printable_lines("one\ntwo\r")
    'one\ntwo\\r'
    """
    return "\n".join(map(printable, text.split("\n")))


def is_control(sign: str) -> bool:
    """Tell whether a character controls a terminal or turns the direction of writing."""
    return unicodedata.category(sign) in _CONTROL


def from_home(path: str | Path) -> Path:
    """Return a path with the home folder that a ``~`` at its beginning stands for.

    Raises
    ------
    DataError
        Nobody knows that folder.
    """
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError as error:  # all that Python says of it
        raise DataError(
            f"The home folder of {path.parts[0]} is not known here: write the whole path in place "
            f"of {path}, or ./ before a name that begins with ~."
        ) from error


def as_on_disk(path: Path) -> Path:
    """Return a path as the disk spells it; one that is not there as it is.

    Raises
    ------
    DataError
        Two files have a name that looks like that.
    """
    if str(path).isascii():
        return path
    found = Path(path.anchor)
    for part in path.parts[1:] if path.anchor else path.parts:
        found = _entry(found, part)
    return found


def _entry(folder: Path, name: str) -> Path:
    if name.isascii():
        return folder / name
    forms = {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}
    paths = [folder / form for form in sorted(forms) if (folder / form).exists()]
    if not paths and folder.is_dir() and os.access(folder, os.R_OK):  # a mixture of both forms
        paths = [path for path in sorted(folder.iterdir()) if one_form(path.name) == one_form(name)]
    # some disks of macOS find one file under both forms
    others = [path for path in paths[1:] if not path.samefile(paths[0])]
    if others:
        names = f"{paths[0].name!a} and {others[0].name!a}"
        raise DataError(
            f"{folder.absolute()} has two files whose names look the same, {names}; expected one. "
            f"Rename or remove the other."
        )
    return paths[0] if paths else folder / name
