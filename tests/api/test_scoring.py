"""`score` takes ids, objects and networks, one or many, all layers or some."""

from __future__ import annotations

import json
import math
import textwrap
from pathlib import Path

import pytest
import torch

from brainbench_audio import load_benchmark, load_model, score
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.activations.lazy import LazyModel
from brainbench_audio.cli.main import main
from brainbench_audio.errors import BrainbenchError, ContractError, UnknownId
from brainbench_audio.report.results import stored_results
from brainbench_audio.testing.dummies import DummyModel

pytestmark = pytest.mark.usefixtures("tiny")


def network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, -1)), torch.nn.Conv1d(1, 4, 40, 20), torch.nn.ReLU()
    )


def test_a_network_is_scored_and_left_as_it_was() -> None:
    own = network().train()
    own[2].eval()
    found = score(own, "Tiny-match", sample_rate=8000)
    assert list(found.raw["layer"].values) == ["1", "2"]
    assert [part.training for part in own.modules()] == [True, True, True, False]
    assert score(own, "Tiny-match", sample_rate=8000) == found  # with its time: it was stored
    named = score(own, "Tiny-match", sample_rate=8000, layers=["2"])
    assert named.layer == "2"
    own[1] = torch.nn.Conv1d(1, 4, 40, 20)
    assert score(own, "Tiny-match", sample_rate=8000) != found


@pytest.mark.parametrize("name", ["Own", "make", "made", "ready"])
def test_a_network_in_a_file_is_scored_as_it_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.py"
    source = """
        import numpy
        import torch

        class Own(torch.nn.Sequential):
            sample_rate = 8000

            def __init__(self):
                torch.manual_seed(0)
                channel = torch.nn.Unflatten(1, (1, -1))
                super().__init__(channel, torch.nn.Conv1d(1, 4, 40, 20), torch.nn.ReLU())

        def make():
            return Own()

        made = make()

        class Ready(Own):
            layers = ("last",)

            def activations(self, waveforms, layers=None):
                with torch.inference_mode():
                    sounds = torch.from_numpy(numpy.stack(waveforms))
                    return {"last": self(sounds).mean(-1).numpy()}

        ready = Ready()
    """
    file.write_text(textwrap.dedent(source))
    arguments = ["score", "-m", f"{file}:{name}", "-b", "Tiny-match", "--json"]
    assert main(arguments) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["model"] == name
    whole = score(network(), "Tiny-match", sample_rate=8000, layers=["2"])
    assert told["score"] == pytest.approx(whole.value)
    if name == "ready":  # a model of its own, without a fingerprint
        return
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)[0]["cached"]
    file.write_text(file.read_text().replace("    sample_rate = 8000", "    pass"))
    assert main(arguments) == 1
    told = f"Model {name} has sample rate None, expected a whole number of Hz"
    assert told in capsys.readouterr().err


def test_some_layers_are_scored_apart_from_the_model() -> None:
    some = score("tiny-plain", "Tiny-match", layers=["bands"])
    assert list(some.raw["layer"].values) == ["bands"]
    assert some.provenance["only_layers"] == ["bands"]
    assert "of layers: bands" in repr(some)
    assert stored_results() == []
    whole = score("tiny-plain", "Tiny-match")
    assert [result.value for result in stored_results()] == [whole.value]
    again = score("tiny-plain", "Tiny-match", layers=["bands"])
    assert again == some
    assert again.value == whole.raw["layer_score"].sel(layer="bands").mean()
    assert len(stored_results()) == 1
    # in the order of the model, and all of them are the model
    assert score("tiny-plain", "Tiny-match", layers=["log_bands", "bands"]) == whole
    for model in ("tiny-plain", load_model("tiny-plain")):
        with pytest.raises(ContractError, match="no layer 'deep', only bands, log_bands"):
            score(model, "Tiny-match", layers=["deep"])
    with pytest.raises(ContractError, match="must be a list of names"):
        score("tiny-plain", "Tiny-match", layers="bands")


