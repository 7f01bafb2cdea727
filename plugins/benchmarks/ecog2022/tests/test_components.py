"""The reader on small files in the published format; the published file where it is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from brainbench_ecog2022 import components, files
from brainbench_ecog2022.cards import CARDS
from brainbench_ecog2022.components import Components, mean, over_time, read_responses
from brainbench_natsound165.files import registry
from brainbench_natsound165.stimuli import published_folds

from brainbench_audio import score
from brainbench_audio.errors import DataError, UnknownId
from brainbench_audio.files import hash_file
from brainbench_audio.pipeline.loading import load_dataset, load_metric
from brainbench_audio.pipeline.resampling import Resampling
from brainbench_audio.stimuli.continuous import ContinuousStimuli

SOURCE = Components()
NAMES = [name for name, _, _ in registry()]
TIMES = np.arange(5) * 0.04


def write(path: Path, **changes: Any) -> np.ndarray:
    """Write a file in the published format, five times and three components; return R."""
    responses = np.random.default_rng(0).random((165, 5, 3)).astype(np.float32)
    backwards = [f"{name}.wav" for name in reversed(NAMES)]
    content = {
        "R": responses,
        "t": TIMES[np.newaxis],
        "stim_names": np.array([backwards], dtype=object),
        "plotting_order": np.arange(165, dtype=np.uint8)[:, np.newaxis],
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {name: value for name, value in content.items() if value is not None})
    return responses


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Bring a small file and 165 empty sounds as BRAINBENCH_DATA."""
    sounds = tmp_path / "natsound165" / "wav"
    sounds.mkdir(parents=True)
    for name in NAMES:
        (sounds / f"{name}.wav").touch()
    labels = "\n".join(f"{name},Music" for name in NAMES)
    (tmp_path / "natsound165" / "category_labels.csv").write_text(labels)
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    return write(tmp_path / files.FOLDER / files.RESPONSES)


def test_mean_over_time_aligned_by_name(small: np.ndarray) -> None:
    found = SOURCE.load(CARDS[0])
    assert found.assembly.dims == ("stimulus", "component")
    assert found.assembly["component"].values.tolist() == ["C1", "C2", "C3"]
    assert found.assembly["stimulus"].values.tolist() == NAMES == list(found.stimuli.names)
    np.testing.assert_allclose(found.assembly.values[::-1], small.mean(axis=1), rtol=1e-6)
    assert np.bincount(np.asarray(found.folds)).tolist() == [33] * 5


def test_a_target_for_each_component_and_time(small: np.ndarray) -> None:
    found = SOURCE.load(CARDS[0], "time").assembly
    second = found[:, (found["component"] == "C2").values]
    np.testing.assert_allclose(second["time"].values, TIMES)
    np.testing.assert_array_equal(second.values[::-1], small[:, :, 1])


def test_a_row_for_each_sound_and_time(small: np.ndarray) -> None:
    found = SOURCE.load(CARDS[0], "causal")
    rows = found.assembly
    assert rows.shape == (165 * 5, 3)
    assert rows["run"].values[::5].tolist() == NAMES
    np.testing.assert_allclose(rows["time"].values[5:10], TIMES)
    np.testing.assert_array_equal(rows.values.reshape(165, 5, 3)[::-1], small)
    whole = dict(zip(NAMES, np.asarray(published_folds()).tolist(), strict=True))
    assert np.asarray(found.folds).tolist() == [whole[run] for run in rows["run"].values]
    # a window for each row, so that nothing is resampled
    stimuli = found.stimuli
    assert isinstance(stimuli, ContinuousStimuli)
    assert list(stimuli.names) == rows["stimulus"].values.tolist()
    assert (stimuli.context, stimuli.clip, stimuli.after) == (2.0, 0.2, TIMES[-1])
    assert stimuli.moment.frames == (1.96, 2.0)
    centred = SOURCE.load(CARDS[0], "centred")
    assert centred.stimuli.moment.frames == (0.98, 1.02)
    assert centred.assembly.identical(rows)
    weights = Resampling(stimuli, rows)
    numbers = np.random.default_rng(0).standard_normal((len(rows), 2)).astype(np.float32)
    np.testing.assert_allclose(weights.layer({"layer": numbers}, "layer"), numbers, atol=1e-6)


def test_scores_over_time(small: np.ndarray) -> None:
    """One part a component, and the score as a function of time in raw."""
    pytest.importorskip("brainbench_ridge", reason="the metric ridge is a plugin of its own")
    found = SOURCE.load(CARDS[0], "time")
    layers = {"copy": found.assembly.values[:, :10], "noise": small[:, 0] ** 2}
    result = load_metric("ridge", permutations=0)(layers, found.assembly, np.asarray(found.folds))
    assert list(result.parts) == ["C1", "C2", "C3"]
    first = result.raw["r2"].values[(result.raw["component"] == "C1").values]
    assert result.parts["C1"] == pytest.approx(first.mean())
    assert result.parts["C1"] > 0.9 > 0.3 > result.parts["C3"]
    assert result.value == pytest.approx(np.mean(list(result.parts.values())))
    np.testing.assert_allclose(result.raw["time"].values, np.tile(TIMES, 3))
    # errors are of components, each over all its times
    assert list(result.part_errors) == ["C1", "C2", "C3"]
    assert result.raw["influence"].sizes == {"left_out": len(found.assembly), "part": 3}


