"""From nothing to stored scores, each step a process of its own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import list_ids
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.score import Score

MODEL = """
import numpy as np

class Loudness:
    layers = ["power", "both"]
    sample_rate = 8000
    fingerprint = "1"

    def activations(self, waveforms, layers=None):
        rows = [[float((w ** 2).mean()), float(np.abs(w).max())] for w in waveforms]
        return {"power": np.array(rows)[:, :1], "both": np.array(rows)}
"""
README = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())


@pytest.mark.usefixtures("tiny")
def test_a_first_session(tmp_path: Path, brainbench: Callable[..., Any]) -> None:
    (tmp_path / "my_model.py").write_text(MODEL)

    def ran(*arguments: str, status: int = 0) -> str:
        told = brainbench(*arguments)
        assert told.returncode == status, told.stderr
        assert "Traceback" not in told.stderr
        return str(told.stdout)

    assert "tiny-plain" in ran("list", "models")
    assert "made-up responses" in ran("info", "Tiny-match")
    ran("data", "get", "Tiny")
    pairs = ("-m", "./my_model.py:Loudness", "tiny-[pw]*", "-b", "Tiny-match*", "--json")
    first = json.loads(ran("score", *pairs, "--output", "scores"))
    assert len(first) == 6
    assert {row["model"] for row in first} == {"Loudness", "tiny-plain", "tiny-wide"}
    second = json.loads(ran("score", *pairs))
    assert all(row["cached"] for row in second)
    assert [row["score"] for row in second] == [row["score"] for row in first]
    for row in first:
        stored = Score.from_netcdf(tmp_path / "scores" / f"{row['model']}_{row['benchmark']}.nc")
        assert stored.value == row["score"]
    assert len(json.loads(ran("list", "results", "--json"))) == 6
    assert len(json.loads(ran("cache", "info", "--json"))) == 3
    assert "tiny-metric" in ran("cite", "tiny-plain", "Tiny-match")
    ran("cache", "clear", "--results")
    assert json.loads(ran("list", "results", "--json")) == []
    assert "no model" not in ran("score", "-m", "tiny-plane", "-b", "Tiny-match", status=2)


def test_the_command_is_installed(python: Callable[..., Any]) -> None:
    command = Path(sys.executable).with_name("brainbench")
    if not command.exists() and not shutil.which("brainbench"):
        pytest.skip("the package is not installed with its scripts")
    arguments = [str(command if command.exists() else "brainbench"), "list", "models", "--json"]
    told = python(f"import subprocess\nsubprocess.run({arguments}, check=True)")
    assert told.returncode == 0, told.stderr
    assert {row["model"] for row in json.loads(told.stdout)} == set(list_ids("model"))


def printed(row: dict[str, Any]) -> str:
    """Return a row as the table has it, one space between columns."""
    low, high = row["interval"]
    names = ("p", "ceiling", "normalised")
    rest = ["-" if row[name] is None else f"{row[name]:.3f}" for name in names]
    pair = f"{row['model']} {row['benchmark']} {row['score']:.3f} {row['error']:.3f}"
    return f"{pair} {low:.3f} to {high:.3f} {' '.join(rest)} {row['layer']}"


@pytest.mark.usefixtures("simcortex")
def test_the_demo(brainbench: Callable[..., Any]) -> None:
    wanted = ["SimCortex-ridge", "SimCortex-rsa"]
    if "spectrotemporal" not in list_ids("model") or not set(wanted) <= set(list_ids("benchmark")):
        pytest.skip("the plugins spectrotemporal, simcortex, ridge and rsa are not all installed")
    arguments = ("score", "-m", "spectrotemporal", "-b", *wanted, "--json")
    first = brainbench(*arguments)
    assert first.returncode == 0, first.stderr
    rows = json.loads(first.stdout)
    assert [row["benchmark"] for row in rows] == wanted
    for row in rows:
        assert 0 < row["score"] < 1
        assert row["interval"][0] <= row["score"] <= row["interval"][1]
        assert row["error"] > 0
        assert row["score"] <= row["ceiling"] * 1.05
        assert row["layer"] in find_model("spectrotemporal").card.layers
        assert printed(row) in README
    again = json.loads(brainbench(*arguments).stdout)
    for row, second in zip(rows, again, strict=True):
        assert second == {**row, "cached": True, "seconds": second["seconds"]}
