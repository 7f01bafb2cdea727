"""Names that look the same are the same, and none can write to a terminal."""

from __future__ import annotations

import unicodedata

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