def test_stored_activations_of_all_layers_do_for_some(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("tiny-plain")
    score(model, "Tiny-match")
    before = sorted(activations_folder().iterdir())
    monkeypatch.setattr(LazyModel, "activations", lambda *_, **__: pytest.fail("heard again"))
    some = score(load_model("tiny-plain"), "Tiny-match", layers=["log_bands"])
    assert list(some.raw["layer"].values) == ["log_bands"]
    assert sorted(activations_folder().iterdir()) == before


def test_lists_give_a_table_in_the_order_asked_for() -> None:
    benchmark = load_benchmark("Tiny-match")
    models = [DummyModel(bands=4), "tiny-plain", network(), "tiny-broken"]
    table = score(models, ["Tiny.a-match", benchmark], sample_rate=8000)
    assert table["model"].tolist() == [
        *(name for name in ("DummyModel", "tiny-plain", "Sequential", "tiny-broken") for _ in "ab")
    ]
    assert table["benchmark"].tolist() == ["Tiny.a-match", "Tiny-match"] * 4
    assert table["value"][:6].notna().all()
    assert table["failure"][:6].tolist() == [""] * 6
    assert all("full of holes" in told for told in table["failure"][6:])
    one = table.iloc[3]
    alone = score("tiny-plain", benchmark)
    assert (one["value"], one["layer"]) == (alone.value, alone.layer)
    assert (one["low"], one["high"]) == alone.interval
    assert math.isnan(table["value"].iloc[-1])
    assert table.query("model == 'tiny-plain'").layers().index.names == [
        "model",
        "benchmark",
        "layer",
    ]
    assert table.wide().loc["tiny-plain", "Tiny-match"] == alone.value


def test_versions_of_one_network_are_rows_of_their_own() -> None:
    first, second = network(), network()
    second[1] = torch.nn.Conv1d(1, 4, 40, 20)
    table = score([first, second], "Tiny-match", sample_rate=8000)
    assert table["model"].str.match(r"Sequential#[0-9a-f]{8}$").all()
    assert table.wide().shape == (2, 1)


def test_a_sample_rate_is_for_networks() -> None:
    with pytest.raises(ContractError, match=r"sample_rate=8000 is for a torch\.nn\.Module"):
        score("tiny-plain", "Tiny-match", sample_rate=8000)
    found = score([network(), "tiny-plain"], ["Tiny-match"], sample_rate=8000)
    assert found["value"].notna().all()


def test_globs_and_mistakes_in_lists() -> None:
    table = score("tiny-plain", ["Tiny.?-match"])
    assert table["benchmark"].tolist() == ["Tiny.a-match", "Tiny.b-match"]
    with pytest.raises(UnknownId, match="Did you mean tiny-plain"):
        score(["tiny-plane"], "Tiny-match")
    with pytest.raises(BrainbenchError, match=r"tiny-broken on Tiny-match: .*full of holes"):
        score(["tiny-broken"], "Tiny-match")


def test_the_command_line_scores_some_layers(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["score", "-m", "tiny-plain", "-b", "Tiny-match", "--layers"]
    assert main([*arguments, "bands", "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)
    assert pair["layer"] == "bands"
    assert pair["only_layers"] == ["bands"]
    assert pair["score"] == score("tiny-plain", "Tiny-match", layers=["bands"]).value
    assert main(["results", "list"]) == 0
    assert "no results" in capsys.readouterr().out
    assert main(["results", "list", "--all"]) == 0
    assert "Tiny-match (bands only)" in capsys.readouterr().out
    assert main([*arguments, "deep"]) == 1
    assert "no layer 'deep', only bands, log_bands" in capsys.readouterr().err


def test_help_tells_the_arguments() -> None:
    text = score.__doc__ or ""
    for name in ("layers", "sample_rate", "recompute", "Returns", "Raises"):
        assert name in text
