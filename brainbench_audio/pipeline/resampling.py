"""Layers of continuous sound at the times of responses: from windows to volumes.

Both sides of a benchmark then have the same rows, so a metric sees what it sees of clips: layers
(row, feature), responses (row, target) and folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.activations.store import StoredActivations
from brainbench_audio.assemblies.assembly import real_numbers
from brainbench_audio.assemblies.continuous import lanczos_kernel, repetition_time
from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form
from brainbench_audio.stimuli.continuous import ContinuousStimuli

if TYPE_CHECKING:
    import scipy.sparse

METHOD = "Lanczos, 3 lobes, held at both ends"
"""Part of the key of a score: another way to resample gives other scores."""
_ROUNDED = 1e-3  # of times in files, in shares of the interval
Layers = Mapping[str, npt.NDArray[np.floating[Any]]]


def lanczos(
    at: npt.NDArray[np.float64], known: npt.NDArray[np.float64], interval: float
) -> npt.NDArray[np.float64]:
    """Return the weights that resample a course in time.

    ``w(t) = sinc(t) sinc(t / 3)`` for |t| < 3, else 0, with t the difference of two times over the
    interval; the weights of a row sum to 1. What is faster than half of 1 / interval is filtered
    out. Before the first value and after the last one, the course stays as it is there.

    Parameters
    ----------
    at, known : float64 arrays (row,) and (window,)
        Times wanted and times at which there are values, s; the latter rise.
    interval : float
        Between the times wanted, s; times known are nowhere further apart.

    Returns
    -------
    float64 array (row, window)

    Notes
    -----
    Code of the field leaves the sums as they are: less than elsewhere at both ends of a run.

    Examples
    --------
    >>> lanczos(np.array([1.5]), np.arange(4.0), 1.0).round(2).tolist()
    [[-0.14, 0.64, 0.64, -0.14]]
    """
    # beyond them, where only the negative lobes reach, the sum is about 0
    inside = np.clip(at, known[0], known[-1])
    difference = (inside[:, np.newaxis] - known) / interval
    weights = lanczos_kernel(difference)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


class Resampling:
    """Takes rows of windows to rows of responses, the same for every layer.

    Parameters
    ----------
    stimuli : ContinuousStimuli
    assembly : xr.DataArray
        Responses with ``run``, ``time`` and ``repeat``, see `assemblies.continuous`.

    Raises
    ------
    DataError
        The assembly's rows are not in order, of no run, or outside of its sound; or windows are
        further apart than rows.
    """

    def __init__(self, stimuli: ContinuousStimuli, assembly: xr.DataArray) -> None:
        from scipy.sparse import csr_array  # a sixth of the time of asking for a stored score

        interval = max(repetition_time(assembly), stimuli.stride)
        runs, times = assembly["run"].values.astype(str), assembly["time"].values
        self._rows, self._windows = len(runs), len(stimuli)
        self._runs: list[tuple[range, npt.NDArray[np.intp], scipy.sparse.csr_array]] = []
        sounds = {one_form(run): windows for run, windows in stimuli.windows.items()}
        for run, windows in sounds.items():
            rows = np.flatnonzero(runs == run)
            known = np.asarray(stimuli.time[windows.start : windows.stop])
            _refuse_outside(run, times[rows], known[-1] + interval)
            _refuse_gaps(run, known, interval)
            weights = lanczos(times[rows], known, interval).astype(np.float32)
            self._runs.append((windows, rows, csr_array(weights)))
        if unknown := sorted({*runs.tolist()} - {*sounds}):
            raise DataError(
                f"Responses are of run {unknown[0]!r}, and the sounds are of "
                f"{', '.join(sounds)}: use the same names on both sides."
            )

    def layer(self, layers: Layers, name: str) -> npt.NDArray[np.float32]:
        """Return a layer at the times of the responses, float32 (row, feature).

        Of a layer that lies on disk, one run at a time is in memory.

        Raises
        ------
        DataError
            It is no real numbers, or not one row a window.
        """
        stored = layers if isinstance(layers, StoredActivations) else None
        whole = self._checked(layers[name], name) if stored is None else None
        resampled = np.empty((0, 0), np.float32)
        for windows, rows, weights in self._runs:
            if not rows.size:
                continue
            if whole is None:
                assert stored is not None
                values = stored.rows(name, windows)
            else:
                values = whole[windows.start : windows.stop]
            if not resampled.size:
                resampled = np.empty((self._rows, values.shape[1]), np.float32)
            resampled[rows] = weights @ values
        return resampled

    def _checked(self, values: npt.ArrayLike, name: str) -> npt.NDArray[np.floating[Any]]:
        """Return a layer that is not from the store, which has checked its own."""
        checked = real_numbers(values, f"Features of layer {name!r}")
        if checked.ndim != 2 or len(checked) != self._windows:
            raise DataError(
                f"Layer {name} is {checked.shape}, the sounds have {self._windows} windows: give "
                f"(window, feature) for the same windows in the same order."
            )
        return checked


class LayersInTime(Mapping[str, npt.NDArray[np.floating[Any]]]):
    """Layers, read when asked for, at the times of responses."""

    def __init__(self, layers: Layers, resampling: Resampling) -> None:
        self._layers = layers
        self._resampling = resampling

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        return self._resampling.layer(self._layers, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _refuse_gaps(run: str, known: npt.NDArray[np.float64], interval: float) -> None:
    largest = np.diff(known).max(initial=0.0)
    if largest > interval * (1 + _ROUNDED):
        raise DataError(
            f"Windows of {run} are up to {largest:g} s apart, expected {interval:g} s at most, as "
            f"volumes are: cut the run into windows without gaps, see `ContinuousStimuli.of_runs`."
        )


def _refuse_outside(run: str, times: npt.NDArray[np.float64], end: float) -> None:
    outside = times[(times < 0) | (times > end)]
    if outside.size:
        raise DataError(
            f"{outside.size} volumes lie outside of the sound of {run}, which lasts about "
            f"{end:.1f} s, the first at {outside[0]:.1f} s: leave them out, and count time from "
            f"the start of the sound."
        )
