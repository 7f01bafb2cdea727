"""Compressed sound that is framed by its codec: FLAC, Ogg and MPEG audio.

libsndfile decodes what is left of a file that was cut short, and trusts lengths that nobody wrote
down. Each function here reads the codec's own framing: it raises `Refused`, or returns what
libsndfile needs to know to read the sound to its end.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import NamedTuple

_FLAC_SIZES = {1: 192, **{code: 144 << code for code in range(2, 6)}} | {
    code: 1 << code for code in range(8, 16)
}
_OGG_END = 4  # flag of a stream's last page
_OGG_PAGE = struct.Struct("<4sBBqIIIB")
_OGG_CHECKSUM = slice(22, 26)  # of a page
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MPEG_RATES = (44100, 48000, 32000)
_MPEG_KBITS = {  # (first version, layer): by index, 0 stands for a length that is not told
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")


class Refused(Exception):
    """Why a sound file is not read: the sentence that follows its name."""


class Framed(NamedTuple):
    """What the framing tells: bytes to decode in place of the file, and the samples in them."""

    repaired: bytes | None = None
    frames: int | None = None


def check_ogg(content: bytes) -> Framed:
    """Check that all pages of an Ogg stream are there: numbered, and the last marked as the last.

    Decoders pass over a page that does not give its checksum, and libsndfile then takes what is
    left for all there is.

    Raises
    ------
    Refused
        A page is cut, damaged or missing, or there is more than one stream, of which one would be
        read.
    """
    at, pages, serial, flags = 0, 0, None, 0
    while content.startswith(b"OggS", at):
        if flags & _OGG_END or serial not in (None, _OGG_PAGE.unpack_from(content, at)[4]):
            raise Refused("holds more than one Ogg stream, expected one: split or decode it")
        start = at
        _, _, flags, _, serial, number, checksum, segments = _OGG_PAGE.unpack_from(content, at)
        if number != pages:
            raise Refused(f"is damaged: Ogg page {number} comes where page {pages} is expected")
        body = at + _OGG_PAGE.size + segments
        at = body + sum(content[at + _OGG_PAGE.size : body])
        if at > len(content):
            raise Refused(f"is cut short: Ogg page {number} ends {at - len(content)} bytes later")
        if _ogg_checksum(content[start:at]) != checksum:
            raise Refused(f"is damaged: Ogg page {number} does not give its checksum")
        pages += 1
    if not flags & _OGG_END:
        raise Refused(f"is cut short: none of its {pages} Ogg pages is marked as the last")
    return Framed()


def _ogg_checksum(page: bytes) -> int:
    """Return the CRC of a page without its own field: that of zlib, all bits the other way."""
    empty = bytearray(page)
    empty[_OGG_CHECKSUM] = bytes(4)
    found = zlib.crc32(empty.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{found:032b}"[::-1], 2)


def check_flac(content: bytes) -> Framed:
    """Find the number of samples of a FLAC file that was written to a pipe and does not tell it.

    The last frame knows its place, and its checksum tells whether it is whole. Where the header
    tells the number, libFLAC gives an error if samples are missing.

    Raises
    ------
    Refused
        The file ends within a frame.
    """
    if tells_flac(content):
        return Framed()
    (told,) = struct.unpack_from(">Q", content, 18)
    at, kind = 4, 0
    while not kind & 0x80:
        kind, length = content[at], int.from_bytes(content[at + 1 : at + 4], "big")
        at += 4 + length
    end = len(content) - 128 if content[-128:-125] == b"TAG" else len(content)
    sync, place = content[at : at + 2], end
    for _ in range(3):  # a header by chance, checksum and all, is one in millions
        place = content.rfind(sync, at, place)
        while place >= 0 and _flac_samples(content, place) is None:
            place = content.rfind(sync, at, place)
        if place < 0:
            break
        frames = _flac_samples(content, place)
        if frames and not _checksum(content[place:end], 16, 0x8005):
            number = struct.pack(">Q", told | frames)
            return Framed(content[:18] + number + content[26:end], frames)
    raise Refused("is cut short: it ends within a FLAC frame")


def tells_flac(content: bytes) -> bool:
    """Return whether a FLAC file's header tells the number of samples."""
    return bool(int.from_bytes(content[18:26], "big") & ((1 << 36) - 1))


