"""Controls: a model's architecture without what it has learned, under an id of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio import load_model
from brainbench_audio.activations.extraction import plan_extraction
from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.activations.projection import Projected
from brainbench_audio.cli.main import main
from brainbench_audio.errors import ContractError, UnknownId
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.testing import DummyModel, dummy_stimuli

MODEL = "metricgan"
SOUND = np.random.default_rng(0).standard_normal(8000).astype(np.float32)


def heard(**options: int) -> np.ndarray:
    model = load_model(f"{MODEL}@untrained", **options)
    return next(iter(model.activations([SOUND]).values()))


def test_an_untrained_control_is_seeded() -> None:
    np.testing.assert_array_equal(heard(), heard())
    assert not np.allclose(heard(), heard(seed=1))


def test_a_control_has_an_id_and_a_key_of_its_own(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 3)
    models = [load_model(f"{MODEL}@untrained", seed=seed) for seed in (0, 1)]
    assert models[0].card.id == f"{MODEL}@untrained"
    plans = [plan_extraction(as_lazy(model).identity, stimuli) for model in models]
    assert plans[0].key != plans[1].key


def test_globs_reach_controls() -> None:
    assert expand(["metric*@permuted"], "model") == [f"{MODEL}@permuted"]
    parsed = ModelId.parse(f"{MODEL}@permuted")
    assert (parsed.name, parsed.control) == (MODEL, "permuted")
    assert find_model(f"{MODEL}@permuted").card.id == MODEL


def test_another_control_is_unknown() -> None:
    with pytest.raises(UnknownId, match="Did you mean metricgan@permuted"):
        load_model(f"{MODEL}@permutted")


def test_a_model_without_weights_has_no_control() -> None:
    with pytest.raises(ContractError, match="spectrotemporal"):
        load_model("spectrotemporal@untrained")


OWN = """
import numpy as np
import torch
from brainbench_audio import wrap


class Plain:
    layers = ("level",)
    sample_rate = 8000
    learned = 1.0

    def activations(self, waveforms, layers=None):
        return {"level": np.array([[self.learned * abs(one).mean()] for one in waveforms])}


class Controlled(Plain):
    def __init__(self, control=None):
        self.learned = {"untrained": 2.0, None: 1.0}[control]


class AnyOptions(Plain):
    def __init__(self, **options):
        pass


class Network(torch.nn.Sequential):
    sample_rate = 8000

    def __init__(self):
        super().__init__(torch.nn.Unflatten(1, (1, -1)), torch.nn.Conv1d(1, 2, 40, 20))


def make():
    return Network()


ready, network = Plain(), Network()
placed = wrap(torch.nn.Sequential(Network()), device="cpu", sample_rate=8000)
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    return file


@pytest.mark.parametrize("name", ["Plain", "AnyOptions", "Network", "make", "ready", "network"])
@pytest.mark.parametrize(
    "asked", [{"control": "permuted"}, {"weights": "untrained"}, {}], ids=["control", "weights", ""]
)
def test_a_model_of_a_file_has_no_control_that_it_does_not_make(
    own: Path, name: str, asked: dict[str, str]
) -> None:
    with pytest.raises(ContractError, match=r"has no control: .* argument `control`"):
        load_model(f"{own}:{name}{'' if asked else '@permuted'}", **asked)


def test_a_model_of_a_file_makes_its_control(own: Path) -> None:
    trained, control = (load_model(f"{own}:Controlled{behind}") for behind in ("", "@untrained"))
    assert control.activations([SOUND])["level"] == 2 * trained.activations([SOUND])["level"]


