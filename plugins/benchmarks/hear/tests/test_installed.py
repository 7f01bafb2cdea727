"""Tasks on this machine: found, downloaded, installed from folders and archives."""

from __future__ import annotations

import functools
import http.server
import io
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from brainbench_hear import cards, task_card
from brainbench_hear.cards import CARD, TASKS
from brainbench_hear.dataset import ListeningTasks
from brainbench_hear.testing import Maker, pack

from brainbench_audio import settings
from brainbench_audio.cli.main import main
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

SOURCE = ListeningTasks()
ESC50 = {"name": "esc50", "version": "v2.0.0", "mode": "full", "folds": 5, "clips": 3}
GTZAN = {"name": "tfds_gtzan", "version": "1.0.0", "mode": "full", "folds": 10, "clips": 3}


def home() -> Path:
    return settings.data_home() / "hear" / "tasks"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Return a folder with two of the tasks, as the archives unpack."""
    parent = tmp_path / "given" / "hear-2021.0.6" / "tasks"
    for options in (ESC50, GTZAN):
        Maker(**options).write(parent)  # type: ignore[arg-type]
    return tmp_path / "given"


@pytest.fixture
def published(tmp_path: Path, given: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Publish the two tasks on a server of our own; return what is asked of it."""
    asked: list[str] = []

    class Server(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_: Any) -> None:
            asked.append(f"{self.command} {self.path.rpartition('/')[2]}")

    site = tmp_path / "site" / "files"
    site.mkdir(parents=True)
    for folder in (given / "hear-2021.0.6/tasks").iterdir():
        pack(site / f"hear2021-{folder.name}-48000.tar.gz", folder)
    handler = functools.partial(Server, directory=str(tmp_path / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(cards, "RECORD", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_is_here() -> None:
    assert SOURCE.locate(CARD) is None
    assert SOURCE.locate(CARD, "esc50") is None


@pytest.mark.parametrize(
    "name", ["esc50-v2.0.0-full", "esc50-v2.0.1-full", "esc50"], ids=["published", "newer", "bare"]
)
def test_brought_data_are_read_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = Maker(**ESC50).write(tmp_path / "mine/hear/tasks")  # type: ignore[arg-type]
    folder = folder.rename(folder.with_name(name))
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path / "mine"))
    assert SOURCE.locate(CARD, "esc50") == folder
    assert len(SOURCE.load(CARD, "esc50").stimuli) == 15
    assert SOURCE.locate(CARD) is None


def test_the_published_version_goes_first_and_others_are_ambiguous(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("v1", "v2.0.0", "v3"):
        Maker(**{**ESC50, "version": version}).write(tmp_path / "hear/tasks")  # type: ignore[arg-type]
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    found = SOURCE.locate(CARD, "esc50")
    assert found is not None
    assert found.name == "esc50-v2.0.0-full"
    shutil.rmtree(found)
    with pytest.raises(DataError, match=r"esc50-v1-full and .*esc50-v3-full are both there"):
        SOURCE.locate(CARD, "esc50")


def test_another_size_of_a_task_is_another_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Maker(name="nsynth_pitch", version="v2.2.3", mode="5h").write(tmp_path / "hear/tasks")
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path))
    assert SOURCE.locate(CARD, "nsynth_pitch") is None


@pytest.mark.parametrize("given", ["tasks", "tasks/nsynth_pitch-v2.2.3-5h", "task.tar.gz"])
def test_another_size_of_a_task_is_not_installed_as_the_published_one(
    tmp_path: Path, given: str
) -> None:
    folder = Maker(name="nsynth_pitch", version="v2.2.3", mode="5h").write(tmp_path / "tasks")
    pack(tmp_path / "task.tar.gz", folder)
    told = "does not hold nsynth_pitch-v2.2.3-50h; it holds nsynth_pitch-v2.2.3-5h"
    for subset in ("nsynth_pitch", None):
        with pytest.raises(DataError, match=told):
            SOURCE.fetch(CARD, subset, tmp_path / given)
    assert SOURCE.locate(CARD, "nsynth_pitch") is None