def test_one_component(small: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "SONG", "C2")
    assert SOURCE.load(CARDS[0], "song").assembly["component"].values.tolist() == ["C2"]
    with pytest.raises(UnknownId, match="no subset 'music', only song, time, causal, centred"):
        SOURCE.load(CARDS[0], "music")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"R": None}, "no field R"),
        ({"t": None}, "no field t"),
        ({"R": np.zeros((165, 5))}, r"R is \(165, 5\), expected \(165 stim_names, 5 t"),
        ({"R": np.zeros((164, 5, 3))}, r"R is \(164, 5, 3\)"),
        ({"R": np.zeros((165, 5, 3), dtype=np.uint8)}, "R is uint8"),
        ({"R": np.full((165, 5, 3), np.nan)}, "first of component 1 to stim.* at 0.00 s"),
        ({"t": 1000 * TIMES[np.newaxis]}, "t is not in steps of 0.04 s"),
        ({"stim_names": np.arange(165)}, "stim_names is no cell array of strings"),
        ({"stim_names": np.array([["a.wav"] * 165], dtype=object)}, "more than once"),
        ({"stim_names": np.array([[f"{n}.wav" for n in range(165)]], dtype=object)}, "no respons"),
    ],
)
def test_a_changed_file_is_refused(
    small: np.ndarray, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    path = tmp_path / files.FOLDER / files.RESPONSES
    write(path, **changes)
    with pytest.raises(DataError, match=told):
        SOURCE.load(CARDS[0])


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / files.RESPONSES
    write(path)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DataError, match=rf"{files.RESPONSES} cannot be read"):
        read_responses(path)
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header.ljust(600, b"\x00"))
    with pytest.raises(DataError, match=rf"{files.RESPONSES} is damaged"):
        read_responses(path)


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    assert SOURCE.locate(CARDS[0]) is None
    with pytest.raises(DataError, match="BRAINBENCH_OFFLINE forbids"):
        files.responses_file()
    (tmp_path / "mine" / files.FOLDER).mkdir(parents=True)
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path / "mine"))
    with pytest.raises(
        DataError, match=rf"\(BRAINBENCH_DATA\) lacks 1 of 1 files.*{files.RESPONSES}"
    ):
        files.responses_file()


def test_only_the_published_file_is_installed(tmp_path: Path) -> None:
    write(tmp_path / files.RESPONSES)
    with pytest.raises(DataError, match="not the published file"):
        SOURCE.fetch(CARDS[0], source=tmp_path)
    with pytest.raises(DataError, match="does not exist, or has no"):
        SOURCE.fetch(CARDS[0], source=tmp_path / "nowhere")


@pytest.mark.data
def test_the_published_file(data_folder: Path) -> None:
    assert hash_file(files.responses_file()) == files.PUBLISHED.sha256
    responses, names, times = read_responses(files.responses_file())
    assert responses.shape == (165, 75, 15)
    assert sorted(names) == sorted(NAMES)
    assert times[-1] == pytest.approx(2.96)
    assert (responses >= 0).all()
    whole = mean(responses, names)
    assert over_time(responses, names, times).shape == (165, 15 * 75)
    sounds = load_dataset("ecog2022").stimuli
    sung = np.array(sounds.categories) == "Song"
    aligned = whole.sel(stimulus=list(sounds.names), component="C11").values
    # singing drives C11 and next to nothing else does: wrong names would not give this
    assert aligned[sung].mean() > 20 * aligned[~sung].mean()


@pytest.mark.data
def test_published_file_brought_or_installed(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SOURCE.locate(CARDS[0]) == data_folder / files.FOLDER
    monkeypatch.delenv("BRAINBENCH_DATA")
    assert SOURCE.locate(CARDS[0]) is None
    target = SOURCE.fetch(CARDS[0], source=data_folder)
    assert SOURCE.locate(CARDS[0]) == target
    assert load_dataset("ecog2022.song").assembly.shape == (165, 1)


@pytest.mark.slow
@pytest.mark.data
def test_real_scores(data_folder: Path) -> None:
    found = score("spectrotemporal", "ecog2022-ridge")
    assert list(found.parts) == [f"C{number}" for number in range(1, 16)]
    assert 0.1 < found.value < 0.9
    song = score("spectrotemporal", "ecog2022.song-ridge")
    assert song.value == pytest.approx(found.parts["C11"], abs=1e-9)
