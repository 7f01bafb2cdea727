"""Reading a task folder: what is wrong with it is told, with the name of the file."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brainbench_hear.task import METADATA, VOCABULARY, read_task

from brainbench_audio.errors import DataError

Make = Callable[..., Path]


def refuse(folder: Path, file: str, told: str) -> None:
    with pytest.raises(DataError, match=f"{re.escape(str(folder / file))}.*{told}"):
        read_task(folder)


def relabel(folder: Path, split: str, changes: Any) -> None:
    file = folder / f"{split}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_fixed_split(make: Make) -> None:
    task = read_task(make())
    assert task.metadata.name == "tones"
    assert task.metadata.splits == ("train", "valid", "test")
    assert task.metadata.evaluation == ("top1_acc", "d_prime", "aucroc")
    assert task.vocabulary == ("low", "middle", "high")
    assert len(task.clips) == len({clip.name for clip in task.clips}) == 18
    assert task.clips[7].name == "valid/clip0001.wav"
    assert task.clips[7].labels == ("middle",)


@pytest.mark.parametrize("mode", ["presplit_kfold", "new_split_kfold"])
@pytest.mark.parametrize("left_out", [(), ("splits",), ("nfolds",), ("splits", "nfolds")])
def test_folds(make: Make, mode: str, left_out: tuple[str, ...]) -> None:
    fields = {"split_mode": mode, **dict.fromkeys(left_out)}
    task = read_task(make(folds=4, metadata=fields))
    assert task.metadata.splits == ("fold00", "fold01", "fold02", "fold03")


def test_the_vocabulary_is_in_the_order_of_its_numbers(make: Make) -> None:
    folder = make()
    (folder / VOCABULARY).write_text('\ufeffidx,label\n2,high\n0,low\n1,"middle"\n', "utf-8")
    assert read_task(folder).vocabulary == ("low", "middle", "high")


def test_numbers_and_single_labels_are_labels(make: Make) -> None:
    folder = make(labels=("60", "61", "62"))
    relabel(folder, "test", {"clip0000.wav": 61, "clip0001.wav": [62], "clip0002.wav": "60"})
    labels = [clip.labels for clip in read_task(folder).clips if clip.split == "test"]
    assert labels[:3] == [("61",), ("62",), ("60",)]


def test_a_multilabel_clip_may_have_no_label_or_the_same_twice(make: Make) -> None:
    folder = make(prediction_type="multilabel")
    relabel(folder, "train", {"clip0000.wav": [], "clip0001.wav": ["low", "low"]})
    clips = read_task(folder).clips
    assert clips[0].labels == ()
    assert clips[1].labels == ("low",)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"embedding_type": "event"}, "embedding_type 'event' is not supported, only 'scene'"),
        ({"prediction_type": "regression"}, "prediction_type is 'regression', expected multiclass"),
        ({"prediction_type": None}, "prediction_type is None"),
        ({"prediction_type": ["multiclass"]}, "prediction_type is"),
        ({"split_mode": "leave_one_out"}, "split_mode is 'leave_one_out', expected trainvaltest"),
        ({"evaluation": []}, r"evaluation is \[\]"),
        ({"evaluation": "mAP"}, "evaluation is 'mAP', expected a list"),
        ({"evaluation": [1]}, "evaluation is"),
        ({"task_name": None}, "task_name is None"),
        ({"task_name": 3}, "task_name is 3"),
        ({"splits": "train"}, "splits is 'train'"),
        ({"splits": ["train", "test"]}, "splits are train, test, but trainvaltest has train, val"),
    ],
)
def test_metadata_that_cannot_be_used(make: Make, metadata: Any, told: str) -> None:
    refuse(make(metadata=metadata), METADATA, told)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"nfolds": 3}, "nfolds is 3, so the splits are fold00 to fold02; it names fold00, fold01"),
        ({"nfolds": 3, "splits": None}, "nfolds is 3, but the folder has 4 folds"),
        ({"nfolds": 5}, "nfolds is 5, so the splits are fold00 to fold04"),
        ({"nfolds": 2}, "nfolds is 2, expected a number of at least 3"),
        ({"nfolds": "four"}, "nfolds is 'four'"),
        ({"splits": ["a", "b", "c", "d"]}, "it names a, b, c, d"),
    ],
)
def test_folds_that_are_not_there(make: Make, metadata: Any, told: str) -> None:
    refuse(make(folds=4, metadata=metadata), METADATA, told)


def test_a_fold_too_few(make: Make) -> None:
    folder = make(folds=4, metadata={"nfolds": 5, "splits": None})
    with pytest.raises(DataError, match=r"lacks fold04\.json: presplit_kfold needs the splits"):
        read_task(folder)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_a_missing_split(make: Make, split: str) -> None:
    folder = make()
    (folder / f"{split}.json").unlink()
    with pytest.raises(DataError, match=rf"{folder.name} lacks {split}\.json.*train, valid, test"):
        read_task(folder)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["shrill"], r"clip0003\.wav has the label 'shrill', which labelvocabulary\.csv does not"),
        ([], r"clip0003\.wav has 0 labels, a multiclass task has one"),
        (["low", "high"], r"clip0003\.wav has 2 labels, a multiclass task has one"),
        (None, r"clip0003\.wav has the labels None"),
        ([{"low": 1}], r"clip0003\.wav has the labels \[\{'low': 1\}\]"),
        ([True], r"clip0003\.wav has the labels \[True\]"),
        (0.5, r"clip0003\.wav has the labels 0\.5"),
    ],
)
def test_labels_that_cannot_be_used(make: Make, labels: Any, told: str) -> None:
    folder = make()
    relabel(folder, "valid", {"clip0003.wav": labels})
    refuse(folder, "valid.json", told)


@pytest.mark.parametrize(
    "name", ["../../x.wav", "a/../../x.wav", "/etc/x.wav", "..\\x.wav", "C:x.wav", "", "..", "a\0b"]
)
def test_a_name_that_leads_out_of_the_folder(make: Make, name: str) -> None:
    folder = make()
    relabel(folder, "train", {name: ["low"]})
    refuse(folder, "train.json", "is no name of a file in the split's folder")


def test_a_name_in_a_folder_of_the_split(make: Make) -> None:
    folder = make()
    relabel(folder, "train", {"speaker/x.wav": ["low"]})
    assert read_task(folder).clips[6].name == "train/speaker/x.wav"


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "{}", "\xff", '{"a.wav": ["low"], '])
def test_damaged_labels(make: Make, content: str) -> None:
    folder = make()
    (folder / "test.json").write_bytes(content.encode("latin-1"))
    refuse(folder, "test.json", "is damaged|names no clips")


def test_a_clip_that_is_named_twice(make: Make) -> None:
    folder = make()
    (folder / "test.json").write_text('{"a.wav": ["low"], "a.wav": ["high"]}')
    refuse(folder, "test.json", r"'a\.wav' occurs twice")


def test_a_clip_that_is_named_twice_among_many_is_found_at_once(make: Make) -> None:
    """The last of 85,000 took minutes: 64 times as long for 8 times as many."""
    folder = make()

    def once(clips: int) -> float:
        rows = "".join(f'"clip{number}.wav": ["low"], ' for number in range(clips))
        (folder / "test.json").write_text(f'{{{rows}"clip{clips - 1}.wav": ["low"]}}')
        started = time.process_time()
        refuse(folder, "test.json", rf"'clip{clips - 1}\.wav' occurs twice")
        return time.process_time() - started

    def seconds(clips: int) -> float:
        return min(once(clips) for _ in range(3))  # Python may look for garbage meanwhile

    assert seconds(24_000) < 30 * seconds(3_000)


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_damaged_metadata(make: Make, content: str) -> None:
    folder = make()
    (folder / METADATA).write_text(content)
    refuse(folder, METADATA, "is damaged|no JSON object")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "low\nhigh\n",
        "idx,name\n0,low\n1,high\n",
        "idx,label\n0,low\n2,high\n",
        "idx,label\n0,low\n0,high\n",
        "idx,label\nzero,low\none,high\n",
        "idx,label\n0,low\n1,low\n",
        "idx,label\n0,low\n1\n",
        "idx,label\n0,low\n1,\n",
        "idx,label\n0,low\n",
        'idx,label\n0,low\n1,"hi',
    ],
)
def test_a_damaged_vocabulary(make: Make, content: str) -> None:
    folder = make()
    (folder / VOCABULARY).write_text(content)
    refuse(folder, VOCABULARY, "")


def test_no_vocabulary(make: Make) -> None:
    folder = make()
    (folder / VOCABULARY).unlink()
    refuse(folder, VOCABULARY, "does not exist")


def test_something_else(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"is no folder in HEAR format.*task_metadata\.json"):
            read_task(folder)


def test_labels_are_the_same_in_both_unicode_forms(make: Make) -> None:
    folder = make()
    vocabulary = folder / "labelvocabulary.csv"
    vocabulary.write_text(vocabulary.read_text().replace("low", "gr\u00e4ve"))
    for split in ("train", "valid", "test"):
        file = folder / f"{split}.json"
        file.write_text(file.read_text().replace('"low"', '"gra\u0308ve"'))
    task = read_task(folder)
    assert "gr\u00e4ve" in task.vocabulary
    assert any("gr\u00e4ve" in clip.labels for clip in task.clips)
