"""What is cited, once each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brainbench_audio.cli.main import main


def test_the_protocol_is_always_cited(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("@article{Pepino2025,")
    assert text.count("{") == text.count("}")


def test_each_entry_stands_once(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "tiny-plain", "tiny-plain", "Tiny-match", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert main(["cite", "tiny-plain", "tiny-plain", "Tiny-match"]) == 0
    text = capsys.readouterr().out
    assert len(entries) > 2
    for entry in entries.values():
        assert text.count(entry) == 1


def test_an_unknown_id_cites_nothing(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cite", "tiny-plain", "tiny-plane"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "tiny-plain" in captured.err
