"""The response components: read, checked, aligned with the 165 sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from brainbench_natsound165.files import find_sounds, sounds_folder
from brainbench_natsound165.stimuli import published_folds, stimulus_set

from brainbench_audio import settings
from brainbench_audio.assemblies.assembly import align, build, select
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import (
    BaseSource,
    LoadedDataset,
    refuse_checksum,
    refuse_subset,
)
from brainbench_audio.download import fetch, find_folder
from brainbench_audio.errors import DataError
from brainbench_audio.matlab import field, load_mat, strings

from .files import FOLDER, PUBLISHED, install, responses_file
from .in_time import CAUSAL, STEP, folds, responses_in_time, windows

# the authors number the components; their figure code calls this one selective for song
SONG = "C11"


class Components(BaseSource):
    """Gets and loads the response components, and the 165 sounds."""

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load the components' mean responses, one of them, or all time points.

        Parameters
        ----------
        card : DatasetCard
        subset : str or None
            None: mean over time, stimulus x component ``C1`` … ``C15``. ``"song"``: of these C11.
            ``"time"``: a target for each component and time point, with the coordinate ``time``
            in s. ``"causal"`` and ``"centred"``: a row for each sound and time point, see
            `in_time.windows`.

        Raises
        ------
        DataError
            A file is not there, damaged or not as published.
        UnknownId
            There is no such subset.
        """
        refuse_subset(card, subset)
        stimuli = stimulus_set(sounds_folder())
        responses, names, times = read_responses(responses_file())
        if subset in (None, "song"):
            found = align(mean(responses, names), stimuli.names)
            found = select(found, "component", SONG) if subset else found
            return LoadedDataset(card, stimuli, found, published_folds())
        targets = align(over_time(responses, names, times), stimuli.names)
        if subset == "time":
            return LoadedDataset(card, stimuli, targets, published_folds())
        assembly = responses_in_time(targets)
        heard = windows(stimuli, times, causal=subset == CAUSAL)
        return LoadedDataset(card, heard, assembly, folds(assembly))

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Install responses and, unless they are here, sounds; return the responses' folder."""
        refuse_checksum(card, sha256)
        if source is not None:
            return install(source)
        file = fetch(PUBLISHED, settings.data_home() / FOLDER)
        sounds_folder()
        return file.parent

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the responses' folder, the user's own first; None unless sounds are here too."""
        return find_folder(FOLDER, [PUBLISHED]) if find_sounds() else None


def mean(responses: npt.NDArray[np.floating[Any]], names: Sequence[str]) -> xr.DataArray:
    """Return the mean over time of responses (stimulus, time, component), in float64."""
    values = responses.mean(axis=1, dtype=np.float64)
    return build(values, names, "component", {"component": _numbered(responses.shape[2])})


def over_time(
    responses: npt.NDArray[np.floating[Any]], names: Sequence[str], times: npt.NDArray[np.float64]
) -> xr.DataArray:
    """Return each component at each time as one target: stimulus x (component, time).

    The coordinates ``component`` (its name, as often as there are times) and ``time`` (s) are flat.
    """
    stimuli, _, components = responses.shape
    values = responses.transpose(0, 2, 1).reshape(stimuli, -1)
    along = {
        "component": np.repeat(_numbered(components), len(times)),
        "time": np.tile(times, components),
    }
    return build(values, names, "component", along)


def read_responses(
    file: Path,
) -> tuple[npt.NDArray[np.floating[Any]], list[str], npt.NDArray[np.float64]]:
    """Read ``R``, ``stim_names`` and ``t`` of the published file.

    Returns
    -------
    tuple
        Responses (stimulus, time, component), stimulus names in the file's order without ``.wav``,
        and times in s from the onset of the sound.

    Raises
    ------
    DataError
        Naming the file and the field that is not as published.
    """
    content = load_mat(file, PUBLISHED.sha256)
    responses = _numbers(content, "R", file)
    names = [name.removesuffix(".wav") for name in strings(content, "stim_names", file)]
    times = _numbers(content, "t", file).ravel().astype(np.float64)
    if responses.ndim != 3 or responses.shape[:2] != (len(names), len(times)):
        raise DataError(
            f"{file}: R is {responses.shape}, expected ({len(names)} stim_names, {len(times)} t, "
            f"components)."
        )
    if len(times) > 1 and not np.allclose(np.diff(times), STEP, rtol=1e-6, atol=0):
        raise DataError(f"{file}: t is not in steps of {STEP} s.")
    if not np.isfinite(responses).all():
        stimulus, time, component = np.argwhere(~np.isfinite(responses))[0]
        raise DataError(
            f"{file}: R has NaN or infinite responses, the first of component {component + 1} to "
            f"{names[stimulus]} at {times[time]:.2f} s; the published file has none."
        )
    return responses, names, times


def _numbers(content: Mapping[str, Any], name: str, file: Path) -> npt.NDArray[Any]:
    values = field(content, name, file)
    if values.dtype.kind != "f" or not values.size:
        raise DataError(f"{file}: {name} is {values.dtype} {values.shape}, expected numbers.")
    return values


def _numbered(components: int) -> list[str]:
    return [f"C{number}" for number in range(1, components + 1)]
