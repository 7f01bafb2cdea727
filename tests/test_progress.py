"""Bars are for people at a terminal: nothing of them gets into files and pipes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from tqdm import tqdm

from brainbench_audio import progress
from brainbench_audio.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(file: io.StringIO, **options: Any) -> str:
    with progress_bar(3, "hearing", "sound", file=file, **options) as bar:
        # as if two seconds had passed, before which no bar is drawn
        if not bar.disable:
            bar.start_t -= 10
        for _ in range(3):
            bar.update()
            bar.refresh()
        text = file.getvalue()
    return text


def test_a_terminal_sees_what_is_done_and_of_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    text = shown(Terminal())
    assert "hearing" in text
    assert "3/3" in text


def test_a_pipe_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert shown(io.StringIO()) == ""


def test_it_can_be_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert shown(Terminal()) == ""


def test_short_work_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    file = Terminal()
    with progress_bar(2, "hearing", "sound", file=file) as bar:
        bar.update()
        bar.update()
    assert "hearing" not in file.getvalue()


def test_other_options_reach_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    assert "10.0k" in shown(Terminal(), initial=9_997, unit_scale=True)


def test_several_files_in_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = tqdm(total=15, file=io.StringIO(), disable=False)
    monkeypatch.setattr(progress, "progress_bar", lambda *_, **__: bar)
    with progress.one_bar(15, "weights") as whole:
        for start in (0, 3):  # the second attempt goes on where the first one was known to be
            with progress.transfer_bar(10, "one", start) as advance:
                advance(5)
                assert bar.n == start + 5
        whole.next_file()
        with progress.transfer_bar(5, "two", 2) as advance:
            advance(3)
    assert bar.n == 8 + 5
    monkeypatch.undo()
    with progress.transfer_bar(10, "alone", 0) as advance:
        advance(5)
