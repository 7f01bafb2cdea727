"""Whether all samples that a sound file's header promises are there.

libsndfile reads a file that was cut short as a shorter sound, and some files whose writer left the
length open (it wrote to a pipe) as an empty one. So the header is read here first, a function for
each container; `CONTAINERS` and `CODECS` list them.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from brainbench_audio.stimuli.codecs import (
    Framed,
    Refused,
    check_flac,
    check_mpeg,
    check_ogg,
    tells_flac,
    tells_mpeg,
)

# what writers put where they do not know the length yet: 0, -1, the largest numbers less what
# stands before the samples, and the 0x7F000000 of sox
_LEFT_OPEN = (0x7F000000, 1 << 31, 1 << 32, 1 << 63, 1 << 64)
_NEAR = 4096
_WAVE64_DATA = b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a")


class Sound(NamedTuple):
    """What libsndfile is to read, and what must come out of it."""

    source: Path | io.BytesIO
    size: int | None = None  # bytes of samples
    frames: int | None = None
    left_open: bool = False  # whether the size is that of the file, for want of a better one


class _Header:
    """The bytes of a file behind a leading ID3 tag, which libsndfile skips."""

    def __init__(self, file: io.FileIO) -> None:
        self._file, self._begin, self._start = file, 0, file.read(_NEAR)
        self.size = file.seek(0, io.SEEK_END)
        while self._bytes(3, 0) == b"ID3":
            flags, *parts = self.unpack("B4B", 5)
            length = 20 if flags & 0x10 else 10
            length += sum(part << shift for part, shift in zip(parts, (21, 14, 7, 0), strict=True))
            self._begin, self.size = self._begin + length, self.size - length

    def _bytes(self, count: int, at: int) -> bytes:
        begin = self._begin + at
        if begin + count <= len(self._start):
            return self._start[begin : begin + count]
        self._file.seek(begin)
        return self._file.read(count)

    def unpack(self, layout: str, at: int) -> tuple[Any, ...]:
        return struct.unpack(layout, self._bytes(struct.calcsize(layout), at))

    def read(self, count: int = -1) -> bytes:
        return self._bytes(count, 0) if count >= 0 else self._bytes(max(self.size, 0), 0)


class _Samples(NamedTuple):
    """Where the samples begin and how many bytes the header promises, None if it cannot."""

    begin: int
    promised: int | None = None
    field: int = 0  # where the header tells it,
    layout: str = ""  # how,
    more: int = 0  # and how much more than the samples it counts
    empty: bool = False


class _Chunks(NamedTuple):
    """How the chunks of a container follow each other."""

    begin: int
    layout: str  # name and size
    align: int = 2
    counted: int = 0  # bytes of the chunk's head that its size counts

    def find(self, header: _Header, wanted: bytes) -> _Samples:
        """Find the first chunk of a name."""
        at, head = self.begin, struct.calcsize(self.layout)
        while at + head <= header.size:
            name, size = header.unpack(self.layout, at)
            size -= self.counted
            if name == wanted:
                empty = size <= 0 and self._only_chunks(header, at + head)
                field = at + len(wanted)
                layout = self.layout[0] + self.layout[-1]
                return _Samples(at + head, size, field, layout, self.counted, empty)
            at += head + max(size, 0) + -size % self.align
        raise Refused("is cut short: it ends before its samples. Fetch or make it again")

    def _only_chunks(self, header: _Header, at: int) -> bool:
        """Tell whether nothing but chunks follows, so that an empty chunk is meant to be."""
        head = struct.calcsize(self.layout)
        while at + head <= header.size:
            name, size = header.unpack(self.layout, at)
            if not name[:4].isascii() or not name[:4].strip().isalnum():
                return False
            at += head + max(size - self.counted, 0) + -(size - self.counted) % self.align
        return at == header.size


def _riff(header: _Header) -> _Samples:
    """WAV; RF64 has the sizes that do not fit into 32 bits in a chunk of their own."""
    magic = header.read(4)
    chunks = _Chunks(12, ">4sI" if magic == b"RIFX" else "<4sI")
    samples = chunks.find(header, b"data")
    if magic == b"RF64" and samples.promised in (0, 0xFFFFFFFF):
        field = chunks.find(header, b"ds64").begin + 8
        return samples._replace(promised=header.unpack("<Q", field)[0], field=field, layout="<Q")
    return samples


def _wave64(header: _Header) -> _Samples:
    return _Chunks(40, "<16sQ", align=8, counted=24).find(header, _WAVE64_DATA)


def _aiff(header: _Header) -> _Samples:
    """AIFF and AIFC, where an offset and a block size come before the samples."""
    found = _Chunks(12, ">4sI").find(header, b"SSND")
    return _behind(found, 8 + header.unpack(">I", found.begin)[0])


def _caf(header: _Header) -> _Samples:
    return _behind(_Chunks(8, ">4sq", align=1).find(header, b"data"), 4)


def _behind(samples: _Samples, more: int) -> _Samples:
    """Return where the samples are in a chunk that has something before them."""
    promised = None if samples.promised is None else samples.promised - more
    return samples._replace(begin=samples.begin + more, promised=promised, more=more)


def _au(header: _Header) -> _Samples:
    order = ">" if header.read(4) == b".snd" else "<"
    begin, size = header.unpack(order + "II", 4)
    return _Samples(begin, size, 8, order + "I")


def _sphere(header: _Header) -> _Samples:
    """NIST SPHERE: lines of name, type and value; a pipe has no sample_count."""
    begin = int(header.unpack("16s", 0)[0].split()[1])
    lines = (line.split() for line in header.unpack(f"{begin}s", 0)[0].splitlines())
    told = {line[0]: line[2] for line in lines if len(line) == 3}
    names = (b"sample_count", b"channel_count", b"sample_n_bytes")
    if any(name not in told for name in names[:2]):
        return _Samples(begin)
    samples, channels, width = (int(told.get(name, 1)) for name in names)
    return _Samples(begin, samples * channels * width)


def _ircam(header: _Header) -> _Samples:
    return _Samples(1024)


def _pvf(header: _Header) -> _Samples:
    return _Samples(sum(len(line) + 1 for line in header.read(256).split(b"\n", 2)[:2]))


CONTAINERS: dict[str, tuple[str, Callable[[_Header], _Samples]]] = {
    "WAV": (r"(RIFF|RIFX|RF64)....WAVE", _riff),
    "Wave64": (r"riff\x2e\x91\xcf\x11", _wave64),
    "AIFF": (r"FORM....(AIFF|AIFC)", _aiff),
    "AU": (r"\.snd|dns\.", _au),
    "CAF": (r"caff", _caf),
    "SPHERE": (r"NIST_1A\n", _sphere),
    "IRCAM": (r"\x64\xa3[\x00-\x04]\x00|\x00[\x00-\x04]\xa3\x64", _ircam),
    "PVF": (r"PVF1\n", _pvf),
}
# the third tells from a file's beginning whether libsndfile knows the length without a check
CODECS: dict[str, tuple[str, Callable[[bytes], Framed], Callable[[bytes], bool]]] = {
    "FLAC": (r"fLaC", check_flac, tells_flac),
    "Ogg": (r"OggS", check_ogg, lambda _: True),  # by its last page
    "MP3": (r"\xff[\xe2-\xff]", check_mpeg, tells_mpeg),
}


def whole_sound(path: Path, *, unchecked: bool = False) -> Sound:
    """Return what to read of a sound file: itself, or a copy whose header tells what it left open.

    If ``unchecked``, a coded file whose header tells its length is not read to see whether all of
    it is there.

    Raises
    ------
    Refused
        Samples are missing, or the container is not in the tables.
    OSError
        The file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        try:
            header = _Header(file)
            magic = header.read(16).decode("latin-1")
            for pattern, read in CONTAINERS.values():
                if re.match(pattern, magic, re.DOTALL):
                    return _settle(path, header, read(header))
            for pattern, check, tells in CODECS.values():
                if re.match(pattern, magic, re.DOTALL):
                    if unchecked and tells(header.read(_NEAR)):
                        return Sound(path)
                    framed = check(header.read())
                    source = path if framed.repaired is None else io.BytesIO(framed.repaired)
                    return Sound(source, frames=framed.frames)
        except (struct.error, IndexError, ValueError) as error:
            raise Refused("is cut short or damaged within a header. Fetch it again") from error
    # libsndfile never sees it: there are files of rare kinds that it parses without end
    names = ", ".join((*CONTAINERS, *CODECS))
    raise Refused(f"cannot be read: it is none of {names}. Fetch it again, or make it WAV or FLAC")


def _settle(path: Path, header: _Header, samples: _Samples) -> Sound:
    """Compare what is promised with what is there."""
    there, promised = header.size - samples.begin, samples.promised
    if there < 0:
        raise Refused("is cut short: it ends before its samples. Fetch or make it again")
    if samples.empty:
        return Sound(path)
    if promised is not None and 0 < promised <= there:
        return Sound(path, promised)
    if promised is None or promised <= 0 or _left_open(promised):
        if not samples.layout:
            return Sound(path, there, left_open=True)
        content = bytearray(header.read())
        struct.pack_into(samples.layout, content, samples.field, there + samples.more)
        return Sound(io.BytesIO(content), there, left_open=True)
    raise Refused(
        f"is cut short: its header promises {promised} bytes of samples, it holds {there}. "
        "Fetch or make it again"
    )


def _left_open(promised: int) -> bool:
    return any(abs(promised - number) <= _NEAR for number in _LEFT_OPEN)
