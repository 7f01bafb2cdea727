"""Alignment over the course of a training: every checkpoint scored, layer by layer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.errors import ContractError
from brainbench_audio.files import atomic_file, explained
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.checkpoints import Checkpoint, StepModel
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.pipeline.run import Run, run
from brainbench_audio.progress import progress_bar
from brainbench_audio.provenance import environment
from brainbench_audio.registry.lookup import find_in_scheme
from brainbench_audio.scores.score import Score

_MIXED = "part"
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
    if ".py:" not in model and ("@" in model or find_in_scheme(model)):
        raise ContractError(
            f"{model} takes no checkpoints: give the id of a model whose loader takes weights."
        )
    loaded = [load_benchmark(each) if isinstance(each, str) else each for each in benchmarks]
    runs: list[StepRun] = []
    failures: list[tuple[str, Exception]] = []
    with progress_bar(len(checkpoints), f"checkpoints of {model}", "step", smoothing=0) as bar:
        for checkpoint in checkpoints:
            try:
                step = StepModel(model, checkpoint, keep=keep, options=options)
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
        mean[row, rows, last] = _mean_profile(score, profile)
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


def layer_scores(score: Score) -> xr.DataArray:
    """Return what a metric found for each layer alone: ``layer`` x ``subject`` (or another part).

    It is the first array of numbers in the score's raw part along ``layer`` and one more dimension.
    If that has a coordinate ``subject``, its values become medians over each subject's. A metric
    that keeps none gives one layer, of which the score's parts, or its value, are told.
    """
    found = [
        array
        for name, array in score.raw.data_vars.items()
        # a probe learns how much of each layer to take; that is no score of the layer
        if name != "layer_weights"
        and array.ndim == 2
        and "layer" in array.dims
        and array.dtype.kind == "f"
    ]
    if not found:
        layer, parts = score.layer or "all", dict(score.parts) or {"all": score.value}
        values = np.array([list(parts.values())], dtype=np.float64)
        return xr.DataArray(values, {"layer": [layer], "part": list(parts)}, ("layer", "part"))
    array = found[0]
    other = str(next(name for name in array.dims if name != "layer"))
    array = array.transpose("layer", other).astype(np.float64)
    if other != "subject" and "subject" in array.coords and array["subject"].dims == (other,):
        return _medians(array, other)
    if other not in array.coords:
        array = array.assign_coords({other: np.arange(array.sizes[other])})
    names = array[other].values.astype(str)
    coordinates = {"layer": array["layer"].values.astype(str), other: names}
    return xr.DataArray(array.values, coordinates, ("layer", other))


def layer_means(score: Score) -> dict[str, float]:
    """Return one value a layer, averaged over parts as the metric does; NaN where it has none."""
    profile = layer_scores(score)
    values = _mean_profile(score, profile).tolist()
    return dict(zip(profile["layer"].values.tolist(), values, strict=True))


def write_trajectory(data: xr.Dataset, path: Path) -> None:
    """Write what `label_scores` returns as netCDF, whole or not at all.

    Raises
    ------
    CacheError
        The file cannot be written.
    """
    with atomic_file(path) as temporary, explained(path, RuntimeError):
        data.to_netcdf(temporary, engine="netcdf4")


_SINGLE: dict[str, Any] = {
    "value": lambda score: score.value,
    "error": lambda score: score.error,
    "interval_low": lambda score: score.interval and score.interval[0],
    "interval_high": lambda score: score.interval and score.interval[1],
    "ceiling": lambda score: score.ceiling,
}


def _score_step(
    step: StepModel,
    benchmarks: Sequence[ComposedBenchmark],
    recompute: bool,
    runs: list[StepRun],
    failures: list[tuple[str, Exception]],
) -> None:
    try:
        for benchmark in benchmarks:
            started = time.perf_counter()
            try:
                found = run(step, benchmark, recompute=recompute)
                found = replace(found, seconds=time.perf_counter() - started)
                runs.append(StepRun(step.checkpoint.step, found, step.loaded))
            except Exception as error:
                failures.append((f"{step.name} x {benchmark.card.id}", error))
    finally:
        step.close()


def _mean_profile(score: Score, profile: xr.DataArray) -> Any:
    """Return one value a layer, averaged as the metric does where it says so."""
    kept = score.raw.get("profile")
    if kept is not None and kept.dims == ("layer",):
        return kept.values
    known = np.isfinite(profile.values)
    total = np.where(known, profile.values, 0).sum(axis=1)
    counted = known.sum(axis=1)
    return np.where(counted > 0, total / np.maximum(counted, 1), np.nan)


def _medians(array: xr.DataArray, dimension: str) -> xr.DataArray:
    subjects = array["subject"].values.astype(str)
    names = list(dict.fromkeys(subjects.tolist()))
    values = [_median(array.values[:, subjects == name]) for name in names]
    coordinates = {"layer": array["layer"].values.astype(str), "subject": names}
    return xr.DataArray(np.stack(values, axis=1), coordinates, ("layer", "subject"))


def _median(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the median of each row, NaN left out; NaN for a row of them."""
    found = np.full(len(values), np.nan)
    some = np.isfinite(values).any(axis=1)
    found[some] = np.nanmedian(values[some], axis=1)
    return found


def _part_dimension(profiles: Iterable[xr.DataArray]) -> str:
    found = {str(profile.dims[1]) for profile in profiles}
    return found.pop() if len(found) == 1 else _MIXED


def _union(names: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(name) for some in names for name in some))


def _of_ids(benchmarks: Sequence[str]) -> dict[str, list[str]]:
    """Return data set, region and metric of each benchmark id."""
    found: dict[str, list[str]] = {"dataset": [], "region": [], "metric": []}
    for identifier in benchmarks:
        data, _, metric = identifier.partition("-")
        dataset, _, subset = data.partition(".")
        for name, value in (("dataset", dataset), ("region", subset or "all"), ("metric", metric)):
            found[name].append(value)
    return found
