"""The second data set of a benchmark, such as B2021 of `NH2015-ridge-from=B2021`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import align, content_hash, stimulus_names, validate
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.cards import BenchmarkCard
from brainbench_audio.interfaces import Dataset, SecondData
from brainbench_audio.names import one_form
from brainbench_audio.pipeline.categories import SomeRows, rows_of
from brainbench_audio.stimuli.stimulus_set import StimulusSet

Layers = Mapping[str, npt.NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class SecondDataset:
    """Sounds, responses and folds of a data set that something is taken over from.

    Attributes
    ----------
    card : BenchmarkCard
        Of the data set with the metric that asks for it.
    stimuli : StimulusSet
    assembly : xr.DataArray
        Responses, rows in the order of the stimuli that count.
    folds : Folds
    rows : int array or None
        Those of the stimuli that count; None: all.
    """

    card: BenchmarkCard
    stimuli: StimulusSet
    assembly: xr.DataArray
    folds: Folds
    rows: npt.NDArray[np.intp] | None

    @classmethod
    def of(cls, card: BenchmarkCard, dataset: Dataset) -> SecondDataset:
        """Build from a data set as it was loaded.

        Raises
        ------
        UnknownId
            It has no such categories.
        DataError
            It is not well formed.
        """
        assembly = align(validate(dataset.assembly), dataset.stimuli.names)
        folds = dataset.folds.aligned(dataset.stimuli.names)
        rows = rows_of(card, dataset.stimuli, assembly)
        if rows is not None:
            assembly = assembly[rows]
            folds = folds.restricted(stimulus_names(assembly))
        return cls(card, dataset.stimuli, assembly, folds, rows)

    def seen(self, layers: Layers, stimuli: StimulusSet, names: list[str]) -> SecondData:
        """Return what a metric sees of it.

        Parameters
        ----------
        layers : mapping of str to array
            Of all its sounds.
        stimuli : StimulusSet
            The sounds of the data that are to be scored.
        names : list of str
            Those of their rows.
        """
        counted = layers if self.rows is None else SomeRows(layers, self.rows)
        same = self._same(stimuli, names)
        return SecondData(counted, self.assembly, self.folds, same)

    def _same(self, stimuli: StimulusSet, names: list[str]) -> npt.NDArray[np.intp]:
        """Return the row of the same sound: a file of the same bytes, or one of the same name.

        Either is enough, so that no sound is chosen by and tested because it is stored twice.
        """
        by_name = {name: row for row, name in enumerate(names)}
        contents = dict(zip(map(one_form, stimuli.names), stimuli.hashes, strict=True))
        by_content = {contents[name]: row for name, row in by_name.items()}
        own = dict(zip(map(one_form, self.stimuli.names), self.stimuli.hashes, strict=True))
        mine = stimulus_names(self.assembly)
        return np.array(
            [by_content.get(own[name], by_name.get(name, -1)) for name in mine], dtype=np.intp
        )

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What of it decides a score besides activations; these follow from model and sounds."""
        return {
            "data": self.card.id.removesuffix(f"-{self.card.metric_id}"),
            "assembly": content_hash(self.assembly),
            "folds": self.folds.fingerprint,
            "stimuli": self.stimuli.fingerprint,
        }
