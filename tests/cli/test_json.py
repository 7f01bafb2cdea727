"""Standard output of `--json` is one valid JSON text, whatever is stored and whoever prints."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio import settings
from brainbench_audio.cli.main import main, parser
from brainbench_audio.scores.influence import Influence
from brainbench_audio.scores.uncertainty import uncertainty

NAN, INFINITE = float("nan"), float("inf")
NOISY = """
from brainbench_audio.cards import ModelCard
from brainbench_audio.registry import hookimpl
from brainbench_audio.testing import DummyModel
print("thanks for installing me")
CARD = ModelCard(
    id="noisy", family="noisy", label="Noisy", parameters=0, layers=("bands", "log_bands"),
    dims=(6, 6), sample_rate=8000, licence="MIT", citation="c", training_data="t", source="s",
    packages=("plugin_noisy",), loader="plugin_noisy:load",
)
class Noisy(DummyModel):
    fingerprint = "1"
    def activations(self, waveforms, layers=None):
        print("listening")
        return super().activations(waveforms, layers)
def load(*_, **__):
    print("loading")
    return Noisy()
@hookimpl
def brainbench_models():
    return [CARD]
"""
REPRODUCE = ["reproduce", "--recompute"]  # and the file that the first command stored
# a model on more than one benchmark for what compares; statuses 0 and 1 may both print
COMMANDS = [
    ["score", "-m", "noisy", "-b", "Tiny-match"],
    ["score", "-m", "noisy", "-b", "Tiny-match", "--dry-run"],
    ["list", "models"],
    ["list", "results"],
    ["results", "list", "--all"],
    REPRODUCE,
    ["info", "noisy"],
    ["data", "list"],
    ["weights", "list"],
    ["cache", "info"],
    ["doctor"],
    ["cite", "noisy"],
    ["correlate", "--benchmark", "Brain-x", "--with", "Task-y"],
    ["correlate", "--published"],
    ["compare", "-b", "Brain-z"],
    ["hierarchy", "-b", "Brain-h"],
    ["explain", "--published", "only", "-b", "NH2015-ridge"],
    ["check", "brainbench-noisy"],
    ["report", "--output", "pages", "--published", "none"],
]
# `figure` takes matplotlib and `trajectory` checkpoints: see their own tests
ELSEWHERE = {"figure", "trajectory"}


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def with_json(of: argparse.ArgumentParser) -> Iterator[str]:
    for action in of._actions:
        if "--json" in action.option_strings:
            yield of.prog.split()[1]
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from with_json(below)


def test_every_verb_with_json_is_tried() -> None:
    assert set(with_json(parser())) == {one[0] for one in COMMANDS} | ELSEWHERE


@pytest.fixture
def odd(keep: Callable[..., Path], install: Callable[..., Path]) -> None:
    """Fill the store with numbers that JSON does not know, and install a plugin that prints."""
    for place, model in enumerate(("a", "b", "c", "d", "e")):
        for benchmark in ("Brain-x", "Task-y"):
            keep(
                model,
                benchmark,
                (place * 7 % 5) / 10,
                error=NAN,
                interval=(-INFINITE, INFINITE),
                ceiling=INFINITE,
                parts={"part": NAN},
                provenance={"odd": [NAN, {"more": INFINITE}]},
            )
    # two models that are the same on every sound: their difference has no error
    left_out = np.random.default_rng(0).standard_normal((40, 1)) / 1000
    unsure = uncertainty(Influence.of_left_out(np.array([0.4]), left_out), ["whole"])
    for model in ("f", "g"):
        raw = xr.Dataset().assign(unsure.raw)
        keep(model, "Brain-z", 0.4, parts={"whole": 0.4}, raw=raw, **unsure.fields)
    voxels = {"layer": ["a", "b"], "region": ("voxel", ["Primary", "Lateral"])}
    layers = xr.Dataset({"layer_score": (("layer", "voxel"), [[0.1, NAN], [0, 0.2]])}, voxels)
    keep("h", "Brain-h", 0.4, raw=layers)
    install("brainbench-noisy", "plugin_noisy", NOISY)


@pytest.mark.usefixtures("tiny", "odd")
def test_json_alone_and_valid(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        stored = settings.results_home().glob("*/noisy/*.nc") if command is REPRODUCE else ()
        status = main([*command, *map(str, stored), "--json"])
        out, told = capsys.readouterr()
        assert status in (0, 1), (command, told)
        try:
            assert strict(out) is not None
        except ValueError as error:
            pytest.fail(f"{command}: {error}; {out[:200]!r}, {told[:500]!r}")
        if command in (COMMANDS[0], REPRODUCE):
            assert "listening" in told
