"""Responses of every format become the same assembly; what is unclear is refused with a fix."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.own_data import voxels
from brainbench_audio.own_data.blocks import Block
from brainbench_audio.own_data.voxels import read_voxels

from .writing import FORMATS, STIMULI, VALUES, write_stimuli, write_table


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_the_same_assembly(kind: str, tmp_path: Path) -> None:
    FORMATS[kind](tmp_path)
    (tmp_path / "._responses.csv").write_bytes(b"\0")  # macOS leaves such files
    found = read_voxels(tmp_path)
    assert found.dims == ("stimulus", "voxel", "session")
    np.testing.assert_allclose(found.sel(stimulus=STIMULI), VALUES, rtol=1e-12)
    if kind == "nifti":
        assert found["region"].values.tolist() == [
            *("primary", "primary", "lateral", "lateral", "lateral", "primary")
        ]
        assert found["voxel_id"].values[0] == "0-1-1"
        assert [float(found[axis][0]) for axis in "xyz"] == [0, 2, 2]


def _subjects(folder: Path) -> None:
    """Two subjects; the second has one session, other voxels, and rows in another order."""
    np.save(folder / "sub-b_responses.npy", VALUES)
    write_stimuli(folder, "sub-b_stimuli.csv")
    rows = [[STIMULI[row], *VALUES[row, :2, 0]] for row in (3, 2, 1, 0)]
    write_table(folder / "sub-c_responses.csv", ["stimulus", "u", "v"], rows)
    table = [["b", number, "primary", number] for number in range(6)]
    table += [["c", "v", "", 7.5], ["c", "u", "lateral", ""]]
    write_table(folder / "voxels.csv", ["subject", "voxel", "region", "x"], table)


def test_subjects_stand_side_by_side(tmp_path: Path) -> None:
    _subjects(tmp_path)
    found = read_voxels(tmp_path)
    assert found.shape == (4, 8, 2)
    np.testing.assert_array_equal(found[:, :6], VALUES)
    np.testing.assert_allclose(found[:, 6:, 0], VALUES[:, :2, 0], rtol=1e-12)
    assert np.isnan(found[:, 6:, 1]).all()
    assert found["subject"].values.tolist() == ["sub-b"] * 6 + ["sub-c"] * 2
    assert found["region"].values.tolist() == ["primary"] * 6 + ["lateral", ""]
    np.testing.assert_array_equal(found["x"], [0, 1, 2, 3, 4, 5, np.nan, 7.5])


def test_numbers_of_subjects_and_sessions_may_begin_with_zeros(tmp_path: Path) -> None:
    """Tables of `sub-01` go with `sub-1`, which is one listener and not two."""
    for name, session in (("sub-1_ses-1", 0), ("sub-01_ses-02", 1)):
        np.save(tmp_path / f"{name}_responses.npy", VALUES[:, :, session])
    write_stimuli(tmp_path, "sub-001_stimuli.csv")
    rows = [["sub-01", "lateral"]] * 6 + [["2", "primary"]]
    write_table(tmp_path / "sub-01_voxels.csv", ["subject", "region"], rows)
    found = read_voxels(tmp_path)
    np.testing.assert_array_equal(found, VALUES)
    assert set(found["subject"].values.tolist()) == {"sub-1"}
    assert set(found["region"].values.tolist()) == {"lateral"}
    write_table(tmp_path / "sub-1_voxels.csv", ["subject", "region"], rows)
    with pytest.raises(DataError, match=r"both go with sub-1_ses-1_responses\.npy: keep one"):
        read_voxels(tmp_path)


def test_silence_gives_percent_signal_change(tmp_path: Path) -> None:
    """Of each session by itself; silence is no stimulus any more."""
    for session, gain in enumerate((100.0, 400.0)):
        rest = np.array([[0.98], [1.02]]) * np.ones(6)
        raw = gain * np.concatenate([1 + VALUES[:, :, session] / 100, rest])
        names = [*STIMULI, "rest", "rest"]
        rows = [[name, *row] for name, row in zip(names, raw.tolist(), strict=True)]
        path = tmp_path / f"ses-{session}_responses.csv"
        write_table(path, ["stimulus", *map(str, range(6))], rows)
    found = read_voxels(tmp_path, silence="rest")
    assert found["stimulus"].values.tolist() == STIMULI
    np.testing.assert_allclose(found, VALUES, atol=1e-10)
    with pytest.raises(DataError, match=r"ses-0_responses\.csv has no row 'quiet'"):
        read_voxels(tmp_path, silence="quiet")


def _trials(gains: dict[str, float]) -> tuple[list[list[str]], np.ndarray]:
    """Stimulus and session of each trial, sessions mixed, in units of each session's own."""
    trials = [[name, label] for name in (*STIMULI, "rest") for label in gains]
    true = dict(zip(STIMULI, 1 + VALUES[:, :, 0] / 100, strict=True))
    return trials, np.array([gains[label] * true.get(name, np.ones(6)) for name, label in trials])


