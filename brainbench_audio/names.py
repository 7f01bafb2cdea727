"""Names that look the same are the same."""

from __future__ import annotations

import unicodedata


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
