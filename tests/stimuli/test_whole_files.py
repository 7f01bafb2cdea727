"""Files cut short are refused in every container; whole files are read whole, however written."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from brainbench_audio.errors import DataError
from brainbench_audio.stimuli import audio
from brainbench_audio.stimuli.audio import Waveform, read_waveform, told_length
from brainbench_audio.stimuli.codecs import check_flac, check_mpeg

RATE = 16000
LENGTH = 9000
NOISE = 0.2 * np.random.default_rng(0).standard_normal(LENGTH).clip(-4, 4)
PCM = (NOISE * 32767).astype("<i2").tobytes()
SIZE = len(PCM)
BIG = np.frombuffer(PCM, "<i2").astype(">i2").tobytes()
FORMAT = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
KINDS = [  # of which the header, or the codec, tells the end
    *((kind, "PCM_16") for kind in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST")),
    *((kind, "PCM_24") for kind in ("WAV", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC")),
    *((kind, "FLOAT") for kind in ("WAV", "W64", "AIFF", "AU", "CAF")),
    *((kind, "ULAW") for kind in ("WAV", "W64", "AIFF", "AU", "CAF", "NIST")),
    *(("WAV", codec) for codec in ("IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_32")),
    *(("W64", codec) for codec in ("IMA_ADPCM", "MS_ADPCM", "GSM610")),
    *(("AIFF", codec) for codec in ("IMA_ADPCM", "GSM610")),
    *(("AU", codec) for codec in ("G721_32", "G723_24", "G723_40")),
    ("CAF", "ALAC_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]


@cache
def written(kind: str, subtype: str, rate: int = RATE, **options: object) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, NOISE, rate, subtype, format=kind, **options)
    return file.getvalue()


def read(folder: Path, content: bytes) -> Waveform:
    path = folder / "sound.bin"
    path.write_bytes(content)
    waveform = read_waveform(path, RATE)
    assert told_length(path) == (len(waveform), RATE)
    return waveform


def refused(folder: Path, content: bytes, told: str = "cut short|cannot be read") -> None:
    with pytest.raises(DataError, match=rf"sound\.bin .*({told})"):
        read(folder, content)


def places(size: int) -> list[int]:
    """Where to cut: in the header, at each of its first bytes, within the samples, at the end."""
    rough = [size * share // 40 for share in range(1, 40)]
    return sorted({*range(1, 120, 7), *rough, *range(size - 9, size)} - {0, size})


def cut_to_fewer(folder: Path, content: bytes, whole: Waveform) -> list[int]:
    """Return where a cut file is read as another sound than the whole one."""
    wrong = []
    for place in places(len(content)):
        try:
            waveform = read(folder, content[:place])
        except DataError:
            continue
        if not np.array_equal(waveform, whole):  # what is lost may be padding or a tag
            wrong.append(place)
    return wrong


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
def test_a_cut_anywhere(tmp_path: Path, kind: str, subtype: str) -> None:
    content = written(kind, subtype)
    whole = read(tmp_path, content)
    assert LENGTH <= len(whole) < LENGTH + 1020  # the last block of ADPCM may be padded
    assert cut_to_fewer(tmp_path, content, whole) == []
    refused(tmp_path, content[: len(content) * 6 // 10])


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "FLAC", "MP3"])  # as libsndfile does
def test_behind_a_tag(tmp_path: Path, kind: str) -> None:
    content = written(kind, "MPEG_LAYER_III" if kind == "MP3" else "PCM_16")
    whole = read(tmp_path, content)
    tag = b"ID3\x04\0\0\0\0\1\0" + bytes(128)
    np.testing.assert_array_equal(read(tmp_path, tag + content), whole)
    refused(tmp_path, tag + content[: len(content) * 6 // 10])


@pytest.mark.parametrize("blocks", [1, 2, 25])
def test_gsm_ends_with_its_blocks(
    tmp_path: Path, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An odd number of them is padded by a byte, which libsndfile decodes as one more block."""
    path = tmp_path / "sound.wav"
    soundfile.write(path, NOISE[: 320 * blocks], RATE, "GSM610")
    whole = read_waveform(path, RATE)
    assert len(whole) == 320 * blocks
    # what is too much begins in one piece that is decoded, and goes on in the next
    monkeypatch.setattr(audio, "_BLOCK", 320 * blocks + 100)
    np.testing.assert_array_equal(read_waveform(path, RATE), whole)


