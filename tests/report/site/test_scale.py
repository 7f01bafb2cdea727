"""36 models on 20 benchmarks, each score with its voxels: how long, and how large."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr

from brainbench_audio.report.results import Result, all_results, published_results
from brainbench_audio.report.site import build_site
from brainbench_audio.scores.influence import BINS
from brainbench_audio.scores.store import score_stem

from .browsing import Visit

MODELS, BENCHMARKS = 36, 20
VOXELS, LAYERS, SUBJECTS, STIMULI = 30_000, 13, 20, 165
SECONDS, BYTES = 30, 5e6


def voxels(seed: int) -> xr.Dataset:
    """Return what a ridge score keeps of voxels, layers and listeners, not of single sounds.

    So there are no pages of sounds and no tables of categories, which take more than all the rest.
    """
    generator = np.random.default_rng(seed)
    subject = np.repeat(np.arange(SUBJECTS), VOXELS // SUBJECTS)
    r2 = generator.random((LAYERS, VOXELS))
    return xr.Dataset(
        {
            "r2": ("voxel", r2.max(axis=0)),
            "layer_score": (("layer", "voxel"), r2),
            "chosen_layer": (("fold", "voxel"), generator.integers(LAYERS, size=(5, VOXELS))),
            "penalty": (("fold", "voxel"), generator.random((5, VOXELS))),
            "profile": ("layer", np.sort(generator.random(LAYERS))),
            "influence": (("left_out", "part"), generator.normal(0, 0.001, (STIMULI, SUBJECTS))),
            "pair_sketch": (("bin", "part"), generator.normal(0, 1e-5, (BINS, SUBJECTS))),
        },
        {
            "layer": [f"block_{place}" for place in range(LAYERS)],
            "subject": ("voxel", subject),
            "part": [f"subject-{place}" for place in range(SUBJECTS)],
        },
    )


def fill_store(folder: Path) -> None:
    generator = np.random.default_rng(0)
    for benchmark in range(BENCHMARKS):
        base = folder / "base.nc"
        raw = voxels(benchmark)
        checked = {name: {"fletcher32": True} for name in raw.data_vars}
        raw.to_netcdf(base, encoding={**checked, "subject": {"fletcher32": True}})
        name = f"Made{benchmark:02d}-ridge" if benchmark < 14 else f"HEAR.made{benchmark}-probe"
        for model in range(MODELS):
            parts = generator.normal(0.2 + model / 100, 0.05, SUBJECTS)
            summary = {
                "format": 1,
                "value": parts.mean(),
                "error": 0.01,
                "interval": [parts.mean() - 0.02, parts.mean() + 0.02],
                "ceiling": 0.8,
                "parts": {f"subject-{place}": one for place, one in enumerate(parts)},
                "layer": "block_7",
                "n": {"stimulus": STIMULI, "subject": SUBJECTS, "voxel": VOXELS},
                "provenance": provenance(f"family{model % 6}-{model}", name),
            }
            path = score_stem(name, f"family{model % 6}-{model}", "0" * 24)
            path = path.with_name(f"{path.name}-{'0' * 16}.nc")
            path.parent.mkdir(parents=True)
            shutil.copyfile(base, path)
            with netCDF4.Dataset(path, "a") as data:
                data.setncattr("brainbench_score", json.dumps(summary))


def provenance(model: str, benchmark: str) -> dict[str, Any]:
    return {
        "model": model,
        "benchmark": benchmark,
        "created": "2026-01-01T00:00:00+00:00",
        "key": "0" * 64,
        "stimuli": "1" * 64,
        "citations": {"model": "@misc{made-up, title = {Made up}}"},
        "versions": {f"library-{place}": "1.2.3" for place in range(12)},
        "plugins": {f"plugin-{place}": "0.1.0" for place in range(20)},
        "machine": {"system": "made up", "cores": 2},
        "activations": {"layers": [f"block_{place}" for place in range(LAYERS)]},
    }


def board_of_40(folder: Path) -> Path:
    """Write the site of 36 models on 40 benchmarks; return its leaderboard."""
    models = sorted({one.model: one for one in published_results()}.items())
    assert len(models) == MODELS
    generator = np.random.default_rng(0)
    names = [f"Made{place:02d}.{kind}-ridge" for place in range(16) for kind in ("lf", "hf")]
    names += [f"HEAR.made{place}-probe" for place in range(8)]
    values = generator.normal(0.4, 0.1, (len(models), len(names)))
    results = [
        Result(
            model=model,
            label=one.label,
            family=one.family,
            benchmark=name,
            value=value,
            error=0.02,
            interval=(value - 0.04, value + 0.04),
            ceiling=0.8,
            normalised=value / 0.8,
        )
        for (model, one), row in zip(models, values.tolist(), strict=True)
        for name, value in zip(names, row, strict=True)
    ]
    build_site(results, folder)
    return folder / "index.html"


@pytest.mark.slow
def test_a_board_of_40_benchmarks_is_seen_at_once(visit: Visit, tmp_path: Path) -> None:
    board = board_of_40(tmp_path / "site")
    found = Visit(visit.tab, board.parent)
    tab = found.open("index.html")
    tab.locator("#menu-show summary").click()
    tab.get_by_role("button", name="all", exact=True).last.click()
    assert tab.locator("#board thead tr:last-child th").count() == 2 + 40
    everything = tab.url.partition("#")[2]
    seconds = []
    for behind in ("", f"#{everything}") * 5:
        found.open("index.html", behind)
        tab.wait_for_timeout(300)
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        seconds.append(tab.evaluate(paint) / 1000)
    print(f"\nleaderboard: {board.stat().st_size / 1e3:.0f} kB, first paint {seconds}")
    assert board.stat().st_size < 1e6
    # of the usual columns, and of all; the best, as other processes of the machine are not ours
    assert min(seconds[::2]) < 0.5
    assert min(seconds[1::2]) < 0.5


@pytest.mark.slow
def test_a_full_board(tmp_path: Path) -> None:
    fill_store(tmp_path)
    stored = sum(path.stat().st_size for path in (tmp_path / "home").rglob("*.nc"))
    try:
        started, busy = time.perf_counter(), time.process_time()
        site = build_site(all_results("none"), tmp_path / "site")
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
    finally:
        shutil.rmtree(tmp_path / "home")
    print(f"\n{stored / 1e9:.1f} GB -> {site.pages} pages, {site.size / 1e6:.2f} MB")
    print(f"{seconds:.1f} s, {busy:.1f} s of them on the processor")
    board = (tmp_path / "site" / "index.html").stat().st_size
    print(f"leaderboard alone: {board / 1e3:.0f} kB")
    model = (tmp_path / "site" / "models" / "family0-0.html").read_text(encoding="utf-8")
    assert model.count("<figure>") == BENCHMARKS
    assert board < 1e6
    assert site.pages == 5 + MODELS + BENCHMARKS
    # what other processes on the machine take is not ours
    assert busy < SECONDS
    assert site.size < BYTES
