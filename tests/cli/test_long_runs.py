"""What a run tells while it works, and what is there after Ctrl-C."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.pipeline import many
from brainbench_audio.pipeline.hearing import score_heard
from brainbench_audio.pipeline.plan import failed_file

pytestmark = pytest.mark.usefixtures("tiny")
PAIRS = ("score", "-m", "tiny-broken", "tiny-plain", "-b", "Tiny.a-match", "Tiny.b-match")
Told = pytest.CaptureFixture[str]


def test_a_line_for_each_finished_pair_where_nobody_sees_a_bar(capsys: Told) -> None:
    assert main([*PAIRS, "--json"]) == 1
    table, told = capsys.readouterr()
    assert len(json.loads(table)) == 2
    lines = [line for line in told.splitlines() if re.match(r"brainbench: \[\d/4\] ", line)]
    assert "[1/4] tiny-broken x Tiny.a-match: failed: unexpected RuntimeError" in lines[0]
    assert re.search(r"\[3/4\] tiny-plain x Tiny.a-match: 0\.\d{3} \(\d+\.\d s\)", lines[2])
    assert len(lines) == 4
    assert main([*PAIRS, "--json"]) == 1
    assert "[4/4] tiny-plain x Tiny.b-match: " in (again := capsys.readouterr().err)
    assert "(stored)" in again
    assert main([*PAIRS, "--quiet"]) == 1
    quiet = capsys.readouterr().err
    assert "/4]" not in quiet
    assert "tiny-broken failed" in quiet
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny.a-match"]) == 0
    assert "/1]" not in capsys.readouterr().err, "a single score is its own message"


def test_verbose_tells_every_step_and_a_log_keeps_them(capsys: Told, tmp_path: Path) -> None:
    log = tmp_path / "new" / "run.log"
    before = logging.getLogger("brainbench_audio").level
    assert main([*PAIRS, "--verbose", "--log", str(log)]) == 1
    told = capsys.readouterr().err
    steps = ["load tiny-plain", "hear tiny-plain", "score tiny-plain on Tiny.b-match"]
    for step in steps:
        assert f"brainbench: {step}\n" in told
        assert re.search(rf"^[-0-9]+ [:,0-9]+ INFO {step}$", log.read_text(), re.MULTILINE)
    assert "Traceback" not in told
    assert "load_broken_model" in log.read_text(), "a log says where a pair failed"
    assert main([*PAIRS, "--quiet", "--log", str(log)]) == 1
    assert log.read_text().count("[4/4] tiny-plain x Tiny.b-match") == 2, "it is added to"
    assert logging.getLogger("brainbench_audio").level == before
    assert not [one for one in logging.getLogger().handlers if type(one) is logging.FileHandler]
    (tmp_path / "file").touch()
    assert main([*PAIRS, "--log", str(tmp_path / "file" / "run.log")]) == 1
    assert "Cannot" in capsys.readouterr().err


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C when the second pair is to be scored."""
    calls = []

    def pressed(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return score_heard(*arguments, **options)

    monkeypatch.setattr(many, "score_heard", pressed)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_ctrl_c_prints_what_was_finished(
    options: tuple[str, ...], interrupted: None, capsys: Told, tmp_path: Path
) -> None:
    failed_file().parent.mkdir(parents=True)
    failed_file().write_text("of an earlier run")
    file = tmp_path / "scores.csv"
    command = ["score", "-m", "tiny-plain", "-b", "Tiny.a-match", "Tiny.b-match", *options]
    assert main([*command, "--output", str(file)]) == 130
    told = capsys.readouterr()
    if options:
        assert [row["benchmark"] for row in json.loads(told.out)] == ["Tiny.a-match"]
    else:
        assert re.search(r"tiny-plain +Tiny\.a-match +0\.\d{3}", told.out)
    assert told.err.endswith(
        f"brainbench: interrupted; 1 of 2 pairs are scored and kept: the same command goes on. "
        f"{file} was not written.\n"
    )
    assert not file.exists()
    assert failed_file().read_text() == "of an earlier run"
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny.a-match", "Tiny.b-match", "--json"]) == 0
    assert [row["cached"] for row in json.loads(capsys.readouterr().out)] == [True, False]


def test_options_that_contradict_each_other(brainbench: Callable[..., Any]) -> None:
    assert brainbench(*PAIRS, "--quiet", "--verbose").returncode == 2
