"""Checkpoints of one training: where they are, and of which step."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.pipeline.checkpoints import list_checkpoints
from brainbench_audio.pipeline.steps import step_of
from brainbench_audio.training import checkpoints


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("epoch=0-step=250.ckpt", 250),
        ("step_30-loss=0.25.ckpt", 30),
        ("mel256-ec-base=77000.pt", 77000),
        ("model.0012.safetensors", 12),
        ("iteration7-v3", 7),
        ("last.ckpt", None),
        ("last-v1.ckpt", None),
        ("epoch=3-step=1000.ckpt", 1000),
        ("epoch=3-step=1000-v1.ckpt", 1000),
        ("step=1000-epoch=3.ckpt", 1000),
        ("epoch=12.ckpt", 12),
        ("model_epoch10.pt", 10),
        ("wav2vec2.pt", None),
        ("wav2vec2-5.ckpt", 5),
        ("wav2vec2-base-v1.2-step500.pt", 500),
        ("checkpoint-1000/model.safetensors", 1000),
        ("runs/2024/checkpoint-1000/model.safetensors", 1000),
        ("checkpoint3.pt", 3),
        ("step_1k.pt", 1000),
        ("step_1k/model.pt", 1000),
        ("steps-1.5M.pt", 1_500_000),
        ("10k_steps.pt", 10_000),
        ("global_step500/pytorch_model.bin", 500),
        ("iter_0005000.pth", 5000),
        ("model-1000-val_loss=0.25.pt", 1000),
        ("seed=3-1000.pt", 1000),
        ("step-20/model-00001-of-00002.safetensors", 20),
        ("1000.pt", 1000),
        ("iter_5.pt", 5),
        ("epoch_2_iter_5.pt", 5),
        ("2026-01_iter_80000.pth", 80_000),
    ],
)
def test_the_step_is_in_the_name(name: str, step: int | None) -> None:
    assert step_of(name) == step


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("checkpoint_3_1000.pt", "3 or 1000"),
        ("model_epoch10_500.pt", "10 or 500"),
        ("wav2vec2-16k-5.ckpt", "5 or 16000"),
        ("step=10-iter=20.pt", "10 or 20"),
        ("10-20/model.pt", "10 or 20"),
        ("beats_iter3+-checkpoint-500.pt", "3 or 500"),
        ("beats-iter3_500.pt", "3 or 500"),
    ],
)
def test_a_name_with_two_readings_is_refused_with_both(name: str, told: str) -> None:
    with pytest.raises(DataError, match=f"could be of step {told}: rename it"):
        step_of(name)


def test_folders_of_one_step_each(tmp_path: Path) -> None:
    for step in (500, 1000):
        folder = tmp_path / "run" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        for name in ("model.safetensors", "optimizer.pt", "rng_state.pth"):
            (folder / name).write_bytes(b"x")
    (tmp_path / "run" / "logs").mkdir()
    # as transformers leaves the end of a training
    for name in ("model.safetensors", "training_args.bin"):
        (tmp_path / "run" / name).write_bytes(b"x")
    for source in ("run", "run/checkpoint-*", "run/checkpoint-*/model.safetensors"):
        found = list_checkpoints(tmp_path / source)
        assert [each.step for each in found] == [500, 1000]
        assert {Path(each.location).name for each in found} == {"model.safetensors"}
    (only,) = list_checkpoints(tmp_path / "run/checkpoint-500/model.safetensors")
    assert only.step == 500


def test_folders_and_globs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("step=9.ckpt", "step=10.ckpt", "last.ckpt", "losses.csv", ".part-1.ckpt"):
        (tmp_path / name).write_bytes(b"x")
    assert [found.step for found in list_checkpoints(tmp_path)] == [9, 10]
    assert "last.ckpt is left out" in caplog.text
    assert [found.step for found in list_checkpoints(tmp_path / "step=?.*")] == [9]
    folders = str(tmp_path.parent / f"{tmp_path.name[:-1]}?" / "step=1*")
    assert [found.step for found in list_checkpoints(folders)] == [10]
    (tmp_path / "other-10.pt").write_bytes(b"x")
    with pytest.raises(DataError, match="are both of step 10"):
        list_checkpoints(tmp_path)
    with pytest.raises(DataError, match="There are no checkpoints"):
        list_checkpoints(tmp_path / "nowhere" / "*.ckpt")


@pytest.mark.parametrize("name", ["2024-11-28", "run-7", "667acc00406c"])
def test_a_folder_of_several_steps_is_none_of_one(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / name
    run.mkdir()
    for file in ("step=1000.ckpt", "step=2000.ckpt", "last.ckpt", "best.ckpt"):
        (run / file).write_bytes(b"x")
    assert [one.step for one in list_checkpoints(run)] == [1000, 2000]
    assert [one.step for one in list_checkpoints(f"{run}/*")] == [1000, 2000]
    assert "last.ckpt is left out: its name holds no step." in caplog.text


@pytest.mark.parametrize("name", ["2024-11-28", "run-7"])
def test_what_stands_beside_folders_of_steps_is_of_none(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / name
    for step in (500, 1000):
        (run / f"checkpoint-{step}").mkdir(parents=True)
        (run / f"checkpoint-{step}" / "model.safetensors").write_bytes(b"x")
    (run / "model.safetensors").write_bytes(b"x")
    for source in (run, f"{run}/*"):
        caplog.clear()
        assert [one.step for one in list_checkpoints(source)] == [500, 1000]
        assert f"{run}/model.safetensors is left out" in caplog.text


def test_who_takes_a_step_finds_the_list_beside_it() -> None:
    assert checkpoints.list_checkpoints is list_checkpoints
