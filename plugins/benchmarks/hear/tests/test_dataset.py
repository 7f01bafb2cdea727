"""A task as a data set: sounds at the right rate, labels, splits, ids."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from brainbench_hear import task_card
from brainbench_hear.cards import CARD, TASKS
from brainbench_hear.dataset import ListeningTasks

from brainbench_audio.assemblies.assembly import validate
from brainbench_audio.data_source import LoadedDataset
from brainbench_audio.errors import ContractError, DataError, UnknownId
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.registry.lookup import data_source, find_benchmark, list_ids

Make = Callable[..., Path]
SOURCE = ListeningTasks()


def loaded(folder: Path) -> LoadedDataset:
    return SOURCE.read_folder(CARD, folder)[1]


def test_labels_and_splits(make: Make) -> None:
    data = loaded(make(prediction_type="multilabel", evaluation=["mAP", "aucroc"]))
    assert validate(data.assembly).dtype == np.uint8
    assert data.assembly.dims == ("stimulus", "label")
    assert data.assembly["label"].values.tolist() == ["low", "middle", "high"]
    assert data.assembly.values[:3].tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert data.assembly.attrs == {
        "prediction_type": "multilabel",
        "evaluation": "mAP,aucroc",
        "task": "tones-v1.0",
    }
    assert data.folds.names == ("train", "valid", "test")
    assert data.folds.assignment == (0,) * 6 + (1,) * 6 + (2,) * 6
    assert data.stimuli.names == data.folds.stimuli
    assert data.stimuli.names[0] == "train/clip0000.wav"
    assert data.folds.source == "trainvaltest"


def test_folds(make: Make) -> None:
    data = loaded(make(folds=12, clips=3))
    assert data.folds.names == tuple(f"fold{index:02d}" for index in range(12))
    assert data.folds.assignment == tuple(np.repeat(range(12), 3).tolist())


def test_a_model_hears_its_own_rate_else_the_highest(make: Make) -> None:
    folder = make(rates=(16000, 22050, 48000))
    stimuli = loaded(folder).stimuli
    assert stimuli.sample_rate == 48000
    for asked, heard in ((16000, 16000), (22050, 22050), (48000, 48000), (44100, 48000)):
        files = stimuli.at_rate(asked).files
        assert files[0] == folder / str(heard) / "train" / "clip0000.wav"
        waveform = stimuli.waveforms([0], asked)[0]
        assert waveform.shape == (round(0.1 * asked),)
        if asked == heard:
            expected, _ = soundfile.read(files[0], dtype="float32")
            np.testing.assert_array_equal(waveform, expected)
    fingerprints = {rate: stimuli.at_rate(rate).fingerprint for rate in (16000, 22050, 32000)}
    assert len(set(fingerprints.values())) == 3
    assert fingerprints[32000] == stimuli.at_rate(48000).fingerprint


def test_the_key_covers_the_files_that_are_heard_and_no_others(make: Make) -> None:
    folder = make(rates=(16000, 48000))
    before = loaded(folder).stimuli
    keys = {rate: before.at_rate(rate).fingerprint for rate in (16000, 48000)}
    shutil.copyfile(folder / "16000/test/clip0001.wav", folder / "16000/test/clip0000.wav")
    after = loaded(folder).stimuli
    assert after.at_rate(16000).fingerprint != keys[16000]
    assert after.at_rate(48000).fingerprint == keys[48000]


def test_an_incomplete_rate_is_not_heard(make: Make) -> None:
    folder = make(rates=(16000, 44100, 48000))
    (folder / "16000/test/clip0003.wav").unlink()
    (folder / "48000/train/clip0000.wav").unlink()
    stimuli = loaded(folder).stimuli
    assert stimuli.sample_rate == 44100
    assert not stimuli.recordings


def test_other_folders_are_no_rates(make: Make) -> None:
    folder = make()
    (folder / "48000").write_text("a file")
    (folder / "embeddings").mkdir()
    assert loaded(folder).stimuli.sample_rate == 16000


def test_sounds_that_are_named_but_missing_are_counted(make: Make) -> None:
    folder = make(rates=(16000, 48000))
    for name in ("16000/valid/clip0001.wav", "16000/valid/clip0004.wav", "48000/test/clip0000.wav"):
        (folder / name).unlink()
    shutil.rmtree(folder / "48000/train")
    with pytest.raises(
        DataError,
        match=r"valid\.json names sounds that are not there: 16000/ lacks 2 of 18 files, the "
        r"first is .*16000/valid/clip0001\.wav",
    ):
        loaded(folder)


def test_clips_are_found_in_either_unicode_form(make: Make) -> None:
    folder = make()
    listed = json.loads((folder / "valid.json").read_text())
    labels = [listed.pop(name) for name in ("clip0001.wav",)]
    (folder / "valid.json").write_text(json.dumps({"\u00e9.wav": labels[0], **listed}))
    (written,) = folder.glob("*/valid/clip0001.wav")
    found = written.rename(written.with_name("e\u0301.wav"))
    assert found in loaded(folder).stimuli.files


def test_no_sounds_at_all(make: Make) -> None:
    folder = make()
    shutil.rmtree(folder / "16000")
    with pytest.raises(DataError, match=r"has no sounds.*48000/train/clip0000\.wav"):
        loaded(folder)


def test_sounds_that_nobody_names_are_left_out(make: Make) -> None:
    folder = make()
    before = loaded(folder)
    (folder / "16000/train/extra.wav").write_bytes(b"no sound")
    (folder / "extra.json").write_text("{}")
    after = loaded(folder)
    assert after.stimuli.names == before.stimuli.names
    assert after.stimuli.fingerprint == before.stimuli.fingerprint


def test_a_clip_may_be_silent_but_not_empty_or_damaged(make: Make) -> None:
    folder = make()
    files = [folder / f"16000/train/clip000{index}.wav" for index in range(4)]
    soundfile.write(files[0], np.zeros(100), 16000)
    soundfile.write(files[1], np.zeros(0), 16000)
    files[2].write_bytes(b"no sound")
    files[3].write_bytes(b"")
    stimuli = loaded(folder).stimuli
    assert not stimuli.waveforms([0], 16000)[0].any()
    assert not stimuli.waveforms([0], 8000)[0].any()
    for row, told in ((1, "holds no samples"), (2, "cannot be read"), (3, "cannot be read")):
        with pytest.raises(DataError, match=rf"clip000{row}\.wav {told}"):
            stimuli.waveforms([row], 16000)


def test_a_sound_in_the_folder_of_another_rate(make: Make) -> None:
    folder = make(rates=(16000, 48000))
    shutil.copyfile(folder / "16000/train/clip0000.wav", folder / "48000/train/clip0000.wav")
    stimuli = loaded(folder).stimuli
    with pytest.raises(DataError, match=r"48000/train/clip0000\.wav is sampled at 16000 Hz"):
        stimuli.waveforms([0], 44100)
    assert stimuli.waveforms([0], 16000)[0].any()


@pytest.mark.parametrize(
    ("task_name", "subset"),
    [("tones", "tones"), ("tfds_gtzan", "gtzan"), ("esc50", "esc50"), ("a-b.c d/e", "a_b_c_d_e")],
)
def test_the_name_of_a_folder_is_that_of_its_task(make: Make, task_name: str, subset: str) -> None:
    folder = make(metadata={"task_name": task_name})
    assert SOURCE.read_folder(CARD, folder)[0] == subset
    assert SOURCE.read_folder(CARD, folder.rename(folder.with_name("elsewhere")))[0] == subset


def test_a_folder_is_loaded_as_a_subset_of_the_card(make: Make) -> None:
    for plugin in ("brainbench_probe", "brainbench_natsound165"):
        pytest.importorskip(plugin, reason="the metric and another data set are other plugins")
    folder = make()
    data = load_dataset("HEAR", folder=str(folder))
    assert len(data.stimuli) == 18
    assert len(load_dataset("HEAR.tones", folder=folder).stimuli) == 18
    with pytest.raises(DataError, match=r"holds HEAR\.tones, not HEAR\.esc50"):
        load_dataset("HEAR.esc50", folder=folder)
    with pytest.raises(ContractError, match="NH2015comp takes no folder"):
        load_dataset("NH2015comp", folder=folder)


def test_the_six_tasks_of_the_paper() -> None:
    assert set(CARD.subsets) == set(TASKS)
    assert CARD.provided(None) == frozenset()
    assert CARD.provided("esc50") == {"task"}
    assert CARD.counted("esc50") == 2000
    assert CARD.counted(None) == sum(map(CARD.counted, CARD.subsets)) == 211_186
    assert TASKS["gtzan"].task_name == "tfds_gtzan"
    assert TASKS["nsynth_pitch"].mode == "50h"
    assert TASKS["esc50"].url.endswith("6332517/files/hear2021-esc50-v2.0.0-full-48000.tar.gz")


def test_the_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    if "probe" not in list_ids("metric"):
        pytest.skip("the metric probe is not installed")
    known = list_ids("benchmark")
    for subset in CARD.subsets:
        assert f"HEAR.{subset}-probe" in known
        assert f"HEAR.{subset}-ridge" not in known
    assert "HEAR-probe" not in known
    with pytest.raises(UnknownId, match="HEAR-probe is no benchmark"):
        find_benchmark("HEAR-probe")
    assert find_benchmark("HEAR-probe", folder=True).metric.id == "probe"
    with pytest.raises(UnknownId, match="HEAR-ridge is no benchmark"):
        find_benchmark("HEAR-ridge", folder=True)


def test_a_task_that_is_not_here_is_not_fetched() -> None:
    with pytest.raises(DataError, match=r"HEAR\.gtzan is not here: `brainbench data get HEAR\.gt"):
        SOURCE.load(CARD, "gtzan")


def test_one_line_makes_a_card_of_a_folder(make: Make) -> None:
    card = task_card("Tones", str(make()), stimuli=18, packages=("my_plugin",))
    assert not card.downloaded
    assert card.packages == ("brainbench_hear", "my_plugin")
    assert card.provided(None) == {"task"}
    data = data_source(card).load(card)
    assert data.card is card
    assert len(data.stimuli) == card.stimuli
    assert data_source(card).locate(card) == Path(card.source)
    gone = replace(card, source="/nowhere")
    with pytest.raises(DataError, match="Tones is not here"):
        data_source(card).load(gone)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "stimuli", "labels", "splits"),
    [
        ("fsdd-v1.0-small", 1500, 10, (900, 300, 300)),
        ("natsound165_category-v1.0-full", 165, 11, (34, 32, 32, 33, 34)),
        ("natsound165_mix-v1.0-full", 300, 11, (180, 60, 60)),
    ],
)
def test_real_tasks(
    data_folder: Path, folder: str, stimuli: int, labels: int, splits: tuple[int, ...]
) -> None:
    place = data_folder / "hear" / "tasks" / folder
    name, data = SOURCE.read_folder(CARD, place)
    assert place.name.startswith(name)
    assert data.assembly.shape == (stimuli, labels)
    assert tuple(np.bincount(data.folds.assignment)) == splits
    counts = data.assembly.values.sum(axis=1)
    assert (counts == 1).all() if "mix" not in name else (counts >= 1).all() and counts.max() > 1
    row = stimuli // 2
    split, file = data.stimuli.names[row].split("/")
    given = json.loads((place / f"{split}.json").read_text())[file]
    found = data.assembly["label"].values[data.assembly.values[row] > 0].tolist()
    assert sorted(found) == sorted(given)
    waveform = data.stimuli.waveforms([row], 16000)[0]
    assert waveform.any()