@pytest.mark.usefixtures("tiny")
def test_a_control_asked_for_by_an_option(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def scored(model: str, *more: str) -> list[dict[str, Any]]:
        assert main(["score", "-m", model, "-b", "Tiny-match", "--json", *more]) == 0
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return found

    (plain,) = scored(f"{own}:Controlled@untrained")
    version = f"#{plain['model_version']}"
    for model in (f"{own}:Controlled{version}", f"{own}:Controlled@untrained{version}"):
        (again,) = scored(model, "--control", "untrained")
        assert (again["model"], again["score"]) == (plain["model"], plain["score"])
    for behind in ("@permuted", "@step=3", "@project=5"):
        arguments = ["score", "-m", f"{MODEL}{behind}#1a2b3c4d", "-b", "Tiny-match"]
        assert main([*arguments, "--control", "untrained"]) == 2
        told = f"has no control of its own: leave {behind} or --control untrained out"
        assert told in capsys.readouterr().err


def test_a_model_that_is_ready_is_placed_and_takes_nothing_else(own: Path) -> None:
    for name in ("placed", "network", "Network", "make"):
        model = load_model(f"{own}:{name}", device="cpu", dtype="bfloat16")
        assert model.computed_in == "cpu, bfloat16"
    with pytest.raises(ContractError, match="ready does not support --device and --dtype"):
        load_model(f"{own}:ready", dtype="bfloat16")
    with pytest.raises(ContractError, match="network is a model already, so it takes no weights"):
        load_model(f"{own}:network", weights=str(own))


@pytest.mark.usefixtures("tiny")
def test_a_projection_of_a_model() -> None:
    made = load_model("tiny-plain@project=5")
    with pytest.raises(ContractError, match="choose one"):
        load_model(f"{MODEL}@project=5", control="untrained")
    rows = load_model("tiny-plain").activations([SOUND, SOUND[:6000], SOUND[2000:]])
    heard = made.activations([SOUND, SOUND[:6000], SOUND[2000:]])
    assert list(heard) == list(rows) == list(made.layers)
    layer = next(iter(rows))
    assert heard[layer].shape == (3, 5)
    # the same each time, another with another number, whatever it is heard with
    again = load_model("tiny-plain@project=5").activations([SOUND[:6000]])[layer]
    np.testing.assert_array_equal(again[0], heard[layer][1])
    matrix = Projected(made, 5)._matrix(layer, rows[layer].shape[1])
    np.testing.assert_allclose(rows[layer] @ matrix, heard[layer], rtol=1e-5)

    identities = [
        as_lazy(load_model(f"tiny-plain{behind}")).identity
        for behind in ("", "@project=5", "@project=6")
    ]
    assert len({one.digest for one in identities}) == 3
    assert identities[1].dims == (5,) * len(rows)
    assert (identities[1].id, made.card.id) == ("tiny-plain@project=5",) * 2


def test_a_projection_that_was_changed_has_a_version_of_its_own() -> None:
    class Mine(DummyModel):
        fingerprint = "never changes"

    model: Any = Mine()
    versions = []
    for gain, features in ((1, 5), (1, 5), (2, 5), (1, 6)):
        model.gain = gain
        versions.append(as_lazy(Projected(model, features)).identity.version)
    assert versions[0] == versions[1] != "unknown"
    assert len(set(versions)) == 3
    model.fingerprint = None
    assert as_lazy(Projected(model, 5)).identity.unkept == "it has no fingerprint"


def test_projections_keep_distances() -> None:
    class Wide:
        layers, sample_rate = ("wide", "other"), 8000

        def activations(self, waveforms, layers=None):  # type: ignore[no-untyped-def]
            return {layer: np.stack(waveforms) for layer in layers or self.layers}

    rows = list(np.random.default_rng(0).standard_normal((2, 3000)).astype(np.float32))
    near = [
        float(np.square(np.subtract(*each)).sum())
        for features in range(200, 210)
        for each in Projected(Wide(), features).activations(rows).values()
    ]
    expected = float(np.square(np.subtract(*rows)).sum())
    # 20 means of 200 squares or more: within 5 of their errors of .022
    assert np.mean(near) == pytest.approx(expected, rel=0.11)
    assert np.std(near) / expected == pytest.approx(np.sqrt(2 / 205), rel=0.6)


def test_ids_of_projections() -> None:
    for text in ("net@project=10", "dist:net@project=10", "net@project=10#1a2b"):
        assert (ModelId.parse(text).project, str(ModelId.parse(text))) == (10, text)
        assert ModelId.parse(text).plain.variant == ""
    named = ModelId.parse("hf:o/n@main@project=10", ["hf:"])
    assert (named.name, named.project) == ("hf:o/n@main", 10)
    assert ModelId.parse("./a.py:Net@project=10").project == 10
    assert ModelId.parse("net@project=10").of_step(3).variant == "@step=3"
    for text in ("net@project=0", "net@project=", "net@project=1e3"):
        with pytest.raises(UnknownId):
            ModelId.parse(text)
