"""Spreads a workload over a Dask cluster: worker processes of this machine, or any scheduler.

A task for each model and set of sounds, or for each share of a long one, leaves activations in the
store; a task for each pair, which depends on it, scores them. Only small things travel: ids,
fingerprints, values and messages. Dask itself is an extra (``pip install
'brainbench-audio[cluster]'``) and imported when needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from brainbench_audio.cards import ModelCard
from brainbench_audio.children import HUB_SECRETS
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.hub import SCHEME
from brainbench_audio.machine import available_memory
from brainbench_audio.pipeline.agreement import Context, agreed, applied, parts_of
from brainbench_audio.pipeline.connection import (
    Certificates,
    at,
    largest_worker,
    on_this_machine,
    quiet,
)
from brainbench_audio.pipeline.forecast import Forecast, workers_that_fit
from brainbench_audio.pipeline.hearing import Heard, Hearing, hear_share, score_heard, with_hearing
from brainbench_audio.pipeline.isolation import hear_where_asked
from brainbench_audio.pipeline.plan import Workload
from brainbench_audio.pipeline.run import Failure, Run
from brainbench_audio.pipeline.targets import Target

if TYPE_CHECKING:
    from distributed import Client, Future

# of sound that are worth loading a model on one more worker
SHARE_SECONDS = 2 * 60 * 60
_KILLED = (
    "the process that worked on it was killed, each time it was tried: often too little memory, "
    "see the messages of the workers"
)
_GONE = "the scheduler went away before this was done: score it again"


def spread(
    work: Workload,
    forecasts: Sequence[Forecast],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    certificates: Certificates | None = None,
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
        Processes of this machine, each with a GPU of its own as far as there are some; fewer are
        started where not all fit into memory.
    scheduler : str, optional
        Address of a running scheduler instead.
    certificates : Certificates, optional
        For a scheduler at ``tls://…``.
    recompute, isolate
        See `pipeline.many.score_many`.

    Raises
    ------
    BrainbenchError
        Dask is not installed, the scheduler cannot be reached, a worker has another version of the
        core or of a plugin, or the work does not fit.
    """
    _check_installed()
    if not work.pairs:
        return
    if scheduler is None:
        memory = available_memory()
        workers = workers_that_fit(forecasts, min(workers or 1, len(forecasts)), memory)
        from brainbench_audio.devices import visible_gpus  # imports torch

        secrets = HUB_SECRETS if _from_hub(work) else ()
        connected = on_this_machine(workers, memory, secrets, visible_gpus())
    else:
        connected = at(scheduler, certificates)
    with quiet(), connected as client:
        if scheduler is not None:
            workers_that_fit(forecasts, 1, largest_worker(client))
        job = _Job(client, agreed(client, work))
        yield from job.results(work.hearings(recompute=recompute, isolate=isolate))
        # once more, each model and then each pair by itself: only the guilty one dies again
        for hearing in job.taken_suspects():
            yield from job.results([hearing], alone=True)
        for hearing in job.taken_suspects():
            for target in hearing.targets:
                yield from job.results([replace(hearing, targets=(target,))], alone=True)


def _from_hub(work: Workload) -> bool:
    """Return whether a model may lie on the Hugging Face hub, where some need a token."""
    cards = [part.card for part in parts_of(work) if isinstance(part.card, ModelCard)]
    urls = [published.url for card in cards for published in card.weights]
    # an id of a scheme names its weights itself
    return any(not card.layers for card in cards) or any(url.startswith(SCHEME) for url in urls)


def _check_installed() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise BrainbenchError(
            f"Spreading work over processes takes Dask, which is not installed ({error}): pip "
            f"install 'brainbench-audio[cluster]'."
        ) from error


class _Job:
    """Hands pieces of work to a cluster, and collects what comes of them."""

    def __init__(self, client: Client, run: Context) -> None:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        self._workers = len(workers)
        self._with_gpu = sum("GPU" in (worker.get("resources") or {}) for worker in workers)
        self._client = client
        self._run = run
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

        Any pair on a worker may have killed it. So all pairs whose worker died are suspects,
        unless one hearing, or one pair, was ``alone`` on the cluster.
        """
        from distributed import as_completed
        from distributed.client import FutureCancelledError
        from distributed.scheduler import KilledWorker

        futures = self._submitted(hearings, alone)
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
        self, hearings: Sequence[Hearing], alone: bool
    ) -> dict[Future[Any], tuple[Hearing, Target, Future[Any]]]:
        """Hand tasks over; a model runs on a GPU where workers declare one."""
        submit, futures = self._client.submit, {}
        for order, hearing in enumerate(hearings):
            on_gpu = self._with_gpu > 0 and hearing.model.options.get("device", "auto") != "cpu"
            # one model after the other, so that scores come early and few models are loaded
            common: dict[str, Any] = {"pure": False, "priority": -order}
            resources = {"GPU": 1} if on_gpu else None
            shares = 0 if alone else self._shares(hearing, on_gpu)
            parts = [
                submit(
                    *(share_task, self._run, hearing, number, shares),
                    resources=resources,
                    **common,
                )
                for number in range(shares)
            ]
            heard = submit(hear_task, self._run, hearing, parts, resources=resources, **common)
            for number, target in enumerate(hearing.targets):
                asked = (heard, target, hearing.recompute, number == 0)
                futures[submit(score_task, self._run, *asked, **common)] = hearing, target, heard
        return futures

    def _shares(self, hearing: Hearing, on_gpu: bool) -> int:
        """Return in how many shares a set of sounds is heard; 0: by one worker."""
        if hearing.recompute or hearing.isolate:
            return 0
        workers = self._with_gpu if on_gpu else self._workers
        shares = min(workers, int(hearing.targets[0].duration // SHARE_SECONDS))
        return shares if shares > 1 else 0


def _failure(hearing: Hearing, target: Target, message: str) -> Failure:
    return Failure(hearing.model, target.benchmark, "pair", message)


def share_task(context: Context, hearing: Hearing, number: int, of: int) -> None:
    """Take a share of the first step in a worker."""
    # what fails here fails again where the whole set is heard, which says so
    with suppress(Exception), applied(context) as bench:
        hear_share(bench, hearing, number, of)


def hear_task(context: Context, hearing: Hearing, shares: Sequence[None] = ()) -> Heard | Failure:
    """Take the first step in a worker, when shares of it are done."""
    del shares
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
