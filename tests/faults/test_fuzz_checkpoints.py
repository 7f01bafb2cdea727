"""Checkpoints: the step that the name tells and the weights that were saved, or a clear error."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from hypothesis import strategies as st

from brainbench_audio.activations.weights import read_checkpoint
from brainbench_audio.errors import DataError
from brainbench_audio.pipeline.checkpoints import list_checkpoints
from brainbench_audio.pipeline.steps import SUFFIXES, step_of

from .fuzzing import EDITS, Edit, fuzzed, mutated

# how trainers name what they save after some steps
COUNTED = st.sampled_from(
    [
        "step={step}", "step_{step}", "step-{step}", "step{step}", "epoch=3-step={step}",
        "epoch_3_step_{step}", "checkpoint-{step}", "checkpoint_{step}", "ckpt-{step}", "{step}",
        "model.ckpt-{step}", "global_step{step}", "iter_{step}", "iteration-{step}", "{step}_steps",
        "updates_{step}", "checkpoint_3_{step}_updates", "step_{step}-valloss=0.25",
    ]
)  # fmt: skip
# what else stands in names, and is no counter
BESIDE = st.sampled_from(
    [
        "",
        "wav2vec2-",
        "model_v1.2-",
        "beats_iter3+-",
        "seed_42-",
        "lr=1e-4-",
        "mel256-ec-base-",
        "best-",
    ]
)
STEPS = st.integers(0, 10**7) | st.sampled_from([0, 1, 9, 10, 1000, 500_000])


@fuzzed(
    few=100,
    many=2000,
    steps=st.lists(STEPS, min_size=1, max_size=4, unique=True),
    name=COUNTED,
    beside=BESIDE,
    suffix=st.sampled_from(SUFFIXES),
    folders=st.booleans(),
    digits=st.sampled_from([0, 8]),
    junk=st.sampled_from(["last.ckpt", "config.json", "optimizer.pt"]),
)
def test_steps_are_those_of_the_names(
    folder: Path,
    steps: list[int],
    name: str,
    beside: str,
    suffix: str,
    folders: bool,
    digits: int,
    junk: str,
) -> None:
    (folder / junk).touch()
    for step in steps:
        stem = beside + name.format(step=str(step).zfill(digits))
        path = folder / stem / f"model{suffix}" if folders else folder / f"{stem}{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    found = list_checkpoints(folder)
    assert [each.step for each in found] == sorted(steps)
    assert all(Path(each.location).is_file() for each in found)


@fuzzed(few=100, many=2000, names=st.lists(st.text(min_size=1, max_size=20), max_size=6))
def test_names_of_any_kind(folder: Path, names: list[str]) -> None:
    run = folder / "run"  # without a number, which would count where no file has one
    run.mkdir()
    for name in names:
        try:
            (run / f"{name}.pt").write_bytes(b"x")
        except (OSError, ValueError):  # no name of a file
            continue
    for each in list_checkpoints(run):
        step = step_of(Path(each.location).name)
        assert step == each.step
        assert step >= 0


VALUES = {
    "a.weight": torch.arange(600.0).reshape(20, 30),
    "a.bias": torch.arange(3, dtype=torch.int64),
    "half": torch.linspace(0, 1, 7, dtype=torch.bfloat16),
}
KINDS = ("zip", "old", "safetensors", "nested", "without checksums")


@cache
def saved(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "safetensors":
        return safetensors.torch.save(VALUES)
    content: Any = {"state_dict": VALUES, "epoch": 3} if kind == "nested" else VALUES
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(kind != "without checksums")
    try:
        torch.save(content, file, _use_new_zipfile_serialization=kind != "old")
    finally:
        torch.serialization.set_crc32_options(before)
    return file.getvalue()


def equal(found: Any) -> bool:
    found = found.get("state_dict", found)
    return set(found) == set(VALUES) and all(
        found[name].dtype == value.dtype and torch.equal(found[name], value)
        for name, value in VALUES.items()
    )


def has_checksums(kind: str) -> bool:
    return kind in ("zip", "nested")


@fuzzed(
    few=100,
    many=2000,
    kind=st.sampled_from(KINDS),
    edits=EDITS,
    suffix=st.sampled_from(SUFFIXES),
    damaged=st.booleans(),
)
def test_weights_are_those_that_were_saved(
    folder: Path, kind: str, edits: list[Edit], suffix: str, damaged: bool
) -> None:
    path = folder / f"step=3{suffix}"
    content = saved(kind)
    path.write_bytes(mutated(content, edits) if damaged else content)
    try:
        found = read_checkpoint(path)
    except DataError:
        assert damaged or suffix == ".safetensors" != f".{kind}"
        raise
    if not damaged:
        assert equal(found)
    elif has_checksums(kind) and isinstance(found, dict):
        # names may change where they lie outside of checksums, numbers may not
        for value in found.get("state_dict", found).values():
            if isinstance(value, torch.Tensor):
                assert any(torch.equal(value, right) for right in VALUES.values())


@fuzzed(few=100, many=2000, at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_of_a_weight_is_lost(folder: Path, at: float, bit: int) -> None:
    content = bytearray(saved("zip"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = archive.getinfo(next(n for n in archive.namelist() if n.endswith("data/0")))
    values = np.arange(600, dtype=np.float32).tobytes()
    start = bytes(content).index(values)
    assert member.file_size == len(values)
    content[start + int(at * len(values))] ^= 1 << bit
    path = folder / "step=3.pt"
    path.write_bytes(content)
    read_checkpoint(path)
    raise AssertionError("the damage was not noticed")
