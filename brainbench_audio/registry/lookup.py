"""Ids, globs and "did you mean"."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Generic, Literal, TypeVar

from brainbench_audio.cards import CONTROLS, BenchmarkCard, DatasetCard, MetricCard, ModelCard
from brainbench_audio.errors import PluginLoadError, UnknownId
from brainbench_audio.interfaces import DataSource
from brainbench_audio.registry.discovery import plugins

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


def find_model(identifier: str) -> Registered[ModelCard]:
    """Return the model of an id, or of ``distribution:id``.

    An id such as ``hf:owner/name`` belongs to the card of its scheme, ``hf:*``, which comes back
    under the whole id.

    Raises
    ------
    UnknownId
        No plugin has it, or two have.
    """
    if found := find_in_scheme(identifier):
        return found
    return _find(ModelCard, split_control(identifier)[0], "model", list_ids("model"))


def split_control(identifier: str) -> tuple[str, str | None]:
    """Return a model's id and the control behind its ``@``, None where there is none.

    A step of the training, ``step=1000``, may stand there as well.

    Raises
    ------
    UnknownId
        Another word behind the ``@`` than a step and those of `CONTROLS`.

    Examples
    --------
    >>> split_control("beats-iter1@permuted")
    ('beats-iter1', 'permuted')
    """
    plain, separator, control = identifier.partition("@")
    if separator and control not in CONTROLS and not is_step(control):
        raise unknown(identifier, "model", [f"{plain}@{word}" for word in CONTROLS])
    return plain, control or None


def is_step(control: str | None) -> bool:
    """Return whether what stands behind an ``@`` is a step of the training.

    Examples
    --------
    >>> is_step("step=1000"), is_step("permuted")
    (True, False)
    """
    return control is not None and re.fullmatch(r"step=[0-9]+", control) is not None


def find_in_scheme(identifier: str) -> Registered[ModelCard] | None:
    """Return the card of an id's scheme, with the id put in; None if the id has no known scheme.

    Raises
    ------
    UnknownId
        Two plugins have the scheme.
    """
    found: list[Registered[ModelCard]] = []
    for entry in registered(ModelCard):
        plain = identifier.removeprefix(f"{entry.distribution}:")
        scheme = entry.card.scheme
        if scheme and plain.startswith(scheme) and plain != scheme:
            found.append(replace(entry, card=replace(entry.card, id=plain)))
    if len(found) > 1:
        raise _ambiguous("model", found)
    return found[0] if found else None


def find_dataset(identifier: str) -> Registered[DatasetCard]:
    """Return the data set of an id (without subset), or of ``distribution:id``."""
    known = sorted({entry.card.id for entry in registered(DatasetCard)})
    return _find(DatasetCard, identifier, "data set", known)


def find_metric(identifier: str) -> tuple[Registered[MetricCard], str | None]:
    """Return the metric and the variant of an id such as ``"ridge-zscored"``."""
    known = list_ids("metric")
    prefix, separator, name = identifier.rpartition(":")
    plain, _, variant = name.partition("-")
    if name in known:
        found = _find(MetricCard, f"{prefix}{separator}{plain}", "metric", known)
        return found, variant or None
    raise unknown(identifier, "metric", known)


def find_benchmark(identifier: str, *, folder: bool = False) -> BenchmarkCard:
    """Return the benchmark ``dataset[.subset]-metric[-variant]``.

    Parameters
    ----------
    identifier : str
    folder : bool
        Whether the data are a folder of the user's own: then the subset may have any name, or none
        until the folder is read.

    Raises
    ------
    UnknownId
        No such data set, subset, metric or variant, or the data do not have what the metric needs.
    """
    prefix, separator, plain = identifier.rpartition(":")
    data_id, _, metric_id = plain.partition("-")
    dataset_id, _, subset = data_id.partition(".")
    known = list_ids("benchmark")
    try:
        metric, variant = find_metric(metric_id)
        dataset = find_dataset(f"{prefix}{separator}{dataset_id}")
    except UnknownId as error:
        if "Two plugins" in str(error):
            raise
        raise unknown(identifier, "benchmark", known) from error
    card = BenchmarkCard(
        dataset=dataset.card, subset=subset or None, metric=metric.card, variant=variant
    )
    if subset and subset not in dataset.card.subsets and not folder:
        raise unknown(identifier, "benchmark", known)
    if lacking := _lacking(replace(card, subset="folder") if folder else card):
        raise UnknownId(
            f"{plain} is no benchmark: {card.metric_id} needs {', '.join(sorted(lacking))}, which "
            f"{card.data_id} does not provide."
        )
    return card


def list_ids(kind: Kind) -> list[str]:
    """Return all ids of a kind, sorted; benchmarks are every data set with every fitting metric.

    Schemes of models are not among them: the ids that they stand for cannot be counted.
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


def benchmark_cards() -> Iterator[BenchmarkCard]:
    """Yield every benchmark that the installed data sets and metrics give."""
    metrics = [entry.card for entry in registered(MetricCard)]
    for dataset in (entry.card for entry in registered(DatasetCard)):
        for subset in (None, *dataset.subsets):
            for metric in metrics:
                for variant in (None, *metric.variants):
                    card = BenchmarkCard(
                        dataset=dataset, subset=subset, metric=metric, variant=variant
                    )
                    if not _lacking(card):
                        yield card


def expand(patterns: Iterable[str], kind: Kind) -> list[str]:
    """Return the ids that patterns with ``* ? []`` match, in order, each once.

    A pattern without such a sign is returned as it is, so that looking it up can say what is wrong.
    ``beats-*@permuted`` gives the control of each model that ``beats-*`` matches.

    Raises
    ------
    UnknownId
        A glob matches nothing.
    """
    known = list_ids(kind)
    found: dict[str, None] = {}
    for pattern in patterns:
        if not set("*?[") & set(pattern):
            found[pattern] = None
            continue
        plain, separator, control = pattern.partition("@")
        matched = [
            f"{identifier}{separator}{control}"
            for identifier in known
            if fnmatchcase(identifier, plain)
        ]
        if not matched:
            raise unknown(pattern, kind, known)
        found |= dict.fromkeys(matched)
    return list(found)


def unknown(identifier: str, kind: str, known: Sequence[str]) -> UnknownId:
    """Return the error for an id that nothing provides, with the nearest known ones."""
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(identifier.lower(), lower, n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {' or '.join(lower[name] for name in near)}?"
    elif known:
        hint = f"`brainbench list {kind.replace('data set', 'benchmark')}s` shows them."
    else:
        hint = "No plugin provides any: install one, or see `brainbench doctor`."
    return UnknownId(f"There is no {kind} {identifier!r}. {hint}")


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
            f"Derive it from brainbench_audio.sources.BaseSource."
        )
    return source


def _find(
    kind: type[_CardType], identifier: str, word: str, known: Sequence[str]
) -> Registered[_CardType]:
    distribution, _, plain = identifier.rpartition(":")
    found = [
        entry
        for entry in registered(kind)
        if entry.card.id == plain and distribution in ("", entry.distribution)
    ]
    if not found:
        raise unknown(identifier, word, known)
    if len(found) > 1:
        raise _ambiguous(word, found)
    return found[0]


def _ambiguous(word: str, found: Sequence[Registered[_CardType]]) -> UnknownId:
    plain = found[0].card.id
    choices = " or ".join(f"{entry.distribution}:{plain}" for entry in found)
    return UnknownId(f"Two plugins provide the {word} {plain!r}: say {choices}.")


def _lacking(card: BenchmarkCard) -> frozenset[str]:
    return card.metric.required(card.variant) - card.dataset.provided(card.subset)
