"""Regions of the auditory cortex as pictures, on pages of models and of benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from brainbench_audio.registry.ids import BenchmarkId
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.cortex import cortex, regions_of
from brainbench_audio.report.site.drawing import Figure, number
from brainbench_audio.report.site.precision import printed
from brainbench_audio.report.site.profiles import LayerProfile

_FEWEST = 2  # one region alone is no picture
_LONGEST = 9


def regions_of_model(
    content: Content, row: Row, profiles: Mapping[str, LayerProfile]
) -> list[Figure]:
    """Return pictures of scores and of best layers, for each benchmark with scores of regions."""
    figures = []
    for whole in _with_regions(content):
        names = regions_of(whole, content.benchmarks)
        found = {region: row.results[name] for region, name in names.items() if name in row.results}
        if len(found) < _FEWEST:
            continue
        most = _highest(content, list(names.values()))
        scores = {region: (one.value / most, printed(one)) for region, one in found.items()}
        words = f"{whole}: score in each region; the strongest shade is the highest of all models"
        if any(one.published for one in found.values()):
            words += "; published scores among them"
        figures.append(Figure(cortex(f"Score on {whole}", scores), words))
        layers = _layers(found, profiles)
        if len(layers) >= _FEWEST:
            words = f"{whole}: best layer of each region; the stronger the shade, the deeper"
            figures.append(Figure(cortex(f"Best layer on {whole}", layers), words))
    return figures


def regions_of_benchmark(content: Content, benchmark: str) -> list[Figure]:
    """Return where a region lies, or the mean over models in each region of a whole data set."""
    subset = BenchmarkId.parse(benchmark).subset
    whole = str(replace(BenchmarkId.parse(benchmark), subset=None))
    names = regions_of(whole, content.benchmarks)
    if subset in names:
        drawn = cortex(benchmark, {str(subset): (1.0, "")})
        return [Figure(drawn, f"The region of {benchmark}")]
    if benchmark != whole or len(names) < _FEWEST:
        return []
    rows = [
        row for row in content.rows if not row.control and set(names.values()) <= set(row.results)
    ]
    if not rows:
        return []
    means = {
        region: float(np.mean([row.results[name].value for row in rows]))
        for region, name in names.items()
    }
    most = max(*means.values(), 1e-9)
    shown = {region: (mean / most, number(mean)) for region, mean in means.items()}
    words = f"{benchmark}: mean over the {len(rows)} models that have a score of each region"
    return [Figure(cortex(f"Mean score on {benchmark}", shown), words)]


def _with_regions(content: Content) -> list[str]:
    wholes = dict.fromkeys(
        str(replace(BenchmarkId.parse(name), subset=None)) for name in content.benchmarks
    )
    return [name for name in wholes if regions_of(name, content.benchmarks)]


def _highest(content: Content, names: list[str]) -> float:
    known = [
        row.results[name].value for row in content.rows for name in names if name in row.results
    ]
    return max(*known, 1e-9)


def _layers(
    found: Mapping[str, Result], profiles: Mapping[str, LayerProfile]
) -> dict[str, tuple[float | None, str]]:
    """Return how deep the best layer of each region lies, from 0 to 1, and its name."""
    shown: dict[str, tuple[float | None, str]] = {}
    for region, result in found.items():
        profile = None if result.published else profiles.get(result.benchmark)
        if profile is not None and result.layer in profile.layers:
            depth = profile.layers.index(result.layer) / (len(profile.layers) - 1)
            cut = len(result.layer) > _LONGEST
            shown[region] = (depth, f"{result.layer[:_LONGEST]}…" if cut else result.layer)
    return shown
