"""TextGrids of Praat: which words and phones are spoken when."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brainbench_audio.errors import DataError

# an hour of words and phones is 3 MB
_LARGEST = 100_000_000
_KINDS = ("IntervalTier", "TextTier")
# Praat reads free-standing numbers, texts and flags, and nothing else: so both formats are one.
# In a text, a quotation mark is written twice. Nothing is tried twice (++): a damaged file of any
# length is refused at once. The last one is a text that does not end.
_TOKENS = re.compile(
    r'"((?:[^"]++|"")*+)"'
    r"|(?<!\S)<(\w++)>(?!\S)"
    r"|(?<!\S)([-+]?\d++(?:\.\d*+)?(?:[eE][-+]?\d++)?)(?!\S)"
    r'|(")'
)


@dataclass(frozen=True)
class Tier:
    """What is marked in one respect, in the order of time.

    Attributes
    ----------
    name : str
    intervals : tuple of (float, float, str)
        Start and end, s, and label; of a point in time, both are that.
    """

    name: str
    intervals: tuple[tuple[float, float, str], ...]


def read_textgrid(file: Path) -> tuple[Tier, ...]:
    """Read the tiers of a TextGrid in Praat's long or short text format.

    Parameters
    ----------
    file : Path
        UTF-8, UTF-16 or, as written by old versions, Latin-1.

    Raises
    ------
    DataError
        It cannot be read, is larger than 100 MB, or is no whole TextGrid.

    Notes
    -----
    Boersma and Weenink, "Praat: doing phonetics by computer", manual, "TextGrid file formats".
    """
    try:
        if (size := file.stat().st_size) > _LARGEST:
            raise DataError(
                f"{file} has {size} bytes, expected {_LARGEST} at most of a TextGrid: use the file "
                f"of one recording."
            )
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error}. Get it again.") from error
    return tuple(_Reader(file, _decoded(content)).tiers())


def _decoded(content: bytes) -> str:
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


class _Reader:
    """Takes numbers and texts of a file one by one."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._tokens = _TOKENS.finditer(text)

    def tiers(self) -> Iterator[Tier]:
        """Yield the tiers."""
        self._expect("ooTextFile", "ooTextFile short")
        self._expect("TextGrid")
        self._span()
        if self._next("a flag", 2) != "exists":
            return
        for _ in range(self._count("tiers")):
            kind = self._expect(*_KINDS)
            name = self._text("the name of a tier")
            self._span()
            count = self._count(f"entries of tier {name!r}")
            yield Tier(name, tuple(self._entries(kind, name, count)))

    def _entries(self, kind: str, name: str, count: int) -> Iterator[tuple[float, float, str]]:
        last = float("-inf")
        for _ in range(count):
            start, end = self._span() if kind == _KINDS[0] else 2 * (self._number("a time"),)
            if start < last:
                raise self._trouble(
                    f"tier {name!r} goes back in time, from {last:g} to {start:g} s"
                )
            last = start
            yield start, end, self._text(f"a label of tier {name!r}")

    def _span(self) -> tuple[float, float]:
        start, end = self._number("a start"), self._number("an end")
        if end < start:
            raise self._trouble(f"something ends at {end:g} s, before it starts at {start:g} s")
        return start, end

    def _count(self, what: str) -> int:
        count = self._number(f"the number of {what}")
        if count < 0 or not count.is_integer():
            raise self._trouble(f"{count:g} {what} are expected")
        return int(count)

    def _number(self, what: str) -> float:
        number = float(self._next(what, 3))
        if abs(number) == float("inf"):
            raise self._trouble(f"{what} is infinite")
        return number

    def _text(self, what: str) -> str:
        return self._next(what, 1).replace('""', '"')

    def _expect(self, *texts: str) -> str:
        found = self._text(texts[0])
        if found not in texts:
            raise self._trouble(f"it has {found[:40]!r} where {' or '.join(texts)} is expected")
        return found

    def _next(self, what: str, group: int) -> str:
        token = next(self._tokens, None)
        if token is None:
            raise self._trouble(f"it ends where {what} is expected")
        if token.lastindex != group:
            raise self._trouble(f"it has {token[0][:40]} where {what} is expected")
        return token[group]

    def _trouble(self, what: str) -> DataError:
        return DataError(
            f"{self._file} is no whole TextGrid: {what}. Save it from Praat as a text file, or get "
            f"it again."
        )
