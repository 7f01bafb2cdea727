"""Files from outside with anything in them: a clear error or a right answer, in a few seconds.

By default a few examples each; `slow` runs hundreds or thousands.
"""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import pickletools
import signal
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import soundfile
import torch
import xarray as xr
from hypothesis import strategies as st

from brainbench_audio.activations.store import Plan, StoredActivations, is_complete, stored_sets
from brainbench_audio.activations.weights import read_checkpoint
from brainbench_audio.download import pinned
from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.files import hash_json
from brainbench_audio.report.published_files import import_scores, imported_scores, read_scores
from brainbench_audio.scores.score import Score, read_summary
from brainbench_audio.stimuli.audio import read_waveform
from brainbench_audio.stimuli.containers import whole_sound

from .fuzzing import EDITS, SECONDS, Edit, fuzzed, limit, mutated

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@cache
def sound(kind: str, subtype: str) -> bytes:
    time = np.arange(400) / 8000
    file = io.BytesIO()
    soundfile.write(file, 0.3 * np.sin(440 * 2 * np.pi * time), 8000, subtype, format=kind)
    return file.getvalue()


KINDS = [
    *(("WAV", subtype) for subtype in ("PCM_16", "PCM_24", "FLOAT", "GSM610", "IMA_ADPCM")),
    *((kind, "PCM_16") for kind in ("RF64", "W64", "AU", "NIST", "CAF", "FLAC", "IRCAM")),
    *(("AIFF", subtype) for subtype in ("PCM_24", "FLOAT")),
    *(("OGG", codec) for codec in ("VORBIS", "OPUS")),
    ("CAF", "ALAC_16"),
    ("MP3", "MPEG_LAYER_III"),
]
SOUNDS = st.sampled_from(KINDS)


