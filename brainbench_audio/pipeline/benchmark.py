"""A data set and a metric, put together."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from brainbench_audio import revisions
from brainbench_audio.activations.extraction import activation_fields, extracted
from brainbench_audio.activations.lazy import LazyModel
from brainbench_audio.activations.store import StoredActivations, activations_key
from brainbench_audio.assemblies.assembly import (
    align,
    content_hash,
    stimulus_names,
    validate,
)
from brainbench_audio.assemblies.coordinates import storable
from brainbench_audio.assemblies.copies import copied_responses
from brainbench_audio.cards import BenchmarkCard
from brainbench_audio.errors import BrainbenchError, ContractError
from brainbench_audio.files import hash_json
from brainbench_audio.hashing.live_code import Unhashable, hash_object
from brainbench_audio.hashing.sources import check_imported, check_unchanged, package_hash
from brainbench_audio.interfaces import Dataset, Metric, Model
from brainbench_audio.pipeline.by_name import RowsByName
from brainbench_audio.pipeline.categories import SomeRows, rows_of, sound_categories
from brainbench_audio.pipeline.dimensionality import MeasuredLayers
from brainbench_audio.pipeline.resampling import METHOD, LayersInTime, Resampling
from brainbench_audio.pipeline.second import Layers, SecondDataset
from brainbench_audio.scores.fault import fault
from brainbench_audio.scores.predictions import CATEGORY, with_categories, with_sound_errors
from brainbench_audio.scores.profiles import TAKEN
from brainbench_audio.scores.score import Score
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.copies import copied_sounds
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.views import bars, line, view

_log = logging.getLogger(__name__)
# options of all metrics that leave their scores as they are
_NEUTRAL = frozenset({"max_memory"})


class ComposedBenchmark:
    """Scores a model: extracts its activations and hands them, aligned by name, to the metric.

    Parameters
    ----------
    card : BenchmarkCard
    dataset : Dataset
    metric : Metric
    options : mapping
        Those the metric was loaded with; part of the key of a score.
    source : str, optional
        Hash of the metric's packages, of a metric that its card's loader made with just these
        options. Without it, the state of the metric counts, too.
    given : LazyModel, optional
        The model that others are compared with, for a metric that takes one.
    second : SecondDataset, optional
        What something is taken over from, for a metric that does.

    Raises
    ------
    DataError
        The data set's assembly is not well formed, or a stimulus has no response or no fold.
    """

    def __init__(
        self,
        card: BenchmarkCard,
        dataset: Dataset,
        metric: Metric,
        options: Mapping[str, Any],
        *,
        source: str | None = None,
        given: LazyModel | None = None,
        second: SecondDataset | None = None,
    ) -> None:
        self.card = card
        self.given = given
        self.second = second
        self.stimuli: StimulusSet = dataset.stimuli
        assembly = storable(validate(dataset.assembly), TAKEN)
        self._resampling: Resampling | None = None
        names = dataset.stimuli.names
        if isinstance(dataset.stimuli, ContinuousStimuli):
            # rows of responses are volumes, in their own order
            names = tuple(stimulus_names(assembly))
            self._resampling = Resampling(dataset.stimuli, assembly)
        in_time = self._resampling is not None
        for told in copied_responses(assembly, in_time=in_time):
            _log.warning("%s: %s.", card.data_id, told)
        aligned = align(assembly, names)
        # all sounds are heard, so that activations are shared with other benchmarks
        self._rows = rows_of(card, dataset.stimuli, aligned)
        self.assembly: xr.DataArray = aligned if self._rows is None else aligned[self._rows]
        self.folds = dataset.folds.aligned(names)
        if self._rows is not None:
            self.folds = self.folds.restricted(stimulus_names(self.assembly))
        self.options = dict(options)
        self._metric = metric
        self._source = source
        self._told: set[str] = set()

    def __repr__(self) -> str:
        return line("Benchmark", self._facts())

    def _repr_html_(self) -> str:
        """Return a view for notebooks, with the number of sounds in each category."""
        picture = bars(Counter(self.stimuli.categories), "Sounds in each category")
        return view("Benchmark", {**self._facts(), "data": self.card.dataset.description}, picture)

    def _facts(self) -> dict[str, str]:
        metric = self.card.metric
        sizes = (f"{size} {dim}" for dim, size in self.assembly.sizes.items())
        facts = {
            "id": self.card.id,
            "metric": f"{metric.description} ({self.card.unit})",
            "responses": " x ".join(sizes),
            "folds": f"{len(set(self.folds.assignment))} ({self.folds.source})",
            "second data": self.second.card.data_id if self.second else "",
            "options": ", ".join(f"{name} {value}" for name, value in self.options.items()),
        }
        return {name: fact for name, fact in facts.items() if fact}

    def __call__(self, model: Model) -> Score:
        """Return the model's score, see `interfaces.Benchmark`.

        Raises
        ------
        ContractError
            The model or the metric does not do what it should.
        DataError
            Sounds or responses are damaged.
        """
        with (
            extracted(model, self.stimuli) as activations,
            self.second_layers(model) as second,
        ):
            self.tell_copies(model.sample_rate)
            return self.compare(activations, second)

    def tell_copies(self, sample_rate: int) -> None:
        """Warn, once, of sounds that are there twice as models of a sample rate hear them."""
        heard = self.stimuli.at_rate(sample_rate)
        if self._resampling is not None or heard.fingerprint in self._told:
            return  # of runs, files have many windows
        self._told.add(heard.fingerprint)
        counted = slice(None) if self._rows is None else self._rows
        hashes = np.array(heard.hashes)[counted].tolist()
        folds = self.folds.aligned(names := stimulus_names(self.assembly))
        if told := copied_sounds(names, hashes, folds.assignment):
            _log.warning("%s: %s.", self.card.id, told)

    @property
    def data(self) -> list[ComposedBenchmark | SecondDataset]:
        """Itself and a second data set, if there is one: each has `stimuli` and `assembly`."""
        return [self] if self.second is None else [self, self.second]

    @contextmanager
    def second_layers(self, model: Model, *, anew: bool = False) -> Iterator[Layers | None]:
        """Yield a model's activations of the second data set's sounds; None if there is none."""
        if self.second is None:
            yield None
            return
        stimuli = self.second.stimuli
        # the same sounds have just been heard anew
        anew = anew and stimuli.fingerprint != self.stimuli.fingerprint
        with extracted(model, stimuli, anew=anew) as activations:
            yield activations

    def compare(self, layers: Layers, second: Layers | None = None) -> Score:
        """Return the score of activations: layer to (stimulus, feature), in the stimuli's order.

        Rows of an xarray or pandas table that are named as the stimuli may have any order.
        ``second``: the same for the sounds of the second data set, see `second_layers`.

        Raises
        ------
        ContractError, DataError
            See `__call__`.
        """
        counted = self._counted(layers)
        measured = MeasuredLayers(counted)
        # not beside labels: a probe has tens of thousands of clips, and their products take minutes
        seen = counted if self.assembly.dims[1] == "label" else measured
        with self._others(second) as others:
            try:
                score = self._metric(seen, self.assembly, self.folds, **others)
            except BrainbenchError as error:
                raise type(error)(f"{self.card.id}: {error}") from error
        if self._source is not None:
            check_unchanged({"packages": self.card.metric.packages, "hash": self._source})
        if not isinstance(score, Score):
            raise ContractError(
                f"Metric {self.card.metric_id} returned {type(score).__name__}, not a Score."
            )
        if wrong := fault(score):
            raise ContractError(f"Metric {self.card.metric_id} returned a score {wrong}.")
        n = {"stimulus": self.assembly.sizes["stimulus"], **score.n}
        # errors take names and categories over, so these come first
        raw = with_sound_errors(self._with_sounds(score.raw))
        return replace(score, n=n, raw=measured.added_to(raw))

    def _with_sounds(self, raw: xr.Dataset) -> xr.Dataset:
        """Name the sounds, and their categories, where there is something of each of them.

        Without names they are those of the responses, in their order, as long as they are as many:
        a metric may have left some out.
        """
        names = stimulus_names(self.assembly)
        if not {"stimulus", "pair", "bin"} & set(raw.dims) or CATEGORY in raw.variables:
            return raw
        if "stimulus" not in raw.coords:
            sizes = {"stimulus": len(names), "pair": len(names) * (len(names) - 1) // 2}
            if any(raw.sizes.get(dim, size) != size for dim, size in sizes.items()):
                return raw
            raw = raw.assign_coords(stimulus=names)
        # by name, as a metric may have an order of its own
        return with_categories(raw, dict(zip(names, self._categories, strict=False)))

    @property
    def _categories(self) -> tuple[str, ...]:
        return sound_categories(self.stimuli, self.assembly)

    def _counted(self, layers: Layers) -> Layers:
        """Return layers of all sounds with the rows of those that count, or of volumes."""
        if self._resampling is not None:
            return LayersInTime(layers, self._resampling)
        if not isinstance(layers, StoredActivations):
            layers = RowsByName(layers, self.stimuli.names)
        return layers if self._rows is None else SomeRows(layers, self._rows)

    @contextmanager
    def _others(self, second: Layers | None) -> Iterator[dict[str, Any]]:
        """Yield what the metric is told of a given model or second data set, if it takes one."""
        if self.second is not None:
            if second is None:
                raise ContractError(
                    f"{self.card.id} takes sounds of {self.second.card.data_id}, too, which the "
                    f"model has not heard: score it with `brainbench_audio.score`."
                )
            if not isinstance(second, StoredActivations):
                second = RowsByName(second, self.second.stimuli.names)
            names = stimulus_names(self.assembly)
            yield {"second": self.second.seen(second, self.stimuli, names)}
            return
        if self.given is None:
            yield {}
            return
        with extracted(self.given, self.stimuli) as activations:
            yield {"given": self._counted(activations)}

    @property
    def fingerprint(self) -> dict[str, Any] | None:
        """What decides a score besides the activations: data, folds, metric and its options.

        As they are now; and the activations of the given model, or what there is of a second data
        set. None where that cannot be told: a metric put together by hand, whose state has no hash,
        or a given model that has no fingerprint.
        """
        metric, state = self.card.metric, None
        if self._source is None:
            check_imported(metric.packages)
            try:
                state = hash_object(self._metric)
            except Unhashable:
                return None
        given: dict[str, Any] = {}
        if self.given is not None:
            identity = self.given.identity
            if not identity.kept:
                return None
            heard = self.stimuli.at_rate(identity.sample_rate).fingerprint
            key = activations_key(activation_fields(identity, heard), identity.layers)
            given = {"given": {"model": identity.id, "source": identity.source, "key": key}}
        return {
            "benchmark": self.card.id,
            "assembly": content_hash(self.assembly),
            "attributes": {
                str(name): _hashed(value) for name, value in self.assembly.attrs.items()
            },
            # stored with what a score says of each sound
            "categories": hash_json(self._categories),
            "folds": self.folds.fingerprint,
            "metric": metric.revision or self._source or package_hash(metric.packages),
            "options": {
                name: value
                for name, value in self.options.items()
                if name not in _NEUTRAL | metric.neutral
            },
            "revision": revisions.SCORES,
            **({"state": state} if state else {}),
            **({"in_time": METHOD} if self._resampling else {}),
            **given,
            **({"second": self.second.fingerprint} if self.second else {}),
        }


def _hashed(attribute: Any) -> str:
    """Return the hash of an attribute of an assembly; of an odd one, what it says of itself."""
    try:
        return hash_object(attribute)
    except Unhashable:
        return str(attribute)
