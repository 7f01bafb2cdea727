"""Alignment over the course of a training: every checkpoint scored, layer by layer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio.errors import ContractError
from brainbench_audio.files import atomic_file
from brainbench_audio.netcdf import write_dataset
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.pipeline.run import Run, run
from brainbench_audio.progress import progress_bar
from brainbench_audio.provenance import environment
from brainbench_audio.registry.ids import BenchmarkId, ModelId
from brainbench_audio.scores.layers import layer_means, layer_scores
from brainbench_audio.scores.profiles import PART
from brainbench_audio.scores.score import Score
from brainbench_audio.training.checkpoints import Checkpoint, Step

Scores = Mapping[tuple[int, str], Score]


@dataclass(frozen=True)
class StepRun:
    """One checkpoint on one benchmark.

    Attributes
    ----------
    step : int
    run : Run
    loaded : bool
        Whether the checkpoint had been read by then.
    """

    step: int
    run: Run
    loaded: bool


@dataclass(frozen=True)
class Trajectory:
    """What came of all checkpoints.

    Attributes
    ----------
    runs : list of StepRun
        By step, then benchmark; without those that failed.
    failures : list of (str, Exception)
        What failed, ``MODEL@step=N`` or ``MODEL@step=N x BENCHMARK``, and why.
    provenance : mapping
    """

    runs: list[StepRun]
    failures: list[tuple[str, Exception]]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> xr.Dataset:
        """All scores, labelled as by `label_scores`."""
        scores = {(each.step, each.run.benchmark): each.run.score for each in self.runs}
        return label_scores(scores).assign_attrs(provenance=json.dumps(dict(self.provenance)))


def trajectory(
    model: str,
    checkpoints: Sequence[Checkpoint],
    benchmarks: Iterable[str | ComposedBenchmark],
    *,
    keep: bool = False,
    drop_activations: bool = False,
    recompute: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Trajectory:
    """Score every checkpoint of a training on every benchmark.

    Each is a model of its own, ``MODEL@step=N``, in the store of scores. One checkpoint at a time
    is on disk (if it is remote) and in memory; one whose scores are all stored is not touched.

    Parameters
    ----------
    model : str
        Id, or ``PATH.py:ClassName``; its loader takes ``weights``.
    checkpoints : sequence of Checkpoint
        See `checkpoints.list_checkpoints`.
    benchmarks : iterable of str or ComposedBenchmark
    keep : bool
        Keep downloaded checkpoints.
    drop_activations : bool
        Remove the stored activations of a step once it is scored.
    recompute : bool
        Leave stored scores aside, and replace them.
    options : mapping, optional
        For `load_model`, e.g. ``device``.

    Returns
    -------
    Trajectory
        A step or pair that fails is listed there and does not stop the others.

    Raises
    ------
    ContractError
        A model that is a control or a checkpoint already, or of a scheme such as ``hf:``.
    BrainbenchError
        A benchmark cannot be loaded.
    """
    wanted = ModelId.parse(model)
    if wanted.variant or wanted.scheme:
        raise ContractError(
            f"{model} takes no checkpoints: give the id of a model whose loader takes weights."
        )
    loaded = [load_benchmark(each) if isinstance(each, str) else each for each in benchmarks]
    runs: list[StepRun] = []
    failures: list[tuple[str, Exception]] = []
    with progress_bar(len(checkpoints), f"checkpoints of {model}", "step", smoothing=0) as bar:
        for checkpoint in checkpoints:
            try:
                step = Step(model, checkpoint, keep=keep, options=options)
            except Exception as error:  # one failing step never stops the others
                failures.append((f"{model}@step={checkpoint.step}", error))
            else:
                _score_step(step, loaded, recompute, runs, failures)
                if drop_activations:
                    for benchmark in loaded:
                        step.drop_activations(benchmark.stimuli)
            bar.update()
    files = [{"step": each.step, "location": each.location} for each in checkpoints]
    provenance = {"model": model, "checkpoints": files, **environment()}
    return Trajectory(runs, failures, provenance)


def label_scores(scores: Scores) -> xr.Dataset:
    """Return the scores of several steps as labelled arrays.

    Parameters
    ----------
    scores : mapping of (step, benchmark id) to Score

    Returns
    -------
    xr.Dataset
        ``score`` (step, layer, subject, benchmark): each layer alone, as the metric kept it, a
        voxel metric's targets by their median over a subject's. For scores of components the
        third dimension is ``component``; if benchmarks differ in that, ``part``.
        ``mean`` (step, layer, benchmark): over what the metric averages.
        ``value``, ``error``, ``interval_low``, ``interval_high``, ``ceiling``, ``best_layer``
        (step, benchmark): of the score itself. Along ``benchmark`` also ``dataset``, ``region``
        (``all`` without a subset) and ``metric``. NaN, or an empty name, where nothing was scored.

    Examples
    --------
    >>> label_scores({(0, "NH2015.primary-rsa"): Score(value=0.2)})["region"].item()
    'primary'
    """
    steps = sorted({step for step, _ in scores})
    benchmarks = list(dict.fromkeys(benchmark for _, benchmark in scores))
    profiles = {pair: layer_scores(score) for pair, score in scores.items()}
    dimension = _part_dimension(profiles.values())
    layers = _union(profile["layer"].values for profile in profiles.values())
    parts = _union(profile[profile.dims[1]].values for profile in profiles.values())
    shape = (len(steps), len(layers), len(parts), len(benchmarks))
    every = np.full(shape, np.nan)
    mean = np.full((len(steps), len(layers), len(benchmarks)), np.nan)
    single = {name: np.full((len(steps), len(benchmarks)), np.nan) for name in _SINGLE}
    best = np.full((len(steps), len(benchmarks)), "", dtype=object)
    for (step, benchmark), profile in profiles.items():
        score, row, last = scores[step, benchmark], steps.index(step), benchmarks.index(benchmark)
        rows = [layers.index(layer) for layer in profile["layer"].values.tolist()]
        columns = [parts.index(str(part)) for part in profile[profile.dims[1]].values.tolist()]
        every[row, np.array(rows)[:, None], np.array(columns)[None, :], last] = profile.values
        mean[row, rows, last] = list(layer_means(score).values())
        for name, read in _SINGLE.items():
            value = read(score)
            single[name][row, last] = np.nan if value is None else value
        best[row, last] = score.layer or ""
    pair = ("step", "benchmark")
    return xr.Dataset(
        {
            "score": (("step", "layer", dimension, "benchmark"), every),
            "mean": (("step", "layer", "benchmark"), mean),
            **{name: (pair, values) for name, values in single.items()},
            "best_layer": (pair, best.astype(str)),
        },
        {
            "step": steps,
            "layer": layers,
            dimension: parts,
            "benchmark": benchmarks,
            **{name: ("benchmark", found) for name, found in _of_ids(benchmarks).items()},
        },
    )


def write_trajectory(data: xr.Dataset, path: Path) -> None:
    """Write what `label_scores` returns as netCDF, whole or not at all.

    Raises
    ------
    CacheError
        The file cannot be written.
    """
    with atomic_file(path) as temporary:
        write_dataset(data, temporary)


_SINGLE: dict[str, Any] = {
    "value": lambda score: score.value,
    "error": lambda score: score.error,
    "interval_low": lambda score: score.interval and score.interval[0],
    "interval_high": lambda score: score.interval and score.interval[1],
    "ceiling": lambda score: score.ceiling,
}


def _score_step(
    step: Step,
    benchmarks: Sequence[ComposedBenchmark],
    recompute: bool,
    runs: list[StepRun],
    failures: list[tuple[str, Exception]],
) -> None:
    try:
        for benchmark in benchmarks:
            started = time.perf_counter()
            try:
                found = run(step.model, benchmark, recompute=recompute)
                found = replace(found, seconds=time.perf_counter() - started)
                runs.append(StepRun(step.checkpoint.step, found, step.model.loaded))
            except Exception as error:
                failures.append((f"{step.name} x {benchmark.card.id}", error))
    finally:
        step.close()


def _part_dimension(profiles: Iterable[xr.DataArray]) -> str:
    found = {str(profile.dims[1]) for profile in profiles}
    return found.pop() if len(found) == 1 else PART


def _union(names: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(name) for some in names for name in some))


def _of_ids(benchmarks: Sequence[str]) -> dict[str, list[str]]:
    """Return data set, region and metric of each benchmark id."""
    found: dict[str, list[str]] = {"dataset": [], "region": [], "metric": []}
    for identifier in benchmarks:
        wanted = BenchmarkId.parse(identifier)
        found["dataset"].append(wanted.dataset)
        found["region"].append(wanted.subset or "all")
        found["metric"].append(wanted.measure)
    return found