@pytest.mark.parametrize(("kind", "width"), [("IRCAM", 2), ("PVF", 2)])
def test_headers_without_a_length(tmp_path: Path, kind: str, width: int) -> None:
    content = written(kind, "PCM_16")
    assert len(read(tmp_path, content)) == LENGTH
    refused(tmp_path, content[:-1])  # that is all that can be noticed
    assert len(read(tmp_path, content[:-width])) == LENGTH - 1


@pytest.mark.parametrize("kind", ["MAT4", "MAT5", "PAF", "SVX", "VOC", "XI"])
def test_containers_that_are_not_known(tmp_path: Path, kind: str) -> None:
    subtype = "DPCM_16" if kind == "XI" else "PCM_16"
    refused(tmp_path, written(kind, subtype, rate=44100), "cannot be read: .* make it WAV or FLAC")


def wav(
    riff: int, data: int, content: bytes = PCM, *, behind: bytes = b"", before: bytes = b""
) -> bytes:
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVE" + before
    head += b"fmt " + struct.pack("<I", 16) + FORMAT
    return head + b"data" + struct.pack("<I", data) + content + behind


WHOLE = {
    "right": (SIZE + 36, SIZE),
    "the size of the file": (SIZE + 44, SIZE),
    "sox, espeak": (0x7FFFF024, 0x7FFFF000),
    "arecord": (0x80000024, 0x80000000),
    "oboe, Kaldi": (0x7FFFFFFF, 0x7FFFFFFF),
    "ffmpeg": (0xFFFFFFFF, 0xFFFFFFFF),
    "the largest less the head": (0xFFFFFFFF, 0xFFFFFFDB),
    "zeros": (0, 0),
    "never closed": (36, 0),
    "only the data size": (0, SIZE),
    "a wrong RIFF size": (0x61F92214, SIZE),
    "a small RIFF size": (4, SIZE),
}
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"


@pytest.mark.parametrize("sizes", WHOLE.values(), ids=WHOLE.keys())
def test_the_data_chunk_counts(tmp_path: Path, sizes: tuple[int, int]) -> None:
    expected = np.frombuffer(PCM, "<i2") / np.float32(32768)
    np.testing.assert_array_equal(read(tmp_path, wav(*sizes)), expected)
    np.testing.assert_array_equal(read(tmp_path, wav(*sizes, before=LIST)), expected)
    if sizes[1] == SIZE:
        np.testing.assert_array_equal(read(tmp_path, wav(*sizes, behind=LIST)), expected)
        np.testing.assert_array_equal(read(tmp_path, wav(*sizes, behind=LIST[:20])), expected)
        refused(tmp_path, wav(*sizes, PCM[:-1]))
        refused(tmp_path, wav(*sizes, PCM[:-2]))
    else:
        refused(tmp_path, wav(*sizes, PCM[:-1]), "ends within a sample")


@pytest.mark.parametrize("behind", [b"", LIST])
def test_a_sound_without_samples(tmp_path: Path, behind: bytes) -> None:
    refused(tmp_path, wav(36 + len(behind), 0, b"", behind=behind), "holds no samples")


@pytest.mark.parametrize("samples", [3, 4])
def test_a_byte_that_pads_samples_of_24_bits(tmp_path: Path, samples: int) -> None:
    content = bytearray(wav(0xFFFFFFFF, 0xFFFFFFFF, b"\1\2\3" * samples + bytes(samples % 2)))
    content[28:36] = struct.pack("<IHH", 3 * RATE, 3, 24)
    assert len(read(tmp_path, bytes(content))) == samples


def rf64(data: int, short: int = 0xFFFFFFFF) -> bytes:
    head = b"RF64" + b"\xff" * 4 + b"WAVEds64" + struct.pack("<IQQQI", 28, 0, data, 0, 0)
    return head + b"fmt " + struct.pack("<I", 16) + FORMAT + b"data" + struct.pack("<I", short)


def wave64(data: int) -> bytes:
    def name(word: bytes) -> bytes:
        return word + bytes.fromhex("f3acd3118cd100c04f8edb8a")

    riff = bytes.fromhex("726966662e91cf11a5d628db04c10000") + struct.pack("<Q", data)
    chunk = name(b"fmt ") + struct.pack("<Q", 40) + FORMAT
    return riff + name(b"wave") + chunk + name(b"data") + struct.pack("<Q", data)


def aiff(frames: int, size: int) -> bytes:
    common = struct.pack(">IhIh", 18, 1, frames, 16) + bytes.fromhex("400cfa00000000000000")
    return b"FORM\0\0\0\0AIFFCOMM" + common + b"SSND" + struct.pack(">III", size, 0, 0)


def caf(size: int) -> bytes:
    description = struct.pack(">qd4s5I", 32, RATE, b"lpcm", 0, 2, 1, 1, 16)
    return b"caff\0\1\0\0desc" + description + b"data" + struct.pack(">qI", size, 0)


