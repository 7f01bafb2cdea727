"""Pages that `brainbench serve` shows follow the stored results."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.serve import HOST, serving
from brainbench_audio.cli.watching import Watcher
from brainbench_audio.report.results import all_results
from brainbench_audio.report.site import build_site
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import keep_score, score_stem


def keep(model: str, value: float) -> None:
    provenance = {"model": model, "benchmark": "Made-up", "created": "2026-01-01T00:00:00+00:00"}
    score = Score(value=value, provenance=provenance)
    keep_score(score_stem("Made-up", model, f"{len(model):024d}"), score)


def test_a_browser_shows_what_is_scored_meanwhile(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("brainbench_audio.cli.watching.SECONDS", 0.1)
    keep("first", 0.25)
    options = argparse.Namespace(port=0, host=[], published="none", sounds=False, title="Mine")
    with serving(options, tmp_path / "site") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        tab = browser.new_page()
        complaints: list[str] = []
        tab.on("console", lambda message: complaints.append(message.text))
        try:
            with tab.expect_response("**/changes"):
                tab.goto(f"http://{HOST}:{server.server_port}/#q=s")
            assert tab.locator("#board tbody tr").count() == 1
            keep("second", 0.5)
            tab.get_by_role("link", name="second").wait_for(timeout=20_000)
            # what was chosen is still chosen
            assert tab.get_by_label("Search models").input_value() == "s"
            assert complaints == []
        finally:
            tab.close()
            server.shutdown()
            thread.join()
    # a site that is kept asks nobody
    build_site(all_results(), tmp_path / "site", "Mine")
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "/changes" not in text
    assert "connect-src" not in text


def test_a_change_is_noticed_when_it_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, whole = threading.Event(), threading.Event()

    def changed() -> None:
        if not seen.is_set():
            seen.set()
            raise OSError("The disk is full.")  # the next change is noticed all the same
        if len(list(tmp_path.iterdir())) == 3:
            whole.set()

    (tmp_path / "old").write_text("there before")
    with Watcher(changed, tmp_path, seconds=0.02):
        assert not seen.wait(0.1)
        (tmp_path / "one").write_text("one")
        assert seen.wait(10)
        (tmp_path / "two").write_text("two")
        assert whole.wait(10)
    assert "The disk is full." in capsys.readouterr().err
