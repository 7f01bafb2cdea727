"""Ids and "did you mean"."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from brainbench_audio.cards import BenchmarkCard, DatasetCard, MetricCard, ModelCard
from brainbench_audio.errors import AmbiguousId, PluginLoadError, UnknownId
from brainbench_audio.interfaces import DataSource
from brainbench_audio.registry.discovery import plugins
from brainbench_audio.registry.ids import (
    BenchmarkId,
    ModelId,
    split_distribution,
    split_metric,
    unknown,
)

Kind = Literal["model", "benchmark", "metric"]
KINDS: tuple[Kind, ...] = ("model", "benchmark", "metric")
_METHODS = ("load", "fetch", "locate", "sizes", "read_folder")
_CardType = TypeVar("_CardType", ModelCard, DatasetCard, MetricCard)


@dataclass(frozen=True)
class Registered(Generic[_CardType]):
    """A card and the distribution it came from."""

    card: _CardType
    distribution: str
    version: str


def registered(kind: type[_CardType]) -> list[Registered[_CardType]]:
    """Return all cards of a kind, with where they came from."""
    return [
        Registered(card, plugin.distribution, plugin.version)
        for plugin in plugins()
        for card in plugin.cards
        if isinstance(card, kind)
    ]


def find_model(identifier: str | ModelId) -> Registered[ModelCard]:
    """Return the model of an id, or of ``distribution:id``; control, step and version aside.

    An id such as ``hf:owner/name`` belongs to the card of its scheme, ``hf:*``, which comes back
    under the whole id.

    Raises
    ------
    UnknownId
        No plugin has it, or two have.
    """
    wanted = ModelId.parse(identifier) if isinstance(identifier, str) else identifier
    if wanted.file is not None:
        raise UnknownId(f"{wanted} is a file of your own, which no plugin describes.")
    if wanted.scheme is None:
        return _find(ModelCard, str(wanted.plain), "model", list_ids("model"))
    found = [
        replace(entry, card=replace(entry.card, id=wanted.name))
        for entry in registered(ModelCard)
        if entry.card.scheme == wanted.scheme and wanted.distribution in (None, entry.distribution)
    ]
    if not found:
        raise unknown(str(identifier), "model", list_ids("model"))
    if len(found) > 1:
        raise _ambiguous("model", found)
    return found[0]


def find_dataset(identifier: str) -> Registered[DatasetCard]:
    """Return the data set of an id (without subset), or of ``distribution:id``."""
    known = sorted({entry.card.id for entry in registered(DatasetCard)})
    return _find(DatasetCard, identifier, "data set", known)


def find_metric(identifier: str) -> tuple[Registered[MetricCard], str | None]:
    """Return the metric and the variant of an id such as ``"ridge-zscored"``."""
    known = list_ids("metric")
    distribution, name = split_distribution(identifier)
    plain, variant = split_metric(name)
    if name in known:
        place = f"{distribution}:" if distribution else ""
        return _find(MetricCard, f"{place}{plain}", "metric", known), variant
    raise unknown(identifier, "metric", known)


def find_benchmark(identifier: str, *, folder: bool = False) -> BenchmarkCard:
    """Return the benchmark of an id, see `BenchmarkId`.

    Parameters
    ----------
    identifier : str
        Without a model or a second data set where the metric takes one, it cannot be scored yet,
        see `needs_named`.
    folder : bool
        Whether the data are a folder of the user's own: then the subset may have any name, or none
        until the folder is read.

    Raises
    ------
    UnknownId
        No such data set, subset, metric or variant, or the data do not have what the metric needs;
        or a model or a second data set is named, and the metric takes none, or not that one.
    """
    wanted = BenchmarkId.parse(identifier)
    if str(wanted) != identifier:  # a dot or a hyphen with nothing behind it
        raise _no_benchmark(identifier)
    place = f"{wanted.distribution}:" if wanted.distribution else ""
    try:
        metric, variant = find_metric(wanted.measure)
        dataset = find_dataset(f"{place}{wanted.dataset}")
    except AmbiguousId:
        raise
    except UnknownId as error:
        raise _no_benchmark(identifier) from error
    card = BenchmarkCard(
        dataset=dataset.card,
        subset=wanted.subset,
        metric=metric.card,
        variant=variant,
        given=wanted.absolute().given,
        second=wanted.second,
        categories=wanted.categories,
    )
    if (wanted.given and not card.takes_given) or (wanted.second and not card.takes_second):
        raise UnknownId(
            f"{identifier} is no benchmark: {card.metric_id} compares with nothing else. Leave "
            f"={wanted.given or wanted.second} out."
        )
    if wanted.subset and wanted.subset not in dataset.card.subsets and not folder:
        raise _no_benchmark(identifier)
    if lacking := _lacking(replace(card, subset="folder") if folder else card):
        raise UnknownId(
            f"{card.id} is no benchmark: {card.metric_id} needs {', '.join(sorted(lacking))}, "
            f"which {card.data_id} does not provide.{_fitting(card)}"
        )
    second_of(card)
    return card


def _no_benchmark(identifier: str) -> UnknownId:
    # only here: listing all takes longer than looking one up
    return unknown(identifier, "benchmark", list_ids("benchmark"))


def second_of(card: BenchmarkCard) -> BenchmarkCard | None:
    """Return the second data set of a benchmark, with the same metric; None if it names none.

    Raises
    ------
    UnknownId
        It is unknown, lacks what the metric needs, or is the first one.
    """
    if card.second is None:
        return None
    second = find_benchmark(f"{card.second}-{card.metric_id}")
    if second.dataset.id == card.dataset.id:
        raise UnknownId(
            f"{card.id} is no benchmark: {card.dataset.id} cannot take over from itself. Name "
            f"another data set, or score {card.data_id}-{card.metric.id}."
        )
    return second


def needs_named(card: BenchmarkCard) -> UnknownId | None:
    """Return the error for a benchmark that takes what nobody has named: a model, or data."""
    if card.takes_second and not card.second:
        others = sorted(
            entry.card.id
            for entry in registered(DatasetCard)
            if entry.card.id != card.dataset.id
            and not _lacking(replace(card, dataset=entry.card, subset=None))
        )
        such = f", such as {others[0]}" if others else ""
        return UnknownId(
            f"{card.id} chooses layer and penalty on a second data set: name that one, "
            f"{card.id}=DATASET{such}."
        )
    if card.given or not card.takes_given:
        return None
    return UnknownId(
        f"{card.id} asks what a model explains beyond another one: name that one, --given MODEL or "
        f"{card.id}=MODEL, such as spectrotemporal."
    )


def list_ids(kind: Kind) -> list[str]:
    """Return all ids of a kind.

    Parameters
    ----------
    kind : str
        ``model``, ``benchmark`` (every data set with every metric that fits it) or ``metric``.

    Returns
    -------
    list of str
        Sorted. Schemes of models (``hf:…``) are not among them: their ids cannot be counted.

    Raises
    ------
    UnknownId
        Another kind.
    """
    if kind == "model":
        cards = [entry.card for entry in registered(ModelCard)]
        return sorted({card.id for card in cards if card.scheme is None})
    if kind == "metric":
        metrics = [entry.card for entry in registered(MetricCard)]
        return sorted(
            {card.id for card in metrics}
            | {f"{card.id}-{variant}" for card in metrics for variant in card.variants}
        )
    if kind == "benchmark":
        return sorted({card.id for card in benchmark_cards()})
    raise UnknownId(f"{kind!r} is no kind of plugin: choose from {', '.join(KINDS)}.")


def benchmark_cards(distribution: str | None = None) -> Iterator[BenchmarkCard]:
    """Yield every benchmark that the installed data sets and metrics give.

    Parameters
    ----------
    distribution : str, optional
        Of the data sets; by default any.
    """
    metrics = [entry.card for entry in registered(MetricCard)]
    datasets = registered(DatasetCard)
    for dataset in (one.card for one in datasets if distribution in (None, one.distribution)):
        for subset in (None, *dataset.subsets):
            for metric in metrics:
                for variant in (None, *metric.variants):
                    card = BenchmarkCard(
                        dataset=dataset, subset=subset, metric=metric, variant=variant
                    )
                    if not _lacking(card):
                        yield card


def load_attribute(path: str) -> Any:
    """Import what a card's ``"module:name"`` names.

    Raises
    ------
    PluginLoadError
        It cannot be imported.
    """
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        # some libraries import lazily and put what really failed into the cause
        reason = f"{error} ({error.__cause__})" if error.__cause__ else str(error)
        raise PluginLoadError(
            f"The loader {path} cannot be imported: {reason}. Reinstall the plugin or what it "
            f"needs."
        ) from error


def data_source(card: DatasetCard) -> DataSource:
    """Return what loads and fetches the data of a card.

    Raises
    ------
    PluginLoadError
        It cannot be imported, or is no `DataSource`.
    """
    if not card.data:
        raise PluginLoadError(f"The card of data set {card.id} names no `data`: nothing loads it.")
    made = load_attribute(card.data)
    try:
        source: DataSource = made() if isinstance(made, type) else made
    except TypeError as error:
        raise PluginLoadError(
            f"{card.data} of data set {card.id} cannot be made without arguments: {error}."
        ) from error
    if lacking := [name for name in _METHODS if not hasattr(source, name)]:
        raise PluginLoadError(
            f"{card.data} of data set {card.id} is no DataSource: it has no {', '.join(lacking)}. "
            f"Derive it from brainbench_audio.data_source.BaseSource."
        )
    return source


def _find(
    kind: type[_CardType], identifier: str, word: str, known: Sequence[str]
) -> Registered[_CardType]:
    distribution, plain = split_distribution(identifier)
    found = [
        entry
        for entry in registered(kind)
        if entry.card.id == plain and distribution in (None, entry.distribution)
    ]
    if not found:
        raise unknown(identifier, word, known)
    if len(found) > 1:
        raise _ambiguous(word, found)
    return found[0]


def _ambiguous(word: str, found: Sequence[Registered[_CardType]]) -> AmbiguousId:
    plain = found[0].card.id
    choices = " or ".join(f"{entry.distribution}:{plain}" for entry in found)
    return AmbiguousId(f"Two plugins provide the {word} {plain!r}: say {choices}.")


def _fitting(card: BenchmarkCard) -> str:
    """Return a sentence with the metrics that data can be scored with; empty where none can."""
    metrics = (replace(card, metric=entry.card, variant=None) for entry in registered(MetricCard))
    fitting = sorted(each.metric.id for each in metrics if not _lacking(each))
    return f" Metrics that fit: {', '.join(fitting)}." if fitting else ""


def _lacking(card: BenchmarkCard) -> frozenset[str]:
    return card.metric.required(card.variant) - card.dataset.provided(card.subset)
