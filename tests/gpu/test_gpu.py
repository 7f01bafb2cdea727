"""On a GPU: every family meets its references in float32, and metrics are those of the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from brainbench_cka.metric import CKA
from brainbench_encodecmae.cli import main as pretraining
from brainbench_probe.batches import Fold
from brainbench_probe.embeddings import Embeddings
from brainbench_probe.settings import GRID, Protocol
from brainbench_probe.task import Split, Task
from brainbench_probe.training import Trained, Trainer
from brainbench_probe.workers import Workers
from brainbench_ridge.metric import Ridge
from brainbench_rsa.metric import RSA

from brainbench_audio.assemblies.assembly import build
from brainbench_audio.testing.behaviour import distances
from brainbench_audio.testing.references import assert_equal, read_manifests, read_references
from brainbench_audio.testing.sounds import parity_sounds
from brainbench_audio.testing.standin import standin_model

pytestmark = pytest.mark.gpu
MANIFESTS = read_manifests()


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_family_meets_its_references(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = MANIFESTS[name]
    model = standin_model(name)
    model.place("cuda")
    references = read_references(manifest)
    sounds = parity_sounds(model.sample_rate)
    for sound, waveform in sounds.items():
        for layer, values in model.activations([waveform]).items():
            expected = references[f"{sound}/{layer}"]
            assert_equal(values[0], expected, manifest["tolerance"], f"{sound}, {layer}")
    half = distances(model, "bfloat16", list(sounds.values())[:2])
    with capsys.disabled():
        print(f"\n{name}: bfloat16 is at most {max(half.values()):.4f} away")


def learned(device: str) -> list[Trained]:
    """Train a few settings on embeddings from which the labels can be told, with noise."""
    generator = np.random.default_rng(0)
    clips, layers, features, labels = 600, 3, 24, 4
    known = generator.integers(labels, size=clips)
    onehot = np.eye(labels, dtype=np.float32)[known]
    task = Task(onehot, [str(number) for number in range(labels)], False, ("top1_acc",))
    split = Split("test", *np.split(np.arange(clips), [400, 500]))
    protocol = Protocol(hidden_units=64, batch_size=100, max_epochs=5)
    mixing = generator.standard_normal((labels, features))
    with Embeddings(clips, layers, features, 1 << 30) as embeddings:
        for layer in range(layers):
            noise = 2 * generator.standard_normal((clips, features))
            embeddings.fill(layer, str(layer), (onehot @ mixing + noise).astype(np.float32))
        with Workers(device) as workers:
            settings = dict(enumerate(GRID[:2]))
            trainer = Trainer(task, settings, protocol, seed=0, workers=workers, device=device)
            return trainer.train([(Fold(0, split, embeddings), place) for place in (0, 1)])


def test_a_probe_learns_as_on_the_cpu() -> None:
    """The masks of dropout differ, as each device draws its own."""
    for here, there in zip(learned("cpu"), learned("cuda"), strict=True):
        assert here.best > 0.5
        assert there.best == pytest.approx(here.best, abs=0.1)
        assert there.loss[-1] == pytest.approx(here.loss[-1], rel=0.2)


@pytest.mark.parametrize("metric", [Ridge, RSA, CKA])
def test_scores_are_those_of_the_cpu(metric: type[Ridge] | type[RSA] | type[CKA]) -> None:
    generator = np.random.default_rng(0)
    latent = generator.standard_normal((165, 6))
    layers = {
        str(features): (latent @ generator.standard_normal((6, features)) / 4).astype(np.float32)
        + generator.standard_normal((165, features)).astype(np.float32)
        for features in (20, 40, 80)
    }
    voxels = latent @ generator.standard_normal((6, 300)) + generator.standard_normal((165, 300))
    subjects = {"subject": [f"subject-{place % 3}" for place in range(300)]}
    target = build(voxels, [f"sound-{place}" for place in range(165)], "voxel", subjects)
    here, there = (
        metric(device=device, permutations=19)(layers, target, np.arange(165) % 5)
        for device in ("cpu", "cuda")
    )
    assert there.value == pytest.approx(here.value, abs=1e-9)
    assert (there.layer, there.p) == (here.layer, here.p)
    np.testing.assert_allclose(there.raw["layer_score"], here.raw["layer_score"], atol=1e-9)
    if "penalty" in here.raw:
        np.testing.assert_array_equal(there.raw["chosen_layer"], here.raw["chosen_layer"])
        clear = here.raw["penalty"].values > 1e-6
        np.testing.assert_array_equal(
            there.raw["penalty"].values[clear], here.raw["penalty"].values[clear]
        )
    assert str(there.provenance["metric_device"]).startswith("cuda (")


def test_a_pretraining_is_listened_to(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    (tmp_path / "sounds").mkdir()
    for number in range(4):
        noise = generator.standard_normal(48_000).astype(np.float32)
        soundfile.write(tmp_path / "sounds" / f"{number}.wav", 0.05 * noise, 24_000)
    command = ["pretrain", "--audio", str(tmp_path / "sounds"), "--output", str(tmp_path / "run")]
    command += ["--targets", "random-projection", "--batch", "2", "--steps", "2", "--every", "2"]
    assert pretraining([*command, "--benchmark", "SimCortex-rsa", "--device", "cuda"]) == 0
    rows = (tmp_path / "run" / "alignment.csv").read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == {"0", "2"}
