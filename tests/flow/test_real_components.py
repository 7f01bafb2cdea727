"""The baseline on the real component responses, against an independent run of the same protocol."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from brainbench_spectrotemporal.network import SpectrotemporalNetwork

from brainbench_audio import score
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.registry.lookup import find_model

COMPONENTS = ("lf", "hf", "broadband", "pitch", "speech", "music")
INDEPENDENT = {
    "NH2015comp-ridge": (0.739, 0.570, 0.453, 0.545, 0.721, 0.330),
    "NH2015comp-ridge-zscored-all": (0.819, 0.652, 0.426, 0.684, 0.783, 0.478),
}


def of(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


@pytest.fixture
def reference(data_folder: Path, parity_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the filters answer with the reference's features, to which tests/parity holds them."""
    stimuli = load_dataset("NH2015comp").stimuli
    with np.load(parity_folder / "spectrotemporal.npz") as stored:
        rows = [stored[f"{name.removesuffix('.wav')}/avgpool"] for name in stimuli.names]
    rate = find_model("spectrotemporal").card.sample_rate
    sounds = stimuli.waveforms(range(len(stimuli)), rate)
    known = {
        sound.tobytes(): torch.from_numpy(row) for sound, row in zip(sounds, rows, strict=True)
    }

    def forward(self: SpectrotemporalNetwork, waveforms: torch.Tensor) -> torch.Tensor:
        return torch.stack([known[waveform.numpy().tobytes()] for waveform in waveforms])

    monkeypatch.setattr(SpectrotemporalNetwork, "forward", forward)


@pytest.mark.data
@pytest.mark.usefixtures("reference")
def test_the_baseline_gives_the_published_scores(data_folder: Path) -> None:
    check_the_baseline()


@pytest.mark.slow
@pytest.mark.data
def test_so_does_what_our_filters_hear(data_folder: Path) -> None:
    check_the_baseline()


def check_the_baseline() -> None:
    for benchmark, values in INDEPENDENT.items():
        found = score("spectrotemporal", benchmark)
        assert found.parts == pytest.approx(dict(zip(COMPONENTS, values, strict=True)), abs=0.005)
        assert found.ceiling is None
        assert found.n["stimulus"] == 165
    # stored by now
    shown = score("spectrotemporal", "NH2015comp-ridge")
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert shown.interval is not None
    assert len(shown.part_intervals) == len(COMPONENTS)
    assert f"{shown.value:.3f}  {shown.error:.3f}  {of(shown.interval)}" in readme
    assert "  ".join(map(of, shown.part_intervals.values())) in readme
    assert re.search(r" +".join(f"{value:.3f}" for value in shown.parts.values()), readme)
    # the activations are there by now
    subset = score("spectrotemporal", "NH2015comp.music-ridge")
    assert subset.value == pytest.approx(0.330, abs=0.005)
