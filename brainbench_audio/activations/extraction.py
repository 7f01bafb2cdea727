"""Model x stimuli -> activations on disk, a chunk at a time, resumable after any interruption."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio import revisions, settings
from brainbench_audio.activations.identity import Identity, LazyModel, as_lazy
from brainbench_audio.activations.store import (
    Features,
    Plan,
    StoredActivations,
    is_complete,
)
from brainbench_audio.errors import BrainbenchError, ContractError, UnfitSound
from brainbench_audio.files import locked
from brainbench_audio.interfaces import Model
from brainbench_audio.machine import is_out_of_memory
from brainbench_audio.progress import progress_bar
from brainbench_audio.stimuli.audio import Waveform
from brainbench_audio.stimuli.stimulus_set import StimulusSet

_CHUNK_BYTES = 64 << 20
_LARGEST_CHUNK = 64
_PIECE_BYTES = 32 << 20  # of waveforms that a model hears at once; the next ones are read meanwhile
_Piece = tuple[int, list[int], list[Waveform]]


def activations_folder() -> Path:
    """Return the activation store."""
    return settings.cache_home() / "activations"


def plan_extraction(
    identity: Identity, stimuli: StimulusSet, layers: Sequence[str] | None = None
) -> Plan:
    """Return what is to be stored and under which key; without fields if nothing is to be kept.

    Raises
    ------
    ContractError
        A layer is asked for that the model does not have, or it has none.
    DataError
        A sound file is missing.
    """
    chosen = tuple(identity.layers if layers is None else layers)
    unknown = [layer for layer in chosen if layer not in identity.layers]
    if unknown or not chosen:
        lacking = repr(unknown[0]) if unknown else "at all"
        raise ContractError(
            f"Model {identity.id} has no layer {lacking}; it has "
            f"{', '.join(identity.layers) or 'none'}."
        )
    fields: dict[str, Any] = {}
    if identity.kept:
        fields = activation_fields(identity, stimuli.at_rate(identity.sample_rate).fingerprint)
    return Plan(fields, stimuli.names, chosen, _chunk_size(identity, chosen))


def activation_fields(identity: Identity, heard: str) -> dict[str, Any]:
    """Return all that decides activations, for their key.

    Parameters
    ----------
    identity : Identity
        Of a model whose fingerprint is known.
    heard : str
        Fingerprint of the sounds, as `StimulusSet.at_rate` of the model's rate has it.
    """
    return {
        "model": identity.id,
        "fingerprint": identity.fingerprint,
        "revisions": [revisions.ACTIVATIONS, revisions.STIMULI],
        "sample_rate": identity.sample_rate,
        "stimuli": heard,
    }


@contextmanager
def extracted(
    model: Model, stimuli: StimulusSet, plan: Plan | None = None, *, anew: bool = False
) -> Iterator[StoredActivations]:
    """Yield the activations of a model, taken from the store as far as they are there.

    What is missing is computed chunk by chunk, so memory holds one chunk and an interrupted run
    goes on where it stopped. Other processes that want the same activations wait. Activations of a
    model that cannot be told from others live in a temporary folder for the length of the block.

    Parameters
    ----------
    model : Model
        A `LazyModel` is loaded only if something is missing.
    stimuli : StimulusSet
    plan : Plan, optional
        See `plan_extraction`; of all layers by default.
    anew : bool
        Leave what is stored aside, and hear all sounds again.

    Raises
    ------
    ContractError
        The model fails, or returns something else than it should.
    DataError
        A sound cannot be read.
    CacheError
        The store cannot be written to.
    """
    lazy = as_lazy(model)
    plan = plan_extraction(lazy.identity, stimuli) if plan is None else plan
    if not plan.fields:
        with tempfile.TemporaryDirectory(prefix="brainbench-") as folder:
            yield _filled(lazy, stimuli, Path(folder), plan)
        return
    store = activations_folder()
    whole = replace(plan, layers=lazy.identity.whole)
    if whole.layers and not anew and is_complete(store, whole.key):
        with locked(store / whole.key):
            activations = _filled(lazy, stimuli, store, whole)
        yield activations.only(plan.layers)
        return
    with locked(store / plan.key):
        if anew:
            shutil.rmtree(store / plan.key, ignore_errors=True)
        activations = _filled(lazy, stimuli, store, plan)
    yield activations


def _filled(model: LazyModel, stimuli: StimulusSet, store: Path, plan: Plan) -> StoredActivations:
    stored = StoredActivations.open(store, plan)
    missing = stored.missing()
    if not missing:
        return stored
    chunks = stored.plan.chunks()
    missing = _largest_first(missing, chunks, stimuli.at_rate(model.sample_rate).files)
    total = sum(len(chunks[index]) for index in missing)
    name, rate = model.identity.id, model.sample_rate
    with progress_bar(total, f"{name} hears {stimuli.name}", "sound") as bar:
        parts: list[dict[str, Features]] = []
        widths = stored.widths()
        pieces = _pieces(stimuli.at_rate(rate), chunks, missing, rate)
        for index, rows, waveforms in _ahead(pieces):
            names = [stimuli.names[row] for row in rows]
            part = _heard(model, waveforms, plan, names)
            if trouble := _other_widths(widths, part, names):
                # nothing of such a model is worth keeping
                stored.remove()
                raise ContractError(f"Model {name}: {trouble}")
            parts.append(part)
            bar.update(len(rows))
            if rows[-1] == chunks[index][-1]:
                stored.write(index, _joined(parts, plan.layers), model.computed_in)
                parts = []
    model.settle()
    return stored


def _largest_first(
    missing: Sequence[int], chunks: Sequence[range], files: Sequence[Path]
) -> list[int]:
    """Put the chunk of the largest file first: one too long for the memory is refused at once."""
    sizes = {index: max(_size(files[row]) for row in chunks[index]) for index in missing}
    return sorted(missing, key=lambda index: sizes[index] < max(sizes.values()))


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0  # who reads it says that it is missing


def _pieces(
    stimuli: StimulusSet, chunks: Sequence[range], missing: Sequence[int], sample_rate: int
) -> Iterator[_Piece]:
    """Yield number, rows and waveforms of whole chunks, or of parts of them where sounds are long.

    Where a chunk is cut depends on its sounds alone, so a resumed run hears the same pieces.
    """
    for index in missing:
        rows: list[int] = []
        waveforms: list[Waveform] = []
        size = 0
        for row in chunks[index]:
            waveform = stimuli.waveforms([row], sample_rate)[0]
            if rows and size + waveform.nbytes > _PIECE_BYTES:
                yield index, rows, waveforms
                rows, waveforms, size = [], [], 0
            rows.append(row)
            waveforms.append(waveform)
            size += waveform.nbytes
        yield index, rows, waveforms


def _ahead(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Yield pieces while a thread reads the next one."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece


def _joined(parts: Sequence[dict[str, Features]], layers: Sequence[str]) -> dict[str, Features]:
    if len(parts) == 1:
        return parts[0]
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in layers}


def _other_widths(
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


def _heard(
    model: LazyModel, waveforms: list[Waveform], plan: Plan, names: Sequence[str]
) -> dict[str, Features]:
    """Run the model; where memory runs out, on half of the sounds at a time."""
    try:
        return _checked(model, waveforms, plan, names)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(waveforms) == 1:
            seconds = len(waveforms[0]) / model.sample_rate
            raise ContractError(
                f"Sound {names[0]} lasts {seconds:.4g} s; memory ran out while model "
                f"{model.identity.id} heard it. Leave the sound out, cut it into shorter ones, or "
                f"use a machine with more memory."
            ) from error
    half = len(waveforms) // 2
    parts = [
        _heard(model, waveforms[some], plan, names[some])
        for some in (slice(half), slice(half, None))
    ]
    return _joined(parts, plan.layers)


def _checked(
    model: LazyModel, waveforms: list[Waveform], plan: Plan, names: Sequence[str]
) -> dict[str, Features]:
    """Run the model and hold it to the contract."""
    where = f"Model {model.identity.id}, sounds {names[0]} to {names[-1]}"
    try:
        given = model.activations(waveforms, layers=list(plan.layers))
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
    dims = dict(zip(model.identity.layers, model.identity.dims, strict=False))
    return {
        layer: _checked_layer(given, layer, names, where, dims.get(layer)) for layer in plan.layers
    }


def _checked_layer(
    given: Mapping[str, Any], layer: str, names: Sequence[str], where: str, width: int | None
) -> npt.NDArray[np.float32]:
    if layer not in given:
        raise ContractError(f"{where}: layer {layer!r} is missing; returned were {list(given)}.")
    try:
        array = np.asarray(given[layer])
        if np.iscomplexobj(array):
            raise TypeError("its numbers are complex")
        values = array.astype(np.float32, copy=False)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a tensor with gradients
        raise ContractError(f"{where}: layer {layer!r} is no array of numbers: {error}.") from error
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


def _chunk_size(identity: Identity, layers: Sequence[str]) -> int:
    """Choose the stimuli of a chunk so that its activations stay small in memory."""
    if not identity.dims:
        return _LARGEST_CHUNK // 4
    dims = dict(zip(identity.layers, identity.dims, strict=True))
    size = 4 * sum(dims.get(layer, 0) for layer in layers)
    return max(1, min(_LARGEST_CHUNK, _CHUNK_BYTES // max(size, 1)))
