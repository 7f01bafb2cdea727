"""Every verb takes a model as `brainbench score` does, and a version behind a #."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.cli.main import main
from brainbench_audio.files import hash_json
from brainbench_audio.scores.identities import ModelVersion, add_tag, record_version

Told = pytest.CaptureFixture[str]
Keep = Callable[..., Path]
OLD, NEW, NEAR = "1a2b3c4d", "5e6f7a8b", "1a2b0000"
VERSIONS = (OLD, NEW, NEAR)
HINT = "not shown: `brainbench results list --all`"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.py").write_text("")
    return tmp_path


@pytest.fixture
def store(folder: Path, keep_version: Keep) -> dict[str, float]:
    """Return the value of each row that is stored: what it should be called, and its score."""
    a, b = (str(folder / name / "model.py") for name in ("a", "b"))
    kept = [
        ("a/model.py:Net", "Net", a, NEW, 0.1),
        (f"a/model.py:Net#{OLD}", "Net", a, OLD, 0.2),
        ("a/model.py:Net#same", "Net", a, NEAR, 0.3),
        ("b/model.py:Net", "Net", b, OLD, 0.4),
        ("brainbench-one:deep", "deep", "brainbench-one", OLD, 0.5),
        ("brainbench-two:deep", "deep", "brainbench-two", OLD, 0.6),
        ("brainbench-two:deep@permuted", "deep@permuted", "brainbench-two", OLD, 0.7),
        ("hf:owner/name", "hf:owner/name", "brainbench-hub", OLD, 0.8),
        ("Net@step=10", "Own@step=10", a, OLD, 0.9),
    ]
    for _, identifier, source, version, value in kept:
        parts = {f"subject-{place}": value + place / 1000 for place in range(6)}
        fields: dict[str, Any] = {"parts": parts, "n": {"subject": 6}}
        keep_version(identifier, source, version, "Brain-x", value, error=0.1, **fields)
    record_version({"id": "Net", "source": a, "version": NEW})
    add_tag(ModelVersion("Net", a, NEAR), "same", VERSIONS)
    return {name: value for name, *_, value in kept}


def exported(*models: str, status: int = 0) -> list[float]:
    """Return the values that an export of some models holds."""
    assert main(["export", "-o", "x.csv", "--model", *models]) == status
    with Path("x.csv").open(newline="") as file:
        return [float(row["value"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(
    ("models", "values"),
    [
        (["./a/model.py:Net"], [0.1]),
        (["a/model.py:Net"], [0.1]),
        (["b/../a/model.py:Net"], [0.1]),
        (["{folder}/b/model.py:Net"], [0.4]),
        (["Net"], [0.1, 0.4]),
        (["N*"], [0.1, 0.4]),
        (["./a/model.py:Net#1a2b3"], [0.2]),
        (["./a/model.py:Net#same"], [0.3]),
        (["./a/model.py:Net", "./a/model.py:Net#same"], [0.1, 0.3]),
        (["Net#5e6f7a8b"], [0.1]),
        (["Net#same"], [0.3]),
        (["brainbench-one:deep"], [0.5]),
        (["brainbench-two:*"], [0.6, 0.7]),
        (["deep"], [0.5, 0.6]),
        (["deep@permuted"], [0.7]),
        (["brainbench-two:deep@permuted"], [0.7]),
        (["*@permuted"], [0.7]),
        (["hf:owner/name"], [0.8]),
        (["hf:*"], [0.8]),
        (["hf:owner/name#1a2b3c4d"], [0.8]),
        (["Own@step=10"], [0.9]),
        (["./a/model.py:Own@step=10"], [0.9]),
        (["Own@step=*"], [0.9]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value[0], str) else None,
)
@pytest.mark.usefixtures("store")
def test_a_model_as_it_was_scored(folder: Path, models: list[str], values: list[float]) -> None:
    assert exported(*(model.format(folder=folder) for model in models)) == values


def test_the_names_of_tables_are_taken_too(store: dict[str, float], folder: Path) -> None:
    assert main(["export", "-o", "all.csv"]) == 0
    with Path("all.csv").open(newline="") as file:
        names = [row["model"] for row in csv.DictReader(file)]
    assert len(set(names)) == 7
    os.chdir("/")  # names are no paths from where one stands
    try:
        for name in names:
            target = str(folder / "x.csv")
            assert main(["export", "-o", target, "--model", name]) == 0
            with Path(target).open(newline="") as file:
                assert [row["model"] for row in csv.DictReader(file)] == [name]
    finally:
        os.chdir(folder)


@pytest.mark.parametrize(
    ("model", "status", "told"),
    [
        ("a/model.py:Net#1a2b", 2, [f"#{OLD} (2026-01-01)", f"#{NEAR} (2026-01-01)", "more than"]),
        ("Net#1a2b3c4d", 2, [f"a/model.py:Net#{OLD}", f"b/model.py:Net#{OLD}"]),
        ("Net#5e6", 2, ["4 digits or more"]),
        ("Net#ffff", 2, ["no version with a score", f"#{NEW} (2026-01-01)"]),
        ("Net#other-tag", 2, ["no version with a score"]),
        ("Net#", 2, ["There is no model 'Net#'"]),
        ("./a/model.py:Gone", 1, ["no score for the model", "score --model"]),
        ("./c/model.py:Gone", 2, ["There is no model"]),
        ("Nett", 2, ["Did you mean"]),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_names_no_row(model: str, status: int, told: list[str], capsys: Told) -> None:
    assert main(["export", "-o", "x.csv", "--model", model]) == status
    said = capsys.readouterr().err
    assert all(each in said for each in told), said
    assert not Path("x.csv").exists()


def test_what_is_left_out_is_said(store: dict[str, float], capsys: Told) -> None:
    for verb in (["compare"], ["export", "-o", "x.csv"], ["compare", "--model", "N*"]):
        assert main(verb) == 0
        assert f"2 scores of 2 older versions are {HINT}" in capsys.readouterr().err
    assert main(["compare", "--model", "a/model.py:Net", "a/model.py:Net#same"]) == 0
    said = capsys.readouterr()
    assert f"1 score of 1 older version is {HINT}" in said.err
    assert "a/model.py:Net#same is better than a/model.py:Net" in said.out
    for quiet in (["--model", "deep"], ["--model", "Net#same", "deep"]):
        assert main(["compare", *quiet]) == 0
        assert HINT not in capsys.readouterr().err


@pytest.mark.usefixtures("store")
def test_a_file_is_not_taken_for_another_that_ends_alike(folder: Path, capsys: Told) -> None:
    (folder / "elsewhere" / "a").mkdir(parents=True)
    (folder / "elsewhere" / "a" / "model.py").write_text("")
    os.chdir(folder / "elsewhere")
    try:
        assert main(["export", "-o", "x.csv", "--model", "a/model.py:Net"]) == 1
    finally:
        os.chdir(folder)
    assert "There is no score for the model a/model.py:Net" in capsys.readouterr().err


@pytest.mark.usefixtures("store")
def test_a_model_that_has_changed(folder: Path, capsys: Told) -> None:
    a = str(folder / "a" / "model.py")
    record_version({"id": "Net", "source": a, "version": "0" * 8})
    assert main(["export", "-o", "x.csv", "--model", "./a/model.py:Net"]) == 1
    told = capsys.readouterr().err
    assert "has changed since it was scored: none of its scores is current" in told
    assert f"a/model.py:Net#{NEW} (2026-01-01)" in told
    assert exported(f"./a/model.py:Net#{NEW}") == [0.1]


def test_compare_two_versions(store: dict[str, float], capsys: Told) -> None:
    assert main(["compare", "--model", "Net#same", "./a/model.py:Net", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["model"], row["other"]) == ("a/model.py:Net#same", "a/model.py:Net")
    assert row["difference"] == pytest.approx(0.2)


def layers_of(version: int) -> xr.Dataset:
    """Return a score of two layers over five subjects, different in each version."""
    values = np.random.default_rng(version).random((2, 5))
    subjects = [f"subject-{place}" for place in range(5)]
    return xr.Dataset(
        {"rho": (("layer", "subject"), values)}, {"layer": ["i", "o"], "subject": subjects}
    )


def test_a_figure_of_a_file_and_of_a_version(
    folder: Path, keep_version: Keep, capsys: Told
) -> None:
    pytest.importorskip("matplotlib")
    a = str(folder / "a" / "model.py")
    for place, version in enumerate((OLD, NEW)):
        keep_version("Net", a, version, "NH2015-rsa", 0.5, raw=layers_of(place), layer="i")
    record_version({"id": "Net", "source": a, "version": NEW})

    def drawn(model: str) -> float:
        pair = ["--model", model, "--benchmark", "NH2015-rsa"]
        assert main(["figure", "layers", *pair, "-o", "x.svg", "--json"]) == 0
        return float(json.loads(capsys.readouterr().out)[0]["mean"])

    expected = [float(layers_of(place)["rho"][0].mean()) for place in (0, 1)]
    assert drawn("./a/model.py:Net") == pytest.approx(expected[1])
    assert drawn(f"./a/model.py:Net#{OLD}") == pytest.approx(expected[0])


@pytest.mark.usefixtures("store")
def test_a_figure_of_one_model_takes_one(capsys: Told) -> None:
    pair = ["--model", "Net", "--benchmark", "Brain-x"]
    assert main(["figure", "layers", *pair, "-o", "x.svg"]) == 2
    told = capsys.readouterr().err
    assert "Net is 2 models, this takes one: say a/model.py:Net or b/model.py:Net" in told


def test_bars_show_current_versions(store: dict[str, float], capsys: Told) -> None:
    pytest.importorskip("matplotlib")
    draw = ["figure", "bars", "--benchmark", "Brain-x", "-o", "x.svg", "--json"]
    assert main(draw) == 0
    told = capsys.readouterr()
    (panel,) = json.loads(told.out)
    assert [bar["value"] for bar in panel["bars"]] == [0.8, 0.6, 0.5, 0.4, 0.1]
    assert f"2 scores of 2 older versions are {HINT}" in told.err
    assert main([*draw, "--model", "Net", "Net#same"]) == 0
    (panel,) = json.loads(capsys.readouterr().out)
    assert [bar["model"] for bar in panel["bars"]] == [
        "b/model.py:Net",
        "a/model.py:Net#same",
        "a/model.py:Net",
    ]


def test_a_trajectory_is_of_one_model(folder: Path, keep_version: Keep, capsys: Told) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a", "b"):
        for step in (0, 10):
            source = str(folder / name / "model.py")
            value = step / 100 + (name == "b")
            raw = layers_of(step)
            keep_version(f"Net@step={step}", source, OLD, "NH2015-rsa", value, raw=raw, layer="i")
    draw = ["figure", "trajectory", "--benchmark", "NH2015-rsa", "-o", "x.svg", "--json"]
    assert main([*draw, "--model", "./b/model.py:Net"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["steps"] == [0, 10]
    assert main([*draw, "--model", "Net"]) == 2
    assert "Net is more than one model" in capsys.readouterr().err
    assert main([*draw, "--model", "Other"]) == 1
    assert "No step of Other is scored" in capsys.readouterr().err


@pytest.mark.usefixtures("store")
def test_info_of_a_file_and_of_a_version(capsys: Told) -> None:
    assert main(["info", "./a/model.py:Net"]) == 0
    told = capsys.readouterr().out
    assert f"{NEW} (current)  scored 2026-01-01" in told
    assert f"{OLD}  scored 2026-01-01" in told
    assert "Brain-x" in told
    assert main(["info", "Net#same", "--json"]) == 0
    assert NEAR in json.loads(capsys.readouterr().out)["versions"]


def test_names_write_nothing_to_the_terminal(keep_version: Keep, capsys: Told) -> None:
    evil = "Net\x1b[31m\x07"
    for source in ("/one/model.py", "/two/model.py"):
        parts = {f"subject-{place}": place / 10 for place in range(6)}
        keep_version(evil, source, OLD, "Brain-\x1b]0;x", 0.1, parts=parts, n={"subject": 6})
    for verb in (
        ["results", "list"],
        ["results", "list", "--all"],
        ["list", "results"],
        ["compare"],
        ["info", f"/one/model.py:{evil}"],
        ["export", "-o", "x.csv", "--model", f"{evil}?"],
        ["results", "rm", "--model", "*"],
        ["results", "tag", f"/one/model.py:{evil}", "fine"],
    ):
        main(verb)
        told = capsys.readouterr()
        for sign in (*told.out, *told.err):
            assert sign == "\n" or sign.isprintable(), (verb, told)


def test_activations_of_one_version_are_cleared(
    folder: Path, keep_version: Keep, capsys: Told
) -> None:
    from brainbench_audio.activations.extraction import activations_folder

    for name, version in (("a", OLD), ("a", NEW), ("b", OLD)):
        activations = {"activations": {"key": f"{name}-{version}"}}
        source = str(folder / name / "model.py")
        keep_version("Net", source, version, "A-x", 0.1, provenance=activations)
    for key in (f"a-{OLD}", f"a-{NEW}", f"b-{OLD}", "never-scored"):
        stored = activations_folder() / key
        stored.mkdir(parents=True)
        content = {"fields": {"model": "Net"}, "stimuli": [], "layers": [], "chunk": 1}
        text = json.dumps({**content, "sha256": hash_json(content)})
        (stored / "manifest.json").write_text(text)

    def left() -> set[str]:
        return {path.name for path in activations_folder().iterdir() if path.is_dir()}

    for model, gone in (
        ("./a/model.py:Net#1a2b", f"a-{OLD}"),
        ("./b/model.py:Net", f"b-{OLD}"),
        ("./a/model.py:Gone", ""),
    ):
        before = left()
        assert main(["cache", "clear", "--model", model]) == 0
        assert before - left() == {gone} - {""}
    assert main(["results", "list", "--all", "--json"]) == 0
    assert main(["cache", "clear", "--model", "Net", "--results"]) == 0
    assert left() == set()
    capsys.readouterr()
    assert main(["list", "results", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