def _flac_samples(content: bytes, at: int) -> int | None:
    """Return the number of samples up to the end of the frame at a place, None if there is none."""
    sizes, digits = content[at + 2] >> 4 if at + 2 < len(content) else 0, content[at + 4 : at + 11]
    ones = 8 - (digits[0] ^ 0xFF).bit_length() if digits else 8
    if ones in (1, 8) or not sizes:
        return None
    number = digits[0] & (0x7F >> ones)
    for digit in digits[1:ones]:
        number = number << 6 | digit & 0x3F
    behind = at + 4 + max(ones, 1)
    more = {6: 1, 7: 2}.get(sizes, 0)
    size = int.from_bytes(content[behind : behind + more], "big") + 1 if more else 0
    size = size or _FLAC_SIZES.get(sizes, 0)
    behind += more + {12: 1, 13: 2, 14: 2}.get(content[at + 2] & 15, 0)
    if not size or behind >= len(content) or _checksum(content[at : behind + 1], 8, 0x07):
        return None
    # frames of one size are counted in frames, others in samples
    unit = 1 if content[at + 1] & 1 else int.from_bytes(content[8:10], "big")
    return number * unit + size


def _checksum(content: bytes, bits: int, polynomial: int) -> int:
    """Return the CRC of bytes, 0 if they end in their own."""
    table = []
    for value in range(256):
        rest = value << bits - 8
        for _ in range(8):
            rest = rest << 1 ^ (polynomial if rest >> bits - 1 else 0)
            rest &= (1 << bits) - 1
        table.append(rest)
    rest, shift, mask = 0, bits - 8, (1 << bits) - 1
    for byte in content:
        rest = (rest << 8 & mask) ^ table[rest >> shift ^ byte]
    return rest


class _Frame(NamedTuple):
    length: int
    samples: int


def check_mpeg(content: bytes) -> Framed:
    """Count the frames of an MP3 file whose first frame does not tell their number.

    libsndfile guesses it from the size and the first frames, and never reads beyond its guess: half
    of a file that begins loud would be lost. So what it reads gets a tag that makes the guess too
    large. Where the number is told, libsndfile knows the length.

    Raises
    ------
    Refused
        The last frame is cut, or there is something between frames.
    """
    first = _mpeg_frame(content, 0, content[:4])
    if first is None:
        raise Refused("begins with an MPEG frame of unknown length: convert it to WAV or FLAC")
    if tells_mpeg(content):
        return Framed()
    at, lengths = 0, []
    while frame := _mpeg_frame(content, at, content[:4]):
        lengths.append(frame.length)
        at += frame.length
    vbri = re.search(rb"VBRI.{10}(.{4})", content[: first.length], re.DOTALL)
    counted = 1 + int.from_bytes(vbri[1], "big") if vbri else 0
    rest = content[at:]
    if at > len(content) or len(lengths) < counted:
        raise Refused(f"is cut short within or behind MPEG frame {len(lengths)}. Fetch it again")
    if rest.strip(b"\0") and not rest.startswith(_MPEG_TAGS):
        raise Refused(f"is cut short or damaged: no MPEG frame begins at its byte {at}")
    # libsndfile takes a tag at the end for sound when it guesses, and skips it when it decodes
    tag = min(len(lengths) * max(lengths), (1 << 28) - 1)
    size = bytes(tag >> shift & 0x7F for shift in (21, 14, 7, 0))
    repaired = content[:at] + b"ID3\x04\0\0" + size + bytes(tag)
    return Framed(repaired, (len(lengths) - (_info(content) is not None)) * first.samples)


def tells_mpeg(content: bytes) -> bool:
    """Return whether an MP3 file's first frame tells how many follow."""
    flags = _info(content)
    return flags is not None and bool(flags & 1)


def _info(content: bytes) -> int | None:
    """Return the flags of the tag in an MP3 file's first frame, None if it has none."""
    first = _mpeg_frame(content, 0, content[:4])
    found = re.search(rb"(?:Xing|Info)...(.)", content[: first.length if first else 0], re.DOTALL)
    return found[1][0] if found else None


def _mpeg_frame(content: bytes, at: int, like: bytes) -> _Frame | None:
    """Return the frame at a place, None if there is none of the same kind as another."""
    head = content[at : at + 4]
    if len(head) < 4 or (head[0], head[1] & 0xFE, head[2] & 0x0C) != (
        like[0],
        like[1] & 0xFE,
        like[2] & 0x0C,
    ):
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    index, padding = head[2] >> 4, head[2] >> 1 & 1
    if head[1] < 0xE0 or version == 1 or layer == 4 or index in (0, 15) or head[2] & 12 == 12:
        return None
    kbits = _MPEG_KBITS[version == 3, layer][index]
    rate = _MPEG_RATES[head[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    slot = 4 if layer == 1 else 1
    length = (samples * 125 * kbits // rate // slot + padding) * slot
    return _Frame(length, samples)
