"""What is printed after the table of scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.cli.score_output import as_json, print_runs, write_runs
from brainbench_audio.cli.table import PlainOutput
from brainbench_audio.errors import DataError
from brainbench_audio.pipeline.run import Run
from brainbench_audio.provenance import DISTRIBUTION
from brainbench_audio.report.published_files import import_scores, read_scores
from brainbench_audio.scores.score import WITHHELD, Score


@pytest.mark.parametrize("reason", ["The ceiling is uncertain.", None])
def test_a_normalised_score_that_is_withheld_is_explained(
    reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    provenance = {"versions": {DISTRIBUTION: "1"}} | ({WITHHELD: reason} if reason else {})
    score = Score(value=0.2, ceiling=0.4, provenance=provenance)
    run = Run("mine", "Brain-ridge", score, cached=True, seconds=0.0)
    assert as_json(run)["normalised"] == (None if reason else 0.5)
    print_runs([run])
    told = capsys.readouterr().out
    assert ("mine on Brain-ridge: not normalised. The ceiling is uncertain.\n" in told) == bool(
        reason
    )
    assert ("0.500" in told) == (reason is None)


CHANCE = {"p": 0.005, "permutations": 199, "seed": 0, "mean": 0.01}


def run(value: float = 0.2, model: str = "mine", **fields: Any) -> Run:
    provenance = {"versions": {DISTRIBUTION: "1"}} | fields.pop("provenance", {})
    score = Score(value=value, provenance=provenance, **fields)
    return Run(model, "Brain-ridge", score, cached=True, seconds=0.0)


def test_json_has_errors_of_parts_and_the_test_against_chance() -> None:
    tested = run(
        parts={"a": 0.1, "b": 0.3},
        part_errors={"a": 0.01, "b": 0.02},
        part_intervals={"a": (0.08, 0.12), "b": (0.26, 0.34)},
        provenance={"error_over": "sounds", "chance": CHANCE},
    )
    found = json.loads(json.dumps(as_json(tested)))
    assert found["part_errors"] == {"a": 0.01, "b": 0.02}
    assert found["part_intervals"] == {"a": [0.08, 0.12], "b": [0.26, 0.34]}
    assert (found["over"], found["p"], found["permutations"]) == ("sounds", 0.005, 199)
    plain = as_json(run())
    assert (plain["part_errors"], plain["part_intervals"]) == ({}, {})
    assert (plain["over"], plain["p"], plain["permutations"]) == (None, None, 0)


def test_what_errors_and_p_mean_stands_above_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_runs(
        [
            run(provenance={"error_over": "sounds", "chance": CHANCE}),
            run(model="b", provenance={"error_over": "sounds and listeners", "chance": CHANCE}),
            run(model="c", provenance={"error_withheld": "9 sounds are too few to say anything."}),
            run(model="d", provenance={"chance": CHANCE | {"permutations": 1999, "p": 0.0005}}),
            run(model="e", provenance={"chance": CHANCE | {"how": "responses turned in time"}}),
        ]
    )
    table, told = capsys.readouterr()
    assert "Errors and intervals: over sounds.\n" in told
    assert "Errors and intervals: over sounds and listeners.\n" in told
    assert "c on Brain-ridge: 9 sounds are too few to say anything.\n" in told
    assert "with sounds matched at random, 199 or 1,999 times.\n" in told
    assert "with responses turned in time, 199 times.\n" in told
    rows = {line.split()[0]: line for line in table.splitlines() if "Brain-ridge" in line}
    assert "0.005" in rows["mine"]
    assert "5.0e-04" in rows["d"] or "0.0005" in rows["d"] or "5e-04" in rows["d"]
    print_runs([run()])
    told = capsys.readouterr().err
    assert "Errors" not in told
    assert "p: of" not in told


def test_parts_have_their_intervals_below(capsys: pytest.CaptureFixture[str]) -> None:
    parts = {"a": 0.1, "b": 0.3}
    print_runs([run(parts=parts, part_intervals={"b": (0.26, 0.34)})])
    lines = capsys.readouterr().out.split("in parts:")[1].splitlines()
    assert [line.split() for line in lines if "0.100" in line] == [["0.100", "0.300"]]
    assert any("0.260" in line and "0.340" in line for line in lines)
    print_runs([run(parts=parts)])
    assert "0.260" not in capsys.readouterr().out


@pytest.mark.parametrize("room", [None, 80])
def test_a_score_of_somebody_else_says_whose_it_is(
    room: int | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainOutput, "room", room)
    print_runs([run(provenance={"measured_by": "Ann Lee"}), run()])
    rows = capsys.readouterr().out.splitlines()[2:4]
    assert [row.rpartition("  ")[2].strip() for row in rows] == ["by Ann Lee", "stored"]
    print_runs([run(), run(model="other")])
    assert ("time (--wide shows all)" in capsys.readouterr().out) == bool(room)


def test_what_was_written_can_be_imported(keep: Callable[..., Path], tmp_path: Path) -> None:
    """From `score --output` and from `export`, with measured and published scores of one pair."""
    about = {"created": "2026-03-01T08:00:00+00:00", "measured_by": "Ann Lee"}
    file = tmp_path / "scored.csv"
    write_runs([run(0.2, parts={"a": 0.1}, provenance=about), run(0.3, "=other")], file)
    ann, other = read_scores(import_scores(file))
    assert (ann.model, ann.value, ann.source) == ("mine", 0.2, "measured by Ann Lee on 2026-03-01")
    assert (other.model, other.value, other.source) == ("=other", 0.3, "scored.csv")
    write_runs([run(0.2, provenance=about | {"only_layers": ["block 1"]})], file)
    with pytest.raises(DataError, match="is of some layers of mine"):
        read_scores(file)
    keep("mine", "Brain-ridge", 0.25, error=0.01, created="2026-03-02T08:00:00+00:00")
    file = tmp_path / "all.csv"
    assert main(["export", "--published", "add", "-o", str(file)]) == 0
    found = {(score.model, score.benchmark): score for score in read_scores(file)}
    assert len(found) > 100
    mine = found["mine", "Brain-ridge"]
    assert (mine.value, mine.error, mine.measured) == (0.25, 0.01, "measured on 2026-03-02")
    assert main(["import", str(file), "--replace"]) == 1, "scored.csv has the pair, too"


def test_every_pair_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Ids may hold paths, and two folders of one task the same name."""
    benchmarks = ["X-ridge-unique=/nets/m.py:Big", "X[a,b]-rsa", "X-ridge-unique=/" + "n/" * 150]
    models = ["Net", "net", "hf:facebook/large", "hf:microsoft/large", "n\not"]
    runs = [
        replace(run(0.001 * number), model=model, benchmark=benchmark, model_key=model)
        for number, (model, benchmark) in enumerate(product(models, benchmarks))
    ]
    write_runs(runs, tmp_path)
    files = {file.name: Score.from_netcdf(file).value for file in tmp_path.iterdir()}
    assert sorted(files.values()) == [each.score.value for each in runs]
    assert len({name.casefold() for name in files}) == len(files)
    assert files["hf_facebook_large_X_a_b_-rsa.nc"] == pytest.approx(0.007)
    write_runs(runs[::-1], tmp_path)
    assert len([*tmp_path.iterdir()]) == len(files), "whatever their order"
    write_runs([runs[1]], tmp_path / "one")
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["Net_X[a,b]-rsa.nc"]
    alike = [replace(run(0.5), benchmark_key="one"), replace(run(0.6), benchmark_key="other")]
    write_runs([*alike, alike[0]], tmp_path / "alike")
    assert len([*(tmp_path / "alike").iterdir()]) == 2


def test_guesses_stand_beside_what_they_are_compared_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    heard = run(0.4, provenance={"guessing": {"chance": 0.1, "majority": 0.236}})
    assert (as_json(heard)["chance"], as_json(heard)["majority"]) == (0.1, 0.236)
    print_runs([heard, run(model="brain")])
    table, told = capsys.readouterr()
    head, _, row, other = table.splitlines()
    assert head.split()[2:5] == ["score", "chance", "majority"]
    assert row.split()[2:5] == ["0.400", "0.100", "0.236"]
    assert other.split()[2:5] == ["0.200", "-", "-"]
    assert "Chance, majority: " in told
    print_runs([run()])
    table, told = capsys.readouterr()
    assert "chance" not in table
    assert "Chance" not in told
    assert as_json(run())["chance"] is None