@fuzzed(many=2000, kind=SOUNDS, edits=EDITS, head=st.booleans(), native=st.just(8000) | st.none())
def test_sounds(
    folder: Path, kind: tuple[str, str], edits: list[Edit], head: bool, native: int | None
) -> None:
    path = folder / "sound.wav"
    content = sound(*kind)
    cut = 64 if head else len(content)
    path.write_bytes(mutated(content[:cut], edits) + content[cut:])
    waveform = read_waveform(path, 16000, native_rate=native)
    assert waveform.dtype == np.float32
    assert waveform.ndim == 1
    assert waveform.size
    assert np.isfinite(waveform).all()
    whole = whole_sound(path)
    with soundfile.SoundFile(whole.source) as file:
        frames = file.frames if whole.frames is None else whole.frames
        rate, subtype = file.samplerate, file.subtype
    if subtype == "GSM610":  # one block less than libsndfile thinks, if their number is odd
        frames -= 320 * (frames > len(waveform) * rate / 16000 + 1)
    assert len(waveform) == -(-frames * 16000 // rate)


# the places of sizes in headers, and more: a size that is left open, or forged there
SIZES = st.sampled_from([4, 8, 20, 24, 28, 32, 40, 44, 48, 56, 80, 96, 100, 128])
WIDTHS = st.sampled_from([4, 8])
OPEN = st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff"])


@fuzzed(
    few=60,
    many=2000,
    kind=SOUNDS.filter(lambda kind: kind[0] != "IRCAM"),  # it has no length
    tag=st.integers(0, 20),
    lost=st.integers(1, 60) | st.integers(1, 10_000),
    junk=st.none() | st.binary(max_size=3),
)
def test_no_sound_is_read_in_part(
    folder: Path, kind: tuple[str, str], tag: int, lost: int, junk: bytes | None
) -> None:
    content, path = sound(*kind), folder / "sound"
    path.write_bytes(content)
    right = read_waveform(path, 8000)
    if tag > 15:  # some containers may not stand behind a tag
        content = b"ID3\x04\0\0\0\0\0" + bytes([tag]) + bytes(tag) + content
    kept = content[: -min(lost, len(content))] if junk is None else content + junk
    path.write_bytes(kept)
    heard = read_waveform(path, 8000)  # what is lost may be padding
    np.testing.assert_array_equal(heard[: len(right)], right)


@fuzzed(few=60, many=2000, kind=SOUNDS, at=SIZES, width=WIDTHS, forged=OPEN)
def test_forged_sizes_lose_no_sample(
    folder: Path, kind: tuple[str, str], at: int, width: int, forged: bytes
) -> None:
    content, path = bytearray(sound(*kind)), folder / "sound"
    path.write_bytes(content)
    right = read_waveform(path, 8000)
    content[at : at + width] = (forged * 2)[:width]
    path.write_bytes(content)
    heard = read_waveform(path, 8000)
    with soundfile.SoundFile(whole_sound(path).source) as file:
        same = (file.format, file.subtype, file.samplerate) == (*kind, 8000)
    if same:
        assert len(heard) >= len(right)


def test_a_header_that_promises_a_year(tmp_path: Path) -> None:
    content = bytearray(sound("FLAC", "PCM_16"))
    content[21] |= 0x0F  # the 36 bits of STREAMINFO that count the samples
    content[22:26] = b"\xff" * 4
    path = tmp_path / "year.flac"
    path.write_bytes(content)
    with limit(), pytest.raises(DataError, match=r"year\.flac"):
        read_waveform(path, 8000)


@pytest.mark.parametrize("rate", [1, 2_000_000_000])
def test_a_forged_sample_rate(tmp_path: Path, rate: int) -> None:
    content = bytearray(sound("WAV", "PCM_16"))
    content[24:28] = rate.to_bytes(4, "little")
    path = tmp_path / "forged.wav"
    path.write_bytes(content)
    with limit(), pytest.raises(DataError, match=f"{rate} Hz"):
        read_waveform(path, 16000)


TASK_FILES = ("task_metadata.json", "labelvocabulary.csv", "train.json", "valid.json", "test.json")


def read_hear(folder: Path) -> None:
    """Read a task; if that works, its parts must fit."""
    from brainbench_hear.sounds import stimulus_set
    from brainbench_hear.task import read_task

    from brainbench_audio.files import hash_json

    task = read_task(folder)
    assert all(set(clip.labels) <= set(task.vocabulary) for clip in task.clips)
    assert len(set(task.vocabulary)) == len(task.vocabulary)
    stimuli = stimulus_set(task)
    assert len(stimuli.names) == len(task.clips) == len(set(stimuli.names))
    hash_json([task.metadata.name, task.metadata.evaluation, task.vocabulary, stimuli.names])
    assert all(folder in path.resolve().parents for path in stimuli.files)


def write_hear(folder: Path, folds: int = 0) -> Path:
    maker = pytest.importorskip("brainbench_hear.testing").Maker
    return Path(maker(clips=2, seconds=0.01, labels=("a", "b"), folds=folds).write(folder))


@fuzzed(file=st.sampled_from(TASK_FILES), edits=EDITS)
def test_a_damaged_task(folder: Path, file: str, edits: list[Edit]) -> None:
    task = write_hear(folder)
    (task / file).write_bytes(mutated((task / file).read_bytes(), edits))
    read_hear(task)


FIELDS = ("task_name", "version", "prediction_type", "split_mode", "evaluation", "splits", "nfolds")


@fuzzed(field=st.sampled_from(FIELDS), value=JSON | st.just(10**9), folds=st.sampled_from([0, 3]))
def test_other_task_metadata(folder: Path, field: str, value: Any, folds: int) -> None:
    task = write_hear(folder, folds)
    file = task / "task_metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), field: value}))
    read_hear(task)


@fuzzed(value=JSON, name=st.none() | st.text(max_size=6))
def test_other_labels(folder: Path, value: Any, name: str | None) -> None:
    task = write_hear(folder)
    changed = value if name is None else {name: value}
    (task / "train.json").write_text(json.dumps(changed))
    read_hear(task)


@cache
def components() -> bytes:
    names = ["lowfreq", "highfreq", "envsounds", "pitch", "speech", "music"]
    file = io.BytesIO()
    cells = {
        "stim_names": np.array([f"stim{number}" for number in range(9)], dtype=object)[:, None],
        "component_names": np.array(names, dtype=object)[:, None],
    }
    scipy.io.savemat(file, {"R": np.arange(54.0).reshape(9, 6), **cells})
    return file.getvalue()


# most are read by another process first, which takes time: a damaged file can crash scipy
@fuzzed(few=6, many=300, edits=EDITS)
def test_components(folder: Path, edits: list[Edit]) -> None:
    reader = pytest.importorskip("brainbench_natsound165.components")
    path = folder / "components.mat"
    path.write_bytes(mutated(components(), edits))
    found = reader.read_components(path)
    assert found.dims == ("stimulus", "component")
    assert found.dtype.kind == "f"
    assert found.shape[0] == len(set(found["stimulus"].values.tolist()))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@cache
def stored_score(length: int) -> bytes:
    path = Path(os.environ["BRAINBENCH_HOME"]).parent / f"{length}.nc"
    Score(value=0.25, parts={"a": 0.2}, provenance={"text": "x" * length}).to_netcdf(path)
    return path.read_bytes()


@fuzzed(few=100, many=2000, length=st.sampled_from([0, 70_000]), edits=EDITS)
def test_scores(folder: Path, length: int, edits: list[Edit]) -> None:
    path = folder / "score.nc"
    path.write_bytes(mutated(stored_score(length), edits))
    summary = read_summary(path)
    assert (summary["value"], summary["parts"]) == (0.25, {"a": 0.2})
    assert Score.from_netcdf(path).value == 0.25


@fuzzed(
    few=100,
    many=2000,
    content=JSON,
    key=st.none() | st.sampled_from(["value", "parts", "provenance", "interval"]),
)
def test_scores_that_somebody_else_wrote(folder: Path, content: Any, key: str | None) -> None:
    path = folder / "score.nc"
    path.write_bytes(stored_score(0))
    changed = content if key is None else {**read_summary(path), key: content}
    xr.Dataset(attrs={"brainbench_score": json.dumps(changed)}).to_netcdf(path)
    score = Score.from_netcdf(path)
    assert is_number(score.value)
    assert isinstance(score.provenance, dict)


PLAN = Plan({"model": "m"}, ("s0", "s1", "s2"), ("one",), 2)
VALUES = np.arange(9, dtype=np.float32).reshape(3, 3)


@fuzzed(
    few=100,
    many=2000,
    target=st.sampled_from(["manifest.json", "chunk-00000", "chunk-00001"]),
    edits=EDITS,
)
def test_activations(folder: Path, target: str, edits: list[Edit]) -> None:
    written = StoredActivations.open(folder, PLAN)
    for index, rows in enumerate(PLAN.chunks()):
        written.write(index, {"one": VALUES[rows.start : rows.stop]})
    (file,) = written.folder.glob(f"{target}*")
    content = mutated(file.read_bytes(), edits)
    file.unlink()
    file.write_bytes(content)
    found = StoredActivations.open(folder, PLAN)
    # another chunk size in a manifest that still reads: what is there cannot be told from damage
    if found.plan.chunk == PLAN.chunk:
        for index in found.missing():
            rows = found.plan.chunks()[index]
            found.write(index, {"one": VALUES[rows.start : rows.stop]})
    np.testing.assert_array_equal(found["one"], VALUES)


@fuzzed(
    few=100,
    many=2000,
    name=st.sampled_from(["format", "fields", "stimuli", "layers", "chunk", "sha256", "more"]),
    value=JSON,
    fitting=st.booleans(),
)
def test_manifests_that_somebody_else_wrote(
    folder: Path, name: str, value: Any, fitting: bool
) -> None:
    written = StoredActivations.open(folder, PLAN)
    for index, rows in enumerate(PLAN.chunks()):
        written.write(index, {"one": VALUES[rows.start : rows.stop]})
    manifest = written.folder / "manifest.json"
    content = json.loads(manifest.read_text())
    changed = {**content, name: value}
    if fitting:
        changed.pop("sha256", None)
        changed["sha256"] = hash_json(changed)
    manifest.write_text(json.dumps(changed))
    assert len(stored_sets(folder)) == 1
    is_complete(folder, PLAN.key)
    found = StoredActivations.open(folder, PLAN)
    if found.plan.chunk == PLAN.chunk:
        np.testing.assert_array_equal(found["one"], VALUES)


CSV = b'model,benchmark,value,error\na,B-x,0.5,0.1\n"b, c",B-x,-1e-3,\n# note\nd,B-x,2,0\n'


@fuzzed(edits=EDITS, row=st.lists(st.text(max_size=6), max_size=4))
def test_published_scores(folder: Path, edits: list[Edit], row: list[str]) -> None:
    path = folder / "scores.csv"
    more = ",".join(row).encode("utf-8", "replace") if row else b""
    path.write_bytes(mutated(CSV, edits) + more)
    scores = read_scores(path)
    assert all(is_number(score.value) for score in scores)
    kept = import_scores(path, replace=True)
    again = [
        (score.model, score.benchmark, score.value, score.error) for score in imported_scores()
    ]
    kept.unlink()
    assert again == [(score.model, score.benchmark, score.value, score.error) for score in scores]


@fuzzed(few=100, many=2000, content=st.binary(max_size=70))
def test_pins(folder: Path, content: bytes) -> None:
    pin = folder / "file.sha256"
    pin.write_bytes(content)
    found = pinned(pin)
    assert found is not None
    assert int(found, 16) >= 0


@cache
def checkpoint(zipped: bool) -> bytes:
    file = io.BytesIO()
    content = {"state_dict": {"a.weight": torch.arange(6.0).reshape(2, 3)}, "step": 3}
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def in_a_child(read: Callable[[Path], Any], path: Path) -> None:
    """Read a file in a process of its own; it may raise what it likes on purpose, but not crash."""
    child = os.fork()
    if not child:
        signal.alarm(int(SECONDS))
        try:
            read(path)
        except BrainbenchError:
            os._exit(0)
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert not status, f"ended with {status}"


@fuzzed(
    few=100, many=2000, zipped=st.booleans(), member=st.none() | st.integers(0, 20), edits=EDITS
)
def test_checkpoints(folder: Path, zipped: bool, member: int | None, edits: list[Edit]) -> None:
    """A changed member has the checksum that fits it, else the archive's own would find it."""
    path = folder / "step=3.ckpt"
    if member is None or not zipped:
        path.write_bytes(mutated(checkpoint(zipped), edits))
    else:
        with (
            zipfile.ZipFile(io.BytesIO(checkpoint(True))) as good,
            zipfile.ZipFile(path, "w") as bad,
        ):
            names = good.namelist()
            chosen = names[member] if member < len(names) else f"{names[0].split('/')[0]}/data.pkl"
            for name in names:
                content = good.read(name)
                bad.writestr(name, mutated(content, edits) if name == chosen else content)
    in_a_child(read_checkpoint, path)


OPCODES = {operation.name: operation.code.encode("latin-1") for operation in pickletools.opcodes}
BOMBS = {
    "a million tuples, each in the next": b"\x80\x04})" + b"\x85" * 1_000_000 + b"Ns.",
    "tuples that hold the last one twice": b"\x80\x04}K\x01" + b"2\x86" * 60 + b"Ns.",
}


class Touch:
    """Pickles as a call that leaves a trace."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def read_roi(path: Path) -> Any:
    return pytest.importorskip("brainbench_natsound165.safe_pickle").read_table(path)


@cache
def table() -> bytes:
    pandas = pytest.importorskip("pandas")
    return pickle.dumps(pandas.DataFrame({"a": [1, 2], "b": ["x", None]}), 4)


@fuzzed(
    edits=EDITS,
    at=st.floats(0, 1),
    soup=st.lists(st.sampled_from(sorted(OPCODES)), max_size=8),
    argument=st.binary(max_size=4),
    torch_too=st.booleans(),
)
def test_pickles_never_run(
    folder: Path, edits: list[Edit], at: float, soup: list[str], argument: bytes, torch_too: bool
) -> None:
    canary = folder / "canary"
    call = pickle.dumps(Touch(canary), 4)[2:-1]
    program = b"".join(OPCODES[name] + argument for name in soup)
    good = table()
    place = 2 + int(at * (len(good) - 2))
    content = good[:place] + call + program + mutated(good[place:], edits)
    path = folder / "roi.pkl"
    path.write_bytes(content)
    try:
        if torch_too:
            read_checkpoint(path)
        else:
            read_roi(path)
    finally:
        assert not canary.exists()


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("zipped", [None, True, False])
def test_pickles_that_would_never_end(tmp_path: Path, name: str, zipped: bool | None) -> None:
    path = tmp_path / "bomb.pt"
    path.write_bytes(BOMBS[name])
    if zipped:
        with (
            zipfile.ZipFile(io.BytesIO(checkpoint(True))) as good,
            zipfile.ZipFile(path, "w") as bad,
        ):
            for member in good.namelist():
                bomb = member.endswith("data.pkl")
                bad.writestr(member, BOMBS[name] if bomb else good.read(member))
    with limit(), pytest.raises(DataError, match="tuples are nested too deeply"):
        read_roi(path) if zipped is None else read_checkpoint(path)
