"""Takes the time of day out of an HDF5 file, so that the same arrays give the same bytes.

A netCDF file that is put together in memory says when its root group was made; on a disk the
library leaves that out, and offers no way to leave it out here.
"""

from __future__ import annotations

from collections.abc import Sequence

_ROOT = 36  # where a superblock of version 2 or 3 holds the address of the root group's header
_TIMES, _PHASES = 0x20, 0x10  # flags of a header: four times, and two numbers, come before its size
_MASK = 0xFFFFFFFF


def without_times(content: bytes) -> bytes:
    """Return a file whose root group was made at no time; others, and unknown ones, as they are.

    Notes
    -----
    HDF5 File Format Specification 3.0, sections II.A and IV.A.1.b.
    """
    start = int.from_bytes(content[_ROOT : _ROOT + 8], "little")
    if content[start : start + 5] != b"OHDR\x02" or not content[start + 5] & _TIMES:
        return content
    flags, changed = content[start + 5], bytearray(content)
    times = start + 6
    changed[times : times + 16] = bytes(16)
    place = times + 16 + (4 if flags & _PHASES else 0)
    width = 1 << (flags & 3)
    end = place + width + int.from_bytes(content[place : place + width], "little")
    changed[end : end + 4] = lookup3(changed[start:end]).to_bytes(4, "little")
    return bytes(changed)


def lookup3(key: Sequence[int]) -> int:
    """Return the checksum of bytes that HDF5 has in its headers.

    Notes
    -----
    Bob Jenkins 2006, hash function "lookup3", `hashlittle` with an initial value of 0.

    Examples
    --------
    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(key)) & _MASK
    if not key:
        return c
    rest = bytes(key) + bytes(-len(key) % 12)
    blocks = [
        [int.from_bytes(rest[place + four : place + four + 4], "little") for four in (0, 4, 8)]
        for place in range(0, len(rest), 12)
    ]
    for number, (x, y, z) in enumerate(blocks):
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        if number < len(blocks) - 1:
            for turn in (4, 6, 8, 16, 19, 4):
                a = ((a - c) & _MASK) ^ _turned(c, turn)
                a, b, c = b, (c + b) & _MASK, a
    for turn in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _turned(b, turn)) & _MASK
        a, b, c = b, c, a
    return b


def _turned(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK
