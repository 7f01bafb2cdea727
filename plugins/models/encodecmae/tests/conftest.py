"""Cards, sounds, and models small enough to be written and read in no time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from brainbench_encodecmae import network as network_module
from brainbench_encodecmae.cards import CARDS
from brainbench_encodecmae.configuration import ASSUMED_SPECTROGRAM, CONFIGURATIONS, Configuration
from brainbench_encodecmae.network import EncodecMAE

from brainbench_audio.cards import ModelCard

BY_ID = {card.id: card for card in CARDS}


@pytest.fixture(scope="session")
def cards() -> dict[str, ModelCard]:
    return BY_ID


@pytest.fixture(scope="session")
def noise() -> torch.Tensor:
    return 0.1 * torch.randn(6000, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def tiny_states(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, torch.Tensor]]:
    """Make three models small enough to be written and read in no time; return their weights."""
    small = Configuration(
        blocks=5, width=24, attention_width=24, hidden=48, codebooks=1, tokenizer=False
    )
    tiny = {
        "encodecmae-small": small,
        "encodecmae-base": replace(small, blocks=10),
        "encodecmae-spec-base": replace(small, blocks=10, front_end=ASSUMED_SPECTROGRAM),
    }
    monkeypatch.setattr(network_module, "CONFIGURATIONS", CONFIGURATIONS | tiny)
    torch.manual_seed(0)
    return {name: EncodecMAE(sizes).state_dict() for name, sizes in tiny.items()}


def write_sounds(folder: Path, count: int, seconds: float = 0.5, rate: int = 16_000) -> Path:
    """Write files of noise of different colours."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        noise = np.cumsum(random.standard_normal(int(seconds * rate))) * 0.9**number
        soundfile.write(folder / f"{number:02}.wav", 0.1 * noise / np.abs(noise).max(), rate)
    return folder


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    return write_sounds(tmp_path / "audio", 12)
