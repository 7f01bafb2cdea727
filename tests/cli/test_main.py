"""Every verb of the command line: what it prints and how it ends."""

from __future__ import annotations

import csv
import errno
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import load_model, settings
from brainbench_audio.cli.main import WAITING, main
from brainbench_audio.cli.table import json_text, print_table
from brainbench_audio.files import size_in_words
from brainbench_audio.provenance import package_version
from brainbench_audio.scores.identities import ModelVersion, add_tag
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.testing import DummyModel

pytestmark = pytest.mark.usefixtures("tiny")
KEYS = [
    "model",
    "benchmark",
    "score",
    "error",
    "interval",
    "ceiling",
    "normalised",
    "parts",
    "part_errors",
    "part_intervals",
    "over",
    "p",
    "permutations",
    "chance",
    "majority",
    "layer",
    "only_layers",
    "n",
    "cached",
    "created",
    "measured_by",
    "seconds",
    "version",
    "model_version",
]
Told = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def fresh_logging() -> None:
    """`main` sets logging up once a process, and would keep the captured stream of one test."""
    for handler in logging.getLogger().handlers[:]:
        if type(handler) is logging.StreamHandler:
            logging.getLogger().removeHandler(handler)


def score(*arguments: str, model: str = "tiny-plain", benchmark: str = "Tiny-match") -> int:
    return main(["score", "-m", model, "-b", benchmark, *arguments])


def listed(told: Told, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(told.readouterr().out)


def test_score_as_json(capsys: Told) -> None:
    assert score("--json") == 0
    told = capsys.readouterr()
    assert told.err == ""
    (row,) = json.loads(told.out)
    assert list(row) == KEYS
    assert (row["model"], row["benchmark"]) == ("tiny-plain", "Tiny-match")
    assert row["layer"] == "log_bands"
    assert row["version"] == package_version()
    assert row["cached"] is False
    assert row["n"] == {"stimulus": 40, "component": 3, "fold": 3}
    assert list(row["parts"]) == ["a", "b", "c"]
    assert row["score"] == pytest.approx(sum(row["parts"].values()) / 3)
    assert row["interval"] == [min(row["parts"].values()), max(row["parts"].values())]
    assert row["normalised"] == pytest.approx(row["score"] / row["ceiling"])
    assert isinstance(row["error"], float)
    assert row["seconds"] > 0
    assert score("--json") == 0
    (again,) = json.loads(capsys.readouterr().out)
    assert again == {**row, "cached": True, "seconds": again["seconds"]}


def test_score_for_people(capsys: Told) -> None:
    assert score() == 0
    first = capsys.readouterr().out
    assert re.search(r"tiny-plain +Tiny-match +0\.\d{3} .*log_bands +\d+\.\d s", first)
    assert "tiny-plain on Tiny-match, in parts:" in first
    assert score() == 0
    assert "stored" in capsys.readouterr().out


def test_globs_and_lists(capsys: Told) -> None:
    arguments = ["-m", "tiny-p*", "-m", "tiny-wide", "-b", "Tiny.?-match", "Tiny-match", "--json"]
    assert main(["score", *arguments]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["model"], row["benchmark"]) for row in rows] == [
        (model, benchmark)
        for model in ("tiny-plain", "tiny-wide")
        for benchmark in ("Tiny.a-match", "Tiny.b-match", "Tiny-match")
    ]


def test_a_failing_model_does_not_stop_the_others(capsys: Told) -> None:
    arguments = [
        "-m",
        "tiny-broken",
        "tiny-lost",
        "tiny-plain",
        "-b",
        "Nowhere-match",
        "Tiny-match",
    ]
    assert main(["score", *arguments, "--json"]) == 1
    told = capsys.readouterr()
    assert [(row["model"], row["benchmark"]) for row in json.loads(told.out)] == [
        ("tiny-plain", "Tiny-match")
    ]
    lines = [line for line in told.err.splitlines() if "/6] " not in line]
    assert len(lines) == 4
    assert "Nowhere-match failed: Nowhere cannot be found anywhere." in lines[0]
    assert (
        "tiny-broken failed: unexpected RuntimeError('the weights are full of holes')" in lines[1]
    )
    assert (
        "tiny-lost failed: The loader brainbench_tiny.nowhere:load cannot be imported" in lines[2]
    )
    assert "5 of 6 pairs failed; `brainbench score --retry-failed` tries only these" in lines[3]


