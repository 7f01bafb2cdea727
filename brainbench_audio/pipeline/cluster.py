"""Spreads a workload over a Dask cluster: worker processes of this machine, or any scheduler.

A task for each model and set of sounds leaves activations in the store; a task for each pair,
which depends on it, scores them. Only small things travel: ids, fingerprints, values and messages.
Dask itself is an extra (``pip install 'brainbench-audio[cluster]'``) and imported when needed.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from brainbench_audio.errors import BrainbenchError
from brainbench_audio.hashing.sources import package_hash
from brainbench_audio.machine import available_memory
from brainbench_audio.pipeline.forecast import Forecast, workers_that_fit
from brainbench_audio.pipeline.hearing import (
    Heard,
    Hearing,
    Workbench,
    score_heard,
    with_hearing,
)
from brainbench_audio.pipeline.isolation import hear_where_asked
from brainbench_audio.pipeline.plan import Workload
from brainbench_audio.pipeline.run import Failure, Run
from brainbench_audio.pipeline.targets import Target

if TYPE_CHECKING:
    from distributed import Client, Future

_PREFIX = "BRAINBENCH_"
_PATHS = ("BRAINBENCH_HOME", "BRAINBENCH_DATA")
_DEATHS = 2  # how often a task may lose its worker before it counts as failed
_CONNECT_SECONDS = 20
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LOGGERS = ("distributed", "distributed.client", "distributed.core", "distributed.utils")
_ENVIRONMENT = (*_THREADS, "PYTHONHASHSEED", "MALLOC_TRIM_THRESHOLD_", "__DASK_PARENT_PID")
_KILLED = (
    "the process that worked on it was killed, each time it was tried: often too little memory, "
    "see the messages of the workers"
)
_GONE = "the scheduler went away before this was done: score it again"
# netCDF4 is not safe in threads, and settings are those of a process: one task at a time in each
_one_task = threading.Lock()


def spread(
    work: Workload,
    forecasts: Sequence[Forecast],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    recompute: bool = False,
    isolate: str | None = None,
) -> Iterator[Run | Failure]:
    """Score a workload on a cluster and yield results as they come, in any order.

    Parameters
    ----------
    work : Workload
    forecasts : sequence of Forecast
        Of its pairs.
    workers : int, optional
        Processes of this machine; fewer are started where not all fit into memory.
    scheduler : str, optional
        Address of a running scheduler instead.
    recompute, isolate
        See `pipeline.many.score_many`.

    Raises
    ------
    BrainbenchError
        Dask is not installed, the scheduler cannot be reached, or the work does not fit.
    """
    _check_installed()
    if not work.pairs:
        return
    connected = _on_this_machine(forecasts, workers or 1) if scheduler is None else _at(scheduler)
    with _quiet(), connected as client:
        if scheduler is not None:
            workers_that_fit(forecasts, 1, _largest_worker(client))
        job = _Job(client)
        yield from job.results(work.hearings(recompute=recompute, isolate=isolate))
        # once more, each model and then each pair by itself: only the guilty one dies again
        for hearing in job.taken_suspects():
            yield from job.results([hearing], alone=True)
        for hearing in job.taken_suspects():
            for target in hearing.targets:
                yield from job.results([replace(hearing, targets=(target,))], alone=True)


def _check_installed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise BrainbenchError(
            f"Spreading work over processes takes Dask, which is not installed ({error}): pip "
            f"install 'brainbench-audio[cluster]'."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging tracebacks of lost connections: what was lost is told at the end."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _on_this_machine(forecasts: Sequence[Forecast], wanted: int) -> Iterator[Client]:
    """Start worker processes with their share of cores and memory, and stop them at the end."""
    import dask
    from distributed import Client, LocalCluster

    memory = available_memory()
    workers = workers_that_fit(forecasts, min(wanted, len(forecasts)), memory)
    threads = max(1, (os.cpu_count() or 1) // workers)
    chosen = {
        "distributed.scheduler.allowed-failures": _DEATHS,
        **{f"distributed.nanny.pre-spawn-environ.{name}": threads for name in _THREADS},
        "distributed.nanny.environ.TQDM_DISABLE": "1",  # one bar is enough, that of the client
    }
    before = dict(os.environ)
    # Dask puts what the workers are to find in their environment into ours, and leaves it there
    with (
        dask.config.set(chosen),
        _restored(before),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory // workers,
            dashboard_address="127.0.0.1:0",
            silence_logs="ERROR",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _restored(before: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    finally:
        for name in _ENVIRONMENT:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)


@contextmanager
def _at(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise BrainbenchError(
            f"No Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler`, "
            f"or use --workers N for processes of this machine."
        ) from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            raise BrainbenchError(
                f"The scheduler at {scheduler} has no workers: start some with `dask worker "
                f"{scheduler} --nthreads 1`."
            )
        yield client


def _largest_worker(client: Client) -> int:
    """Return the memory limit of the largest worker, in bytes."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [int(worker["memory_limit"] or 0) for worker in workers]
    return max(limits) if all(limits) else 1 << 62  # 0: that worker has no limit


