"""From ids to loaded models, data sets, metrics and benchmarks."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.cards import CONTROLS, DatasetCard
from brainbench_audio.errors import ContractError, DataError, PluginLoadError
from brainbench_audio.files import hash_file
from brainbench_audio.interfaces import Dataset, Metric, Model
from brainbench_audio.pipeline.benchmark import ComposedBenchmark
from brainbench_audio.registry.lookup import (
    data_source,
    find_benchmark,
    find_dataset,
    find_in_scheme,
    find_metric,
    find_model,
    is_step,
    load_attribute,
    split_control,
)


def load_model(identifier: str, **options: Any) -> Model:
    """Load a model by id, or from a file as ``"./my_model.py:MyModel"``.

    Parameters
    ----------
    identifier : str
        Id, ``distribution:id`` or file and class; behind an id, ``@untrained`` or ``@permuted``
        for a control of the model, ``@step=1000`` for a checkpoint given as ``weights``.
    **options
        ``device`` and ``dtype`` place the model, see `TorchModel`; the others go to the plugin's
        loader, e.g. ``weights``.

    Returns
    -------
    Model

    Raises
    ------
    UnknownId
        No plugin provides it.
    PluginLoadError
        Its loader cannot be imported.
    ContractError
        An option the model does not take, or something that is no model.
    """
    if ".py:" in identifier:
        return _load_file(identifier, options)
    card = find_model(identifier).card
    control = None if find_in_scheme(identifier) else split_control(identifier)[1]
    if is_step(control):
        _check_checkpoint(identifier, options.get("weights"))
    elif control:
        options["control"] = control
    placement: dict[str, str] = {
        name: options.pop(name) for name in ("device", "dtype") if name in options
    }
    model = _checked_model(_call(card.loader, f"model {card.id}", card, **options), card.id)
    if placement:
        _place(model, card.id, placement)
    if control:
        # a control is scored, cached and reported like a model of its own
        own_card = replace(getattr(model, "card", card), id=f"{card.id}@{control}")
        model.card = own_card  # type: ignore[attr-defined]
    return model


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
    dataset_id, _, subset = identifier.partition(".")
    card = find_dataset(dataset_id).card
    if folder is not None:
        return _read_folder(card, subset or None, folder)[1]
    return _read(card, subset or None)


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
    word = f"metric {identifier}"
    metric: Metric = _call(entry.card.loader, word, entry.card, variant, **options)
    return metric


def load_benchmark(
    identifier: str, *, folder: str | Path | None = None, **options: Any
) -> ComposedBenchmark:
    """Load a benchmark ``dataset[.subset]-metric[-variant]``.

    Parameters
    ----------
    identifier : str
    folder : str or Path, optional
        A folder of one's own in the data set's format, e.g. ``load_benchmark("HEAR-probe",
        folder=PATH)``; the benchmark's id then has the name that the folder gives itself. Where the
        folder lies is no part of the key of a score.
    **options
        The metric's.

    Raises
    ------
    UnknownId
        No such benchmark.
    DataError
        Its data are not there or damaged.
    ContractError
        An option the metric does not take.
    """
    card = find_benchmark(identifier, folder=folder is not None)
    word = f"metric {card.metric_id}"
    metric: Metric = _call(card.metric.loader, word, card.metric, card.variant, **options)
    if folder is not None:
        subset, dataset = _read_folder(card.dataset, card.subset, folder)
        return ComposedBenchmark(replace(card, subset=subset), dataset, metric, options)
    return ComposedBenchmark(card, _read(card.dataset, card.subset), metric, options)


class FileModel:
    """A model from somebody's own file; its activations are cached if it has a ``fingerprint``.

    Parameters
    ----------
    model : Model
    file : Path
        Hashed into the cache key together with the fingerprint.
    """

    def __init__(self, model: Model, file: Path, name: str) -> None:
        self._model = model
        self._file = file
        self.name = name

    @property
    def layers(self) -> Sequence[str]:
        """Layers of the model."""
        return self._model.layers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms that the model takes."""
        return self._model.sample_rate

    @property
    def fingerprint(self) -> Any:
        """Class, hash of the file and the model's own fingerprint; None if it has none."""
        own = getattr(self._model, "fingerprint", None)
        return None if own is None else [self.name, hash_file(self._file), own]

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the activations that the model gives."""
        return self._model.activations(waveforms, layers=layers)


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


def _check_checkpoint(identifier: str, weights: Any) -> None:
    """A step says which weights these are, not where to find them."""
    if weights is None or (isinstance(weights, str) and weights in CONTROLS):
        raise ContractError(
            f"{identifier} is one checkpoint of a training: give its file, --weights FILE or "
            f"load_model({identifier!r}, weights=FILE)."
        )


def _place(model: Any, identifier: str, placement: Mapping[str, str]) -> None:
    """Put a model on a device, at a precision; a `TorchModel` can do that."""
    if not hasattr(model, "place"):
        raise ContractError(f"Model {identifier} runs where it runs: leave out device and dtype.")
    model.place(**placement)


def _load_file(identifier: str, options: Mapping[str, Any]) -> Model:
    location, _, attribute = identifier.rpartition(":")
    file = Path(location).expanduser()
    if not file.is_file():
        raise DataError(f"Model file {file} does not exist: give it as PATH.py:ClassName.")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise PluginLoadError(f"{file} cannot be imported as Python.")
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pickling look a class's module up by name
    sys.modules.setdefault(spec.name, module)
    try:
        spec.loader.exec_module(module)
        maker = getattr(module, attribute)
    except (Exception, SystemExit) as error:
        raise PluginLoadError(f"{file}: cannot load {attribute!r}: {error!r}.") from error
    made = _invoke(maker, f"model {identifier}", (), options) if callable(maker) else maker
    return FileModel(_checked_model(made, identifier), file, attribute)


def _call(path: str, word: str, *arguments: Any, **options: Any) -> Any:
    return _invoke(load_attribute(path), word, arguments, options)


def _invoke(function: Any, word: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call a loader; an option it does not take is the user's mistake, not a crash."""
    try:
        inspect.signature(function).bind(*arguments, **options)
    except TypeError as error:
        raise ContractError(f"The {word} does not take these options: {error}.") from error
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
