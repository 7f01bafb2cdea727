"""`LowLevel`: features of a sound averaged over time, or over the moment that a window is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbench_audio.activations.requests import checked_layers, checked_sounds, refuse_short
from brainbench_audio.cards import ModelCard
from brainbench_audio.stimuli.stimulus_set import Moment

from .features import HOP, LONG, SAMPLE_RATE, Array, features

Waveforms = Sequence[NDArray[np.float32]]
# frames at a time, so that memory does not grow with the sound
_CHUNK = 1000


class LowLevel:
    """Envelope, spectrum and pitch, each a layer; see `features.features`.

    A frame ends every 10 ms, the last one with the sound; before the sound there is silence. A
    window of continuous sound is heard only where its frames are, so that long contexts cost
    nothing.

    Parameters
    ----------
    card : ModelCard
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    @property
    def layers(self) -> tuple[str, ...]:
        """``envelope``, ``spectrum``, ``pitch``."""
        return self.card.layers

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The source is hashed besides."""
        return {"features": list(self.card.dims)}

    def activations(
        self, waveforms: Waveforms, layers: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return the means of the features over time, layer to float32 (sound, feature).

        Parameters
        ----------
        waveforms : sequence of float32 arrays (sample,)
            At 16 kHz, of 25 ms at least.
        layers : sequence of str, optional
            Only these.

        Raises
        ------
        ShortSound
            A sound has fewer samples than ``card.shortest``.
        UnfitSound
            A sound is none that models take, see `activations.requests.checked_sounds`.
        ContractError
            There is no such layer.
        """
        return self._means([(one, 0, len(one)) for one in checked_sounds(waveforms)], layers)

    def activations_over_time(
        self, waveforms: Waveforms, moment: Moment, layers: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return the means of the features over the frames that end within the moment.

        Parameters
        ----------
        waveforms, layers
            As for `activations`; windows of continuous sound.
        moment : Moment
        """
        start, end = (round(seconds * SAMPLE_RATE) for seconds in moment.frames)
        return self._means([(one, start, end) for one in checked_sounds(waveforms)], layers)

    def _means(
        self, parts: Sequence[tuple[NDArray[np.float32], int, int]], layers: Sequence[str] | None
    ) -> dict[str, NDArray[np.float32]]:
        wanted = checked_layers(self.card.id, layers, self.layers)
        refuse_short(self.card, [waveform for waveform, _, _ in parts])
        rows = [_mean(waveform.astype(np.float64), start, end) for waveform, start, end in parts]
        return {
            layer: np.stack([row[layer] for row in rows]).astype(np.float32) for layer in wanted
        }


def _mean(waveform: Array, start: int, end: int) -> dict[str, Array]:
    """Return the mean over the frames that end after one sample and up to another."""
    count, total = max(1, (end - start) // HOP), dict[str, Array]()
    for frames in _frames(waveform, end, count):
        for layer, values in features(frames).items():
            total[layer] = total.get(layer, 0.0) + values.sum(axis=0)
    return {layer: values / count for layer, values in total.items()}


def _frames(waveform: Array, end: int, count: int) -> Iterator[Array]:
    """Yield frames, the last one ends at a sample, each of the others 10 ms before the next."""
    first = end - (count - 1) * HOP - LONG
    for place in range(0, count, _CHUNK):
        some = min(_CHUNK, count - place)
        start = first + place * HOP
        stop = start + (some - 1) * HOP + LONG
        heard = np.pad(waveform[max(0, start) : stop], (max(0, -start), 0))
        yield np.lib.stride_tricks.sliding_window_view(heard, LONG)[::HOP]
