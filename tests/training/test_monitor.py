"""The monitor: measures as the benchmark does, and leaves the training as it found it."""

from __future__ import annotations

import csv
import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing import DummyModel
from brainbench_audio.training import monitor as monitor_module
from brainbench_audio.training.monitor import AlignmentMonitor, measured_steps

RATE = 8000


class Network(torch.nn.Module):
    """Has all that a measurement could disturb: dropout, running statistics, a table kept."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(8, 6), torch.nn.Linear(6, 4)])
        self.norm = torch.nn.BatchNorm1d(6)
        self.dropout = torch.nn.Dropout(0.5)
        self.frozen = torch.nn.Dropout(0.5).eval()
        self.table: torch.Tensor | None = None
        self.heard = 0

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        self.heard += len(waveforms)
        if self.table is None or len(self.table) != 6:
            self.table = torch.arange(6.0) / 6
        frames = self.blocks[0](waveforms.unfold(1, 8, 8).abs()) * self.table
        frames = self.norm(frames.mT).mT
        found: torch.Tensor = self.blocks[1](self.frozen(self.dropout(frames)).relu())
        return found


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network()


def watch(network: Any, benchmark: ComposedBenchmark, **options: Any) -> AlignmentMonitor:
    known = {"sample_rate": RATE, "layers": ["blocks.*"]}
    return AlignmentMonitor(network, [benchmark], **{**known, **options})


def train(network: Network, monitor: AlignmentMonitor | None, steps: int = 4) -> torch.Tensor:
    """Return the weights after a few steps with dropout."""
    torch.manual_seed(1)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for step in range(steps):
        if monitor is not None:
            monitor.step(step)
        optimiser.zero_grad()
        network(torch.randn(3, 80)).square().mean().backward()
        optimiser.step()
    return torch.nn.utils.parameters_to_vector(network.parameters()).detach()


def test_a_training_is_the_same_with_and_without(benchmark: ComposedBenchmark) -> None:
    weights = []
    for watched in (False, True):
        torch.manual_seed(0)
        network = Network()
        monitor = watch(network, benchmark, every=2) if watched else None
        weights.append((train(network, monitor), network.norm.running_mean))
        assert network.training
        assert not network.frozen.training
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)


def test_random_states_stay(network: Network, benchmark: ComposedBenchmark) -> None:
    def noisy(network: Network, waveforms: torch.Tensor) -> torch.Tensor:
        random.random()
        np.random.default_rng()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        found: torch.Tensor = network(waveforms)
        return found

    monitor = watch(network, benchmark, forward=noisy)
    states = (random.getstate(), np.random.get_state()[1], torch.get_rng_state())  # noqa: NPY002
    monitor.measure(0)
    assert random.getstate() == states[0]
    np.testing.assert_array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_it_is_the_score_of_the_same_network(
    network: Network, benchmark: ComposedBenchmark
) -> None:
    found = watch(network, benchmark).measure(3)["Tiny-match"]
    card = ModelCard(
        id="x", family="x", label="x", parameters=0, layers=("blocks.0", "blocks.1"), dims=(6, 4),
        sample_rate=RATE, licence="x", citation="x", training_data="x", source="x",
        packages=("brainbench_audio.testing",), loader="x",
    )  # fmt: skip
    read_outs = {layer: layer for layer in card.layers}
    expected = benchmark(TorchModel(card, network, read_outs, fingerprint=None))
    assert found.value == pytest.approx(expected.value, rel=1e-6)
    assert found.layer == expected.layer
    assert found.raw["layer"].values.tolist() == list(card.layers)


def test_it_measures_every_so_often(
    network: Network, benchmark: ComposedBenchmark, tmp_path: Path
) -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

    file = tmp_path / "logs" / "alignment.csv"
    monitor = watch(network, benchmark, every=3, csv_file=file, writer=Writer())
    told = [monitor.step(step) is not None for step in (0, 1, 2, 3, 3, 4, 6)]
    assert told == [True, False, False, True, False, False, True]
    assert network.heard == 3 * 40
    data = monitor.history
    assert data["mean"].dims == ("step", "layer", "benchmark")
    assert data["step"].values.tolist() == [0, 3, 6]
    assert (data["seconds"] > 0).all()
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["step"], row["layer"]) for row in rows[:3]] == [
        ("0", "blocks.0"), ("0", "blocks.1"), ("3", "blocks.0")
    ]  # fmt: skip
    expected = data["mean"].sel(step=3, layer="blocks.0", benchmark="Tiny-match").item()
    assert float(rows[2]["score"]) == expected
    assert ("Tiny-match/blocks.0", expected, 3) in written


def test_the_sounds_are_read_once(
    network: Network, benchmark: ComposedBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = load_benchmark("Tiny.a-match")
    read = []
    real = StimulusSet.waveforms

    def counting(self: StimulusSet, indices: Sequence[int], sample_rate: int) -> Any:
        read.append(len(indices))
        return real(self, indices, sample_rate)

    monkeypatch.setattr(StimulusSet, "waveforms", counting)
    part = AlignmentMonitor(
        network,
        [benchmark, one],
        sample_rate=RATE,
        layers={"in": "blocks.0"},
    )
    for step in (0, 1000):
        assert set(part.step(step) or {}) == {"Tiny-match", "Tiny.a-match"}
    assert sum(read) == 40
    assert network.heard == 80
    assert part.history["layer"].values.tolist() == ["in"]


def test_a_csv_file_that_was_cut_is_continued(
    network: Network, benchmark: ComposedBenchmark, tmp_path: Path
) -> None:
    file = tmp_path / "alignment.csv"
    file.write_text("step,benchmark,layer,score,seconds\n0,Tiny-match,blo")
    watch(network, benchmark, csv_file=file).measure(5)
    lines = file.read_text().splitlines()
    assert lines[1] == "0,Tiny-match,blo"
    assert lines[2].startswith("5,Tiny-match,blocks.0,")
    assert len(lines) == 4
    assert measured_steps(file) == {5}
    assert not measured_steps(file.with_name("none.csv"))


def test_a_network_that_collapses_does_not_stop_the_training(
    network: Network, benchmark: ComposedBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(_frames: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("burst")

    monitor = watch(network, benchmark)
    with monkeypatch.context() as patch:
        patch.setattr(network.norm, "forward", burst)
        with pytest.raises(RuntimeError, match="burst"):  # wrong from the start is for the user
            monitor.measure(0)
        assert network.training
    with pytest.raises(ContractError, match="Nothing was measured"):
        _ = monitor.history
    assert monitor.measure(0)
    monkeypatch.setattr(network.norm, "forward", burst)
    assert monitor.measure(1) == {}
    assert network.training
    assert monitor.failures == [(1, "Tiny-match", "RuntimeError('burst')")]
    assert monitor.history["step"].values.tolist() == [0]


def test_scores_are_not_tested_against_chance_unless_asked(
    network: Network, benchmark: ComposedBenchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def load(identifier: str, **options: Any) -> ComposedBenchmark:
        asked.append({"id": identifier, **options})
        return benchmark

    monkeypatch.setattr(monitor_module, "load_benchmark", load)
    for options in (None, {"permutations": 99}):
        AlignmentMonitor(network, ["B-x"], sample_rate=RATE, layers=["blocks.*"], options=options)
    assert asked == [{"id": "B-x", "permutations": number} for number in (0, 99)]


def test_models_that_are_no_networks(benchmark: ComposedBenchmark) -> None:
    model = DummyModel()
    monitor = AlignmentMonitor(model, [benchmark], layers=["bands"])
    found = monitor.measure(0)["Tiny-match"]
    assert found.raw["layer"].values.tolist() == ["bands"]

    def function(waveforms: Any) -> dict[str, torch.Tensor]:
        bands = torch.as_tensor(model.activations(waveforms)["bands"])
        return {"bands": torch.nn.Parameter(bands)}

    again = AlignmentMonitor(function, [benchmark], sample_rate=RATE).measure(0)["Tiny-match"]
    assert again.value == found.value


def test_compiled_and_half_precision_networks(
    network: Network, benchmark: ComposedBenchmark
) -> None:
    plain = watch(network, benchmark).measure(0)["Tiny-match"].value
    compiled = torch.compile(network, backend="eager")
    assert watch(compiled, benchmark).measure(0)["Tiny-match"].value == plain
    with torch.autocast("cpu", torch.bfloat16):
        assert watch(network, benchmark).measure(0)["Tiny-match"].value == plain
    half = torch.nn.Sequential(torch.nn.Unflatten(1, (-1, 8)), torch.nn.Linear(8, 4)).bfloat16()
    assert watch(half, benchmark, layers=["1"]).measure(0)["Tiny-match"].value > 0


def test_wrong_arguments(network: Network, benchmark: ComposedBenchmark) -> None:
    with pytest.raises(ContractError, match="needs sample_rate"):
        AlignmentMonitor(network, [benchmark])
    with pytest.raises(ContractError, match=r"no submodule 'block\.\*'; it has blocks"):
        watch(network, benchmark, layers=["block.*"])
    with pytest.raises(ContractError, match=r"no function whose sample_rate"):
        AlignmentMonitor(print, [benchmark])  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="N at least 1"):
        watch(network, benchmark, every=0)
    runs = dict(zip(benchmark.stimuli.names, benchmark.stimuli.files, strict=True))
    benchmark.stimuli = ContinuousStimuli.of_runs("runs", runs, context=0.1, stride=0.05)
    with pytest.raises(ContractError, match=r"Tiny-match is continuous sound.*trajectory"):
        watch(network, benchmark)


def test_lightning(network: Network, benchmark: ComposedBenchmark, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def training_step(self, batch: Any, _index: int) -> torch.Tensor:
            found: torch.Tensor = self.network(batch).square().mean()
            return found

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    module = Module()
    monitor = watch(module.network, benchmark, every=2)
    logged = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger = lightning.loggers.CSVLogger(tmp_path)
        logger.log_metrics = lambda metrics, step: logged.append((step, metrics))
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=5,
            logger=logger,
            callbacks=[monitor.callback()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
        )
        batches = torch.utils.data.DataLoader(torch.randn(40, 80), batch_size=4)
        trainer.fit(module, batches)
    assert monitor.history["step"].values.tolist() == [0, 2, 4]
    values = monitor.history["value"].values.ravel().tolist()
    told = [(step, found["Tiny-match"]) for step, found in logged if "Tiny-match" in found]
    assert told == list(zip((0, 2, 4), values, strict=True))
