"""NH2015comp: real files where they are at hand, made-up ones in the published layout elsewhere."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from brainbench_natsound165 import files
from brainbench_natsound165.cards import CARDS
from brainbench_natsound165.components import PAPER_NAMES, Components, read_components
from brainbench_natsound165.stimuli import published_folds

from brainbench_audio.assemblies.assembly import align, stimulus_names
from brainbench_audio.errors import DataError

CARD = CARDS[0]
SOURCE = Components()
NAMES = [name for name, _, _ in files.registry()]


def write_components(path: Path, **changes: object) -> np.ndarray:
    """Write a file in the published layout, its stimuli in alphabetical order."""
    shuffled = sorted(NAMES)
    responses = np.random.default_rng(0).standard_normal((165, 6))
    content = {
        "R": responses,
        "stim_names": np.array([shuffled], dtype=object),
        "component_names": np.array([[name] for name in PAPER_NAMES], dtype=object),
        **changes,
    }
    scipy.io.savemat(path, {name: value for name, value in content.items() if value is not None})
    return responses


def test_registry_is_in_neural_order_with_five_balanced_folds() -> None:
    numbers = [int(name.split("_")[0].removeprefix("stim")) for name in NAMES]
    assert numbers == sorted(numbers)
    assert len(set(NAMES)) == 165
    assert Counter(np.asarray(published_folds()).tolist()) == dict.fromkeys(range(5), 33)


def test_responses_are_aligned_by_name(tmp_path: Path) -> None:
    path = tmp_path / "components.mat"
    responses = write_components(path)
    aligned = align(read_components(path), NAMES)
    expected = responses[[sorted(NAMES).index(name) for name in NAMES]]
    np.testing.assert_array_equal(aligned.values, expected)
    assert aligned["component"].values.tolist() == list(PAPER_NAMES.values())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"R": None}, "no field R"),
        ({"R": np.zeros((164, 6))}, r"R is float64 \(164, 6\)"),
        ({"stim_names": np.arange(165)}, "stim_names is no cell array of strings"),
        (
            {"component_names": np.array([[name] for name in "abcdef"], dtype=object)},
            "component_names has 'a'",
        ),
        ({"stim_names": np.array([NAMES[:1] * 165], dtype=object)}, "more than once"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    path = tmp_path / "components.mat"
    write_components(path, **changes)
    with pytest.raises(DataError, match=told):
        align(read_components(path), NAMES)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "components.mat"
    write_components(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"components\.mat cannot be read"):
        read_components(path)


def test_offline_and_absent_says_what_to_do() -> None:
    with pytest.raises(DataError, match="BRAINBENCH_OFFLINE"):
        SOURCE.load(CARD, None)


def test_an_incomplete_brought_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "natsound165").mkdir()
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    with pytest.raises(DataError, match="lacks 167 of 167 files"):
        SOURCE.load(CARD, None)


def test_a_foreign_file_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / files.LABELS).write_text("a,b\n")
    with pytest.raises(DataError, match="not the published file"):
        SOURCE.fetch(CARD, source=tmp_path)
    assert SOURCE.locate(CARD) is None


@pytest.mark.data
def test_the_real_files(data_folder: Path) -> None:
    dataset = SOURCE.load(CARD, None)
    assert dataset.assembly.shape == (165, 6)
    assert set(stimulus_names(dataset.assembly)) == set(dataset.stimuli.names)
    assert dataset.stimuli.waveforms([0], 44100)[0].shape == (88200,)
    counts = Counter(dataset.stimuli.categories)
    assert (counts["Music"], counts["Mechanical"], counts["Nature"]) == (24, 39, 4)
    content = scipy.io.loadmat(data_folder / "natsound165" / "components.mat")
    position = [str(cell.item()) for cell in content["stim_names"].ravel()].index(NAMES[7])
    pitch = dataset.assembly.sel(stimulus=NAMES[7]).values[3]
    assert pitch == content["R"][position, 3]


@pytest.mark.data
def test_a_subset_is_one_component(data_folder: Path) -> None:
    whole, music = SOURCE.load(CARD, None).assembly, SOURCE.load(CARD, "music").assembly
    assert music.shape == (165, 1)
    np.testing.assert_array_equal(music.values[:, 0], whole.values[:, 5])


@pytest.mark.data
def test_every_real_file_has_the_pinned_checksum(data_folder: Path) -> None:
    folder = SOURCE.fetch(CARD, source=data_folder / "natsound165")
    assert SOURCE.locate(CARD) is not None
    assert folder.name == "natsound165"
    with (folder / files.LABELS).open() as table:
        assert len(list(csv.reader(table))) == 165
    shutil.rmtree(folder)
