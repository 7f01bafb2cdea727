"""From ids to loaded models, data sets, metrics and benchmarks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from brainbench_audio.activations.identity import Identity, described
from brainbench_audio.activations.lazy import LazyModel, as_lazy
from brainbench_audio.activations.object_state import NO_FINGERPRINT, own_fingerprint, sealed
from brainbench_audio.activations.projection import projected
from brainbench_audio.cards import CONTROLS, BenchmarkCard, DatasetCard, MetricCard
from brainbench_audio.errors import (
    BrainbenchError,
    ContractError,
    DataError,
    PluginLoadError,
    UnknownId,
)
from brainbench_audio.files import hash_json
from brainbench_audio.hashing.sources import imported, load_tree
from brainbench_audio.interfaces import Dataset, Metric, Model
from brainbench_audio.names import as_on_disk
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.pipeline.fingerprint import fingerprinted
from brainbench_audio.progress import stage
from brainbench_audio.registry.ids import ModelId, split_data
from brainbench_audio.registry.lookup import (
    data_source,
    find_benchmark,
    find_dataset,
    find_metric,
    find_model,
    load_attribute,
    needs_given,
)

_PLACEMENT = ("device", "dtype")


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


def load_model(identifier: str, **options: Any) -> Model:
    """Load a model by id, or from a file as ``"./my_model.py:MyModel"``.

    Parameters
    ----------
    identifier : str
        Id, ``distribution:id`` or file and class; behind an id, ``@untrained``, ``@permuted`` or
        ``@project=100`` for a control of the model, ``@step=1000`` for a checkpoint given as
        ``weights``.
    **options
        ``device`` and ``dtype`` place the model, see `TorchModel`; the others go to the plugin's
        loader, e.g. ``weights``.

    Returns
    -------
    Model
        Scored as what its id means, as long as nothing in it is changed.

    Raises
    ------
    UnknownId
        No plugin provides it, or it is another version now.
    PluginLoadError
        Its loader cannot be imported, or its source was changed since it was.
    ContractError
        An option the model does not take, or something that is no model.
    """
    model, identity = load_identified(identifier, options)
    sealed(model, identity)
    return model


def load_identified(identifier: str, options: Mapping[str, Any]) -> tuple[Model, Identity]:
    """Load a model, and tell which network it is; see `load_model`."""
    wanted, options = model_asked_for(identifier, options)
    load = _load_plugins if wanted.file is None else _load_file
    with stage("load", wanted.label):
        model, identity = load(replace(wanted, project=None), options)
        if wanted.project is not None:
            model, identity = projected(model, identity, wanted.project, wanted.label)
    check_version(wanted, identity)
    return model, identity


def model_asked_for(identifier: str, options: Mapping[str, Any]) -> tuple[ModelId, dict[str, Any]]:
    """Return an id and options in which a control stands in the id, however it was asked for.

    Raises
    ------
    UnknownId
        Another word behind an ``@`` than a step and those of controls.
    ContractError
        A step without its checkpoint, or two controls at once.
    """
    wanted, rest = ModelId.parse(identifier).absolute(), dict(options)
    weights = rest.get("weights")
    asked = [rest.pop("control", None), wanted.control]
    if isinstance(weights, str) and weights in CONTROLS:
        asked.append(rest.pop("weights"))
    elif isinstance(weights, str | Path):
        file = as_on_disk(Path(weights).expanduser())
        if file.exists():  # else a name that the loader knows, or an address
            rest["weights"] = type(weights)(file)
    controls = {control for control in asked if control}
    if wanted.project is not None:
        controls |= {wanted.variant} if controls else set()
    if len(controls) > 1 or (controls and wanted.step is not None):
        raise ContractError(f"{identifier} is to be {' and '.join(sorted(controls))}: choose one.")
    if wanted.step is not None and rest.get("weights") is None:
        raise ContractError(
            f"{identifier} is one checkpoint of a training: give its file, --weights FILE or "
            f"load_model({identifier!r}, weights=FILE)."
        )
    return replace(wanted, control=next(iter(controls), None)), rest


def check_version(wanted: ModelId, identity: Identity) -> None:
    """Refuse an id whose version is not what the id means now.

    Raises
    ------
    UnknownId
        Naming the version that it is now.
    """
    if wanted.version and not identity.digest.startswith(wanted.version):
        raise UnknownId(
            f"{identity.id} is version {identity.version} now. What is stored of version "
            f"{wanted.version} is shown by `brainbench results list --model {wanted}`; to score "
            f"it again, bring its weights and source back."
        )


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
    return imported(card.packages, lambda: _call(card.loader, word, card, variant, **options))


def load_benchmark(
    identifier: str,
    *,
    folder: str | Path | None = None,
    given: Model | str | None = None,
    **options: Any,
) -> ComposedBenchmark:
    """Load a benchmark ``dataset[.subset]-metric[-variant][=model]``.

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
        No such benchmark, or nobody says which model others are compared with.
    DataError
        Its data are not there or damaged.
    ContractError
        An option the metric does not take.
    """
    card = find_benchmark(identifier, folder=folder is not None)
    card, other = _with_given(card, given)
    metric, source = _load_metric(card.metric, card.variant, options)
    if folder is not None:
        subset, dataset = _read_folder(card.dataset, card.subset, folder)
        return ComposedBenchmark(
            replace(card, subset=subset), dataset, metric, options, source=source, given=other
        )
    dataset = _read(card.dataset, card.subset)
    return ComposedBenchmark(card, dataset, metric, options, source=source, given=other)


def _with_given(
    card: BenchmarkCard, given: Model | str | None
) -> tuple[BenchmarkCard, LazyModel | None]:
    """Return the model that others are compared with, and the card that names it."""
    if not card.takes_given:
        if given is not None:
            raise ContractError(f"{card.id} compares with no other model: leave `given` out.")
        return card, None
    if given is None and (error := needs_given(card)):
        raise error
    named = str(card.given) if given is None else given
    model = as_lazy(load_model(named) if isinstance(named, str) else named)
    name = named if isinstance(named, str) else model.identity.id
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
    name, dataset = data_source(card).read_folder(card, Path(folder).expanduser())
    if subset not in (None, name):
        raise DataError(f"{folder} holds {card.id}.{name}, not {card.id}.{subset}.")
    return name, dataset


def _load_plugins(wanted: ModelId, options: Mapping[str, Any]) -> tuple[Model, Identity]:
    entry = find_model(wanted)
    card = entry.card
    given = {name: value for name, value in options.items() if name not in _PLACEMENT}
    if wanted.control:
        given["control"] = wanted.control
    placement = {name: str(options[name]) for name in _PLACEMENT if name in options}

    def load() -> Model:
        model = _checked_model(_call(card.loader, f"model {card.id}", card, **given), card.id)
        if placement:
            _place(model, card.id, placement)
        return model

    model, source = imported(card.packages, load)
    if wanted.variant:
        # a control is scored, cached and reported like a model of its own
        own_card = replace(getattr(model, "card", card), id=wanted.label)
        model.card = own_card  # type: ignore[attr-defined]
    identity = described(model, wanted.label, entry.distribution)
    if (own := own_fingerprint(model)) is None:
        return model, replace(identity, unkept=NO_FINGERPRINT)
    code = {"packages": list(card.packages), "hash": source}
    return model, fingerprinted(identity, model, {"given": own, "source": source}, code, options)


def _place(model: Any, identifier: str, placement: Mapping[str, str]) -> None:
    """Put a model on a device, at a precision; a `TorchModel` can do that."""
    if not hasattr(model, "place"):
        raise ContractError(
            f"Model {identifier} does not support --device and --dtype: leave them out."
        )
    model.place(**placement)


def _load_file(wanted: ModelId, options: Mapping[str, Any]) -> tuple[Model, Identity]:
    file = Path(wanted.file or "")
    if not file.is_file():
        raise DataError(f"Model file {file} does not exist: give it as PATH.py:ClassName.")
    try:
        module, tree = load_tree(file)
    except BrainbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginLoadError(f"{file} cannot be imported: {error!r}.") from error
    if not hasattr(module, wanted.name):
        raise PluginLoadError(_no_model(file, module, wanted.name))
    maker = getattr(module, wanted.name)
    word = f"model {wanted}"
    made = _invoke(maker, word, (), dict(options)) if callable(maker) else maker
    model = _checked_model(made, str(wanted))
    identity = described(model, wanted.label, str(file))
    if (own := own_fingerprint(model)) is None:
        return model, replace(identity, unkept=NO_FINGERPRINT)
    fingerprint = {"given": own, "class": wanted.name, "tree": tree}
    code = {"tree": str(file), "hash": tree}
    return model, fingerprinted(identity, model, fingerprint, code, options)


def _no_model(file: Path, module: Any, name: str) -> str:
    """Say which models a file has in place of one that it does not have."""
    own = {
        other: value
        for other, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
    }
    models = [other for other, value in own.items() if hasattr(value, "activations")]
    models = models or [other for other in own if not other.startswith("_")]  # that make one
    return (
        f"{file} has no model {name!r}, only {', '.join(models) or 'none'}: give it as "
        f"{file}:{models[-1] if models else 'ClassName'}."
    )


def _call(path: str, word: str, *arguments: Any, **options: Any) -> Any:
    return _invoke(load_attribute(path), word, arguments, options)


def _invoke(function: Any, word: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call a loader; an option it does not take is the user's mistake, not a crash."""
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **options)
    except TypeError as error:
        named = [one.name for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY]
        raise ContractError(
            f"The {word} does not take these options: {error}. It takes "
            f"{', '.join(named) or 'none'}; leave the others out."
        ) from error
    try:
        return function(*arguments, **options)
    except SystemExit as error:  # one model must not end the run of all
        raise PluginLoadError(f"The {word} called sys.exit() while it was loaded.") from error


def _checked_model(model: Any, identifier: str) -> Model:
    lacking = [
        name for name in ("layers", "sample_rate", "activations") if not hasattr(model, name)
    ]
    if lacking:
        raise ContractError(
            f"{identifier} is no model: it has no {', '.join(lacking)}. See "
            f"brainbench_audio/interfaces.py for what a model has."
        )
    loaded: Model = model
    return loaded
