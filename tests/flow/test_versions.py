"""Two weights of one class never share a row: through the real command line, with file models."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main

pytestmark = pytest.mark.usefixtures("tiny")
MODEL = """
import numpy as np

class Net:
    layers = ("bands",)
    sample_rate = 8000
    fingerprint = {weights!r}

    def activations(self, waveforms, layers=None):
        rows = [
            [part.mean() for part in np.array_split(np.abs(np.fft.rfft(wave)), {weights})]
            for wave in waveforms
        ]
        return {{"bands": np.log(np.array(rows, dtype=np.float32) + 1e-6)}}
"""
WHOLE, PART, OTHER = "Tiny-match", "Tiny.a-match", "Tiny.b-match"
Rows = dict[tuple[str, str], float]


class Session:
    """Somebody at a terminal, who works on a model of their own."""

    def __init__(self, folder: Path, told: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._told = told

    def write(self, weights: int, file: str = "model.py") -> None:
        """Write a model; each number of bands is another network."""
        (self.folder / file).parent.mkdir(exist_ok=True)
        (self.folder / file).write_text(MODEL.format(weights=weights))

    def ran(self, *arguments: str) -> Any:
        self._told.readouterr()
        status = main(arguments)
        told = self._told.readouterr()
        assert status == 0, told.err
        return told

    def score(self, *benchmarks: str, file: str = "./model.py") -> list[dict[str, Any]]:
        pair = ("--model", f"{file}:Net", "--benchmark", *benchmarks, "--json")
        return list(json.loads(self.ran("score", *pair).out))

    def exported(self, *options: str) -> Rows:
        self.ran("export", "--output", "all.csv", *options)
        with (self.folder / "all.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        found = {(row["model"], row["benchmark"]): float(row["value"]) for row in rows}
        assert len(found) == len(rows)
        return found


@pytest.fixture
def session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Session:
    monkeypatch.chdir(tmp_path)
    return Session(tmp_path, capsys)


def test_two_weights_of_one_class(session: Session) -> None:
    session.write(4)
    (old,) = session.score(PART)
    session.write(9)
    (new,) = session.score(WHOLE)
    assert old["model_version"] != new["model_version"]
    # the score of the part is that of the new weights, not the one stored before
    values = session.exported("--model", "Net")
    assert values[("Net", PART)] == pytest.approx(new["parts"]["a"]) != pytest.approx(old["score"])
    both = session.exported("--model", "Net", f"Net#{old['model_version']}")
    assert both[f"Net#{old['model_version']}", PART] == old["score"]
    assert (f"Net#{old['model_version']}", WHOLE) not in both
    told = session.ran("export", "--output", "all.csv")
    assert "1 score of 1 older version is not shown" in told.err


def test_a_revert_makes_the_old_version_current_again(session: Session) -> None:
    session.write(4)
    (old,) = session.score(WHOLE)
    session.write(9)
    (new,) = session.score(WHOLE)
    assert session.exported()["Net", WHOLE] == new["score"]
    session.write(4)
    (again,) = session.score(WHOLE)
    assert again["cached"]
    assert again["model_version"] == old["model_version"]
    assert session.exported()["Net", WHOLE] == old["score"]
    rows = json.loads(session.ran("results", "list", "--json").out)
    assert [row["version"] for row in rows] == [old["model_version"]]
    session.ran("report", "--output", "pages", "--published", "none")
    board = (session.folder / "pages" / "index.html").read_text()
    assert f"{old['score']:.3f}" in board
    assert f"{new['score']:.3f}" not in board


def test_two_files_with_a_class_of_one_name(session: Session) -> None:
    session.write(4, "a/model.py")
    session.write(9, "b/model.py")
    scores = {
        name: session.score(WHOLE, file=f"./{name}/model.py")[0]["score"] for name in ("a", "b")
    }
    found = {pair: value for pair, value in session.exported().items() if pair[1] == WHOLE}
    expected = {(f"{name}/model.py:Net", WHOLE): value for name, value in scores.items()}
    assert found == expected
    session.score(WHOLE, file="./a/model.py")
    assert {pair: session.exported()[pair] for pair in expected} == expected
    one = session.exported("--model", "./b/model.py:Net", "--benchmark", WHOLE)
    assert list(one.values()) == [scores["b"]]
    told = session.ran("compare", "--model", "Net", "--benchmark", WHOLE, "--json")
    (row,) = json.loads(told.out)
    assert {row["model"], row["other"]} == {"a/model.py:Net", "b/model.py:Net"}
    pair = ("--model", "./a/model.py:Net", "./b/model.py:Net", "--benchmark", WHOLE)
    table = session.ran("score", *pair).out
    assert table.splitlines()[0].split()[:2] == ["model", "version"]


def test_tagged_and_removed(session: Session) -> None:
    session.write(4)
    (old,) = session.score(WHOLE)
    session.ran("results", "tag", "./model.py:Net", "before")
    session.write(9)
    session.score(WHOLE)
    assert session.exported("--model", "Net#before", "--benchmark", WHOLE) == {
        ("Net#before", WHOLE): old["score"]
    }
    session.ran("results", "rm", "--model", "Net#before", "--yes")
    rows = json.loads(session.ran("results", "list", "--all", "--json").out)
    assert [row["current"] for row in rows] == [True]