@pytest.mark.parametrize("name", ["nsynth_pitch-v3-50h", "nsynth_pitch"], ids=["newer", "bare"])
def test_another_version_of_a_task_is_installed(tmp_path: Path, name: str) -> None:
    for mode in ("5h", "50h"):
        folder = Maker(name="nsynth_pitch", version="v3", mode=mode).write(tmp_path / "given")
    folder.rename(folder.with_name(name))
    found = SOURCE.fetch(CARD, "nsynth_pitch", tmp_path / "given")
    assert found == home() / TASKS["nsynth_pitch"].folder == SOURCE.locate(CARD, "nsynth_pitch")


@pytest.mark.parametrize(
    "inside", [".", "hear-2021.0.6", "hear-2021.0.6/tasks", "hear-2021.0.6/tasks/esc50-v2.0.0-full"]
)
def test_from_a_folder(given: Path, inside: str) -> None:
    found = SOURCE.fetch(CARD, source=given / inside, subset="esc50")
    assert found == home() / "esc50-v2.0.0-full" == SOURCE.locate(CARD, "esc50")
    assert len(SOURCE.load(CARD, "esc50").stimuli) == 15
    assert (given / "hear-2021.0.6/tasks/esc50-v2.0.0-full").is_dir()
    assert [path.name for path in home().iterdir() if path.is_dir()] == [found.name]
    again = SOURCE.fetch(CARD, source=given / inside, subset="esc50")
    assert again == found
    assert len(SOURCE.load(CARD, "esc50").stimuli) == 15


def test_from_a_folder_all_that_is_there(given: Path) -> None:
    assert SOURCE.fetch(CARD, source=given) == home()
    assert {path.name for path in home().iterdir() if path.is_dir()} == {
        TASKS[subset].folder for subset in ("esc50", "gtzan")
    }


def test_from_an_archive(tmp_path: Path, given: Path) -> None:
    folder = given / "hear-2021.0.6/tasks/esc50-v2.0.0-full"
    archive = pack(tmp_path / "some.tar.gz", folder)
    with pytest.raises(DataError, match="expected 0000"):
        SOURCE.fetch(CARD, source=archive, sha256="0000", subset="esc50")
    found = SOURCE.fetch(CARD, source=archive, sha256=hash_file(archive), subset="esc50")
    assert found == home() / folder.name
    assert len(SOURCE.load(CARD, "esc50").stimuli) == 15
    assert archive.is_file()
    assert [path.name for path in home().iterdir() if path.is_dir()] == [folder.name]
    assert not [path for path in home().parent.iterdir() if path.name.endswith(".unpacked")]


@pytest.mark.parametrize("subset", ["fsd50k", None])
def test_a_folder_without_the_task(tmp_path: Path, given: Path, subset: str | None) -> None:
    source = given if subset else tmp_path / "empty"
    source.mkdir(exist_ok=True)
    with pytest.raises(DataError, match=r"does not hold .*; it holds (esc50-v2.0.0-full|no task)"):
        SOURCE.fetch(CARD, source=source, subset=subset)
    assert not home().exists()


def test_an_incomplete_task_is_not_installed(given: Path) -> None:
    folder = given / "hear-2021.0.6/tasks/esc50-v2.0.0-full"
    (folder / "16000/fold00/clip0001.wav").unlink()
    with pytest.raises(DataError, match="lacks 1 of 15 files"):
        SOURCE.fetch(CARD, source=folder, subset="esc50")
    assert SOURCE.locate(CARD, "esc50") is None