def sphere(*lines: str) -> bytes:
    told = ["channel_count -i 1", "sample_n_bytes -i 2", "sample_byte_format -s2 01"]
    told += [f"sample_rate -i {RATE}", "sample_sig_bits -i 16", "sample_coding -s3 pcm", *lines]
    return "\n".join(["NIST_1A", "   1024", *told, "end_head\n"]).encode().ljust(1024)


OPEN = {
    "RF64 zero": rf64(0) + PCM,
    "RF64 largest": rf64((1 << 64) - 1) + PCM,
    "RF64 twice zero": rf64(0, 0) + PCM,
    "W64 zero": wave64(0) + PCM,
    "W64 head": wave64(24) + PCM,
    "W64 largest": wave64((1 << 63) - 1) + PCM,
    "AU largest": struct.pack(">4s5I", b".snd", 24, 0xFFFFFFFF, 3, RATE, 1) + BIG,
    "AU half": struct.pack(">4s5I", b".snd", 24, 0x7FFFFFFF, 3, RATE, 1) + BIG,
    "AU zero": struct.pack("<4s5I", b"dns.", 24, 0, 3, RATE, 1) + PCM,
    "AIFF zero": aiff(0, 0) + BIG,
    "AIFF head": aiff(0, 8) + BIG,
    "AIFF sox": aiff(0x7F000000 // 2, 0x7F000008) + BIG,
    "AIFF largest": aiff(0xFFFFFFFF, 0xFFFFFFFF) + BIG,
    "CAF minus one": caf(-1) + BIG,
    "CAF zero": caf(0) + BIG,
    "SPHERE zero": sphere("sample_count -i 0") + PCM,
    "SPHERE nothing": sphere() + PCM,
}


@pytest.mark.parametrize("content", OPEN.values(), ids=OPEN.keys())
def test_lengths_left_open(tmp_path: Path, content: bytes) -> None:
    expected = np.frombuffer(PCM, "<i2") / np.float32(32768)
    np.testing.assert_array_equal(read(tmp_path, content), expected)
    refused(tmp_path, content[:-1], "ends within a sample")


def streamed_flac(subtype: str = "PCM_16") -> bytes:
    """Return what an encoder writes to a pipe: neither the number of samples nor a checksum."""
    content = bytearray(written("FLAC", subtype))
    content[21] &= 0xF0
    content[22:42] = bytes(20)
    return bytes(content)


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_flac_from_a_pipe(tmp_path: Path, subtype: str) -> None:
    whole = read(tmp_path, written("FLAC", subtype))
    content = streamed_flac(subtype)
    np.testing.assert_array_equal(read(tmp_path, content), whole)
    np.testing.assert_array_equal(read(tmp_path, content + b"TAG" + bytes(125)), whole)
    first = content.index(b"\xff\xf8")
    second = content.index(content[first : first + 4], first + 4)
    assert check_flac(content[:second]).frames == 4096  # a cut between frames cannot be noticed
    for place in (first + 1, first + 5, second - 1, second + 3, second + 90, len(content) - 1):
        refused(tmp_path, content[:place])


def uncounted_mp3(**options: object) -> bytes:
    """Return an MP3 file without the frame that tells how many follow."""
    content = written("MP3", "MPEG_LAYER_III", **options)
    if b"Info" not in content[:64] and b"Xing" not in content[:64]:
        return content
    return content[content.index(content[:2], 4) :]


MP3 = {
    "variable": {"bitrate_mode": "VARIABLE", "compression_level": 0.2},
    "average": {"bitrate_mode": "AVERAGE", "compression_level": 0.6},
    "constant": {"bitrate_mode": "CONSTANT", "compression_level": 0.9},
}


@pytest.mark.parametrize("options", MP3.values(), ids=MP3.keys())
def test_mp3_without_a_count(tmp_path: Path, options: dict[str, object]) -> None:
    content = uncounted_mp3(**options)
    whole = read(tmp_path, content)
    frames = check_mpeg(content).frames
    assert frames is not None
    assert len(whole) == frames
    assert frames % 576 == 0
    assert frames > LENGTH
    np.testing.assert_array_equal(read(tmp_path, content + b"TAG" + bytes(125)), whole)
    refused(tmp_path, content + b"something else")
    last = content.rindex(content[:2])
    for place in (last + 1, last + 3, last + 10, len(content) - 1, last // 2 + 9):
        refused(tmp_path, content[:place])
    assert len(read(tmp_path, content[:last])) == frames - 576  # a cut between frames


def test_mp3_with_a_count(tmp_path: Path) -> None:
    content = written("MP3", "MPEG_LAYER_III")
    length = len(read(tmp_path, content))
    frames = [at for at in range(len(content)) if content.startswith(content[:2], at)]
    assert length == LENGTH
    for at in frames[1:]:
        refused(tmp_path, content[:at])


def test_mp3_that_begins_loud(tmp_path: Path) -> None:
    """libsndfile alone reads half of it: it takes the first frames for the length of all."""
    path = tmp_path / "loud.mp3"
    sound = np.concatenate([NOISE, NOISE / 10_000, NOISE / 10_000])
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.1}
    soundfile.write(path, sound, RATE, "MPEG_LAYER_III", **options)
    counted = read_waveform(path, RATE)
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 4) :])
    assert len(soundfile.read(path)[0]) < len(sound) * 0.8
    uncounted = read_waveform(path, RATE)
    assert len(uncounted) >= len(counted) == len(sound)


