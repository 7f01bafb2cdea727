"""Runs on a few seconds of noise: what they write, and that a kill changes nothing."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_encodecmae import training
from brainbench_encodecmae.checkpoints import save_checkpoint
from brainbench_encodecmae.cli import main
from brainbench_encodecmae.configuration import PRETRAINING, Configuration, FrontEnd
from brainbench_encodecmae.corpus import find_sounds
from brainbench_encodecmae.network import EncodecMAE
from brainbench_encodecmae.objective import predict
from brainbench_encodecmae.run import Schedule, Settings
from brainbench_encodecmae.targets import RandomProjectionTargets
from brainbench_encodecmae.training import make_optimizer, pretrain

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError
from brainbench_audio.registry import lookup
from brainbench_audio.testing.waiting import wait_until
from brainbench_audio.training import monitor

SIZES = Configuration(
    blocks=2, width=24, attention_width=24, hidden=32, decoder_blocks=1, tokenizer=False
)
SETTINGS = Settings(seed=1, batch=3, held_out=2)
TARGETS = RandomProjectionTargets()


def train(run: Path, audio: Path, steps: int, **changes: Any) -> Path:
    given = {"settings": SETTINGS, "schedule": Schedule(steps, every=2)} | changes
    return pretrain(run, find_sounds([audio]), SIZES, TARGETS, device="cpu", **given)


def read_log(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def state_of(path: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)["state_dict"]
    return state


def assert_same(first: Path, second: Path) -> None:
    one, other = state_of(first), state_of(second)
    assert list(one) == list(other)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_steps_and_tests_compute_in_the_precision_asked_for(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(network: Any, batch: Any, mask: Any) -> Any:
        predicted = predict(network, batch, mask)
        switch = torch.backends.cudnn.conv.fp32_precision
        seen.append((torch.is_grad_enabled(), switch, predicted.logits.dtype))
        return predicted

    monkeypatch.setattr(training, "predict", watched)
    losses = {}
    for dtype in ("float32", "bfloat16"):
        run = tmp_path / dtype
        last = train(run, audio, 2, settings=replace(SETTINGS, dtype=dtype))
        assert set(seen) == {(grad, "ieee", getattr(torch, dtype)) for grad in (True, False)}
        seen.clear()
        assert {value.dtype for value in state_of(last).values()} == {torch.float32}
        losses[dtype] = [float(row["loss"]) for row in read_log(run / "losses.csv")]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.02)


def test_what_a_run_writes(audio: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = torch.get_rng_state()
    last = train(run, audio, 5)
    assert torch.equal(torch.get_rng_state(), before)
    # 10 sounds are learned from, 3 a step
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [
        "epoch=0-step=0.ckpt",
        "epoch=0-step=2.ckpt",
        "epoch=1-step=4.ckpt",
        "epoch=1-step=5.ckpt",
    ]
    assert last == run / "checkpoints" / "epoch=1-step=5.ckpt"
    rows = read_log(run / "losses.csv")
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"]
    for row in rows:
        parts = [float(row[f"masked_q{q}"]) for q in range(8)]
        assert sum(parts) == pytest.approx(float(row["masked"]), rel=1e-4)
        total = 0.9 * float(row["masked"]) + 0.1 * float(row["unmasked"])
        assert float(row["loss"]) == pytest.approx(total, rel=1e-4)
    assert 6 < float(rows[0]["loss"]) < 8
    assert [row["step"] for row in read_log(run / "held_out.csv")] == ["0", "2", "4", "5"]
    described = json.loads((run / "settings.json").read_text())["run"]
    assert described["targets"].startswith("random-projection")
    assert described["sounds"]["files"] == 12


def test_it_learns(audio: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=3e-3)
    train(tmp_path / "run", audio, 25, settings=settings, schedule=Schedule(25, 25))
    # noise can be learned by heart, but not foretold
    losses = [float(row["loss"]) for row in read_log(tmp_path / "run" / "losses.csv")]
    assert losses[-1] < losses[0] - 0.5


def test_a_resumed_run_is_the_uninterrupted_one(audio: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = train(whole, audio, 6)
    train(parts, audio, 2)
    # as of a version that had no such setting
    described = json.loads((parts / "settings.json").read_text())
    del described["run"]["settings"]["dtype"]
    (parts / "settings.json").write_text(json.dumps(described))
    train(parts, audio, 4, resume=True)
    # as after a kill between two checkpoints: rows of steps that will be made again
    with (parts / "losses.csv").open("a") as file:
        file.write("4,1,2,3\n5,1")
    leftover = parts / "checkpoints" / ".part-0.ckpt"
    leftover.write_bytes(b"half")
    found = train(parts, audio, 6, resume=True)
    assert_same(found, expected)
    assert not leftover.exists()
    for name in ("losses.csv", "held_out.csv"):
        assert (parts / name).read_text() == (whole / name).read_text()
    # all is done: nothing is written again
    times = {path: path.stat().st_mtime_ns for path in (parts / "checkpoints").iterdir()}
    assert train(parts, audio, 6, resume=True) == found
    assert times == {path: path.stat().st_mtime_ns for path in (parts / "checkpoints").iterdir()}


def test_a_run_can_be_watched(audio: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, bool]] = []

    def watch(network: EncodecMAE, step: int) -> None:
        written = (tmp_path / "run" / "checkpoints").glob(f"*-step={step}.ckpt")
        assert isinstance(network, EncodecMAE)
        seen.append((step, bool(list(written))))

    train(tmp_path / "run", audio, 3, watch=watch)
    train(tmp_path / "run", audio, 4, watch=watch, resume=True)
    # what a run goes on from is seen again: it may have ended in the middle of being watched
    assert seen == [(0, True), (1, False), (2, True), (3, True), (3, True), (4, True)]


class Monitor:
    """Stands for an `AlignmentMonitor` that is interrupted once at each of its steps."""

    def __init__(self, _network: Any, names: Any, *, every: int, csv_file: Path, **_: Any) -> None:
        self.names, self.every, self.file = names, every, csv_file

    def step(self, step: int) -> None:
        if step % self.every:
            return
        begun = self.file.with_name(f"begun-{step}")
        if not begun.exists():
            begun.touch()
            raise KeyboardInterrupt
        monitor._append(self.file, [(step, self.names[0], "layer_0", 0.5, 1.0)])


def test_alignment_that_was_interrupted_is_measured_when_resumed(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "find_benchmark", lambda _: None)
    monkeypatch.setattr(monitor, "AlignmentMonitor", Monitor)
    command = ["pretrain", "--audio", str(audio), "--output", str(tmp_path / "run")]
    command += ["--targets", "random-projection", "--batch", "2", "--held-out", "0"]
    command += ["--every", "2", "--steps", "3", "--benchmark", "Any"]
    stops = [main([*command, *resume]) for resume in ([], ["--resume"], ["--resume"], ["--resume"])]
    assert stops == [130, 130, 0, 0]
    rows = read_log(tmp_path / "run" / "alignment.csv")
    assert [row["step"] for row in rows] == ["0", "2"]


def test_all_of_a_network_is_on_its_device(audio: Path, tmp_path: Path) -> None:
    """It is listened to there, so its front end must be, too; sounds are read on the CPU."""
    run = training._Training(
        tmp_path,
        find_sounds([audio]),
        SIZES,
        RandomProjectionTargets(),
        settings=SETTINGS,
        device=torch.device("meta"),
    )
    parts = [*run.network.parameters(), *run.network.buffers()]
    assert {part.device.type for part in parts} == {"meta"}
    assert run.front_end(torch.zeros(2, 48_000)).device.type == "cpu"


@pytest.mark.slow
@pytest.mark.data
def test_alignment_during_a_run(
    audio: Path, tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["pretrain", "--audio", str(audio), "--output", str(tmp_path / "run")]
    command += ["--targets", "random-projection", "--batch", "2", "--steps", "2", "--every", "2"]
    assert main([*command, "--benchmark", "NH2015comp-rso"]) == 1
    assert "Did you mean" in capsys.readouterr().err
    assert main([*command, "--benchmark", "NH2015comp-rsa"]) == 0
    rows = read_log(tmp_path / "run" / "alignment.csv")
    assert [row["step"] for row in rows] == ["0"] * 3 + ["2"] * 3
    assert [row["layer"] for row in rows[:3]] == ["layer_0", "layer_1", "layer_2"]


def test_other_seeds_give_other_weights(audio: Path, tmp_path: Path) -> None:
    first = train(tmp_path / "a", audio, 1)
    second = train(tmp_path / "b", audio, 1, settings=replace(SETTINGS, seed=2))
    name = "wav_encoder.post_net.weight"
    assert not torch.equal(state_of(first)[name], state_of(second)[name])


def test_a_killed_run_is_resumed(audio: Path, tmp_path: Path) -> None:
    """A real kill in the middle of the steps, by a signal that nobody can catch."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = ["pretrain", "--audio", str(audio), "--targets", "random-projection"]
    command += ["--batch", "2", "--every", "3", "--held-out", "0", "--device", "cpu"]
    endless = [*command, "--steps", "10000", "--output", str(killed)]
    process = subprocess.Popen([sys.executable, "-m", "brainbench_encodecmae.cli", *endless])
    reached = killed / "checkpoints" / "epoch=0-step=3.ckpt"
    wait_until(lambda: reached.is_file() or process.poll() is not None, 120)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    state = torch.load(killed / "state.pt", weights_only=True)
    assert state["step"] < 9_000
    steps = str(state["step"] + 4)
    assert main([*command, "--steps", steps, "--output", str(killed), "--resume"]) == 0
    assert main([*command, "--steps", steps, "--output", str(whole)]) == 0
    (expected,) = (whole / "checkpoints").glob(f"*-step={steps}.ckpt")
    assert_same(killed / "checkpoints" / expected.name, expected)
    assert (killed / "losses.csv").read_text() == (whole / "losses.csv").read_text()