@pytest.mark.parametrize("name", ["events.csv", "stimuli.csv", "sub-a_events.csv"])
@pytest.mark.parametrize("named", [False, True], ids=["npy", "npz"])
def test_a_table_beside_arrays_gives_their_sessions(name: str, named: bool, tmp_path: Path) -> None:
    trials, raw = _trials({"second": 300.0, "first": 100.0})
    write_table(tmp_path / name, ["stimulus", "session"], trials)
    if named:
        stimuli = [stimulus for stimulus, _ in trials]
        np.savez(tmp_path / "sub-a_responses.npz", responses=raw, stimuli=stimuli)
    else:
        np.save(tmp_path / "sub-a_responses.npy", raw)
    found = read_voxels(tmp_path, silence="rest")
    np.testing.assert_allclose(found, np.stack([VALUES[:, :, 0]] * 2, axis=2), atol=1e-10)


def test_sessions_are_those_that_the_name_of_the_file_says(tmp_path: Path) -> None:
    trials = [[name, f"ses-0{session}"] for session in (1, 2) for name in STIMULI]
    for session in (1, 2):
        np.save(tmp_path / f"ses-{session}_responses.npy", VALUES[:, :, session - 1])
        rows = trials[:4] if session == 1 else trials[4:]
        write_table(tmp_path / f"ses-{session}_events.csv", ["stimulus", "session"], rows)
    np.testing.assert_array_equal(read_voxels(tmp_path), VALUES)
    write_table(tmp_path / "ses-2_events.csv", ["stimulus", "session"], trials[:4])
    told = r"ses-2_responses\.npy, row 1: session is 'ses-01', but the name of the file says ses-2"
    with pytest.raises(DataError, match=told):
        read_voxels(tmp_path)


def test_a_trial_of_silence_may_be_missing(tmp_path: Path) -> None:
    rest = np.array([[0.98], [1.02], [np.nan]]) * np.ones(6)
    raw = 100 * np.concatenate([1 + VALUES[:, :, 0] / 100, rest])
    np.save(tmp_path / "responses.npy", raw)
    rows = [[name] for name in (*STIMULI, "rest", "rest", "rest")]
    write_table(tmp_path / "stimuli.csv", ["stimulus"], rows)
    found = read_voxels(tmp_path, silence="rest")
    np.testing.assert_allclose(found, VALUES[:, :, 0], atol=1e-10)
    raw[4:] = np.nan
    np.save(tmp_path / "responses.npy", raw)
    with pytest.raises(DataError, match=r"responses\.npy: No row of silence has a number"):
        read_voxels(tmp_path, silence="rest")