def test_mp3_with_a_count_of_another_kind(tmp_path: Path) -> None:
    content = uncounted_mp3(bitrate_mode="CONSTANT", compression_level=0.5)
    frames = len(read(tmp_path, content)) // 576
    length = content.index(content[:2], 4)
    for count in (frames, frames + 1):
        told = b"VBRI" + struct.pack(">HHHIIHHHH", 1, 0, 75, len(content), count, 0, 1, 2, 1)
        tagged = (content[:4] + bytes(32) + told).ljust(length, b"\0") + content
        if count == frames:
            assert len(read(tmp_path, tagged)) == (frames + 1) * 576
        else:
            refused(tmp_path, tagged)


def test_ogg_pages(tmp_path: Path) -> None:
    content = written("OGG", "VORBIS")
    pages = [at for at in range(len(content)) if content.startswith(b"OggS", at)]
    assert len(pages) > 2
    for at in pages[1:]:
        refused(tmp_path, content[:at], "marked as the last|cut short")
    lost = content[: pages[1]] + content[pages[2] :]
    refused(tmp_path, lost, "page 2 comes where page 1")
    refused(tmp_path, content + content, "more than one Ogg stream")
    np.testing.assert_array_equal(read(tmp_path, content + bytes(64)), read(tmp_path, content))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_page_that_was_changed(tmp_path: Path, subtype: str) -> None:
    content = written("OGG", subtype)
    for share in range(1, 20):
        changed = bytearray(content)
        changed[len(content) * share // 20] ^= 0x10
        refused(tmp_path, bytes(changed), "Ogg|cannot be read|marked as the last")
    changed = bytearray(content)
    changed[-1] ^= 1
    refused(tmp_path, bytes(changed), r"is damaged: Ogg page \d+ does not give its checksum")


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "CAF"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW"])
def test_what_follows_the_samples_is_not_heard(tmp_path: Path, kind: str, subtype: str) -> None:
    content = written(kind, subtype)
    whole = read(tmp_path, content)
    np.testing.assert_array_equal(read(tmp_path, content + bytes(range(100))), whole)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize(("bits", "factor"), [(8, "128"), (16, "32768"), (24, "8388608")])
def test_integers_stored_as_floats(tmp_path: Path, subtype: str, bits: int, factor: str) -> None:
    path = tmp_path / "loud.wav"
    integers = np.round(NOISE * 2 ** (bits - 1))
    soundfile.write(path, integers, RATE, subtype)
    with pytest.raises(DataError, match=rf"loud\.wav reaches .*divide them by {factor}\."):
        read_waveform(path, RATE)
    soundfile.write(path, 1.3 * NOISE / NOISE.max(), RATE, subtype)  # as resampling overshoots
    assert read_waveform(path, RATE).max() == pytest.approx(1.3)


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_lossy_codecs_may_overshoot(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sound.bin"
    clipped = np.sign(NOISE)
    soundfile.write(path, clipped, RATE, format=kind, compression_level=0.5)
    assert 1.5 < np.abs(read_waveform(path, RATE)).max() < 4


@pytest.mark.parametrize("kind", ["MAT4", "PAF", "VOC", "XI"])
def test_the_length_of_other_containers_is_not_asked_for(tmp_path: Path, kind: str) -> None:
    subtype = "DPCM_16" if kind == "XI" else "PCM_16"
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.zeros(400), 8000, subtype, format=kind)
    with pytest.raises(DataError, match=r"sound\.wav cannot be read: it is none of WAV"):
        told_length(path)
    soundfile.write(path, np.zeros(400), 8000)
    assert told_length(path) == (400, 8000)
