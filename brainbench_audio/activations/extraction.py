"""Model x stimuli -> activations on disk, a chunk at a time, resumable after any interruption."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from brainbench_audio import revisions, settings
from brainbench_audio.activations.contract import (
    Coming,
    begin,
    joined,
    other_widths,
    otherwise_alone,
    to_hear_again,
)
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel, as_lazy
from brainbench_audio.activations.store import (
    Plan,
    StoredActivations,
    is_complete,
)
from brainbench_audio.activations.writer import Writer
from brainbench_audio.errors import BrainbenchError, ContractError
from brainbench_audio.files import locked
from brainbench_audio.interfaces import Model
from brainbench_audio.progress import progress_bar
from brainbench_audio.stimuli.audio import Waveform
from brainbench_audio.stimuli.reading import read_ahead
from brainbench_audio.stimuli.stimulus_set import Moment, StimulusSet

_CHUNK_BYTES = 64 << 20
_LARGEST_CHUNK = 64
_LARGEST_CHUNK_OF_WINDOWS = 512  # which are many, and heard in the order of time
_PIECE_BYTES = 32 << 20  # of waveforms that a model hears at once; the next ones are read meanwhile
_Piece = tuple[int, list[int], list[Waveform]]
_Begun = tuple[int, list[int], Coming, tuple[int, Waveform] | None]


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
    return Plan(fields, stimuli.names, chosen, _chunk_size(identity, chosen, stimuli))


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


def extract_share(model: LazyModel, stimuli: StimulusSet, number: int, of: int) -> None:
    """Put a share of the chunks of a model's activations into the store, those that are missing.

    Other processes may hear other shares at the same time. `extracted` then finds them, and hears
    what is missing still.

    Parameters
    ----------
    model : LazyModel
        One whose activations are kept.
    stimuli : StimulusSet
    number, of : int
        Every ``of``-th chunk from chunk ``number`` on.

    Raises
    ------
    ContractError, DataError, CacheError
        See `extracted`.
    """
    plan = plan_extraction(model.identity, stimuli)
    store = activations_folder()
    with locked(store / plan.key):
        stored = StoredActivations.open(store, plan)
    if missing := [index for index in stored.missing() if index % of == number]:
        _fill(stored, missing, model, stimuli.at_rate(model.sample_rate))


def _filled(model: LazyModel, stimuli: StimulusSet, store: Path, plan: Plan) -> StoredActivations:
    stored = StoredActivations.open(store, plan)
    if missing := stored.missing():
        _fill(stored, missing, model, stimuli.at_rate(model.sample_rate))
    return stored


def _fill(
    stored: StoredActivations, missing: Sequence[int], model: LazyModel, stimuli: StimulusSet
) -> None:
    """Have threads read the sounds and write the chunks, and the model hear what lies between."""
    plan, chunks = stored.plan, stored.plan.chunks()
    missing = _largest_first(missing, chunks, stimuli)
    rows = [row for index in missing for row in chunks[index]]
    about = f"{model.identity.id} hears {stimuli.name}"
    widths, parts = stored.widths(), []
    with (
        progress_bar(len(rows), about, "sound" if stimuli.moment is None else "window") as bar,
        Writer(stored) as writer,
        closing(read_ahead(stimuli, rows, model.sample_rate)) as sounds,
    ):
        try:
            pieces = _pieces(sounds, chunks, missing)
            for index, heard, coming, again in _begun(pieces, model, plan, stimuli.moment):
                names = [plan.stimuli[row] for row in heard]
                part = coming()
                trouble = other_widths(widths, part, names)
                if again and not trouble:
                    place, waveform = again
                    trouble = otherwise_alone(
                        model, waveform, part, names, place, moment=stimuli.moment
                    )
                if trouble:
                    writer.give_up()  # nothing of such a model is worth keeping
                    raise ContractError(f"Model {model.identity.id}: {trouble}")
                parts.append(part)
                bar.update(len(heard))
                if heard[-1] == chunks[index][-1]:
                    writer.write(index, joined(parts, plan.layers), model.computed_in)
                    parts = []
        finally:
            # while the last chunk is written; what failed has heard sounds, too
            model.settle()


def _begun(
    pieces: Iterator[_Piece], model: LazyModel, plan: Plan, moment: Moment | None
) -> Iterator[_Begun]:
    """Yield what comes of each piece; a model that runs ahead has then begun with the next one.

    With the first piece of all comes a sound of it that is to be heard again.
    """
    waiting: deque[_Begun] = deque()
    try:
        for index, rows, waveforms in pieces:
            names = [plan.stimuli[row] for row in rows]
            coming = begin(model, waveforms, plan.layers, names, moment)
            place = to_hear_again(waveforms) if rows[0] == 0 else None
            again = None if place is None else (place, waveforms[place])
            waiting.append((index, rows, coming, again))
            while len(waiting) > model.runs_ahead:
                yield waiting.popleft()
    except BrainbenchError:  # of a sound that cannot be read; those before it can be heard
        yield from waiting
        raise
    yield from waiting


def _largest_first(
    missing: Sequence[int], chunks: Sequence[range], stimuli: StimulusSet
) -> list[int]:
    """Put the chunk of the largest file first: one too long for the memory is refused at once."""
    sizes = {index: max(map(stimuli.size_of, chunks[index])) for index in missing}
    largest = max(sizes.values())
    return sorted(missing, key=lambda index: sizes[index] < largest)


def _pieces(
    sounds: Iterator[Waveform], chunks: Sequence[range], missing: Sequence[int]
) -> Iterator[_Piece]:
    """Yield number, rows and waveforms of whole chunks, or of parts of them where sounds are long.

    Where a chunk is cut depends on its sounds alone, so a resumed run hears the same pieces.
    """
    for index in missing:
        rows: list[int] = []
        waveforms: list[Waveform] = []
        size = 0
        for row in chunks[index]:
            waveform = next(sounds)
            if rows and size + waveform.nbytes > _PIECE_BYTES:
                yield index, rows, waveforms
                rows, waveforms, size = [], [], 0
            rows.append(row)
            waveforms.append(waveform)
            size += waveform.nbytes
        yield index, rows, waveforms


def _chunk_size(identity: Identity, layers: Sequence[str], stimuli: StimulusSet) -> int:
    """Choose the stimuli of a chunk so that its activations stay small in memory."""
    largest = _LARGEST_CHUNK if stimuli.moment is None else _LARGEST_CHUNK_OF_WINDOWS
    if not identity.dims:
        return largest // 4
    dims = dict(zip(identity.layers, identity.dims, strict=True))
    size = 4 * sum(dims.get(layer, 0) for layer in layers)
    return max(1, min(largest, _CHUNK_BYTES // max(size, 1)))
