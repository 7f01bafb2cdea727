from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from brainbench_encodecmae.configuration import CONFIGURATIONS
from brainbench_encodecmae.network import FAMILY, configure
from brainbench_encodecmae.published import PublishedFile, read_bindings

from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_file

CONFIG = """\
# what the training was configured with
import encodecmae

NUM_ENCODER_HEADS = 12
models.MelspectrogramProcessor.norm_stats = [-6.12,
    4.82]
feature/models.MelspectrogramProcessor.frame_length = 26.56
models.MelspectrogramProcessor.frame_shift = \\
    13.28
models.MelspectrogramProcessor.num_mel_bins = %N_MELS
models.MelspectrogramProcessor.window_type = 'hanning'
models.MelspectrogramProcessor.sample_frequency = 24000
models.EncodecMAE.wav_encoder = @models.WavEncoder
N_MELS = 256
"""
SMALL = "encodecmae-small"
SPECTROGRAM = "encodecmae-spec-base"


State = dict[str, torch.Tensor]


def save(path: Path, state: Any, config: Any = CONFIG) -> Path:
    torch.save({"state_dict": state, "config": config, "imports": "import encodecmae"}, path)
    return path


def front_end(model: TorchModel) -> dict[str, Any]:
    settings_used: dict[str, Any] = model.fingerprint["given"]["configuration"]["front_end"]
    return settings_used


@pytest.mark.standin(SMALL)
def test_a_published_file(
    standin: TorchModel,
    standin_weights: State,
    cards: dict[str, ModelCard],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    published = save(tmp_path / "mel256-ec-small.pt", standin_weights)
    loaded = FAMILY(cards[SMALL], published)
    sound = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    ours, expected = (model.activations([sound]) for model in (loaded, standin))
    assert all(np.array_equal(ours[layer], expected[layer]) for layer in expected)
    assert loaded.fingerprint["given"]["weights"] == hash_file(published)
    assert not caplog.records


def test_a_training_step(
    tiny_states: dict[str, State], cards: dict[str, ModelCard], tmp_path: Path
) -> None:
    path = tmp_path / "epoch=0-step=1000.ckpt"
    torch.save({"state_dict": tiny_states[SMALL], "global_step": 1000}, path)
    assert front_end(FAMILY(cards[SMALL], path))["mean"] == -6.12


def test_another_front_end_is_followed(
    tiny_states: dict[str, State],
    cards: dict[str, ModelCard],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = CONFIG.replace("-6.12", "-5.0").replace("HEADS = 12", "HEADS = 6")
    loaded = FAMILY(cards[SMALL], save(tmp_path / "file.pt", tiny_states[SMALL], config))
    assert front_end(loaded)["mean"] == -5.0
    assert loaded.fingerprint["given"]["configuration"]["heads"] == 6
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "mean=-5.0" in told[0]
    assert "6 heads with 24 channels, expected 12" in told[1]


def test_the_normalisation_of_spectrograms(
    tiny_states: dict[str, State],
    cards: dict[str, ModelCard],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = tiny_states[SPECTROGRAM]
    told = save(tmp_path / "told.pt", state, "SpectrogramProcessor.norm_stats = (-3.0, 2.0)")
    loaded = front_end(FAMILY(cards[SPECTROGRAM], told))
    assert (loaded["mean"], loaded["deviation"]) == (-3.0, 2.0)
    assert front_end(FAMILY(cards[SPECTROGRAM], told, control="untrained")) == loaded
    untold = save(tmp_path / "untold.pt", state)
    given = front_end(FAMILY(cards[SPECTROGRAM], untold, normalisation=(-4.0, 2.5)))
    assert (given["mean"], given["deviation"]) == (-4.0, 2.5)
    assert not caplog.records
    configure(cards[SPECTROGRAM], None)
    FAMILY(cards[SPECTROGRAM], untold)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert all("placeholders" in record.getMessage() for record in caplog.records)


def test_blocks_with_maps_of_their_own(
    tiny_states: dict[str, State],
    cards: dict[str, ModelCard],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = {name: tensor.clone() for name, tensor in tiny_states[SMALL].items()}
    name = "visible_encoder.encoder_layers.{}.ff_layer.0.bias"
    state[name.format(4)] += 1
    loaded = FAMILY(cards[SMALL], save(tmp_path / "file.pt", state))
    assert torch.equal(loaded.network.state_dict()[name.format(0)], state[name.format(4)])
    assert f"{name.format(4)} differs" in caplog.text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("NUM_ENCODER_HEADS = 7", r"NUM_ENCODER_HEADS = 7.*768 channels"),
        ("a.MelspectrogramProcessor.norm_stats = None", "expected mean and deviation"),
        ("a.MelspectrogramProcessor.norm_stats = [1, 0]", "deviation"),
        ("a.MelspectrogramProcessor.sample_frequency = 16000", "takes 24000 Hz"),
        (3, "'config' is int"),
    ],
)
def test_settings_that_cannot_be(config: Any, message: str) -> None:
    published = PublishedFile(SMALL, CONFIGURATIONS[SMALL])
    with pytest.raises(DataError, match=message):
        published.read({"state_dict": {}, "config": config})


def test_references_and_literals() -> None:
    bindings = read_bindings(CONFIG)
    assert bindings["NUM_ENCODER_HEADS"] == 12
    assert bindings["MelspectrogramProcessor.norm_stats"] == [-6.12, 4.82]
    assert bindings["MelspectrogramProcessor.frame_shift"] == 13.28
    assert bindings["MelspectrogramProcessor.num_mel_bins"] == 256
    assert "EncodecMAE.wav_encoder" not in bindings


def test_the_file_of_another_size(
    tiny_states: dict[str, State], cards: dict[str, ModelCard], tmp_path: Path
) -> None:
    path = save(tmp_path / "file.pt", tiny_states[SMALL])
    with pytest.raises(DataError, match=r"60 missing: visible_encoder\.encoder_layers\.5\."):
        FAMILY(cards["encodecmae-base"], path)