class _Job:
    """Hands pieces of work to a cluster, and collects what comes of them."""

    def __init__(self, client: Client) -> None:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        self._gpus = any("GPU" in (worker.get("resources") or {}) for worker in workers)
        self._client = client
        self._run = Context(uuid4().hex, settings(), package_hash(["brainbench_audio"]))
        self._suspects: dict[str, tuple[Hearing, list[Target]]] = {}

    def taken_suspects(self) -> list[Hearing]:
        """Return the work whose worker died, and forget it."""
        found = [replace(each, targets=tuple(held)) for each, held in self._suspects.values()]
        self._suspects.clear()
        return found

    def results(
        self, hearings: Sequence[Hearing], *, alone: bool = False
    ) -> Iterator[Run | Failure]:
        """Yield what comes of some work.

        Whatever was waiting on a worker shares the blame for its death. So pairs whose worker died
        are suspects, unless one hearing, or one pair, was ``alone`` on the cluster.
        """
        from distributed import as_completed
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        futures = self._submitted(hearings)
        for future in as_completed(list(futures), loop=self._client.loop):
            hearing, target, heard = futures[future]
            found: Run | Failure
            try:
                found = future.result()
            except KilledWorker as error:
                guilty = alone and (error.task == heard.key or len(hearing.targets) == 1)
                if not guilty:
                    kept = self._suspects.setdefault(hearing.key, (hearing, []))
                    kept[1].append(target)
                    continue
                found = _failure(hearing, target, _KILLED)
            except FutureCancelledError:
                found = _failure(hearing, target, _GONE)
            except Exception as error:  # Dask's own: the steps do not raise
                found = _failure(hearing, target, f"the cluster gave it up: {error!r}")
            finally:
                future.release()
            yield found

    def _submitted(
        self, hearings: Sequence[Hearing]
    ) -> dict[Future[Any], tuple[Hearing, Target, Future[Any]]]:
        """Hand tasks over; a model runs on a GPU where workers declare one."""
        submit, futures = self._client.submit, {}
        for order, hearing in enumerate(hearings):
            on_gpu = self._gpus and hearing.model.options.get("device", "auto") != "cpu"
            # one model after the other, so that scores come early and few models are loaded
            common: dict[str, Any] = {"pure": False, "priority": -order}
            resources = {"GPU": 1} if on_gpu else None
            heard = submit(hear_task, self._run, hearing, resources=resources, **common)
            for number, target in enumerate(hearing.targets):
                asked = (heard, target, hearing.recompute, number == 0)
                futures[submit(score_task, self._run, *asked, **common)] = hearing, target, heard
        return futures


def _failure(hearing: Hearing, target: Target, message: str) -> Failure:
    return Failure(hearing.model, target.benchmark, "pair", message)


@dataclass(frozen=True)
class Context:
    """What a worker has to agree on with the process that hands out the work.

    Attributes
    ----------
    run : str
        A name for this run; what a worker keeps loaded is for one run.
    settings : mapping of str to str
        All environment variables ``BRAINBENCH_…``.
    source : str
        Hash of the core's source.
    """

    run: str
    settings: Mapping[str, str]
    source: str


def settings() -> dict[str, str]:
    """Return our environment variables, folders made absolute."""
    found = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
    for name in _PATHS:
        if found.get(name):
            found[name] = str(Path(found[name]).expanduser().absolute())
    return found


@contextmanager
def applied(context: Context) -> Iterator[Workbench]:
    """Work under somebody's settings, one task at a time in a process.

    Raises
    ------
    BrainbenchError
        This process runs another version of the core.
    """
    with _one_task:
        before = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
        _replace_settings(context.settings)
        try:
            if _own_source() != context.source:
                raise BrainbenchError(
                    "a worker runs another version of brainbench-audio than this machine: install "
                    "the same everywhere and start the workers again"
                )
            yield _bench(context.run)
        finally:
            _replace_settings(before)


def hear_task(context: Context, hearing: Hearing) -> Heard | Failure:
    """Take the first step in a worker."""
    try:
        with applied(context) as bench:
            return hear_where_asked(bench, hearing)
    except BrainbenchError as error:
        return Failure.of(hearing.model, hearing.targets[0].benchmark, "model", error)


def score_task(
    context: Context, heard: Heard | Failure, target: Target, recompute: bool, first: bool
) -> Run | Failure:
    """Take the second step in a worker."""
    try:
        with applied(context) as bench:
            found = score_heard(bench, heard, target, recompute=recompute)
    except BrainbenchError as error:
        return Failure.of(heard.model, target.benchmark, "pair", error)
    return with_hearing(found, heard.seconds if first and isinstance(heard, Heard) else 0.0)


def _replace_settings(wanted: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        if name not in wanted:
            del os.environ[name]
    os.environ.update(wanted)


@cache
def _own_source() -> str:
    return package_hash(["brainbench_audio"])


@lru_cache(maxsize=1)
def _bench(run: str) -> Workbench:
    return Workbench()
