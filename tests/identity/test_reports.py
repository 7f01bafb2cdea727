"""Reports show the version that an id means now, whatever was scored or stored last."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import load_model, provenance, score
from brainbench_audio.cli.main import main
from brainbench_audio.pipeline import origin

Told = Callable[..., str]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: Any, tmp_path: Path) -> Told:
    """Return a function that runs the command line and returns what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert main(arguments) == 0
        return capsys.readouterr().out

    return run


def listed(told: Told) -> dict[str, str]:
    rows = json.loads(told("results", "list", "--json"))
    assert all(row["current"] for row in rows)
    return {row["model"]: row["version"] for row in rows}


def exported(told: Told) -> dict[str, float]:
    told("export", "--output", "all.csv")
    with Path("all.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["benchmark"] == "Tiny-match"]
    assert len({row["model"] for row in rows}) == len(rows)
    return {row["model"]: float(row["value"]) for row in rows}


def scored(told: Told, *model: str) -> dict[str, Any]:
    (row,) = json.loads(told("score", "-m", *model, "-b", "Tiny-match", "--json"))
    return dict(row)


def test_weights_that_are_brought_back(
    net: Path, published: Path, save: Callable[[Path, int], Path], told: Told, monkeypatch: Any
) -> None:
    years = iter(["2026-05-01", "2020-01-01", "2031-01-01", "2010-01-01"])
    real = provenance.environment

    def environment() -> dict[str, Any]:
        return {**real(), "created": f"{next(years)}T00:00:00+00:00"}

    monkeypatch.setattr(origin, "environment", environment)

    def place(seed: int) -> None:
        for pin in published.parent.glob("*.sha256"):
            pin.unlink()
        save(published, seed)

    old = scored(told, "net")
    assert exported(told) == {"net": old["score"]}
    place(1)
    new = scored(told, "net")  # the clock says that it is older
    assert new["score"] != old["score"]
    assert listed(told) == {"net": new["model_version"]}
    assert exported(told) == {"net": new["score"]}
    place(0)
    again = scored(told, "net")
    assert again["cached"]
    assert listed(told) == {"net": old["model_version"]}
    assert exported(told) == {"net": old["score"]}
    tiny = scored(told, "tiny-plain")
    pair = ("-m", "net", "tiny-plain", "-b", "Tiny-match")
    (row,) = json.loads(told("compare", *pair, "--json"))
    assert abs(row["difference"]) == pytest.approx(abs(old["score"] - tiny["score"]))


def test_a_changed_object_is_not_what_its_id_means(net: Path, told: Told) -> None:
    made: Any = load_model("net")
    published = score(made, "Tiny-match")
    made.network.first.weight.data.mul_(-1)
    changed = score(made, "Tiny-match")
    assert changed.value != published.value
    assert listed(told) == {"net": published.provenance["identity"]["version"]}
    assert exported(told) == {"net": published.value}


def test_one_id_of_two_distributions(net: Path, install: Callable[..., Path], told: Told) -> None:
    source = (net / "__init__.py").read_text().replace("6, 6", "6, 6")
    source = source.replace("plugin_net.network:FAMILY", "plugin_other:load")
    source = source.replace('("plugin_net",)', '("plugin_other",)')
    source = source.replace('"first", "out"', '"bands", "log_bands"')
    install(
        "brainbench-other",
        "plugin_other",
        source + "\n\ndef load(card, weights=None):\n"
        "    from brainbench_audio.testing import DummyModel\n\n"
        "    model = DummyModel()\n    model.card = card\n    return model\n",
    )
    one = scored(told, "brainbench-net:net")
    other = scored(told, "brainbench-other:net")
    assert one["score"] != other["score"]
    assert sorted(exported(told).values()) == sorted([one["score"], other["score"]])
    assert len(listed(told)) == 2


def test_two_files_with_a_class_of_one_name(tiny: Path, told: Told, tmp_path: Path) -> None:
    scores = []
    for name, bands in (("a", 4), ("b", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.py").write_text(
            "from brainbench_audio.testing import DummyModel\n\n\nclass Net(DummyModel):\n"
            f"    def __init__(self):\n        super().__init__({bands})\n"
        )
        scores.append(scored(told, f"./{name}/model.py:Net")["score"])
    # equal files in two folders are two models as well
    (tmp_path / "b" / "model.py").write_text((tmp_path / "a" / "model.py").read_text())
    twin = scored(told, "./b/model.py:Net")
    assert twin["score"] == scores[0]
    assert list(exported(told)) == ["a/model.py:Net", "b/model.py:Net"]
    assert set(exported(told).values()) == {scores[0]}