def test_other_sources(tmp_path: Path, given: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        SOURCE.fetch(CARD, source=tmp_path / "nowhere", subset="esc50")
    with pytest.raises(DataError, match="is a folder: --sha256 is for archives"):
        SOURCE.fetch(CARD, source=given, sha256="0" * 64, subset="esc50")
    with pytest.raises(DataError, match="HEAR has 6 archives"):
        SOURCE.fetch(CARD, sha256="0" * 64)


def test_a_download(published: list[str]) -> None:
    assert set(SOURCE.sizes(CARD, "esc50")) == {"hear2021-esc50-v2.0.0-full-48000.tar.gz"}
    found = SOURCE.fetch(CARD, subset="esc50")
    assert found == home() / "esc50-v2.0.0-full"
    assert len(SOURCE.load(CARD, "esc50").stimuli) == 15
    archives = home().parent / "archives"
    assert sorted(path.suffix for path in archives.iterdir()) == [".lock", ".sha256"]
    assert SOURCE.sizes(CARD, "esc50") == {}
    count = len(published)
    assert SOURCE.fetch(CARD, subset="esc50") == found
    assert len(published) == count


def test_a_later_download_that_differs_is_refused(published: list[str]) -> None:
    SOURCE.fetch(CARD, subset="esc50")
    shutil.rmtree(home())
    pin = next((home().parent / "archives").glob("*.sha256"))
    pin.write_text("0" * 64)
    with pytest.raises(DataError, match="is not the file it should be"):
        SOURCE.fetch(CARD, subset="esc50")
    assert SOURCE.locate(CARD, "esc50") is None


def test_sizes_are_shown_and_large_downloads_are_confirmed(
    published: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    get = ["data", "get", "HEAR.esc50"]
    monkeypatch.setattr("brainbench_audio.cli.consent._ASKED_ABOVE", 10)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(get) == 1
    told = capsys.readouterr().err
    found = re.search(r"hear2021-esc50-v2\.0\.0-full-48000\.tar\.gz: ([0-9.]+ kB)", told)
    assert found is not None
    assert f"This would download {found[1]}. Nothing was downloaded: add --yes" in told
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    sys.stdin.readline()
    assert main(get) == 1
    assert "Nothing was downloaded." in capsys.readouterr().err
    assert [line for line in published if line.startswith("GET")] == []
    sys.stdin.seek(0)
    assert main(get) == 0
    told_then = capsys.readouterr()
    assert told_then.out == f"{home() / 'esc50-v2.0.0-full'}\n"
    assert "are free)? [y/N]" in told_then.err
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["data", "get", "HEAR.gtzan", "--yes"]) == 0
    assert main(["data", "path", "HEAR.gtzan"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(home() / "tfds_gtzan-1.0.0-full")


def test_the_command_line_installs_from_a_folder(
    given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "get", "HEAR.esc50", "--from", str(given)]) == 0
    assert capsys.readouterr().out == f"{home() / 'esc50-v2.0.0-full'}\n"
    assert main(["data", "list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    row = next(row for row in rows if row.startswith("HEAR.esc50"))
    assert "2000" in row
    assert row.endswith("esc50-v2.0.0-full")
    assert main(["data", "get", "HEAR.esc51"]) == 2
    assert "Did you mean HEAR.esc50" in capsys.readouterr().err
    assert main(["data", "path", "HEAR.fsd50k"]) == 1
    assert "`brainbench data get HEAR.fsd50k`" in capsys.readouterr().err


def test_one_line_makes_a_card_of_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Path]
) -> None:
    archive = pack(tmp_path / "tones.tar.gz", make())
    card = task_card("Tones", f"https://example.org/{archive.name}?download=1", stimuli=18)
    with pytest.raises(DataError, match="Tones is not here: `brainbench data get Tones`"):
        SOURCE.load(card, None)
    assert SOURCE.fetch(card, source=archive) == home() / "Tones" == SOURCE.locate(card)
    assert len(SOURCE.load(card, None).stimuli) == 18
    assert SOURCE.sizes(card) == {}
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path / "mine"))
    brought = shutil.copytree(home() / "Tones", tmp_path / "mine/hear/tasks/Tones")
    assert SOURCE.locate(card) == brought