def test_debug_shows_where(capsys: Told) -> None:
    assert main(["--debug", "score", "-m", "tiny-broken", "-b", "Tiny-match"]) == 1
    assert "load_broken_model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["-m", "tiny-plane", "-b", "Tiny-match"],
            "no model 'tiny-plane'. Did you mean tiny-plain",
        ),
        (["-m", "tiny-plain", "-b", "Tiny-mach"], "no benchmark 'Tiny-mach'. Did you mean"),
        (["-m", "nothing*", "-b", "Tiny-match"], "no model 'nothing*'"),
        (["-m", "tiny-plain", "-b", "Tiny.a-match-many"], "needs multivariate"),
    ],
)
def test_unknown_ids_are_wrong_usage(arguments: list[str], told: str, capsys: Told) -> None:
    assert main(["score", *arguments]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.err.startswith("brainbench: ")
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments", [[], ["score"], ["list"], ["list", "cats"], ["scoer"], ["data"]]
)
def test_wrong_usage(arguments: list[str], capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: brainbench" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["cache", "clear", "--model", ""], "--model is empty"),
        (["cache", "clear", "--hashes", "--model="], "--model is empty"),
        (["list", "metrics", "--family", ""], "--family is empty"),
        (["score", "-m", "tiny-plain", "-b", "Tiny-match", "--given", ""], "--given is empty"),
        (["score", "-m", "tiny-plain", "", "-b", "Tiny-match"], "an argument is empty"),
        (["info", " "], "an argument is empty"),
        (["results", "submit", "--to", ".", "--by", " "], "--by is empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_empty_arguments_are_no_missing_ones(arguments: list[str], told: str, capsys: Told) -> None:
    assert score() == 0
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert f"{told}: give it a value, or leave it out" in capsys.readouterr().err
    assert len(stored_scores()) == len(listed(capsys, "cache", "info")) == 1


def test_options_that_do_not_fit(capsys: Told, tmp_path: Path) -> None:
    assert score("--device", "cpu") == 1
    assert (
        "tiny-plain does not support --device and --dtype: leave them out"
        in capsys.readouterr().err
    )
    assert score("--control", "permuted") == 1
    assert "tiny-plain does not take these options: got an unexpected" in capsys.readouterr().err
    assert score("--weights", "mine.pt", "--json") == 0
    assert score(model=f"{tmp_path}/nowhere.py:M") == 1
    assert "nowhere.py does not exist" in capsys.readouterr().err


def test_recompute(capsys: Told) -> None:
    for arguments, cached in ((), False), ((), True), (("--recompute",), False):
        assert score("--json", *arguments) == 0
        assert json.loads(capsys.readouterr().out)[0]["cached"] is cached


def test_output_as_json(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "new folder" / "scores.json"
    assert score("--json", "--output", str(path)) == 0
    assert json.loads(path.read_text()) == json.loads(capsys.readouterr().out)


def test_output_as_csv(tmp_path: Path, capsys: Told) -> None:
    path = tmp_path / "scores.csv"
    assert score("--json", "--output", str(path), benchmark="Tiny*-match") == 0
    rows = json.loads(capsys.readouterr().out)
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["benchmark"] for row in read] == [row["benchmark"] for row in rows]
    for row, expected in zip(read, rows, strict=True):
        assert float(row["score"]) == expected["score"]
        assert float(row["interval_low"]) == expected["interval"][0]
        assert row["stimuli"] == "40"


def test_output_as_netcdf(tmp_path: Path, capsys: Told) -> None:
    assert score("--json", "--output", str(tmp_path / "score.nc")) == 0
    value = json.loads(capsys.readouterr().out)[0]["score"]
    found = Score.from_netcdf(tmp_path / "score.nc")
    assert found.value == value
    assert found.raw["layer_score"].dims == ("layer", "component")
    assert score("--output", str(tmp_path / "folder"), benchmark="Tiny.?-match") == 0
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "tiny-plain_Tiny.a-match.nc",
        "tiny-plain_Tiny.b-match.nc",
    ]


def test_one_netcdf_file_holds_one_pair(tmp_path: Path, capsys: Told) -> None:
    assert score("--output", str(tmp_path / "x.nc"), benchmark="Tiny*-match") == 2
    assert "holds one pair, these are 3: give a folder" in capsys.readouterr().err
    assert stored_scores() == []


def test_output_that_cannot_be_written(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "scores.json"
    assert main(["score", "-m", "tiny-*", "-b", "Tiny-match", "--output", str(path)]) == 1
    told = capsys.readouterr()
    assert f"Cannot write {path}" in told.err
    assert "tiny-broken failed" in told.err
    assert "tiny-wide" in told.out


def test_list(capsys: Told) -> None:
    models = {row["model"]: row for row in listed(capsys, "list", "models")}
    assert models["tiny-wide"] == {
        "model": "tiny-wide",
        "family": "tiny",
        "parameters": 0,
        "layers": 2,
        "sample_rate": 8000,
        "distribution": "brainbench-tiny",
    }
    family = listed(capsys, "list", "models", "--family", "tiny")
    assert [row["model"] for row in family] == [
        "tiny-broken",
        "tiny-lost",
        "tiny-plain",
        "tiny-wide",
    ]
    benchmarks = listed(capsys, "list", "benchmarks")
    assert {"Tiny-match", "Tiny.a-match"} <= {row["benchmark"] for row in benchmarks}
    assert {"match", "match-many"} <= {row["metric"] for row in listed(capsys, "list", "metrics")}
    assert main(["list", "models", "--family", "tinny"]) == 2
    assert "Did you mean tiny?" in capsys.readouterr().err


def test_list_results(capsys: Told) -> None:
    assert main(["list", "results"]) == 0
    assert capsys.readouterr().out == "no results\n"
    score()
    score(model="tiny-wide")
    capsys.readouterr()
    rows = listed(capsys, "list", "results")
    assert {row["model"] for row in rows} == {"tiny-plain", "tiny-wide"}
    for row in rows:
        assert Score.from_netcdf(row["file"]).value == row["score"]
        assert row["created"] is not None
    assert main(["list", "results"]) == 0
    assert "Tiny-match" in capsys.readouterr().out


def test_info(capsys: Told) -> None:
    facts = listed(capsys, "info", "tiny-plain")
    assert facts["layers"][0] == {"name": "bands", "features": 6}
    assert facts["shortest_in_samples"] == 1
    assert listed(capsys, "info", "beats-iter1")["shortest_in_samples"] == 2800
    told = "https://example.org/tiny.pt (12 B, no SHA-256 published)\nabsent; belongs at "
    assert facts["weights"].startswith(told)
    assert listed(capsys, "info", "brainbench-tiny:tiny-plain") == facts
    both = listed(capsys, "info", "Tiny.a-match")
    assert (both["benchmark"], both["data_set"], both["metric"]) == (
        "Tiny.a-match",
        "Tiny",
        "match",
    )
    assert listed(capsys, "info", "Tiny")["subsets"] == "a, b"
    assert listed(capsys, "info", "match-many")["unit"] == "R²"
    for identifier in ("Tiny", "match-many", "Tiny.a-match", "Tiny[a,b]-match"):
        facts = listed(capsys, "info", identifier)
        assert listed(capsys, "info", f"brainbench-tiny:{identifier}") == facts
        assert main(["info", f"nosuch:{identifier}"]) == 2
        assert "'nosuch:" in capsys.readouterr().err
    assert main(["info", "tiny-plain"]) == 0
    assert re.search(r"log_bands +6\n", capsys.readouterr().out)
    assert main(["info", "tiny-plian"]) == 2
    assert "Did you mean tiny-plain" in capsys.readouterr().err


def test_cite(capsys: Told) -> None:
    assert main(["cite"]) == 0
    protocol = capsys.readouterr().out
    assert protocol.startswith("@article{Pepino2025")
    assert main(["cite", "tiny-plain", "Tiny-match", "Tiny-match-many"]) == 0
    entries = capsys.readouterr().out
    assert entries.startswith(protocol.strip())
    for word in ("tiny-model", "tiny-data", "tiny-metric"):
        assert entries.count(word) == 1
    assert len(listed(capsys, "cite", "Tiny-match")) == 3
    assert main(["cite", "nobody"]) == 2


def test_data(capsys: Told) -> None:
    folder = settings.data_home() / "tiny-sounds"
    rows = {row["data_set"]: row for row in listed(capsys, "data", "list")}
    assert rows["Tiny"] == {"data_set": "Tiny", "stimuli": 40, "size": "1 kB", "folder": None}
    assert main(["data", "path", "Tiny"]) == 1
    assert "`brainbench data get Tiny` (1 kB)" in capsys.readouterr().err
    assert main(["data", "get", "Tiny", "--from", "/my/folder"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert (folder / "source.txt").read_text() == "/my/folder"
    assert main(["data", "path", "Tiny"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    assert main(["data", "list"]) == 0
    assert str(folder) in capsys.readouterr().out
    assert main(["data", "get", "Tiny.a", "--from", "/other"]) == 0
    assert (folder / "source.txt").read_text() == "/other", "a plugin that knows no subsets"
    assert main(["data", "path", "Tiny.a"]) == 0
    assert capsys.readouterr().out == f"{folder}\n{folder}\n"
    assert main(["data", "get", "Tiny.c"]) == 2
    assert "Did you mean Tiny.b or Tiny.a" in capsys.readouterr().err
    assert main(["data", "get", "Nowhere"]) == 0
    assert "needs no download" in capsys.readouterr().out
    assert main(["data", "get", "Tyni"]) == 2


def test_cache(capsys: Told) -> None:
    assert listed(capsys, "cache", "info") == []
    score()
    score(model="tiny-wide")
    capsys.readouterr()
    rows = listed(capsys, "cache", "info")
    assert {(row["model"], row["stimuli"], row["layers"]) for row in rows} == {
        ("tiny-plain", 40, 2),
        ("tiny-wide", 40, 2),
    }
    assert main(["cache", "info"]) == 0
    assert str(settings.data_home()) in capsys.readouterr().out
    assert main(["cache", "clear", "--model", "tiny-wide"]) == 0
    freed = capsys.readouterr().out
    gone = next(row for row in rows if row["model"] == "tiny-wide")
    assert freed == f"freed {size_in_words(gone['bytes'])}\n"
    assert [row["model"] for row in listed(capsys, "cache", "info")] == ["tiny-plain"]
    assert len(stored_scores()) == 2
    assert main(["cache", "clear", "--results"]) == 0
    capsys.readouterr()
    assert listed(capsys, "cache", "info") == []
    assert stored_scores() == []
    assert (settings.data_home() / "tiny-sounds").is_dir()


def test_a_tag_of_the_current_version_is_scored(capsys: Told, tiny: Path) -> None:
    score("--json")
    version = json.loads(capsys.readouterr().out)[0]["model_version"]
    for tag in ("first", "ab12"):
        assert main(["results", "tag", "tiny-plain", tag]) == 0
        capsys.readouterr()
        for name in (f"tiny-plain#{tag}", f"brainbench-tiny:tiny-plain#{tag}"):
            assert score("--json", model=name) == 0
            (row,) = json.loads(capsys.readouterr().out)
            assert (row["model_version"], row["cached"]) == (version, True)
    assert load_model("tiny-plain#first").card.id == "tiny-plain"
    # a tag goes before digits that begin like it
    digits = version[:4]
    add_tag(ModelVersion("tiny-plain", "brainbench-tiny", "00000000"), digits, ())
    for name in (f"tiny-plain#{digits}", "tiny-plain#second", "tiny-wide#first"):
        assert score(model=name) == 1
        assert "is shown by `brainbench results list" in capsys.readouterr().err


def test_what_may_not_be_removed_is_told(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    score()
    score(model="tiny-wide")
    capsys.readouterr()
    kept, gone = sorted(listed(capsys, "cache", "info"), key=lambda row: str(row["model"]))

    def remove(folder: Path, ignore_errors: bool = False, rmtree: Any = shutil.rmtree) -> None:
        if str(folder) != kept["folder"]:
            rmtree(folder)
        elif not ignore_errors:
            raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("shutil.rmtree", remove)
    assert main(["cache", "clear"]) == 1
    told = capsys.readouterr()
    assert told.out == f"freed {size_in_words(gone['bytes'])}\n"
    assert told.err.endswith(f"Cannot remove {kept['folder']}: Operation not permitted.\n")
    assert listed(capsys, "cache", "info") == [kept]
    hashes = settings.cache_home() / "hashes" / "a.json"
    hashes.parent.mkdir(parents=True, exist_ok=True)
    hashes.write_text("{}")
    monkeypatch.setattr("pathlib.Path.unlink", remove_nothing)
    for arguments in ("--results", "--hashes"):
        assert main(["cache", "clear", arguments]) == 1
        told = capsys.readouterr()
        assert told.out in ("freed 0 B\n", "")
        assert "Operation not permitted" in told.err
    assert len(stored_scores()) == 2


def remove_nothing(path: Path, missing_ok: bool = False) -> None:
    if path.suffix in (".json", ".nc") and path.exists():
        raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_cleared_cache_is_filled_again(capsys: Told) -> None:
    score()
    main(["cache", "clear", "--results"])
    capsys.readouterr()
    assert score("--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["cached"] is False


def test_doctor(capsys: Told) -> None:
    content = listed(capsys, "doctor")
    (plugin,) = (row for row in content["plugins"] if row["distribution"] == "brainbench-tiny")
    assert plugin["failure"] is None
    assert {"tiny-plain", "Tiny", "match"} <= set(plugin["provides"])
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"brainbench-tiny +1\.5 +ok", told)
    assert str(settings.results_home()) in told


def test_json_of_odd_numbers(capsys: Told) -> None:
    import numpy as np

    value = {"a": np.float32(0.5), "b": [float("nan"), np.int64(3)], "c": np.array([np.inf, 1])}
    assert json.loads(json_text(value)) == {"a": 0.5, "b": [None, 3], "c": [None, 1.0]}
    print_table(("name", "value"), [("x", 1.23456), ("long name", None)])
    assert capsys.readouterr().out == (
        "name       value\n---------  -----\nx          1.235\nlong name      -\n"
    )


def test_version_and_help(capsys: Told) -> None:
    for arguments, told in (["--version"], package_version()), (["--help"], "score models"):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
        assert told in capsys.readouterr().out


def test_a_reader_that_stops_early(
    brainbench: Callable[..., Any], python: Callable[..., Any]
) -> None:
    code = """
import subprocess, sys
command = [sys.executable, "-m", "brainbench_audio.cli.main", "info", "tiny-plain", "--json"]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
process.stdout.close()
print(process.stderr.read().decode(), process.wait())
"""
    assert python(code).stdout == " 1\n"


def test_the_dummy_of_these_tests_hears() -> None:
    assert score() == 0
    (row,) = stored_scores()
    given = row.summary["provenance"]["activations"]["fingerprint"]["given"]
    assert given["bands"] == DummyModel().bands


@pytest.mark.data
def test_a_checksum_is_never_passed_over(
    data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "get", "NH2015comp"]) == 0
    assert main(["data", "get", "NH2015comp", "--sha256", "0" * 64]) == 1
    assert "no archive of its own" in capsys.readouterr().err


def test_threads_that_wait_sleep_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    for name in WAITING:
        monkeypatch.setenv(name, "x")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    assert main(["list", "metrics"]) == 0
    assert {name: os.environ[name] for name in WAITING} == WAITING
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    assert main(["list", "metrics"]) == 0
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "GOMP_SPINCOUNT" not in os.environ


def test_importing_the_library_sets_no_variable() -> None:
    code = "import os, brainbench_audio.cli.main; print('OMP_WAIT_POLICY' in os.environ)"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("OMP_WAIT")}
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True, env=bare
    )
    assert told.stdout == "False\n"
