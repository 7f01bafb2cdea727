"""Bars are for people at a terminal: nothing of them gets into files and pipes."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from tqdm import tqdm

from brainbench_audio import progress
from brainbench_audio.progress import Remaining, RunBar, hidden_bars, progress_bar, stage


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


def test_bars_are_hidden_for_a_while_for_children_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    with hidden_bars():
        assert shown(Terminal()) == ""
        assert os.environ["TQDM_DISABLE"]
    assert "hearing" in shown(Terminal())
    monkeypatch.setenv("TQDM_DISABLE", "yes")
    with hidden_bars():
        pass
    assert os.environ["TQDM_DISABLE"] == "yes"


def test_a_run_shows_what_is_done_now_and_for_which_model(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    clock = [0.0]
    monkeypatch.setattr("brainbench_audio.progress.time.monotonic", lambda: clock[0])
    file = Terminal()
    seen = []
    with RunBar(2, "scoring", "pair", file=file) as bar, caplog.at_level("INFO"):
        with stage("load", "beats"):
            assert file.getvalue() == "", "nothing flashes up in short runs"
        clock[0] = 5.0
        bar.expect({"a": 3.0, "b": 6.0})
        with stage("load", "beats"):
            with stage("fetch", "beats\x1b.pt"):
                seen.append(file.getvalue().rpartition("\r")[2])
            seen.append(file.getvalue().rpartition("\r")[2])
        clock[0] = 9.0
        assert bar.finished("a", computed=True) == "about 8 s left"
        with stage("score", "beats on NH2015-rsa"):
            seen.append(file.getvalue().rpartition("\r")[2])
        assert bar.finished("b", computed=True) == ""
    assert "fetch beats\\x1b.pt of beats: 0/2" in seen[0]
    assert "load beats: 0/2" in seen[1]
    assert "score beats on NH2015-rsa: 1/2" in seen[2]
    assert "about 8 s left" in seen[2]
    assert [record.getMessage() for record in caplog.records][-1] == "score beats on NH2015-rsa"


def test_the_rest_takes_as_much_longer_as_the_finished_part_did() -> None:
    left = Remaining({"stored": 0.0, "long": 60.0, "short": 20.0, "unknown": None, "bad": 20.0})
    assert left.seconds is None
    left.finished("stored", 5.0, computed=False)
    assert left.in_words() == "", "what was stored says nothing of the rest"
    left.finished("short", 12.0, computed=True)
    assert left.seconds == pytest.approx((60 + 100 / 3 + 20) * 12 / 20)
    left.finished("bad", 12.5, computed=False)
    left.finished("long", 60.0, computed=True)
    assert left.seconds == pytest.approx(100 / 3 * 60 / 80)
    left.finished("unknown", 80.0, computed=True)
    assert left.seconds == 0
    assert Remaining({"a": None, "b": None}).seconds is None
