"""The components as courses in time: each sound is a short run, heard as windows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr
from brainbench_natsound165.stimuli import published_folds

from brainbench_audio.assemblies.assembly import stimulus_names
from brainbench_audio.assemblies.continuous import build_in_time
from brainbench_audio.assemblies.folds import Folds
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.stimulus_set import StimulusSet

# subsets
CAUSAL, CENTRED = "causal", "centred"
STEP = 0.04  # s between two time points
# s of a window: a whole sound, so that a causal model has heard all of it when the sound ends
CONTEXT = 2.0
# s that a layer without a time axis hears: any longer, and its mean would tell no moment; models of
# the paper take no less
CLIP = 0.2


def windows(
    stimuli: StimulusSet, times: npt.NDArray[np.float64], *, causal: bool
) -> ContinuousStimuli:
    """Return a window of 2 s for each sound and time: ending there, or with its middle there.

    Before and after a sound there is silence. What a causal window has heard is the sound up to its
    time, from the start of the sound until that has ended; a centred one 1 s before and 1 s after.
    Layers without a time axis hear the last, or middle, 0.2 s.

    Parameters
    ----------
    stimuli : StimulusSet
        The sounds.
    times : float64 array (time,)
        Seconds from the onset of a sound.
    causal : bool
    """
    name, run = stimuli.name, np.repeat(stimuli.names, len(times)).tolist()
    seconds = np.tile(times, len(stimuli)).round(6).tolist()
    return ContinuousStimuli(
        f"{name}, {CAUSAL if causal else CENTRED}",
        tuple(f"{sound}@{time:.3f}" for sound, time in zip(run, seconds, strict=True)),
        tuple(np.repeat(np.array(stimuli.files, dtype=object), len(times))),
        sample_rate=stimuli.sample_rate,
        run=tuple(run),
        time=tuple(seconds),
        context=CONTEXT,
        stride=STEP,
        clip=CLIP,
        causal=causal,
        after=float(times[-1]),
    )


def responses_in_time(targets: xr.DataArray) -> xr.DataArray:
    """Return (sound and time) x component, all times of a sound after each other.

    Parameters
    ----------
    targets : xr.DataArray
        Stimulus x (component, time), see `components.over_time`.
    """
    sounds = stimulus_names(targets)
    components = list(dict.fromkeys(targets["component"].values.tolist()))
    times = targets["time"].values[: targets.shape[1] // len(components)]
    values = targets.values.reshape(len(sounds), len(components), len(times)).transpose(0, 2, 1)
    return build_in_time(
        values.reshape(-1, len(components)),
        np.repeat(sounds, len(times)).tolist(),
        np.tile(times, len(sounds)).round(6),
        "component",
        {"component": components},
    )


def folds(assembly: xr.DataArray) -> Folds:
    """Return the five published folds of sounds, all times of a sound in one."""
    published = published_folds()
    fold = dict(zip(published.stimuli, published.assignment, strict=True))
    return Folds(
        tuple(stimulus_names(assembly)),
        tuple(fold[run] for run in assembly["run"].values.tolist()),
        published.source,
    )
