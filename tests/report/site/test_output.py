"""A folder is only written to if it is empty or ours, and no page of before stays behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.report.site.output import MARKER, check_folder, write_folder

PAGES = {"index.html": "<p>é", "models/a.html": "a"}


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        MARKER
    }


def test_pages_are_written_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "site"
    assert write_folder(folder, PAGES) == 6
    assert names(folder) == set(PAGES)
    write_folder(folder, {"index.html": "other", "models/b.html": "b"})
    assert names(folder) == {"index.html", "models/b.html"}
    assert (folder / "index.html").read_text(encoding="utf-8") == "other"


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(DataError, match="holds files but no site"):
        write_folder(tmp_path, PAGES)
    assert names(tmp_path) == {"index.html"}
    assert (tmp_path / "index.html").read_text() == "mine"
    with pytest.raises(DataError, match="is a file"):
        check_folder(tmp_path / "index.html")


def test_files_that_were_put_beside_ours_stay(tmp_path: Path) -> None:
    write_folder(tmp_path, PAGES)
    (tmp_path / "CNAME").write_text("x.org")
    (tmp_path / "models" / "mine.html").write_text("mine")
    write_folder(tmp_path, {"index.html": "other"})
    assert names(tmp_path) == {"index.html", "CNAME", "models/mine.html"}


def test_a_killed_run_leaves_a_folder_that_is_ours(tmp_path: Path) -> None:
    write_folder(tmp_path, PAGES)

    class Killed(dict[str, str]):
        def items(self):  # type: ignore[no-untyped-def]
            yield "index.html", "new"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path, Killed({"index.html": "new", "models/z.html": "z"}))
    assert names(tmp_path) == set(PAGES)
    write_folder(tmp_path, {"index.html": "at last"})
    assert names(tmp_path) == {"index.html"}


@pytest.mark.parametrize("name", ["../out.html", "/out.html", "x.txt", "music/x.flac", 3])
def test_a_marker_cannot_make_us_delete_other_files(tmp_path: Path, name: object) -> None:
    folder = tmp_path / "site"
    write_folder(folder, PAGES)
    victims = [tmp_path / "out.html", folder / "x.txt", folder / "music" / "x.flac"]
    for victim in victims:
        victim.parent.mkdir(exist_ok=True)
        victim.write_text("mine")
    wanted = str(tmp_path / "out.html") if name == "/out.html" else name
    (folder / MARKER).write_text(json.dumps({"pages": [wanted]}))
    write_folder(folder, PAGES)
    assert all(victim.exists() for victim in victims)


@pytest.mark.parametrize("text", ["", "[]", "{}", "\x00"])
def test_a_damaged_marker(tmp_path: Path, text: str) -> None:
    write_folder(tmp_path, PAGES)
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(DataError, match="is damaged"):
        write_folder(tmp_path, PAGES)
