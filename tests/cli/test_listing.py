"""What `brainbench list` shows, and what it leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import list_ids
from brainbench_audio.cli import listing
from brainbench_audio.cli.main import main

Captured = pytest.CaptureFixture[str]


def listed(capsys: Captured, *arguments: str) -> list[dict[str, Any]]:
    assert main(["list", *arguments, "--json"]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("kind", ["model", "benchmark", "metric"])
def test_every_id_is_listed_once(kind: Any, capsys: Captured) -> None:
    ids = [row[kind] for row in listed(capsys, f"{kind}s")]
    assert sorted(ids) == list_ids(kind)
    assert ids == sorted(ids)


def test_schemes_follow_the_table_and_are_no_rows(
    install: Callable[..., Path], capsys: Captured
) -> None:
    install(
        "brainbench-scheme",
        "plugin_scheme",
        """
from brainbench_audio.cards import ModelCard
from brainbench_audio.registry import hookimpl
CARD = ModelCard(
    id="own:*", family="own", label="Anything", parameters=0, layers=(), dims=(), sample_rate=0,
    licence="MIT", citation="c", training_data="t", source="s", packages=(), loader="m:f",
)
@hookimpl
def brainbench_models():
    return [CARD]
""",
    )
    assert main(["list", "models", "--family", "own"]) == 0
    assert capsys.readouterr().out == "own:*  Anything (brainbench-scheme)\n"
    assert listed(capsys, "models", "--family", "own") == []


@pytest.mark.usefixtures("tiny")
def test_benchmarks_by_data_and_metric(capsys: Captured) -> None:
    def ids(*arguments: str) -> list[str]:
        return [row["benchmark"] for row in listed(capsys, "benchmarks", *arguments)]

    assert ids("--dataset", "Tiny.a", "--metric", "match") == ["Tiny.a-match"]
    of_tiny = ids("--dataset", "Tiny")
    assert {"Tiny-match", "Tiny-match-many", "Tiny.a-match", "Tiny.b-match"} <= set(of_tiny)
    assert all(one.startswith(("Tiny-", "Tiny.")) for one in of_tiny)
    assert ids("--dataset", "Tiny", "--metric", "match-many") == ["Tiny-match-many"]
    assert set(ids("--dataset", "Tiny", "--metric", "match")) == {
        "Tiny-match",
        "Tiny-match-many",
        "Tiny.a-match",
        "Tiny.b-match",
    }
    for option, wrong in {"--dataset": "Tyny", "--metric": "mach"}.items():
        assert main(["list", "benchmarks", option, wrong]) == 2
        assert "Did you mean" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_many_subsets_are_listed_where_asked_for(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_MANY", 1)
    assert main(["list", "benchmarks", "--metric", "match"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("Tiny")] == [
        "Tiny-match",
        "Tiny-match-many",
    ]
    assert "and 2 subsets: brainbench list benchmarks --dataset Tiny" in lines
    assert main(["list", "benchmarks", "--dataset", "Tiny"]) == 0
    assert "Tiny.a-match " in capsys.readouterr().out
    ids = [row["benchmark"] for row in listed(capsys, "benchmarks")]
    assert "Tiny.a-match" in ids


@pytest.mark.usefixtures("tiny")
def test_only_what_has_a_stored_score(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed(capsys, "models", "--stored") == listed(capsys, "benchmarks", "--stored") == []
    assert main(["score", "-m", "tiny-wide", "-b", "Tiny.a-match"]) == 0
    capsys.readouterr()
    assert [row["model"] for row in listed(capsys, "models", "--stored")] == ["tiny-wide"]
    (row,) = listed(capsys, "benchmarks", "--stored")
    assert row["benchmark"] == "Tiny.a-match"
    monkeypatch.setattr(listing, "_MANY", 1)
    assert main(["list", "benchmarks", "--stored"]) == 0
    assert "Tiny.a-match " in capsys.readouterr().out
    assert listed(capsys, "benchmarks", "--stored", "--metric", "match-many") == []


@pytest.mark.usefixtures("tiny")
def test_a_score_of_a_scheme_that_is_not_installed(
    keep_version: Callable[..., Path], capsys: Captured
) -> None:
    keep_version("tiny-wide", "brainbench-tiny", "1a2b3c4d", "A-x", 0.1)
    keep_version("nobody:owner/name@main", "brainbench-nobody", "1a2b3c4d", "A-x", 0.2)
    assert [row["model"] for row in listed(capsys, "models", "--stored")] == ["tiny-wide"]


@pytest.mark.parametrize(
    "arguments", [("metrics", "--stored"), ("models", "--metric", "rsa"), ("results", "--family=x")]
)
def test_a_filter_that_does_not_fit_is_wrong_usage(
    arguments: tuple[str, ...], capsys: Captured
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["list", *arguments])
    assert stopped.value.code == 2
    assert "chooses among" in capsys.readouterr().err
