"""Where time runs in the layers of a network: found by listening, and cut to a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import gcd

import torch

from brainbench_audio.activations.read_outs import Pooling
from brainbench_audio.stimuli.stimulus_set import Span

# lengths of noises, the shortest and the longest at the ends
_FACTORS = (1.0, 1.17, 1.29, 1.37, 1.5)
# a sound, (1, sample), to each layer's output before it is pooled
Hear = Callable[[torch.Tensor], Mapping[str, torch.Tensor]]


@dataclass(frozen=True)
class TimeAxis:
    """Time in the output of a module.

    Attributes
    ----------
    axis : int
        The one axis that gets longer with the sound.
    step : int
        By how many places it does at a time: more than 1 where patches of several frequencies
        follow each other.
    bands_first : bool
        Whether all patches of one frequency follow each other, and not all of one time.
    """

    axis: int
    step: int = 1
    bands_first: bool = False

    def cut(self, output: torch.Tensor, span: Span) -> torch.Tensor:
        """Return the part of an output within a span, given in shares of the sound.

        Steps are as many as there are, evenly spread over the sound; at least one is left.

        Examples
        --------
        >>> TimeAxis(1).cut(torch.arange(10.0)[None], (0.8, 1.0))
        tensor([[8., 9.]])
        >>> TimeAxis(1, 4).cut(torch.arange(12.0)[None], (0.95, 1.0))
        tensor([[ 8.,  9., 10., 11.]])
        >>> TimeAxis(1, 4, bands_first=True).cut(torch.arange(12.0)[None], (0.95, 1.0))
        tensor([[ 2.,  5.,  8., 11.]])
        """
        places = output.shape[self.axis]
        steps = max(places // self.step, 1)
        end = min(max(round(span[1] * steps), 1), steps)
        start = min(round(span[0] * steps), end - 1)
        if self.bands_first:
            bands: torch.Tensor = output.unflatten(self.axis, (self.step, steps))  # type: ignore[no-untyped-call]
            some: torch.Tensor = bands.narrow(self.axis + 1, start, end - start)
            return some.flatten(self.axis, self.axis + 1)
        stop = places if end == steps else end * self.step
        return output.narrow(self.axis, start * self.step, stop - start * self.step)

    def ordered(self, changes: torch.Tensor) -> TimeAxis | None:
        """Return the axis with the order of its patches; None where that cannot be told.

        Parameters
        ----------
        changes : Tensor
            By how much an output changes where the second half of the sound does.

        Examples
        --------
        >>> TimeAxis(1, 2).ordered(torch.tensor([[0.0, 0, 1, 1, 0, 0, 1, 1]]))
        TimeAxis(axis=1, step=2, bands_first=True)
        """
        places = changes.shape[self.axis]
        steps = places // self.step
        along = changes.movedim(self.axis, -1).reshape(-1, places).mean(dim=0)
        along = along[: steps * self.step]
        by_time = along.reshape(steps, self.step).mean(dim=1)
        by_band = along.reshape(self.step, steps).mean(dim=0)
        if _later(by_band) <= _later(by_time):
            return self
        # patches of no time or frequency, such as tokens of a class, move all others
        return replace(self, bands_first=True) if places == steps * self.step else None

    def pooled(self, pool: Pooling, span: Span) -> Pooling:
        """Return what pools the part within a span alone."""
        return lambda output: pool(self.cut(output, span))


def find_time_axes(hear: Hear, samples: int) -> dict[str, TimeAxis]:
    """Return the time axis of each layer that has one.

    A network hears noises of some lengths; time is where its output has more places for the longest
    than for the shortest. Layers in which that is no axis, or several, have none: they are averaged
    within the network, or sounds of any length become images of one size. How many places come at a
    time is the greatest common divisor of what the longer sounds add. Where that is several,
    patches of one time follow each other, or those of one frequency: the former change together
    where only the second half of a sound does.

    Parameters
    ----------
    hear : callable
    samples : int
        Of the shortest noise; the longest has half as many more.

    Examples
    --------
    >>> def hear(sound):
    ...     frames = sound.unfold(1, 100, 100)
    ...     return {"patches": frames.repeat_interleave(8, dim=1), "mean": frames.mean(dim=1)}
    >>> find_time_axes(hear, 1000)
    {'patches': TimeAxis(axis=1, step=8, bands_first=False)}
    """
    noises = [_noise(round(samples * factor)) for factor in _FACTORS]
    heard = [{name: one.shape for name, one in hear(noise).items()} for noise in noises]
    axes: dict[str, TimeAxis] = {}
    for layer, first in heard[0].items():
        others = [shape[layer] for shape in heard[1:] if len(shape.get(layer, ())) == len(first)]
        if len(others) < len(_FACTORS) - 1:
            continue
        grown = [axis for axis in range(1, len(first)) if others[-1][axis] > first[axis]]
        if len(grown) == 1:
            (axis,) = grown
            axes[layer] = TimeAxis(axis, gcd(*(shape[axis] - first[axis] for shape in others)))
    if any(one.step > 1 for one in axes.values()):
        before, after = hear(noises[-1]), hear(_other_end(noises[-1]))
        for layer, one in list(axes.items()):
            if one.step > 1:
                found = one.ordered((after[layer] - before[layer]).abs().float())
                axes.pop(layer) if found is None else axes.update({layer: found})
    return axes


def _noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def _other_end(noise: torch.Tensor) -> torch.Tensor:
    """Return a noise with another second half."""
    half = noise.shape[1] // 2
    return torch.cat([noise[:, :half], _noise(noise.shape[1] - half, seed=1)], dim=1)


def _later(changes: torch.Tensor) -> float:
    """Return how much more the second half of (time,) changed than the first."""
    half = len(changes) // 2
    return float(changes[half:].sum() / changes[:half].sum().clamp_min(1e-30)) if half else 0.0
