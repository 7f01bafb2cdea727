"""Which steps of a hidden state are the sound, where a model pads all clips to one length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

Share = tuple[int, int]
"""So many steps out of so many are the sound."""

_FRAME, _HOP = 400, 160
"""Of the audio spectrogram transformer's filter bank, at 16 kHz."""


def longest(extractor: Any) -> int | None:
    """Return how many samples a feature extractor takes at most; None if it takes any number."""
    kind = type(extractor).__name__
    if kind == "WhisperFeatureExtractor":
        return int(extractor.n_samples)
    if kind == "ClapFeatureExtractor":
        return int(extractor.nb_max_samples)
    if kind == "ASTFeatureExtractor":
        return _FRAME + _HOP * int(extractor.max_length) - 1
    return None


def share(extractor: Any, config: Any, samples: int, inputs: Mapping[str, Tensor]) -> Share:
    """Return which part of the steps belongs to a clip of so many samples.

    CLAP repeats a clip as often as it fits, which is sound, and fills the rest with zeros. An
    image's column counts if its patch has any frame of the sound.
    """
    kind = type(extractor).__name__
    if kind == "WhisperFeatureExtractor":
        return samples, int(extractor.n_samples)
    if kind == "ClapFeatureExtractor":
        whole = int(extractor.nb_max_samples)
        repeated = {"repeat": whole, "repeatpad": whole // samples * samples}
        return repeated.get(extractor.padding, samples), whole
    if kind == "ASTFeatureExtractor":
        frames = 1 + (samples - _FRAME) // _HOP
        return -(-frames // config.time_stride), _columns(config)
    if "attention_mask" in inputs:
        mask = inputs["attention_mask"][0]
        return int(mask.sum()), mask.numel()
    return 1, 1


def over_time(hidden: Tensor, config: Any) -> Tensor:
    """Return a hidden state as (batch, step, feature), the mean over frequencies taken.

    Parameters
    ----------
    hidden : Tensor
        (batch, step, feature) stays as it is; (batch, 2 tokens + frequency x time, feature) of the
        audio spectrogram transformer; (batch, feature, fold x frequency, time) of CLAP, which cuts
        a long image into folds and puts them above each other.
    config : transformers.PretrainedConfig
        Of the encoder.
    """
    batch = hidden.shape[0]
    if hasattr(config, "time_stride"):
        return hidden[:, 2:].reshape(batch, -1, _columns(config), hidden.shape[-1]).mean(dim=1)
    if hidden.dim() == 4:
        features, height, width = hidden.shape[1:]
        folds = config.spec_size // config.num_mel_bins
        image = hidden.reshape(batch, features, folds, height // folds, width).mean(dim=3)
        return image.flatten(2).transpose(1, 2)
    return hidden


def mean_over_sound(hidden: Tensor, part: Share, config: Any) -> Tensor:
    """Return the mean (batch, feature) over those steps of a hidden state that are the sound."""
    steps = over_time(hidden, config)
    count, whole = part
    valid = max(1, -(-steps.shape[1] * count // whole))
    return steps[:, :valid].mean(dim=1)


def _columns(config: Any) -> int:
    return int((config.max_length - config.patch_size) // config.time_stride + 1)
