"""Miniatures in the published layout: English and French listeners, nine short sections."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from brainbench_littleprince import published
from brainbench_littleprince.published import LANGUAGES, SECTIONS, runs, sound_paths

from brainbench_audio.stimuli.audio import write_waveform

LISTENERS = {"EN": ("EN058", "EN059"), "FR": ("FR001",)}
SECONDS = (15.4, 16.6)  # of every second section; 8 volumes have their middle in each
VOLUMES = tuple(12 + number % 2 for number in range(SECTIONS))
GRID = (7, 6, 4)
# 2 mm voxels, the first axis from right to left
AFFINE = np.array([[-2.0, 0, 0, 6], [0, 2, 0, -8], [0, 0, 2, 10], [0, 0, 0, 1]])


def write_run(file: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write volumes (x, y, z, volume) as published: compressed, single precision."""
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(values.astype(np.float32), affine).to_filename(file)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    random = np.random.default_rng(0)
    for language, listeners in LISTENERS.items():
        for number, path in enumerate(sound_paths(language).values()):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            noise = random.uniform(-0.1, 0.1, round(SECONDS[number % 2] * 8000))
            write_waveform(folder / path, noise, 8000)
        for place, listener in enumerate(listeners):
            for number, path in enumerate(runs()[listener]):
                values = 100 + random.standard_normal((*GRID, VOLUMES[number]))
                values[: 2 + 2 * place] = 0  # outside of the brain
                write_run(folder / path, values)
    return folder


@pytest.fixture
def small(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bring a copy of the miniature, and make it all there is; return its folder."""
    folder = tmp_path / "mine" / published.FOLDER
    shutil.copytree(written, folder)
    monkeypatch.setenv("BRAINBENCH_DATA", str(folder.parent))
    short = {name: replace(each, volumes=VOLUMES) for name, each in LANGUAGES.items()}
    for name, language in short.items():
        monkeypatch.setitem(LANGUAGES, name, language)
    monkeypatch.setattr(published, "speaking", LISTENERS.get)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return folder