def test_voxels_are_selected_in_each_subject(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    true = 2 + generator.standard_normal((40, 1))
    names = [f"s{row}" for row in range(40)]
    write_table(tmp_path / "stimuli.csv", ["stimulus"], [[name] for name in names])
    for subject in "ab":
        reliable = true[:, :, None] + 0.1 * generator.standard_normal((40, 3, 3))
        silent = reliable - reliable.mean(axis=(0, 2), keepdims=True)
        noise = generator.standard_normal((40, 50, 3))
        values = np.concatenate([reliable, silent, noise], axis=1)
        np.save(tmp_path / f"sub-{subject}_responses.npy", values)
    found = read_voxels(tmp_path, selected=True)
    assert found["voxel_id"].values.tolist() == ["0", "1", "2"] * 2
    np.save(tmp_path / "sub-a_responses.npy", noise)
    np.save(tmp_path / "sub-b_responses.npy", noise)
    with pytest.raises(DataError, match="no voxel responds to sound"):
        read_voxels(tmp_path, selected=True)


def _saved(name: str, **arrays: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_stimuli(folder)
        if name.endswith(".npz"):
            np.savez(folder / name, **arrays)
        else:
            np.save(folder / name, arrays["responses"], allow_pickle=True)

    return write


def _rows(*rows: list[Any], **others: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        write_table(folder / "responses.csv", ["stimulus", "a", "b"], list(rows))
        for name, text in others.items():
            (folder / f"{name}.csv").write_text(text)

    return write


def _two(first: str, second: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name in (first, second):
            np.save(folder / name, VALUES)
        write_stimuli(folder)

    return write


def _sessions_differ(folder: Path) -> None:
    for session, names in ((1, "ab"), (2, "ac")):
        rows = [[name, 1] for name in names]
        write_table(folder / f"ses-{session}_responses.csv", ["stimulus", "v"], rows)


def _with_sessions(responses: np.ndarray, **tables: list[str]) -> Callable[[Path], None]:
    """Write responses with their stimuli, and tables that give rows sessions."""

    def write(folder: Path) -> None:
        np.savez(folder / "responses.npz", responses=responses, stimuli=STIMULI)
        for name, sessions in tables.items():
            rows = [list(row) for row in zip(STIMULI, sessions, strict=False)]
            write_table(folder / f"{name}.csv", ["stimulus", "session"], rows)

    return write


X = ["x", 1, 2]
REFUSED = {
    "nothing": (lambda folder: None, "has no responses. Name the file"),
    "a name of no kind": (_two("my_responses.npy", "ses-1_responses.npy"), "my_responses.npy: the"),
    "two of one kind": (
        lambda folder: (FORMATS["npy"](folder), FORMATS["csv"](folder)),
        "are of the same subject, session and run: keep one",
    ),
    "one without a subject": (
        _two("responses.npy", "sub-1_responses.npy"),
        "does not say whose responses it holds",
    ),
    "no names": (lambda f: np.save(f / "responses.npy", VALUES), "Nothing says which stimuli"),
    "transposed": (
        _saved("responses.npy", responses=VALUES[:, :, 0].T),
        "(6, 4), but 4 stimuli are named: it needs a row for each of them, stimulus x voxel "
        "[x session]. It seems to be voxel x stimulus: transpose it.",
    ),
    "objects": (_saved("responses.npy", responses=np.array([{}])), "without objects"),
    "two arrays": (
        _saved("responses.npz", a=VALUES, b=VALUES),
        "has the arrays a (4, 6, 2), b (4, 6, 2): call the one with the responses",
    ),
    "infinite": (
        _saved("responses.npy", responses=np.where(VALUES[2, 1, 0] == VALUES, np.inf, VALUES)),
        "row 3 (violin) has infinite responses",
    ),
    "zeros": (_saved("responses.npy", responses=0 * VALUES), "has no response but 0: look"),
    "a long table": (
        lambda folder: write_table(
            folder / "responses.csv", ["stimulus", "subject", "v"], [["x", 1, 2]]
        ),
        "has a column 'subject', which is no voxel",
    ),
    "folds of a table of responses": (
        lambda folder: write_table(
            folder / "responses.csv", ["stimulus", "fold", "v"], [["x", 0, 2]]
        ),
        "has a column 'fold', which is not read there: put it into stimuli.csv",
    ),
    "text": (_rows(X, ["y", 1, "high"]), "row 2 below the head: b is 'high', expected a number"),
    "uneven": (_rows(X, ["y", 1, 2], X), "'y' has 1 rows, others 2. Give each"),
    "sessions of other rows": (
        _with_sessions(VALUES[:, :, 0], events=["1", "1", "1"]),
        "events.csv has a column 'session', but other rows than responses.npz: give it a row for",
    ),
    "sessions of two tables": (
        _with_sessions(VALUES[:, :, 0], events=["1"] * 4, stimuli=["2"] * 4),
        "stimuli.csv gives rows of responses.npz other sessions than another table",
    ),
    "sessions twice": (
        _with_sessions(VALUES, stimuli=["1"] * 4),
        "has 2 sessions as its third axis, and a table beside it has a column 'session'",
    ),
    "missing in a session": (_sessions_differ, "ses-2_responses.csv has no row for 'b'"),
    "a voxel without a row": (
        _rows(X, voxels="voxel,region\na,A1\n"),
        "voxels.csv has no row for voxel 'b', which has responses: add it",
    ),
    "a voxel with two": (_rows(X, voxels="voxel\na\na\n"), "has two rows for voxel 'a': keep one"),
    "a voxel of nobody": (
        _rows(X, voxels="voxel,subject\na,1\nb,\n"),
        "row 2: subject is empty: say whose voxel it is",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_unclear_is_refused(case: str, tmp_path: Path) -> None:
    write, message = REFUSED[case]
    write(tmp_path)
    with pytest.raises(DataError, match=re.escape(message)):
        read_voxels(tmp_path)


@pytest.mark.parametrize("kind", ["npy", "npz", "mat", "mat73", "hdf5", "nifti"])
def test_a_damaged_file_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    FORMATS[kind](tmp_path)
    (path,) = list(tmp_path.glob("*responses.*"))[:1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=re.escape(path.name)):
        read_voxels(tmp_path)


def test_silence_counts_once_however_often_sounds_are_repeated(tmp_path: Path) -> None:
    names = ("a", "b", "silence", "a", "b", "silence", "a", "b")
    values = np.arange(1.0, 17.0).reshape(8, 2, 1)
    block = Block(tmp_path / "responses.csv", names, ("",) * 8, values, {})
    found = list(voxels._measurements(block, "silence"))
    assert [one.silence.shape for one in found] == [(2, 2), (0, 2), (0, 2)]
    assert [sorted(one.rows.values()) for one in found] == [[0, 1], [3, 4], [6, 7]]


def test_time_grows_with_the_trials_not_with_their_square(tmp_path: Path) -> None:
    """A set of the trials of silence was made for each row."""

    def once(number: int) -> float:
        names = (*map(str, range(number)), *["silence"] * number)
        values = np.ones((2 * number, 1, 1))
        block = Block(tmp_path / "responses.npy", names, ("",) * 2 * number, values, {})
        started = time.process_time()
        (found,) = voxels._measurements(block, "silence")
        assert len(found.rows) == len(found.silence) == number
        return time.process_time() - started

    assert min(once(16_000) for _ in range(3)) < 30 * min(once(2_000) for _ in range(3))
