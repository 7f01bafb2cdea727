"""Layers whose rows are named, in the order of the stimuli: by name, never by position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.assembly import listed
from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form


class RowsByName(Mapping[str, npt.NDArray[Any]]):
    """Layers, read when asked for; rows of a pandas or xarray table in the order of the stimuli.

    Parameters
    ----------
    layers : mapping of str to array, xr.DataArray or pandas.DataFrame (stimulus, feature)
    stimuli : sequence of str
        Names of the stimuli, in the order that rows without names have.

    Raises
    ------
    DataError
        ``layers`` is no mapping.
    """

    def __init__(self, layers: Mapping[str, Any], stimuli: Sequence[str]) -> None:
        if not isinstance(layers, Mapping):
            raise DataError(
                f"Layers are a mapping of names to arrays, such as {{'conv1': activations}}, these "
                f"are {type(layers).__name__}."
            )
        self._layers = layers
        self._stimuli = [one_form(name) for name in stimuli]

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a layer.

        Raises
        ------
        DataError
            Its rows have names, and these are not those of the stimuli, once each.
        """
        layer = self._layers[name]
        if not (isinstance(layer, xr.DataArray) or hasattr(layer, "iloc")):  # of pandas
            return layer  # type: ignore[no-any-return]
        labels = _labels(layer)
        # what counts rows, as pandas does where it is told no names, names nothing
        if labels is None or labels == list(range(len(labels))):
            return np.asarray(layer)
        names = [one_form(str(label)) for label in labels]
        absent, surplus = Counter(self._stimuli), Counter(names)
        absent, surplus = absent - surplus, surplus - absent
        if absent or surplus:
            raise DataError(
                f"Rows of layer {name!r} are not named as the stimuli, once each (missing: "
                f"{listed(list(absent.elements())) or 'none'}; too many: "
                f"{listed(list(surplus.elements())) or 'none'}): name each as its stimulus, or "
                f"give an array without names, in the order of the stimuli."
            )
        rows = {row_name: row for row, row_name in enumerate(names)}
        return np.asarray(layer)[[rows[stimulus] for stimulus in self._stimuli]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _labels(table: Any) -> list[Any] | None:
    """Return the names of the rows of a table; None without."""
    if not isinstance(table, xr.DataArray):
        return list(table.index)
    index = table.indexes.get(table.dims[0]) if table.dims else None
    return None if index is None else list(index)
