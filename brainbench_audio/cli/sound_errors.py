"""Errors of predictions for each sound of stored scores, with the categories of the sounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from brainbench_audio.report.results import Result


def of_results(results: Iterable[Result]) -> Iterator[tuple[Result, xr.Dataset]]:
    """Yield the scores that keep predictions, with how far these are off for each sound.

    Sounds of a score stored without categories have those that the data set gives now.

    Raises
    ------
    DataError
        None keeps any, or a file is missing or damaged.
    """
    from brainbench_audio.report.category_errors import read_errors
    from brainbench_audio.scores.predictions import CATEGORY, with_categories

    found = False
    lacking: dict[str, None] = {}
    known: dict[str, dict[str, str]] = {}
    for result in results:
        errors = None if result.arrays is None else read_errors(result.arrays)
        if errors is None:
            lacking[result.benchmark] = None
            continue
        if CATEGORY not in errors.coords:
            if result.benchmark not in known:
                known[result.benchmark] = _categories(result.benchmark)
            errors = with_categories(errors, known[result.benchmark])
        found = True
        yield result, errors
    if lacking and not found:
        raise DataError(
            f"Scores of {', '.join(lacking)} keep no predictions, so nothing is known of single "
            f"sounds. Score a benchmark whose metric keeps them, as ridge does: `brainbench info "
            f"METRIC` says what it keeps."
        )


def _categories(benchmark: str) -> dict[str, str]:
    """Return the category of each sound of the data set as it is now; empty if it has none."""
    from brainbench_audio.assemblies.assembly import align
    from brainbench_audio.pipeline.categories import sound_categories
    from brainbench_audio.pipeline.loading import load_dataset
    from brainbench_audio.registry.lookup import find_benchmark

    dataset = load_dataset(find_benchmark(benchmark).data_id)
    names = dataset.stimuli.names
    categories = sound_categories(dataset.stimuli, align(dataset.assembly, names))
    return dict(zip(names, categories, strict=False))
