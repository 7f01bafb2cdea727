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

SAME = "name or bytes of a file, each of several"
"""Part of the key of a score: by another rule other sounds are held out."""
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

    def _same(self, stimuli: StimulusSet, names: list[str]) -> npt.NDArray[np.bool_]:
        """Return where sounds are the same: of one name, or with a file of the same bytes.

        Either is enough, and one may be the same as several, so that no sound is chosen by and
        tested because it is stored twice.
        """
        rows: dict[str, list[int]] = {}
        for row, marks in enumerate(_marks(stimuli, names)):
            for mark in marks:
                rows.setdefault(mark, []).append(row)
        own = _marks(self.stimuli, stimulus_names(self.assembly))
        same = np.zeros((len(own), len(names)), dtype=bool)
        for place, marks in enumerate(own):
            for mark in marks:
                same[place, rows.get(mark, [])] = True
        return same

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What of it decides a score besides activations; these follow from model and sounds."""
        return {
            "data": self.card.id.removesuffix(f"-{self.card.metric_id}"),
            "assembly": content_hash(self.assembly),
            "folds": self.folds.fingerprint,
            "stimuli": self.stimuli.fingerprint,
            "same": SAME,
        }


def _marks(stimuli: StimulusSet, names: list[str]) -> list[set[str]]:
    """Return what tells each of some sounds: its name, and the hashes of its files at any rate."""
    files = [stimuli.hashes, *(stimuli.at_rate(rate).hashes for rate in stimuli.recordings)]
    marks = zip(map(one_form, stimuli.names), *files, strict=True)
    every = {name: {name, *hashes} for name, *hashes in marks}
    return [every[name] for name in names]
