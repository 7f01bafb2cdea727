"""An encoder of transformers on waveforms, all of its hidden states as layers."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from brainbench_audio.activations.lengths import find_shortest
from brainbench_audio.errors import ContractError
from brainbench_audio.machine import is_out_of_memory

from .padding import longest, mean_over_sound, share

_TOWERS = ("audio_model", "audio_tower")


class Encoder(nn.Module):
    """Feature extractor and encoder; ``layers[n]`` puts out hidden state n, (batch, feature).

    Each clip goes through the feature extractor alone, and clips of one length through the encoder
    together. Time is averaged out here, because only here is it known which steps are the sound. A
    clip longer than the encoder takes is cut into pieces, the last of which ends with the clip;
    their means are averaged.

    Parameters
    ----------
    name : str
        For messages.
    encoder : torch.nn.Module
        As `audio_encoder` returns it.
    extractor : transformers.SequenceFeatureExtractor
    """

    def __init__(self, name: str, encoder: nn.Module, extractor: Any) -> None:
        super().__init__()
        self.name = name
        self.encoder = encoder.eval()
        self.extractor = extractor
        self.dims = self._dimensions()
        self.shortest = self._shortest()
        self.layers = nn.ModuleList(nn.Identity() for _ in self.dims)

    def forward(self, waveforms: Tensor) -> None:
        """Put sounds (batch, sample), at the rate of the feature extractor, through all layers.

        Raises
        ------
        ContractError
            The encoder cannot take sounds of this length.
        """
        pieces = [self._means(piece) for piece in cut(waveforms, longest(self.extractor))]
        for layer, *means in zip(self.layers, *pieces, strict=True):
            layer(torch.stack(means).mean(dim=0))

    def _dimensions(self) -> tuple[int, ...]:
        """Return the features of each hidden state, found with a second of noise."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(1, int(self.extractor.sampling_rate), generator=generator)
        with torch.inference_mode():
            return tuple(means.shape[1] for means in self._means(0.1 * noise))

    def _shortest(self) -> int:
        """Return the fewest samples from which sounds are told apart.

        First by what the feature extractor returns: the encoder hears 30 s each time where clips
        are padded to that.
        """
        second = int(self.extractor.sampling_rate)

        def features(noises: Tensor) -> list[Tensor]:
            return [value for value in self._inputs(noises).values() if value.is_floating_point()]

        start = find_shortest(features, self.name, longest=second)
        return find_shortest(self._means, self.name, start=start, longest=second)

    def _means(self, waveforms: Tensor) -> list[Tensor]:
        samples = waveforms.shape[1]
        taken = inspect.signature(self.encoder.forward).parameters
        if not {"output_hidden_states", "kwargs"} & set(taken):
            raise self._without_states()
        try:
            inputs = self._inputs(waveforms)
            outputs = self.encoder(**inputs, output_hidden_states=True)
        except Exception as error:  # every architecture has errors of its own
            if is_out_of_memory(error):
                raise
            raise ContractError(
                f"{self.name} cannot take a sound of {samples} samples at "
                f"{self.extractor.sampling_rate} Hz: {error!r}."
            ) from error
        states = getattr(outputs, "hidden_states", None)
        if not states:
            raise self._without_states()
        config = self.encoder.config
        part = share(self.extractor, config, samples, inputs)
        return [mean_over_sound(state, part, config) for state in states]

    def _without_states(self) -> ContractError:
        return ContractError(
            f"{self.name} ({type(self.encoder).__name__}) gives no hidden states, so it has no "
            f"layers that can be scored. Write a plugin for it."
        )

    def _inputs(self, waveforms: Tensor) -> dict[str, Tensor]:
        given = [
            self.extractor(clip, sampling_rate=self.extractor.sampling_rate, return_tensors="pt")
            for clip in waveforms.cpu().numpy()
        ]
        taken = inspect.signature(self.encoder.forward).parameters
        return {
            name: torch.cat([clip[name] for clip in given]).to(waveforms.device)
            for name in given[0]
            if name in taken
        }


def audio_encoder(model: Any) -> Any:
    """Return the part of a model that hears: its audio tower, its encoder or all of it."""
    for name in _TOWERS:
        if hasattr(model, name):
            return getattr(model, name)
    if getattr(model.config, "is_encoder_decoder", False):
        return model.get_encoder()
    return model


def cut(waveforms: Tensor, size: int | None) -> list[Tensor]:
    """Cut sounds (batch, sample) into pieces of one size, the last of which ends with the sound.

    Examples
    --------
    >>> [piece.tolist() for piece in cut(torch.arange(5)[None], 2)]
    [[[0, 1]], [[2, 3]], [[3, 4]]]
    """
    samples = waveforms.shape[1]
    if size is None or samples <= size:
        return [waveforms]
    starts = [*range(0, samples - size, size), samples - size]
    return [waveforms[:, start : start + size] for start in starts]