def test_a_run_in_use_is_left_alone(audio: Path, tmp_path: Path) -> None:
    from brainbench_audio.errors import CacheError
    from brainbench_audio.files import locked

    with locked(tmp_path / "run" / "run"), pytest.raises(CacheError, match="in use by another"):
        train(tmp_path / "run", audio, 2)


def test_the_folder_of_another_run(audio: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(DataError, match="no run to resume"):
        train(run, audio, 1, resume=True)
    train(run, audio, 1)
    with pytest.raises(DataError, match="holds a run already: go on with it by --resume"):
        train(run, audio, 2)
    others = replace(SETTINGS, batch=2, learning_rate=1e-3)
    with pytest.raises(DataError) as refused:
        train(run, audio, 2, resume=True, settings=others)
    assert "settings.batch is 3 there and 2 now; settings.learning_rate is 0.0001" in str(
        refused.value
    )
    (audio / "11.wav").unlink()
    with pytest.raises(DataError, match=r"sounds\.files is 12 there and 11 now"):
        train(run, audio, 2, resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    with pytest.raises(DataError, match=r"no run but other files \(thesis\.txt\)"):
        train(tmp_path / "full", audio, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": replace(SETTINGS, batch=11)}, "leave 10 to learn from, fewer than the 11"),
        ({"settings": replace(SETTINGS, held_out=-1)}, "-1 sounds cannot be held out"),
        ({"settings": replace(SETTINGS, learning_rate=0.0)}, "learning rate is 0.0, expected"),
        ({"settings": replace(SETTINGS, dtype="float16")}, "'float16', expected float32 or bfl"),
        ({"schedule": Schedule(0)}, "steps is 0, expected more than 0"),
        ({"schedule": Schedule(1, every=0)}, "every is 0"),
    ],
)
def test_settings_that_cannot_be(
    changes: dict[str, Any], message: str, audio: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        train(tmp_path / "run", audio, 1, **changes)


def test_networks_that_cannot_be(audio: Path, tmp_path: Path) -> None:
    sounds = find_sounds([audio])
    options: dict[str, Any] = {"settings": SETTINGS, "schedule": Schedule(1)}
    learned = replace(SIZES, front_end=FrontEnd("encodec"))
    with pytest.raises(DataError, match="EnCodec's encoder as input"):
        pretrain(tmp_path / "run", sounds, learned, TARGETS, **options)
    with pytest.raises(DataError, match="8 codes a frame, the network predicts 1"):
        pretrain(tmp_path / "run", sounds, replace(SIZES, codebooks=1), TARGETS, **options)


def test_a_loss_that_is_not_finite(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    expected = train(run, audio, 2)
    before = expected.read_bytes()
    original = training.loss

    def broken(*arguments: Any) -> Any:
        found = original(*arguments)
        return replace(found, total=found.total * float("nan"))

    monkeypatch.setattr(training, "loss", broken)
    with pytest.raises(DataError, match=r"loss of step 2 is nan.*diverged.*checkpoints.*stay"):
        train(run, audio, 4, resume=True)
    monkeypatch.undo()
    assert expected.read_bytes() == before
    assert_same(train(run, audio, 4, resume=True), train(tmp_path / "whole", audio, 4))


def test_weights_that_are_not_finite_are_not_saved(audio: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e36)
    with pytest.raises(DataError, match="diverged and was stopped"):
        train(tmp_path / "run", audio, 40, settings=settings, schedule=Schedule(40, every=1))
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        assert all(value.isfinite().all() for value in state_of(path).values())


def test_shared_parameters_are_seen_once() -> None:
    network = EncodecMAE(PRETRAINING["tiny"])
    (group,) = make_optimizer(network).param_groups
    seen = [id(parameter) for parameter in group["params"]]
    assert len(seen) == len(set(seen)) < len(network.state_dict())
    assert (group["lr"], group["betas"], group["eps"]) == (1e-4, (0.9, 0.95), 1e-8)
    assert group["weight_decay"] == 0.05


def test_a_checkpoint_is_a_model(audio: Path, tmp_path: Path) -> None:
    path = train(tmp_path / "run", audio, 1)
    model = load_model("encodecmae-base", weights=path, device="cpu")
    assert isinstance(model, TorchModel)
    assert model.layers == ("layer_0", "layer_1")
    assert model.card.dims == (24, 24)
    assert model.card.weights == ()
    sound = np.random.default_rng(0).standard_normal(48_000).astype(np.float32)
    found = model.activations([sound])
    assert {name: values.shape for name, values in found.items()} == {
        "layer_0": (1, 24),
        "layer_1": (1, 24),
    }
    permuted = load_model("encodecmae-base@permuted", weights=path, device="cpu")
    untrained = load_model("encodecmae-base@untrained", weights=path, device="cpu")
    assert permuted.layers == untrained.layers == model.layers
    assert untrained.activations([sound])["layer_1"].shape == (1, 24)
    initial = load_model("encodecmae-base", weights=path.with_name("epoch=0-step=0.ckpt"))
    assert not np.allclose(initial.activations([sound])["layer_1"], found["layer_1"])


def test_checkpoints_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "step=1.ckpt"
    save_checkpoint(path, EncodecMAE(SIZES), SIZES, 1)
    with pytest.raises(DataError, match="hears mel, encodecmae-spec-base hears spectrogram"):
        load_model("encodecmae-spec-base", weights=path)
    content = torch.load(path, weights_only=True)
    for broken, message in [
        ({"blocks": 2}, "expected front_end, blocks"),
        (content["configuration"] | {"blocks": "2"}, "blocks = '2', expected int"),
        (content["configuration"] | {"width": True}, "width = True, expected int"),
        (content["configuration"] | {"front_end": {"kind": "mel"}}, "another version"),
        (content["configuration"] | {"blocks": 3}, "missing: visible_encoder"),
    ]:
        torch.save(content | {"configuration": broken}, path)
        with pytest.raises(DataError, match=message):
            load_model("encodecmae-base", weights=path)


def test_the_command_line(audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["pretrain", "--audio", str(audio), "--output", str(tmp_path / "run")]
    assert main(command) == 1
    assert "encodec_24khz-d7cc33bc.th is missing" in capsys.readouterr().err
    command += ["--targets", "random-projection", "--batch", "2", "--steps", "2", "--log-spaced"]
    command += ["--dtype", "bfloat16"]
    assert main(command) == 0
    assert "12 sounds, 1 of them held out; last checkpoint:" in capsys.readouterr().out
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert settings["run"]["settings"]["dtype"] == "bfloat16"
    steps = sorted(path.stem for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert steps == ["epoch=0-step=0", "epoch=0-step=1", "epoch=0-step=2"]
    assert main(command) == 1
    assert "--resume" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["pretrain", "--config", "huge"])
    assert stopped.value.code == 2


def test_help_says_what_is_not_the_papers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["pretrain", "--help"])
    assert "is not the paper's target" in " ".join(capsys.readouterr().out.split())
