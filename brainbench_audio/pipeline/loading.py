"""From ids to loaded data sets, metrics and benchmarks; models: see `loading_models`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brainbench_audio.activations.lazy import LazyModel, as_lazy
from brainbench_audio.cards import BenchmarkCard, DatasetCard, MetricCard
from brainbench_audio.errors import ContractError, DataError, PluginLoadError
from brainbench_audio.files import hash_json
from brainbench_audio.hashing.sources import imported
from brainbench_audio.interfaces import Dataset, Metric, Model
from brainbench_audio.names import from_home
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.loaders import call_loader
from brainbench_audio.pipeline.loading_models import load_model
from brainbench_audio.pipeline.second import SecondDataset
from brainbench_audio.registry.ids import ModelId, split_data
from brainbench_audio.registry.lookup import (
    data_source,
    find_benchmark,
    find_dataset,
    find_metric,
    needs_named,
    second_of,
)


@dataclass(frozen=True)
class Loadable:
    """What is to be loaded: an id and options for the plugin's loader, all JSON-able.

    Attributes
    ----------
    layers : tuple of str or None
        Of a model, the only layers that count; None: all.

    Examples
    --------
    >>> Loadable("beats-iter1", {"device": "cpu"}).key == Loadable("beats-iter1").key
    False
    """

    id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    layers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.layers is not None:  # a list where it comes from JSON
            object.__setattr__(self, "layers", tuple(self.layers))

    @property
    def key(self) -> str:
        """Hash of all."""
        chosen = [] if self.layers is None else [self.layers]
        return hash_json([self.id, dict(self.options), *chosen])


def load_dataset(identifier: str, *, folder: str | Path | None = None) -> Dataset:
    """Load a data set ``dataset[.subset]``.

    Parameters
    ----------
    identifier : str
    folder : str or Path, optional
        A folder of one's own in the data set's format, e.g. ``load_dataset("HEAR", folder=PATH)``.

    Raises
    ------
    UnknownId
        No plugin provides it.
    DataError
        Its data are not there or damaged.
    """
    dataset_id, subset = split_data(identifier)
    card = find_dataset(dataset_id).card
    if folder is not None:
        return _read_folder(card, subset, folder)[1]
    return _read(card, subset)


def load_metric(identifier: str, **options: Any) -> Metric:
    """Load a metric ``metric[-variant]``; the options are its own.

    Raises
    ------
    UnknownId
        No plugin provides it.
    ContractError
        An option it does not take.
    """
    entry, variant = find_metric(identifier)
    return _load_metric(entry.card, variant, options)[0]


def _load_metric(
    card: MetricCard, variant: str | None, options: Mapping[str, Any]
) -> tuple[Metric, str]:
    """Return a metric and the hash of its source as it was imported."""
    word = f"metric {card.id}-{variant}" if variant else f"metric {card.id}"
    return imported(card.packages, lambda: call_loader(card.loader, word, card, variant, **options))


def load_benchmark(
    identifier: str,
    *,
    folder: str | Path | None = None,
    given: Model | str | None = None,
    **options: Any,
) -> ComposedBenchmark:
    """Load a benchmark, see `BenchmarkId`.

    Parameters
    ----------
    identifier : str
    folder : str or Path, optional
        A folder of one's own in the data set's format, e.g. ``load_benchmark("HEAR-probe",
        folder=PATH)``; the benchmark's id then has the name that the folder gives itself. Where the
        folder lies is no part of the key of a score.
    given : Model or str, optional
        The model that others are compared with, by a metric that takes one; by default the one that
        the id names, which is loaded.
    **options
        The metric's.

    Raises
    ------
    UnknownId
        No such benchmark, or nobody says which model others are compared with, or which data set
        something is taken over from.
    DataError
        Its data are not there or damaged.
    ContractError
        An option the metric does not take.
    """
    card = find_benchmark(identifier, folder=folder is not None)
    card, other = _with_given(card, given)
    second = _second(card)
    metric, source = _load_metric(card.metric, card.variant, options)
    if folder is not None:
        subset, dataset = _read_folder(card.dataset, card.subset, folder)
        card = replace(card, subset=subset)
    else:
        dataset = _read(card.dataset, card.subset)
    return ComposedBenchmark(
        card, dataset, metric, options, source=source, given=other, second=second
    )


def _second(card: BenchmarkCard) -> SecondDataset | None:
    """Return the data set that something is taken over from, loaded; None if none is."""
    if card.takes_second and (error := needs_named(card)):
        raise error
    second = second_of(card)
    if second is None:
        return None
    return SecondDataset.of(second, _read(second.dataset, second.subset))


def _with_given(
    card: BenchmarkCard, given: Model | str | None
) -> tuple[BenchmarkCard, LazyModel | None]:
    """Return the model that others are compared with, and the card that names it."""
    if not card.takes_given:
        if given is not None:
            raise ContractError(f"{card.id} compares with no other model: leave `given` out.")
        return card, None
    if given is None and (error := needs_named(card)):
        raise error
    named = str(card.given) if given is None else given
    model = as_lazy(load_model(named) if isinstance(named, str) else named)
    name = str(ModelId.parse(named).absolute()) if isinstance(named, str) else model.identity.id
    return replace(card, given=card.given or name), model


def _read(card: DatasetCard, subset: str | None) -> Dataset:
    try:
        return data_source(card).load(card, subset)
    except SystemExit as error:  # one data set must not end the run of all
        raise PluginLoadError(
            f"The data set {card.id} called sys.exit() while it was loaded."
        ) from error


def _read_folder(card: DatasetCard, subset: str | None, folder: str | Path) -> tuple[str, Dataset]:
    """Load a folder as a subset of a data set; return the name it has and the data."""
    name, dataset = data_source(card).read_folder(card, from_home(folder))
    if subset not in (None, name):
        raise DataError(f"{folder} holds {card.id}.{name}, not {card.id}.{subset}.")
    return name, dataset
