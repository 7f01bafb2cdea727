"""Options of `brainbench score` that go to the metric."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.activations.precision import PRECISIONS
from brainbench_audio.cli import amounts
from brainbench_audio.cli.main import main
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.pipeline.loaders import invoke
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores

Told = pytest.CaptureFixture[str]
pytest.importorskip("brainbench_ridge")
pytestmark = pytest.mark.usefixtures("tiny")


def scored(capsys: Told, *arguments: str) -> dict[str, Any]:
    assert main(["score", "-m", "tiny-plain", "-b", "Tiny-ridge", "--json", *arguments]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    return dict(row)


def test_permutations_reach_the_metric(capsys: Told) -> None:
    plain = scored(capsys)
    assert plain["permutations"] == 199
    assert 0 < plain["p"] <= 1
    other = scored(capsys, "--permutations", "19", "--seed", "1")
    assert (other["permutations"], other["cached"]) == (19, False)
    assert other["p"] * 20 == pytest.approx(round(other["p"] * 20))
    assert scored(capsys, "--permutations", "0")["p"] is None


def test_bootstrap_and_seed_reach_the_metric(capsys: Told) -> None:
    plain = scored(capsys)
    other = scored(capsys, "--bootstrap", "30", "--seed", "3")
    assert other["score"] == plain["score"]
    assert other["interval"] == plain["interval"]
    assert other["cached"] is False
    scores = [Score.from_netcdf(entry.path) for entry in stored_scores()]
    (newest,) = [score for score in scores if score.provenance["inputs"]["options"]]
    assert newest.raw.sizes["draw"] == 30
    assert (newest.raw.attrs["bootstrap"], newest.raw.attrs["seed"]) == (30, 3)
    assert newest.provenance["inputs"]["options"] == {"bootstrap": 30, "seed": 3}
    assert scored(capsys, "--bootstrap", "30", "--seed", "3")["cached"] is True


def test_memory_and_device_are_no_part_of_the_key(capsys: Told) -> None:
    plain = scored(capsys, "--metric-device", "auto")
    for more in ("--max-memory", "500MB"), ("--metric-device", "cpu"), ("--metric-device", "cuda"):
        again = scored(capsys, *more)
        assert again == {**plain, "cached": True, "seconds": again["seconds"]}


def test_a_gpu_that_is_not_there_is_told(capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = ["-m", "tiny-plain", "-b", "Tiny-ridge", "--metric-device", "cuda"]
    assert main(["score", *arguments]) == 1
    assert "Device 'cuda' is not available here (" in capsys.readouterr().err


def test_too_little_memory_is_told(capsys: Told) -> None:
    arguments = ["-m", "tiny-plain", "-b", "Tiny-ridge", "--max-memory", "1kB"]
    assert main(["score", *arguments]) == 1
    assert "3 targets take" in capsys.readouterr().err


def test_a_metric_without_these_options_says_so(capsys: Told) -> None:
    arguments = ["-m", "tiny-plain", "-b", "Tiny-match", "--bootstrap", "30"]
    assert main(["score", *arguments]) == 1
    assert re.search(
        r"metric match does not take these options: .*'bootstrap'. It takes power; leave the",
        capsys.readouterr().err.replace("\n", " "),
    )
    with pytest.raises(PluginLoadError, match="metric odd has 6 for its loader, which is no funct"):
        invoke(6, "metric odd", (), {})


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("500 MB", 5 * 10**8), ("1.5GiB", 3 * 2**29), ("2k", 2000), ("100", 100)],
)
def test_sizes(text: str, size: int) -> None:
    assert amounts.size(text) == size


@pytest.mark.parametrize(
    "text", ["", "much", "-4GB", "4 apples", "1.2.3GB", "0GB", f"{'9' * 400}GB", f"{'9' * 305}GB"]
)
def test_wrong_sizes_are_wrong_usage(text: str, capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["score", "-m", "tiny-plain", "-b", "Tiny-ridge", f"--max-memory={text}"])
    assert stopped.value.code == 2
    assert "is no size: write it as 4GB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "values", "told"),
    [
        ("score -m a -b b --permutations", "-1 18 1000001 1e3 nan", "0 for no test, or 19 to"),
        ("score -m a -b b --bootstrap", "-1 1 1000001 1.5 nan", "0, or 2 to 1,000,000"),
        ("trajectory a -b b --bootstrap", "1", "0, or 2 to 1,000,000"),
        ("correlate --bootstrap", "1", "0, or 2 to 1,000,000"),
        ("correlate --least-z", "nan inf 1e999 x", "is no number"),
        ("score -m a -b b --device", "tpu cuda:0 CPU", "choose from"),
        ("score -m a -b b --dtype", "float64", "choose from"),
        ("trajectory a -b b --device", "tpu", "choose from"),
        ("reproduce a.nc --device", "tpu", "choose from"),
    ],
)
def test_what_no_option_can_be_is_wrong_usage(
    command: str, values: str, told: str, capsys: Told
) -> None:
    *rest, option = command.split()
    for value in values.split():
        with pytest.raises(SystemExit) as stopped:
            main([*rest, f"{option}={value}"])
        assert stopped.value.code == 2
        assert told in capsys.readouterr().err


def test_there_is_an_option_for_each_precision() -> None:
    assert (*amounts.DTYPES,) == (*PRECISIONS,)


@pytest.mark.parametrize("verb", ["score -m a -b b", "trajectory a -b b", "correlate"])
def test_seeds_are_whole_numbers(verb: str, capsys: Told) -> None:
    for wrong in ("-1", "1.5", "x"):
        with pytest.raises(SystemExit) as stopped:
            main([*verb.split(), f"--seed={wrong}"])
        assert stopped.value.code == 2
        assert "is no seed: a whole number, 0 or more" in capsys.readouterr().err


TWICE = """
import numpy as np

class Net:
    layers = ("out",)
    sample_rate = 8000
    fingerprint = "1"

    def activations(self, waveforms, layers=None):
        return {{"out": np.array([[wave[{place}], wave[9]] for wave in waveforms])}}
"""


def test_two_models_of_one_name_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Told
) -> None:
    monkeypatch.chdir(tmp_path)
    for place, name in enumerate("ab"):
        (tmp_path / f"{name}.py").write_text(TWICE.format(place=place))
    pair = ["score", "-m", "./a.py:Net", "./b.py:Net", "-b", "Tiny-match"]
    assert main([*pair, "--json", "--output", "scores"]) == 0
    one, other = json.loads(capsys.readouterr().out)
    assert one["model"] == other["model"] == "Net"
    assert one["model_version"] != other["model_version"]
    for row in (one, other):
        file = tmp_path / "scores" / f"Net#{row['model_version']}_Tiny-match.nc"
        assert Score.from_netcdf(file).value == row["score"]
    assert main(pair) == 0
    told = capsys.readouterr().out
    assert told.split()[:2] == ["model", "version"]
    for row in (one, other):
        assert f"Net#{row['model_version']} on Tiny-match, in parts:" in told
    assert main(["score", "-m", "./a.py:Net", "-b", "Tiny-match"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["model", "benchmark"]
