"""`--recompute` hears the sounds again, always, and once for all benchmarks that share them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from brainbench_audio import score
from brainbench_audio.cli.main import main
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.run import Run
from brainbench_audio.testing import DummyModel

BENCHMARKS = ["Tiny-match", "Tiny-match-many", "Tiny.a-match"]
MODEL = """
import os
from brainbench_audio.testing import DummyModel


class Net(DummyModel):
    fingerprint = "never changes"
    transient = frozenset({"heard"})

    def activations(self, waveforms, layers=None):
        with open(os.environ["HEARD"], "a") as file:
            file.write("x" * len(waveforms))
        found = super().activations(waveforms, layers)
        return {name: x ** float(os.environ["POWER"]) for name, x in found.items()}
"""

HEARD = 40 + 1  # one of them again, alone


@pytest.fixture
def heard(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Write a model that reads an environment variable; count the sounds heard since last asked."""
    (tmp_path / "model.py").write_text(MODEL)
    log = tmp_path / "heard"
    log.touch()
    monkeypatch.setenv("HEARD", str(log))
    monkeypatch.setenv("POWER", "1")
    monkeypatch.chdir(tmp_path)

    def count() -> int:
        sounds = len(log.read_text())
        log.write_text("")
        return sounds

    return count


def test_one_pair(heard: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    first = score("./model.py:Net", "Tiny-match")
    assert heard() == HEARD
    monkeypatch.setenv("POWER", "-0.1")  # what no key can know
    assert score("./model.py:Net", "Tiny-match").value == first.value
    assert heard() == 0
    other = score("./model.py:Net", "Tiny-match", recompute=True)
    assert heard() == HEARD
    assert other.value != first.value
    assert score("./model.py:Net", "Tiny-match").value == other.value
    # other benchmarks go on with the new activations
    part = score("./model.py:Net", "Tiny.a-match")
    assert part.value == pytest.approx(other.parts["a"])
    assert heard() == 0


def test_many_pairs(heard: Callable[[], int]) -> None:
    for recompute, sounds in ((False, HEARD), (True, HEARD), (False, 0)):
        found = list(score_many(["./model.py:Net"], BENCHMARKS, recompute=recompute))
        assert all(isinstance(each, Run) for each in found)
        assert heard() == sounds


def test_the_command_line(
    heard: Callable[[], int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*more: str) -> dict[str, float]:
        pairs = ("score", "-m", "./model.py:Net", "-b", *BENCHMARKS, "--json", *more)
        assert main(pairs) == 0
        return {row["benchmark"]: row["score"] for row in json.loads(capsys.readouterr().out)}

    first = asked()
    monkeypatch.setenv("POWER", "-0.1")
    assert asked() == first
    assert heard() == HEARD
    other = asked("--recompute")
    assert heard() == HEARD
    assert all(other[name] != first[name] for name in BENCHMARKS)
    assert asked() == other


def test_an_object(tiny: Path) -> None:
    model = DummyModel()
    for number in range(1, 4):
        score(model, "Tiny-match", recompute=True)
        assert model.heard == HEARD * number
    assert Counter(score(model, "Tiny-match").parts) is not None
    assert model.heard == HEARD * 3
