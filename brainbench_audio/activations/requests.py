"""What somebody asks a model for: sounds and layers, or why it cannot be had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError, DataError, ShortSound, UnfitSound
from brainbench_audio.stimuli.audio import LOUDEST, Waveform, check_waveform

# resampling may carry a file that is as loud as a file may be a little beyond
_LOUDEST = 2 * LOUDEST


def checked_sounds(waveforms: Iterable[Any]) -> list[Waveform]:
    """Return sounds as float32 arrays, (sample,), if they are what models take.

    Raises
    ------
    UnfitSound
        One is not mono, no array of real floating-point numbers, masked in part, not finite or far
        beyond [-1, 1]. Integers are refused as their full scale is not known for sure.
    ContractError
        There is none.

    Examples
    --------
    >>> checked_sounds([np.array([0, 16384], dtype=np.int16)])
    Traceback (most recent call last):
    brainbench_audio.errors.UnfitSound: Sound 0 has samples of int16, models take floats within \
[-1, 1]: divide them by 32768.
    """
    sounds = [_checked(index, one) for index, one in enumerate(waveforms)]
    if not sounds:
        raise ContractError("There is no sound to hear: the list of waveforms is empty.")
    return sounds


def _checked(index: int, waveform: Any) -> Waveform:
    try:
        samples = np.asarray(waveform)
    except (TypeError, ValueError, RuntimeError) as error:  # tensors with gradients, of a GPU, …
        raise UnfitSound(index, f"is no array of numbers: {str(error).rstrip('.')}.") from error
    if samples.ndim == 0:
        raise UnfitSound(index, "is no array: models take a list of them, activations([waveform]).")
    if samples.ndim != 1:
        raise UnfitSound(index, f"has shape {samples.shape}: models take mono, (sample,).")
    if not np.issubdtype(samples.dtype, np.floating):
        raise UnfitSound(
            index,
            f"has samples of {samples.dtype}, models take floats within [-1, 1]"
            f"{_scaled(samples.dtype)}.",
        )
    if np.ma.is_masked(waveform):
        raise UnfitSound(index, "is masked in part: leave it out, or fill what is masked.")
    with np.errstate(over="ignore"):  # infinite then, which is refused
        samples = samples.astype(np.float32, copy=False)
    if samples.size:
        try:
            check_waveform(samples, "", silence=True, loudest=_LOUDEST)
        except DataError as error:
            raise UnfitSound(index, str(error).strip()) from error
    return samples


def _scaled(dtype: np.dtype[Any]) -> str:
    """Return how integers of a type become floats, as a rule; empty of other types."""
    if dtype.kind not in "iu":
        return ""
    if dtype.itemsize > 4:
        return ": divide them by their full scale, 32768 of 16 bits"
    scale = 1 << (8 * dtype.itemsize - 1)
    shift = f"subtract {scale}, then " if dtype.kind == "u" else ""
    return f": {shift}divide them by {scale}"


def refuse_short(card: ModelCard, waveforms: Sequence[Waveform]) -> None:
    """Refuse the first sound that the card of a model calls too short."""
    shortest, rate = card.shortest, card.sample_rate
    for index, samples in enumerate(map(len, waveforms)):
        if samples < shortest:
            raise ShortSound(
                index,
                f"has {samples} samples ({samples / rate:.4g} s), too few for {card.id}: "
                f"it tells sounds apart from {shortest} samples on ({shortest / rate:.4g} s at "
                f"{rate} Hz). Leave the sound out, or pad it yourself.",
            )


def checked_layers(model: str, asked: Sequence[str] | None, layers: Sequence[str]) -> list[str]:
    """Return the layers that are asked for, all by default.

    Raises
    ------
    ContractError
        The model has no such layer, there is none, or one name is given in place of a list.
    """
    if isinstance(asked, str):
        raise ContractError(f"layers={asked!r} is one name: give a list of names, [{asked!r}].")
    chosen = list(layers if asked is None else asked)
    if unknown := [layer for layer in chosen if layer not in layers]:
        raise ContractError(f"Model {model} has no layer {unknown[0]!r}, only {', '.join(layers)}.")
    if not chosen:
        raise ContractError(f"No layer of model {model} is asked for: it has {', '.join(layers)}.")
    return chosen


def checked_seed(seed: Any) -> int:
    """Return the seed of a control as an integer.

    Raises
    ------
    ContractError
        It is no whole number from 0 to 2**63 - 1, which NumPy and torch both take.
    """
    whole = isinstance(seed, Integral) and not isinstance(seed, bool)
    if not (whole and 0 <= seed < 1 << 63):
        raise ContractError(
            f"The seed of a control is {seed!r}, expected a whole number, 0 or more and below "
            f"2**63: give another, such as seed=1."
        )
    return int(seed)
