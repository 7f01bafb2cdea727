"""The simulated listeners: what drives a voxel, how late, and how noisy it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .features import BANDS, FRAME_RATE, HEIGHTS, WIDE_BANDS, Array
from .sounds import SECONDS

Rng = np.random.Generator

SUBJECTS = 4
VOXELS = 60
REPETITION_TIME = 2.0  # s
PRESENTATIONS = 4
RUNS = ("train-0", "train-1", "train-2", "test")
TEST = RUNS[-1]
REGIONS: Mapping[str, str] = {"Primary": "spectrum", "Lateral": "onsets", "Anterior": "pitch"}
LAGS = (5.0, 7.0)  # s
DISPERSION = 1.5  # s
RELIABILITY = (0.5, 0.9)
AUTOCORRELATION = 0.4
DRIFT = 0.2
_LONGEST = 20.0  # s, after which nothing is left of a response
_DRIFT_PERIODS = (80.0, 320.0)  # s


@dataclass(frozen=True)
class Listeners:
    """Voxels and what they answer.

    Attributes
    ----------
    run : (volume,) names
    time : (volume,)
        Seconds from the start of the run to the middle of the volume.
    repeat : (volume,)
        Presentation of the run.
    subject, region, planted_layer : (voxel,) names
    lag : (voxel,)
        Seconds from a sound to the peak of the response.
    reliability : (voxel,)
        Expected squared correlation of `signal` with the mean response over the presentations of
        the test run.
    signal : (volume, voxel)
        The noiseless response: mean 0 and variance 1 over the test run.
    responses : (volume, voxel)
    """

    run: NDArray[np.str_]
    time: Array
    repeat: NDArray[np.int64]
    subject: NDArray[np.str_]
    region: NDArray[np.str_]
    planted_layer: NDArray[np.str_]
    lag: Array
    reliability: Array
    signal: NDArray[np.float32]
    responses: NDArray[np.float32]


def simulate(layers: Sequence[Mapping[str, Array]], rng: Rng) -> Listeners:
    """Return the responses of all voxels to all presentations of all runs.

    A voxel's signal is w x, with x the frames of one planted layer and w the voxel's tuning, passed
    through a haemodynamic response that peaks after the voxel's lag. A presentation adds noise of
    variance K (1 - r) / r, so that the mean over the K presentations of the test run has
    reliability r.

    Parameters
    ----------
    layers : for each of `RUNS`, planted layer to (frame, feature), standardised.
    rng : source of the tunings and of the noise.
    """
    region = np.tile(np.repeat(list(REGIONS), VOXELS // len(REGIONS)), SUBJECTS)
    planted = np.array([REGIONS[name] for name in region])
    lag = rng.choice(LAGS, len(region))
    tunings = [_TUNINGS[layer](rng) for layer in planted]
    time = np.arange(REPETITION_TIME, SECONDS + 1e-6, REPETITION_TIME)
    tuned = list(zip(planted, tunings, lag, strict=True))
    signals = {
        run: np.stack([_response(each[layer] @ w, late, time) for layer, w, late in tuned], axis=1)
        for run, each in zip(RUNS, layers, strict=True)
    }
    mean, deviation = signals[TEST].mean(axis=0), signals[TEST].std(axis=0)
    presented = [(run, 0) for run in RUNS] + [(TEST, number) for number in range(1, PRESENTATIONS)]
    signal = np.concatenate([(signals[run] - mean) / deviation for run, _ in presented])
    reliability = rng.uniform(*RELIABILITY, len(region))
    noises = [noise(len(time), len(region), rng) for _ in presented]
    responses = signal + noise_deviation(reliability) * np.concatenate(noises)
    return Listeners(
        np.repeat([run for run, _ in presented], len(time)),
        np.tile(time, len(presented)),
        np.repeat([number for _, number in presented], len(time)),
        np.repeat([f"subject-{number}" for number in range(SUBJECTS)], VOXELS),
        region,
        planted,
        lag,
        reliability,
        signal.astype(np.float32),
        responses.astype(np.float32),
    )


def haemodynamic(lag: float) -> Array:
    """Return the response to a moment of sound, (frame,): a gamma density, its sum 1.

    It peaks after ``lag`` seconds, with a curvature there as of a Gaussian of `DISPERSION`.

    Examples
    --------
    >>> int(haemodynamic(5.0).argmax())
    50
    """
    shape = (lag / DISPERSION) ** 2
    late = np.arange(int(_LONGEST * FRAME_RATE)) / FRAME_RATE / lag
    with np.errstate(divide="ignore"):
        course = np.exp(shape * (np.log(late) + 1 - late))
    return np.asarray(course / course.sum())


def noise(volumes: int, voxels: int, rng: Rng) -> Array:
    """Return noise of one presentation, (volume, voxel), of mean 0 and variance 1 over time.

    About four fifths are autoregressive of the first order, one fifth is a slow drift. Its mean is
    taken out, as who compares courses takes out that of a run: what is left has to be the noise.
    """
    white = rng.standard_normal((volumes, voxels))
    course = np.empty_like(white)
    course[0] = white[0]
    for row in range(1, volumes):
        fresh = np.sqrt(1 - AUTOCORRELATION**2) * white[row]
        course[row] = AUTOCORRELATION * course[row - 1] + fresh
    time = REPETITION_TIME * np.arange(volumes)[:, np.newaxis]
    period, phase = rng.uniform(*_DRIFT_PERIODS, voxels), rng.uniform(0, 2 * np.pi, voxels)
    drift = np.cos(2 * np.pi * time / period + phase)
    mixed = np.sqrt(1 - DRIFT) * _standardised(course) + np.sqrt(DRIFT) * _standardised(drift)
    return _standardised(mixed)


def _standardised(courses: Array) -> Array:
    return np.asarray((courses - courses.mean(axis=0)) / courses.std(axis=0))


def noise_deviation(reliability: Array) -> Array:
    """Return the standard deviation of the noise of one presentation, sqrt(K (1 - r) / r).

    Examples
    --------
    >>> round(float(noise_deviation(np.array([0.8]))[0]), 6)
    1.0
    """
    return np.sqrt(PRESENTATIONS * (1 - reliability) / reliability)


def _response(drive: Array, lag: float, time: Array) -> Array:
    """Return the response at some times to a course of frames; before the run there is nothing."""
    course = np.convolve(drive, haemodynamic(lag))
    return np.asarray(course[np.round(time * FRAME_RATE).astype(int) - 1])


def _bump(length: int, rng: Rng) -> Array:
    centre, width = rng.uniform(0, length - 1), rng.uniform(0.7, 2.0)
    return np.asarray(np.exp(-0.5 * ((np.arange(length) - centre) / width) ** 2))


def _pitch_tuning(rng: Rng) -> Array:
    return np.array([rng.uniform(0.2, 0.8), *_bump(HEIGHTS, rng)])


_TUNINGS = {
    "spectrum": lambda rng: _bump(BANDS, rng),
    "onsets": lambda rng: _bump(WIDE_BANDS, rng),
    "pitch": _pitch_tuning,
}
