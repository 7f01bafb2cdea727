from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from brainbench_encodecmae.objective import Batch
from brainbench_encodecmae.pretraining import Tokenizer
from brainbench_encodecmae.targets import ENCODEC, EncodecTargets, RandomProjectionTargets
from torch import Tensor

from brainbench_audio.errors import DataError


class Dangerous:
    def __reduce__(self) -> Any:
        return print, ("executed",)


@pytest.fixture(scope="module")
def codec() -> dict[str, Tensor]:
    """A codec under its published names, with a decoder that is not needed."""
    torch.manual_seed(0)
    parts = {"encodec_encoder.": "encoder.", "model.": "quantizer."}
    state = Tokenizer(own_encoder=True).state_dict()
    published = {
        parts[f"{name.partition('.')[0]}."] + name.partition(".")[2]: value
        for name, value in state.items()
    }
    for name in published:
        if name.endswith("_codebook.embed"):
            published[name] = torch.randn(1024, 128)
    return published | {"decoder.model.0.conv.conv.bias": torch.zeros(3)}


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def batch_of(lengths: list[int]) -> Batch:
    random = torch.Generator().manual_seed(0)
    frames = 3 * torch.randn(len(lengths), max(lengths), 256, generator=random) - 5
    for row, length in zip(frames, lengths, strict=True):
        row[length:] = 0
    waveforms = 0.1 * torch.randn(len(lengths), 320 * max(lengths), generator=random)
    return Batch(waveforms, frames, torch.tensor(lengths))


def test_codes_of_encodec(codec: dict[str, Tensor], tmp_path: Path) -> None:
    targets = EncodecTargets(save(tmp_path / "encodec.th", codec))
    codes = targets(batch_of([20, 12]))
    assert codes.shape == (8, 2, 20)
    assert 0 <= int(codes.min()) <= int(codes.max()) < 1024
    assert targets.name.startswith("encodec ")
    before = {name: value.clone() for name, value in targets.state_dict().items()}
    targets.train()
    targets(batch_of([20, 12]))
    assert not targets.tokenizer.training
    assert all(torch.equal(before[name], value) for name, value in targets.state_dict().items())
    assert not any(parameter.requires_grad for parameter in targets.parameters())


@torch.no_grad()
def test_each_stage_codes_the_rest(codec: dict[str, Tensor], tmp_path: Path) -> None:
    targets = EncodecTargets(save(tmp_path / "encodec.th", codec))
    batch = batch_of([9])
    codes = targets(batch)
    for t, frame in enumerate(targets.tokenizer.encodec_encoder(batch.waveforms)[0]):
        rest = frame
        for stage in range(8):
            book = codec[f"quantizer.vq.layers.{stage}._codebook.embed"]
            nearest = int((book - rest).square().sum(1).argmin())
            assert codes[stage, 0, t] == nearest
            rest = rest - book[nearest]


def test_the_file_is_loaded_strictly(codec: dict[str, Tensor], tmp_path: Path) -> None:
    lacking = dict(codec)
    del lacking["encoder.model.0.conv.conv.bias"]
    with pytest.raises(DataError, match=r"1 missing: encodec_encoder\.model\.0"):
        EncodecTargets(save(tmp_path / "a.th", lacking))
    with pytest.raises(DataError, match=r"1 unexpected: other\.bias"):
        EncodecTargets(save(tmp_path / "b.th", codec | {"other.bias": torch.zeros(1)}))
    with pytest.raises(DataError, match="expected EnCodec's named tensors"):
        EncodecTargets(save(tmp_path / "c.th", [1, 2]))


def test_nothing_in_the_file_is_executed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="could run code"):
        EncodecTargets(save(tmp_path / "a.th", {"encoder.x": Dangerous()}))
    assert "executed" not in capsys.readouterr().out


def test_without_a_network() -> None:
    with pytest.raises(DataError, match=r"encodec_24khz-d7cc33bc\.th.*BRAINBENCH_OFFLINE"):
        EncodecTargets()
    assert ENCODEC.sha256 is not None
    # its publisher puts the first digits into the name
    assert ENCODEC.sha256.startswith("d7cc33bc")


def test_random_projections_are_the_plain_ones() -> None:
    targets, batch = RandomProjectionTargets(), batch_of([30, 11])
    codes = targets(batch)
    assert codes.shape == (8, 2, 30)
    for clip, length in enumerate((30, 11)):
        own = batch.frames[clip, :length]
        whitened = (own - own.mean(0)) / (own.std(0, correction=0) + 0.1)
        for q in range(8):
            scores = whitened @ targets.projections[q] @ targets.directions[q]
            assert (scores.argmax(1) == codes[q, clip, :length]).float().mean() > 0.99
        assert not codes[:, clip, length:].any()
    assert len(codes.unique()) > 100


def test_random_projections_are_the_same_for_good() -> None:
    first, second, other = (RandomProjectionTargets(seed=seed) for seed in (0, 0, 1))
    batch = batch_of([30])
    assert torch.equal(first(batch), second(batch))
    assert not torch.equal(first(batch), other(batch))
    torch.testing.assert_close(first.directions.norm(dim=1), torch.ones(8, 1024))
    assert first.name != other.name
