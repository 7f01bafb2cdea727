"""Holds a model to what `interfaces.Model` promises, and names the sounds where it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel
from brainbench_audio.activations.store import Features
from brainbench_audio.errors import BrainbenchError, ContractError, UnfitSound
from brainbench_audio.machine import is_out_of_memory
from brainbench_audio.stimuli.audio import Waveform
from brainbench_audio.stimuli.stimulus_set import Moment

Coming = Callable[[], Mapping[str, Features]]

# how far a sound that is heard again may be off: of what sounds differ by, and of its own size,
# as a network whose output hardly differs between sounds has little but rounding to tell them by
_OFF, _ROUNDING = 0.01, 1e-3


def joined(
    parts: Sequence[Mapping[str, Features]], layers: Sequence[str]
) -> Mapping[str, Features]:
    """Return the layers of all sounds."""
    if len(parts) == 1:
        return parts[0]
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in layers}


def other_widths(
    widths: dict[str, tuple[int, str]], part: Mapping[str, Features], names: Sequence[str]
) -> str | None:
    """Hold each layer to the number of features it has had so far; say what is wrong."""
    for layer, values in part.items():
        width, first = widths.setdefault(layer, (values.shape[1], names[0]))
        if values.shape[1] != width:
            return (
                f"layer {layer!r} has {values.shape[1]} features for the sounds {names[0]} to "
                f"{names[-1]}, and {width} for {first}. A layer has the same features for sounds "
                f"of any length: average over time. None of its activations are kept."
            )
    return None


def to_hear_again(waveforms: Sequence[Waveform]) -> int:
    """Return the place of a sound that others share a batch with, if any do."""
    lengths = [len(waveform) for waveform in waveforms]
    return lengths.index(Counter(lengths).most_common(1)[0][0])


def otherwise_alone(
    model: LazyModel,
    waveform: Waveform,
    heard: Mapping[str, Features],
    names: Sequence[str],
    place: int,
    *,
    moment: Moment | None,
) -> str | None:
    """Hear one sound of some again, alone; say where it is another one by more than rounding.

    Sounds have to be told apart by what is heard, not by chance, by others of the batch or by what
    was heard before. Lower precisions than float32 round too much to tell.
    """
    if model.precision != "float32":
        return None
    alone = begin(model, [waveform], list(heard), [names[place]], moment)()
    for layer, values in heard.items():
        if alone[layer].shape[1] != values.shape[1]:
            return (
                f"layer {layer!r} has {alone[layer].shape[1]} features when sound {names[place]} "
                f"is heard alone, and {values.shape[1]} among others. A layer has the same "
                f"features however many are heard. None of its activations are kept."
            )
        rows = values.astype(np.float64)
        off = float(np.linalg.norm(alone[layer][0] - rows[place]))
        size = float(np.linalg.norm(rows[place]))
        apart = float(np.linalg.norm(rows - rows[place], axis=1).max()) or size
        if off > _OFF * apart and off > _ROUNDING * size:
            by = f"by {off / apart:.0%} of what sounds differ by" if apart else "where all had 0"
            return (
                f"sound {names[place]} has other activations of layer {layer!r} when it is heard "
                f"again alone, {by}. Seed what is random, "
                f"turn dropout off, keep nothing from sound to sound, and normalise each by "
                f"itself. None of its activations are kept."
            )
    return None


def begin(
    model: LazyModel,
    waveforms: list[Waveform],
    layers: Sequence[str],
    names: Sequence[str],
    moment: Moment | None = None,
) -> Coming:
    """Have a model hear some sounds, see `LazyModel.begin`; return what waits for its layers.

    What goes wrong is told by who waits, for it concerns these sounds and none before. Where memory
    runs out, the model hears half of the sounds at a time.
    """
    begun: Coming | Exception
    try:
        begun = model.begin(waveforms, list(layers), moment)
    except Exception as error:  # whatever a model may raise
        begun = error

    def wait() -> Mapping[str, Features]:
        nonlocal begun
        try:
            return _checked(model.identity, begun, layers, names)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(waveforms) == 1:
                seconds = len(waveforms[0]) / model.sample_rate
                raise ContractError(
                    f"Sound {names[0]} lasts {seconds:.4g} s; memory ran out while model "
                    f"{model.identity.id} heard it. Leave the sound out, cut it into shorter ones, "
                    f"or use a machine with more memory."
                ) from error
        begun = _no_more  # the frames of an error hold what did not fit
        return _halved(model, waveforms, layers, names, moment)

    return wait


def _no_more() -> Mapping[str, Features]:
    raise AssertionError("what comes of some sounds is waited for once")


def _halved(
    model: LazyModel,
    waveforms: list[Waveform],
    layers: Sequence[str],
    names: Sequence[str],
    moment: Moment | None,
) -> Mapping[str, Features]:
    half = len(waveforms) // 2
    parts = [
        begin(model, waveforms[some], layers, names[some], moment)()
        for some in (slice(half), slice(half, None))
    ]
    return joined(parts, layers)


def _checked(
    identity: Identity, begun: Coming | Exception, layers: Sequence[str], names: Sequence[str]
) -> dict[str, Features]:
    """Wait for what a model returns, and hold it to the contract."""
    where = f"Model {identity.id}, sounds {names[0]} to {names[-1]}"
    try:
        if isinstance(begun, Exception):
            raise begun
        given = begun()
    except UnfitSound as error:
        raise ContractError(f"Sound {names[error.index]} {error.fact}") from error
    except BrainbenchError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ContractError(f"{where}: activations() raised {error!r}.") from error
    if not isinstance(given, Mapping):
        raise ContractError(f"{where}: activations() returned {type(given).__name__}, no mapping.")
    dims = dict(zip(identity.layers, identity.dims, strict=False))
    return {layer: _checked_layer(given, layer, names, where, dims.get(layer)) for layer in layers}


def _checked_layer(
    given: Mapping[str, Any], layer: str, names: Sequence[str], where: str, width: int | None
) -> npt.NDArray[np.float32]:
    if layer not in given:
        raise ContractError(f"{where}: layer {layer!r} is missing; returned were {list(given)}.")
    try:
        array = np.asarray(given[layer])
        if array.dtype.kind in "cmMOSU":  # NumPy would read texts and dates as numbers
            raise TypeError(f"its dtype is {array.dtype}")
        if np.ma.is_masked(given[layer]):
            raise TypeError("it is masked in part")
        values = array.astype(np.float32, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor with gradients
        reason = str(error).rstrip(".")
        raise ContractError(
            f"{where}: layer {layer!r} is no array of numbers: {reason}."
        ) from error
    if values.ndim != 2 or len(values) != len(names) or values.shape[1] == 0:
        raise ContractError(
            f"{where}: layer {layer!r} has shape {values.shape}, expected ({len(names)}, n). "
            f"Average over time and return one row a sound."
        )
    if width not in (None, values.shape[1]):
        raise ContractError(
            f"{where}: layer {layer!r} has shape {values.shape}, and its card says {width} "
            f"features: mend `dims` of the card, or read out and pool the layer otherwise."
        )
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        first = names[int(np.argmin(finite))]
        raise ContractError(
            f"{where}: layer {layer!r} is NaN or infinite for {int((~finite).sum())} sounds, the "
            f"first is {first}."
        )
    return values
