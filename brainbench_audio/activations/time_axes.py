"""Where time runs in the layers of a network: found by listening, and cut to a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import torch

from brainbench_audio.activations.read_outs import Pooling
from brainbench_audio.stimuli.stimulus_set import Span

_FACTORS = (
    1.0,
    1.17,
    1.29,
    1.37,
    1.5,
)  # lengths of noises, the shortest and the longest at the ends
Shape = tuple[int, ...]
# samples of a sound to the shape of each layer's output, before it is pooled
Shapes = Callable[[int], Mapping[str, Shape]]


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
    """

    axis: int
    step: int = 1

    def cut(self, output: torch.Tensor, span: Span) -> torch.Tensor:
        """Return the part of an output within a span, given in shares of the sound.

        Steps are as many as there are, evenly spread over the sound; at least one is left.

        Examples
        --------
        >>> TimeAxis(1).cut(torch.arange(10.0)[None], (0.8, 1.0))
        tensor([[8., 9.]])
        >>> TimeAxis(1, 4).cut(torch.arange(12.0)[None], (0.95, 1.0))
        tensor([[ 8.,  9., 10., 11.]])
        """
        places = output.shape[self.axis]
        steps = max(places // self.step, 1)
        end = min(max(round(span[1] * steps), 1), steps)
        start = min(round(span[0] * steps), end - 1)
        stop = places if end == steps else end * self.step
        return output.narrow(self.axis, start * self.step, stop - start * self.step)

    def pooled(self, pool: Pooling, span: Span) -> Pooling:
        """Return what pools the part within a span alone."""
        return lambda output: pool(self.cut(output, span))


def find_time_axes(shapes: Shapes, samples: int) -> dict[str, TimeAxis]:
    """Return the time axis of each layer that has one.

    A network hears noises of some lengths; time is where its output has more places for the longest
    than for the shortest. Layers in which that is no axis, or several, have none: they are averaged
    within the network, or sounds of any length become images of one size. How many places come at a
    time is the greatest common divisor of what the longer sounds add.

    Parameters
    ----------
    shapes : callable
        Takes a number of samples, returns the shape of each layer's output, batch first.
    samples : int
        Of the shortest noise; the longest has half as many more.

    Examples
    --------
    >>> frames = lambda samples: {"patches": (1, 8 * (samples // 100), 16), "mean": (1, 16)}
    >>> find_time_axes(frames, 1000)
    {'patches': TimeAxis(axis=1, step=8)}
    """
    heard = [shapes(round(samples * factor)) for factor in _FACTORS]
    axes: dict[str, TimeAxis] = {}
    for layer, first in heard[0].items():
        others = [shape[layer] for shape in heard[1:] if len(shape.get(layer, ())) == len(first)]
        if len(others) < len(_FACTORS) - 1:
            continue
        grown = [axis for axis in range(1, len(first)) if others[-1][axis] > first[axis]]
        if len(grown) == 1:
            (axis,) = grown
            axes[layer] = TimeAxis(axis, gcd(*(shape[axis] - first[axis] for shape in others)))
    return axes


def shapes_of(
    run: Callable[[torch.Tensor, Mapping[str, Pooling]], object],
    layers: Sequence[str],
    device: torch.device,
    samples: int,
) -> dict[str, Shape]:
    """Return the shapes of layers for noise of some samples, as `find_time_axes` wants them.

    Parameters
    ----------
    run : callable
        Has a network hear a batch (1, sample), and pools each layer.
    layers : sequence of str
    device : torch.device
        Of the network.
    samples : int
    """
    noise = 0.1 * torch.randn(1, samples, generator=torch.Generator().manual_seed(0))
    shapes: dict[str, Shape] = {}

    def noting(layer: str) -> Pooling:
        def pool(output: torch.Tensor) -> torch.Tensor:
            shapes[layer] = tuple(output.shape)
            return output.new_empty((1, 1))

        return pool

    run(noise.to(device), {layer: noting(layer) for layer in layers})
    return shapes
