"""Which sounds count where a benchmark's id names categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import stimulus_names
from brainbench_audio.cards import BenchmarkCard
from brainbench_audio.errors import UnknownId
from brainbench_audio.names import one_form
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.stimulus_set import StimulusSet


def rows_of(
    card: BenchmarkCard, stimuli: StimulusSet, assembly: xr.DataArray
) -> npt.NDArray[np.intp] | None:
    """Return the rows of the sounds that count; None where all do.

    A word stands for the category of that name, in upper or lower case; where there is none, for
    all whose names end with it: ``speech`` for ``EngSpeech`` and ``ForSpeech``.

    Raises
    ------
    UnknownId
        The data have no categories, or none that a word stands for.
    """
    if not card.categories:
        return None
    if isinstance(stimuli, ContinuousStimuli):
        raise UnknownId(
            f"{card.id} is no benchmark: {card.data_id} is continuous sound, whose volumes are "
            f"not taken out of their runs."
        )
    categories = sound_categories(stimuli, assembly)
    if not categories:
        raise UnknownId(f"{card.id} is no benchmark: sounds of {card.data_id} have no categories.")
    names = sorted(set(categories))
    chosen: set[str] = set()
    for word in card.categories:
        lower = word.strip().lower()
        meant = [name for name in names if name.lower() == lower]
        meant = meant or [name for name in names if lower and name.lower().endswith(lower)]
        if not meant:
            raise UnknownId(
                f"{card.data_id} has no category {word!r}: choose from {', '.join(names)}."
            )
        chosen.update(meant)
    return np.flatnonzero(np.isin(categories, sorted(chosen)))


def sound_categories(stimuli: StimulusSet, assembly: xr.DataArray) -> tuple[str, ...]:
    """Return the category of each row of an assembly, as stimuli or responses say; else none."""
    known = dict(zip(map(one_form, stimuli.names), stimuli.categories, strict=False))
    names = stimulus_names(assembly)
    if known and not isinstance(stimuli, ContinuousStimuli):
        return tuple(known[name] for name in names)
    if "category" in assembly.coords and assembly["category"].dims == ("stimulus",):
        return tuple(str(name) for name in assembly["category"].values)
    return ()


class SomeRows(Mapping[str, npt.NDArray[np.floating[Any]]]):
    """Layers, read when asked for, with some of their rows."""

    def __init__(
        self, layers: Mapping[str, npt.NDArray[np.floating[Any]]], rows: npt.NDArray[np.intp]
    ) -> None:
        self._layers = layers
        self._rows = rows

    def __getitem__(self, name: str) -> npt.NDArray[np.floating[Any]]:
        return self._layers[name][self._rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)
