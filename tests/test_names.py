"""Names in both Unicode forms: what looks the same is found, and two of them are refused."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.names import as_on_disk
from brainbench_audio.pipeline.checkpoints import list_checkpoints
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.tables import read_table
from brainbench_audio.testing import dummy_stimuli

FORMS = pytest.mark.parametrize(("written", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
MODEL = """
from pathlib import Path

from brainbench_audio.testing import DummyModel


class Mine(DummyModel):
    def __init__(self, weights=None):
        super().__init__(bands=6 if weights is None else int(Path(weights).read_text()))
"""
unicode_form = unicodedata.normalize


@pytest.fixture(autouse=True)
def two_names(tmp_path: Path) -> None:
    (tmp_path / unicode_form("NFC", "é")).touch()
    if (tmp_path / unicode_form("NFD", "é")).exists():
        pytest.skip("this disk takes both forms for one name")
    (tmp_path / unicode_form("NFC", "é")).unlink()


@FORMS
def test_a_file_is_found_as_the_disk_spells_it(tmp_path: Path, written: str, asked: str) -> None:
    there = tmp_path / unicode_form(written, "Köln") / "été" / unicode_form(written, "glocke é.wav")
    there.parent.mkdir(parents=True)
    there.touch()
    found = as_on_disk(
        tmp_path / unicode_form(asked, "Köln") / "été" / unicode_form(asked, "glocke é.wav")
    )
    assert found == there
    assert as_on_disk(there) == there


def test_a_mixture_of_both_forms_is_found(tmp_path: Path) -> None:
    mixed = tmp_path / (unicode_form("NFC", "é") + unicode_form("NFD", "é"))
    mixed.touch()
    assert as_on_disk(tmp_path / "éé") == mixed


def test_relative_paths_and_those_that_are_not_there_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = Path(unicode_form("NFD", "é.wav"))
    there.touch()
    assert as_on_disk(Path("é.wav")) == there
    assert as_on_disk(Path("../x/é.wav")) == Path("../x/é.wav")
    assert as_on_disk(tmp_path / "nowhere" / "é.wav") == tmp_path / "nowhere" / "é.wav"


@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_two_files_whose_names_look_the_same_are_refused(tmp_path: Path, asked: str) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicode_form(form, "é.wav")).touch()
    told = r"two files whose names look the same, 'e\\u0301\.wav' and '\\xe9\.wav'; expected one"
    with pytest.raises(DataError, match=told):
        as_on_disk(tmp_path / unicode_form(asked, "é.wav"))
    os.replace(tmp_path / unicode_form("NFC", "é.wav"), tmp_path / "other")
    (tmp_path / unicode_form("NFC", "é.wav")).symlink_to(unicode_form("NFD", "é.wav"))
    assert as_on_disk(tmp_path / unicode_form(asked, "é.wav")).exists()


@FORMS
def test_sounds(tmp_path: Path, written: str, asked: str) -> None:
    stimuli = dummy_stimuli(tmp_path, 2)
    there = stimuli.files[1].rename(tmp_path / unicode_form(written, "glocke é.wav"))
    listed = (stimuli.files[0], tmp_path / unicode_form(asked, "glocke é.wav"))
    found = StimulusSet("x", ("a", "b"), listed, recordings={8000: listed})
    assert found.files[1] == found.recordings[8000][1] == there
    assert len(found.waveforms([1], 8000)[0])
    (tmp_path / unicode_form(asked, "glocke é.wav")).touch()
    with pytest.raises(DataError, match="look the same"):
        StimulusSet("x", ("a", "b"), listed)


@FORMS
def test_tables_and_checkpoints(tmp_path: Path, written: str, asked: str) -> None:
    (tmp_path / unicode_form(written, "réponses.csv")).write_text("a\n1\n")
    assert read_table(tmp_path / unicode_form(asked, "réponses.csv")).rows == ({"a": "1"},)
    folder = tmp_path / unicode_form(written, "entraînement")
    folder.mkdir()
    (folder / unicode_form(written, "modèle-10.pt")).touch()
    for source in ("entraînement", "entraînement/modèle-*.pt", "entraîne*/modèle-10.pt"):
        (found,) = list_checkpoints(tmp_path / unicode_form(asked, source))
        assert found.step == 10


@FORMS
def test_a_model_and_its_weights_on_the_command_line(
    tiny: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    written: str,
    asked: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(unicode_form(written, "modèle.py")).write_text(MODEL)
    Path(unicode_form(written, "poids é.txt")).write_text("7")
    model = unicode_form(asked, "./modèle.py:Mine")
    options = ["--model", model, "--benchmark", "Tiny-match"]
    weights = ["--weights", unicode_form(asked, "poids é.txt")]
    assert main(["score", *options, *weights]) == 0
    assert main(["score", *options]) == 0
    capsys.readouterr()
    assert main(["results", "list", "--model", model]) == 0
    assert capsys.readouterr().out.count("Mine") == 2
    Path(unicode_form(asked, "modèle.py")).write_text(MODEL)
    assert main(["score", *options]) == 1
    assert r"'mode\u0300le.py' and 'mod\xe8le.py'" in capsys.readouterr().err


TINY = ("-m", "tiny-plain", "-b", "Tiny-match")
NO_TEXT, NOBODY = "caf\udce9", "~nobody-of-this-name"


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "options",
    [
        ("-b", "Tiny-match", "-m", f"{NO_TEXT}/m.py:Mine"),
        (*TINY, "--weights", f"{NO_TEXT}/m.py"),
        (*TINY, "--layers", NO_TEXT),
        ("-m", "tiny-plain", "--hear-task", NO_TEXT),
        ("-b", "Tiny-match", "-m", f"{NOBODY}/m.py:Mine"),
        (*TINY, "--weights", f"{NOBODY}/m.py"),
        (*TINY, "--weights-dir", NOBODY),
        ("-m", "tiny-plain", "--hear-task", NOBODY),
    ],
    ids=ascii,
)
def test_names_that_are_none(
    options: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NO_TEXT).mkdir()
    Path(NO_TEXT, "m.py").write_text(MODEL)
    assert main(["score", *options]) == 1
    told = (
        r"caf\\udce9\S* is no text in UTF-8: " if NO_TEXT in options[-1] else f"of {NOBODY} is not"
    )
    assert re.search(told, capsys.readouterr().err)


@pytest.mark.usefixtures("tiny")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no folder that is in use")
@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "-m", "./m.py:Net", "-b", "Tiny-match"],
        ["new", "model", "my-model"],
        ["results", "list", "-m", "./m.py:Net"],
        ["export", "-o", "scores.csv"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_a_current_folder(
    arguments: list[str],
    keep: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep("Net", "A-x", 0.5)
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        "brainbench: The current folder has been removed: go to another one, cd FOLDER.\n"
    )
    # what needs none works
    assert main(["list", "metrics"]) == 0
