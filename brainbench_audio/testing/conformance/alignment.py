"""Whether responses belong to the sounds that they stand beside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brainbench_audio.assemblies.assembly import align, mean_over_sessions, usable_targets
from brainbench_audio.interfaces import Dataset
from brainbench_audio.testing.conformance.check import Failed, NotChecked

FloatArray = npt.NDArray[np.float64]

RATE = 16_000  # Hz
LEAST, MOST = 20, 400  # stimuli
PERMUTATIONS, LEVEL = 999, 0.01
_FRAME, _BANDS = 400, 24


def responses_follow_the_sounds(data: Dataset) -> None:
    """Fail unless sounds that sound alike tend to have responses that are alike.

    The sum of products of two centred kernels, of simple acoustic features and of responses, is
    compared with those of responses in random orders. Auditory responses follow loudness and
    spectrum to some extent, so rows that are out of order are noticed at once.
    """
    assembly = mean_over_sessions(align(data.assembly, data.stimuli.names))
    responses = assembly.values[:, usable_targets(assembly)]
    count = len(responses)
    if not responses.shape[1]:
        raise NotChecked("every target lacks some responses")
    if count < LEAST:
        raise NotChecked(f"{count} stimuli are too few to tell: {LEAST} are needed")
    generator = np.random.default_rng(0)
    some = np.sort(generator.permutation(count)[:MOST])
    features = [acoustic_features(sound) for sound in data.stimuli.waveforms(some.tolist(), RATE)]
    sounds, brain = _kernel(np.stack(features)), _kernel(responses[some])
    orders = [generator.permutation(len(some)) for _ in range(PERMUTATIONS)]
    found = float((sounds * brain).sum())
    mixed = [float((sounds * brain[np.ix_(order, order)]).sum()) for order in orders]
    p = (1 + sum(one >= found for one in mixed)) / (1 + PERMUTATIONS)
    if p > LEVEL:
        raise Failed(
            f"Responses do not follow loudness and spectrum of the sounds (p = {p:.2f}, "
            f"{PERMUTATIONS} random orders): look whether rows and sounds are in one order. If "
            f"nothing acoustic is expected of them, write `acoustic=False` on the card."
        )


def acoustic_features(sound: npt.NDArray[np.floating]) -> FloatArray:
    """Return mean and spread over time of the level in 24 bands of a sound (sample,) at 16 kHz.

    Returns
    -------
    float64 array (48,)
        In units of log amplitude; bands are equally wide in log frequency from 60 Hz to 8 kHz.
    """
    whole = np.asarray(sound, dtype=np.float64)
    padded = np.pad(whole, (0, max(0, _FRAME - whole.size)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[:: _FRAME // 2]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_FRAME)))
    edges = np.geomspace(60.0, RATE / 2, _BANDS + 1)
    band = np.digitize(np.fft.rfftfreq(_FRAME, 1 / RATE), edges[1:-1])
    levels = np.stack([spectrum[:, band == one].sum(axis=1) for one in range(_BANDS)], axis=1)
    logarithms = np.log(levels + 1e-6)
    return np.concatenate([logarithms.mean(axis=0), logarithms.std(axis=0)])


def _kernel(values: npt.NDArray[np.floating]) -> FloatArray:
    """Return products of z-scored rows, (stimulus, stimulus); constant columns count nothing."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    spread = centred.std(axis=0)
    scaled = centred / np.where(spread > 0, spread, 1.0)
    return np.asarray(scaled @ scaled.T)
