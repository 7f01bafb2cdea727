"""The RDMs that `brainbench figure rdm` draws, from stored activations, scores and data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    from brainbench_audio.activations.store import StoredActivations
    from brainbench_audio.interfaces import Dataset
    from brainbench_audio.report.figures.rdm import Array, Rdm, Sounds
    from brainbench_audio.report.results import Result
    from brainbench_audio.scores.score import Score


def gather_rdms(
    models: Sequence[str], benchmark: str, layer: str | None, results: Sequence[Result]
) -> list[Rdm]:
    """Return the RDM of a layer (the best one by default) of each model, and of the responses.

    Raises
    ------
    DataError
        A pair was not scored, the layer is none of its, its activations are gone, or the data are
        of continuous sound.
    """
    from brainbench_audio.pipeline.loading import load_dataset
    from brainbench_audio.registry.lookup import find_benchmark
    from brainbench_audio.report.figures import rdm
    from brainbench_audio.report.results import read_score

    data_id = find_benchmark(benchmark).data_id
    dataset = load_dataset(data_id)
    sounds = _sounds(dataset)
    found = []
    for model in models:
        score = read_score(results, model, benchmark)
        chosen = layer or str(score.layer)
        again = f"brainbench score --model {model} --benchmark {benchmark} --recompute"
        values = _distances(score, chosen, sounds, best=layer is None)
        if values is None:
            raise DataError(
                f"The activations of {model} to the sounds of {benchmark} are not stored any more. "
                f"This makes them: {again}"
            )
        if len(values) != len(sounds.names):
            raise DataError(
                f"The stored score is of other sounds than {benchmark} has now: {again}"
            )
        found.append(sounds.ordered(f"{model}, {chosen}", values))
    return [*found, rdm.brain_rdm(data_id, dataset.assembly, sounds)]


def _sounds(dataset: Dataset) -> Sounds:
    """Return the sounds with the categories of the stimuli, else those of the responses."""
    from brainbench_audio.assemblies.assembly import align
    from brainbench_audio.pipeline.categories import sound_categories
    from brainbench_audio.report.figures.rdm import Sounds

    names = dataset.stimuli.names
    categories = sound_categories(dataset.stimuli, align(dataset.assembly, names))
    return Sounds(names, categories or ("",) * len(names))


def _distances(score: Score, layer: str, sounds: Sounds, *, best: bool) -> Array | None:
    """Return the distances of a layer: from activations, else those stored of the best layer."""
    from scipy.spatial.distance import squareform

    from brainbench_audio.report.figures.rdm import distances
    from brainbench_audio.scores.profiles import best_rdm

    stored = _activations(score)
    if stored is not None and not stored.missing():
        if layer not in stored:
            raise DataError(
                f"{score.provenance.get('model')} has no stored layer {layer!r}, only "
                f"{', '.join(stored)}."
            )
        rows = {name: row for row, name in enumerate(stored.plan.stimuli)}
        return distances(stored[layer][[rows[name] for name in sounds.names]])
    triangle = best_rdm(score.raw) if best else None
    return None if triangle is None else np.asarray(squareform(triangle, checks=False))


def _activations(score: Score) -> StoredActivations | None:
    """Return the activations that a score was made from, if they are there."""
    from brainbench_audio.activations.extraction import activations_folder
    from brainbench_audio.activations.store import Plan, StoredActivations, stored_sets

    key = score.provenance.get("activations", {}).get("key")
    for entry in stored_sets(activations_folder()):
        if Path(entry["folder"]).name == key and "fields" in entry:
            plan = Plan(
                entry["fields"], tuple(entry["stimuli"]), tuple(entry["layers"]), entry["chunk"]
            )
            return StoredActivations.open(activations_folder(), plan)
    return None
