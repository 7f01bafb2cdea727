"""`score`: any model on any benchmark, one pair or many."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from brainbench_audio.activations.identity import is_network
from brainbench_audio.errors import BrainbenchError, ContractError

if TYPE_CHECKING:
    import torch

    from brainbench_audio.interfaces import Benchmark, Model
    from brainbench_audio.pipeline.run import Failure, Run
    from brainbench_audio.report.frames import ResultTable
    from brainbench_audio.scores.score import Score

OneModel: TypeAlias = "Model | torch.nn.Module | str"
OneBenchmark: TypeAlias = "Benchmark | str"


@overload
def score(
    model: OneModel,
    benchmark: OneBenchmark,
    *,
    layers: str | Sequence[str] | None = None,
    sample_rate: int | None = None,
    recompute: bool = False,
) -> Score: ...


@overload
def score(
    model: list[Any] | tuple[Any, ...],
    benchmark: OneBenchmark | list[Any] | tuple[Any, ...],
    *,
    layers: str | Sequence[str] | None = None,
    sample_rate: int | None = None,
    recompute: bool = False,
) -> ResultTable: ...


@overload
def score(
    model: OneModel,
    benchmark: list[Any] | tuple[Any, ...],
    *,
    layers: str | Sequence[str] | None = None,
    sample_rate: int | None = None,
    recompute: bool = False,
) -> ResultTable: ...


def score(
    model: OneModel | Sequence[OneModel],
    benchmark: OneBenchmark | Sequence[OneBenchmark],
    *,
    layers: str | Sequence[str] | None = None,
    sample_rate: int | None = None,
    recompute: bool = False,
) -> Score | ResultTable:
    """Score models on benchmarks.

    Scores and activations are kept under a hash of all that decides them, so asking again is free.

    Parameters
    ----------
    model : str, Model or torch.nn.Module, or a list of them
        An id of `list_ids("model")`, ``"./my_model.py:MyModel"``, what `load_model` returns, any
        object with ``layers``, ``sample_rate`` and ``activations``, or a network that takes
        waveforms (batch, sample). In a list, ids may be globs.
    benchmark : str or Benchmark, or a list of them
        An id of `list_ids("benchmark")`, or what `load_benchmark` returns.
    layers : sequence of str, optional
        Score these layers only. Of a ``torch.nn.Module``, names of modules whose outputs are the
        layers; by default ``"auto"``, see `wrap`.
    sample_rate : int, optional
        Hz that a ``torch.nn.Module`` hears; by default its attribute ``sample_rate``.
    recompute : bool
        Compute activations and scores again, and replace the stored ones.

    Returns
    -------
    Score or ResultTable
        Of lists a pandas DataFrame, a row a pair in the order given. Where a pair fails, the others
        go on: its value is NaN, and a column ``failure`` says why.

    Raises
    ------
    UnknownId
        There is no such model or benchmark.
    DataError
        The data of the benchmark are not here or damaged: ``brainbench data get ID`` fetches them.
    ContractError
        The model has no such layer, or does not do what a model does; or it has a sample rate, and
        one is given.
    BrainbenchError
        All pairs of a list failed.

    Examples
    --------
    >>> result = score("spectrotemporal", "SimCortex-ridge")  # doctest: +SKIP
    >>> result.value, result.interval, result.layer  # doctest: +SKIP
    >>> score([network, "vggish"], ["SimCortex-*"], sample_rate=16_000)  # doctest: +SKIP
    """
    models, benchmarks = _listed(model), _listed(benchmark)
    if sample_rate is not None and not any(map(is_network, models)):
        raise ContractError(
            f"sample_rate={sample_rate} is for a torch.nn.Module. A model has its own: leave it "
            f"out."
        )
    with _as_before(models):
        hearing = [_as_model(one, layers, sample_rate) for one in models]
        only = None if layers is None or layers == "auto" else _names(layers)
        if isinstance(model, list | tuple) or isinstance(benchmark, list | tuple):
            return _table(hearing, benchmarks, only, recompute)
        from brainbench_audio.pipeline.run import run

        return run(hearing[0], benchmarks[0], layers=only, recompute=recompute).score


def _listed(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _names(layers: str | Sequence[str]) -> list[str]:
    if isinstance(layers, str):
        raise ContractError(f'layers={layers!r} must be a list of names, such as ["{layers}"].')
    return list(layers)


def _as_model(model: Any, layers: Any, sample_rate: int | None) -> Any:
    """Return a network as a model; what is a model or an id already as it is."""
    if is_network(model):
        from brainbench_audio.activations.own_modules import wrap

        return wrap(model, "auto" if layers is None else layers, sample_rate=sample_rate)
    return model


@contextmanager
def _as_before(models: Sequence[Any]) -> Iterator[None]:
    """Put networks back into training mode and onto their device: somebody may be training them."""
    networks = [one for one in models if is_network(one)]
    modes = [(part, part.training) for network in networks for part in network.modules()]
    first = [next(network.parameters(), None) for network in networks]
    devices = [None if one is None else one.device for one in first]
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
        for network, device in zip(networks, devices, strict=True):
            if device is not None:
                network.to(device)


def _table(
    models: list[Any], benchmarks: list[Any], layers: list[str] | None, recompute: bool
) -> ResultTable:
    from brainbench_audio.pipeline.many import score_all
    from brainbench_audio.pipeline.run import Failure, Run
    from brainbench_audio.report.frames import COLUMNS, ResultTable

    results = score_all(models, benchmarks, layers=layers, recompute=recompute)
    failures = [one for one in results if isinstance(one, Failure)]
    if failures and len(failures) == len(results):
        first = failures[0]
        raise BrainbenchError(f"{first.model.id} on {first.benchmark.id}: {first.message}")
    versions: dict[str, set[str]] = {}
    for one in results:
        if isinstance(one, Run):
            versions.setdefault(one.model, set()).add(one.version)
    several = {model for model, known in versions.items() if len(known) > 1}
    rows = [_failed(one) if isinstance(one, Failure) else _scored(one, several) for one in results]
    columns = [*COLUMNS, *(["failure"] if failures else [])]
    return ResultTable(rows, columns=columns)


def _failed(failure: Failure) -> dict[str, Any]:
    from brainbench_audio.report.frames import row

    about = row(failure.model.id, failure.benchmark.id, float("nan"))
    return about | {"failure": failure.message}


def _scored(result: Run, several: Collection[str]) -> dict[str, Any]:
    """Return the row of a score; models of which there are several versions are told apart."""
    from brainbench_audio.report.frames import row

    one = result.score
    about = row(
        model=f"{result.model}#{result.version}" if result.model in several else result.model,
        benchmark=result.benchmark,
        value=one.value,
        error=one.error,
        interval=one.interval,
        ceiling=one.ceiling,
        normalised=one.normalised,
        p=one.p,
        layer=one.layer,
        n=one.n,
        version=result.version,
        created=one.provenance.get("created", ""),
        file=result.file,
    )
    return about | {"failure": ""}
