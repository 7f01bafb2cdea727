"""What `brainbench list` shows, and what it leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import list_ids
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
