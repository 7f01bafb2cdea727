"""Scores any number of pairs, one after the other or spread over a Dask cluster.

Both ways make the same plan and take the same two steps, see `pipeline.hearing`.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

from brainbench_audio.activations.object_state import name_of
from brainbench_audio.interfaces import Benchmark, Model
from brainbench_audio.machine import available_memory
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.connection import Certificates
from brainbench_audio.pipeline.forecast import UNKNOWN, Forecast, forecast, workers_that_fit
from brainbench_audio.pipeline.hearing import Workbench, score_heard, with_hearing
from brainbench_audio.pipeline.isolation import hear_where_asked
from brainbench_audio.pipeline.loading import Loadable, load_benchmark
from brainbench_audio.pipeline.plan import Pair, Workload, plan_work
from brainbench_audio.pipeline.run import Failure, Run, benchmark_name, run
from brainbench_audio.progress import RunBar
from brainbench_audio.registry.globs import expand
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_benchmark, find_model

# a line for each pair that is finished
finished = logging.getLogger(f"{__name__}.finished")


def score_many(
    models: Sequence[str | Loadable],
    benchmarks: Sequence[str | Loadable],
    *,
    recompute: bool = False,
    isolate: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    certificates: Certificates | None = None,
) -> Iterator[Run | Failure]:
    """Score every model on every benchmark, and yield each result as soon as it is there.

    Each model is loaded once, each data set once as far as memory allows, and activations are
    shared by benchmarks with the same sounds. What fails is yielded too; the others go on.

    Parameters
    ----------
    models, benchmarks : sequence of str or Loadable
        Ids, or ids with options for the plugin's loader.
    recompute : bool
        Score again, and replace stored scores.
    isolate : str, optional
        ``full`` or ``shared``: run each model in its plugin's own environment, see
        `pipeline.isolation`.
    workers : int, optional
        Spread the work over that many processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler, ``tls://host:8786``, whose workers see the same
        ``BRAINBENCH_HOME``.
    certificates : Certificates, optional
        Files for a scheduler at ``tls://…``; without them, what Dask's own configuration names.

    Yields
    ------
    Run or Failure
        The raw part of a stored score stays in the store; `Run.whole` reads it.

    Raises
    ------
    BrainbenchError
        The work does not fit into memory or on the disk; nothing was started.

    Examples
    --------
    >>> from brainbench_audio.pipeline.many import score_many
    >>> for found in score_many(["crepe-tiny"], ["SimCortex-rsa"]):  # doctest: +SKIP
    ...     print(found.model, found.benchmark, found.score.value)
    """
    pairs = [(_loadable(model), _loadable(each)) for model in models for each in benchmarks]
    return score_pairs(
        pairs,
        recompute=recompute,
        isolate=isolate,
        workers=workers,
        scheduler=scheduler,
        certificates=certificates,
    )


def score_pairs(
    pairs: Sequence[Pair],
    *,
    recompute: bool = False,
    isolate: str | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    certificates: Certificates | None = None,
) -> Iterator[Run | Failure]:
    """Score some pairs of model and benchmark, see `score_many`."""
    how: dict[str, Any] = {"recompute": recompute, "isolate": isolate}
    with RunBar(len(pairs), "scoring", "pair") as bar:
        bench = Workbench()
        work = plan_work(bench, pairs)
        forecasts = forecast(work, recompute=recompute)
        bar.expect(_expected(work, forecasts))
        if workers is None and scheduler is None:
            workers_that_fit(forecasts, 1, available_memory())
            found = one_by_one(bench, work, **how)
        else:
            from brainbench_audio.pipeline.cluster import spread

            where: dict[str, Any] = {
                "workers": workers,
                "scheduler": scheduler,
                "certificates": certificates,
            }
            found = spread(work, forecasts, **where, **how)
        for number, result in enumerate(chain(work.failures, found), start=1):
            computed = isinstance(result, Run) and not result.cached
            left = bar.finished((result.model_key, result.benchmark_key), computed=computed)
            _tell_finished(result, f"[{number}/{len(pairs)}]", left)
            yield result


def _expected(work: Workload, forecasts: Sequence[Forecast]) -> dict[Hashable, float | None]:
    """Return the seconds that each pair may take."""
    return {
        (model.key, target.benchmark.key): None if each.state == UNKNOWN else each.seconds
        for (model, target), each in zip(work.pairs, forecasts, strict=True)
    }


def _tell_finished(result: Run | Failure, place: str, left: str) -> None:
    if isinstance(result, Run):
        how = "stored" if result.cached else f"{result.seconds:.1f} s"
        name, told = f"{result.model} x {result.benchmark}", f"{result.score.value:.3f} ({how})"
    else:
        name = f"{result.model.id} x {result.benchmark.id}"
        told = f"failed: {result.message}"
    finished.info("%s %s: %s%s", place, name, told, f"; {left}" if left else "")
    if isinstance(result, Failure) and result.trace:
        finished.debug("%s", result.trace)


def score_all(
    models: Sequence[Model | str],
    benchmarks: Sequence[Benchmark | str],
    *,
    layers: Sequence[str] | None = None,
    recompute: bool = False,
) -> list[Run | Failure]:
    """Score ids and objects, every model on every benchmark; one result a pair, in that order.

    Parameters
    ----------
    models, benchmarks : sequence
        Ids, which may be globs, or objects.
    layers : sequence of str, optional
        Only these layers count.
    recompute : bool
        Leave stored scores and activations aside, and replace them.

    Raises
    ------
    BrainbenchError
        An id is unknown, or the work does not fit into memory or on the disk.
    """
    rows = [one for each in models for one in _expanded(each, "model")]
    columns = [one for each in benchmarks for one in _expanded(each, "benchmark")]
    chosen = None if layers is None else tuple(layers)
    ids = {one: Loadable(one, layers=chosen) for one in rows if isinstance(one, str)}
    ids |= {one: Loadable(one) for one in columns if isinstance(one, str)}
    together = [
        (ids[model], ids[benchmark])
        for model in rows
        for benchmark in columns
        if isinstance(model, str) and isinstance(benchmark, str)
    ]
    found: dict[tuple[str, str], Run | Failure] = {
        (result.model_key, result.benchmark_key): result
        for result in (score_pairs(together, recompute=recompute) if together else ())
    }
    loaded: dict[str, ComposedBenchmark] = {}
    results = []
    for model in rows:
        for benchmark in columns:
            if isinstance(model, str) and isinstance(benchmark, str):
                results.append(found[ids[model].key, ids[benchmark].key])
            else:
                how: dict[str, Any] = {"layers": layers, "recompute": recompute}
                results.append(_tried(model, benchmark, loaded, how))
    return results


def _tried(
    model: Model | str,
    benchmark: Benchmark | str,
    loaded: dict[str, ComposedBenchmark],
    how: Mapping[str, Any],
) -> Run | Failure:
    """Score a pair of which one is an object; benchmarks by id are loaded once."""
    named = benchmark if isinstance(benchmark, str) else benchmark_name(benchmark)
    try:
        if isinstance(benchmark, str):
            if benchmark not in loaded:
                loaded[benchmark] = load_benchmark(benchmark)
            benchmark = loaded[benchmark]
        return run(model, benchmark, **how)
    except Exception as error:  # one failing pair never stops the others
        label = model if isinstance(model, str) else name_of(model)
        return Failure.of(Loadable(label), Loadable(named), "pair", error)


def _expanded(given: Any, kind: Literal["model", "benchmark"]) -> list[Any]:
    """Return the ids that a glob stands for, each known to exist; an object as it is."""
    if not isinstance(given, str):
        return [given]
    ids = expand([given], kind)
    for identifier in ids:
        if kind == "benchmark":
            find_benchmark(identifier)
        elif ModelId.parse(identifier).file is None:
            find_model(identifier)
    return ids


def one_by_one(bench: Workbench, work: Workload, **how: Any) -> Iterator[Run | Failure]:
    """Score a workload in this process, model by model."""
    by_model: dict[str, list[Any]] = {}
    for hearing in work.hearings(**how):
        by_model.setdefault(hearing.model.key, []).append(hearing)
    for hearings in by_model.values():
        # all sounds first, so that each model is loaded once and gone when scoring starts
        heard = [hear_where_asked(bench, hearing) for hearing in hearings]
        for hearing, given in zip(hearings, heard, strict=True):
            for number, target in enumerate(hearing.targets):
                found = score_heard(bench, given, target, recompute=hearing.recompute)
                yield with_hearing(
                    found, 0.0 if number or isinstance(given, Failure) else given.seconds
                )


def _loadable(given: str | Loadable | Mapping[str, Any]) -> Loadable:
    return given if isinstance(given, Loadable) else Loadable(str(given))
