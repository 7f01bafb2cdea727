"""Finds and reads the published checkpoints: files of one archive, pickled with dill."""

from __future__ import annotations

import dataclasses
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from brainbench_audio import settings
from brainbench_audio.activations.weights import State, fetch_weights, nested
from brainbench_audio.archives import unpack
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.files import locked

_RUNS = {
    "cochcnn9-word": "kell2018_decay_lr/2b411fd2-56f2-46c1-ad45-1355d4ffadde",
    "cochcnn9-speaker": "kell2018_speaker_decay_lr/46ed16b7-4097-4d99-b457-3cd1011b55cc",
    "cochcnn9-audioset": "kell2018_audioset_decay_lr/1629f285-0a2c-4764-beaf-0b9fe11ba2e7",
    "cochcnn9-multitask": (
        "kell2018_word_audioset_speaker_decay_lr/5728d456-ddc2-4fc2-bf07-a41e658f36d4"
    ),
    "cochresnet50-word": "standard_training_word_decay_lr/a10c97f7-3f2b-4219-8e72-bc625c94fd08",
    "cochresnet50-speaker": (
        "standard_training_speaker_decay_lr/0d84f6d5-8994-43ad-b5f1-650300b875ff"
    ),
    "cochresnet50-audioset": (
        "standard_training_audioset_decay_lr/9442ee31-7775-4e4a-9ff8-12cb54cf32e1"
    ),
    "cochresnet50-multitask": (
        "standard_training_word_and_audioset_and_speaker_decay_lr/"
        "542752d7-9849-49ff-b84a-6758a81585b4"
    ),
}
_LARGEST = 8_000_000_000  # bytes of one checkpoint; all of them together have 14e9
_FAMILY = "cochdnn"
_NETWORK = "module.model.1."
_FRONT_END = ("module.model.0.", "module.preproc.")
_DUPLICATES = "module.attacker."


def member(model_id: str) -> PurePosixPath:
    """Return where a model's checkpoint lies below ``model_checkpoints/`` in the archive."""
    return PurePosixPath("audio_rep_training_cochleagram_1", _RUNS[model_id], "5_checkpoint.pt")


def find_checkpoint(card: ModelCard, given: Path | None = None) -> Path:
    """Return a model's checkpoint.

    Parameters
    ----------
    card : ModelCard
    given : Path or None
        A checkpoint, or the folder the archive was unpacked to. None: the archive is fetched on
        first use, and this model's checkpoint taken out of it.

    Raises
    ------
    DataError
        It cannot be had.
    """
    if given is None:
        return _published(card)
    if given.is_dir():
        return _below(given, card)
    if given.is_file() and tarfile.is_tarfile(given):
        raise DataError(
            f"{given} is an archive. Unpack it and give the folder, or put it at "
            f"{_home() / card.weights[0].url.rsplit('/', 1)[-1]} and leave weights out."
        )
    return given


def read(checkpoint: Any) -> Mapping[str, Any]:
    """Return the state dict of a checkpoint: its entry ``model``, or else ``state_dict``.

    Raises
    ------
    DataError
        It has neither.
    """
    second = isinstance(checkpoint, Mapping) and "model" not in checkpoint
    return nested(checkpoint, ["state_dict" if second and "state_dict" in checkpoint else "model"])


def rename(state: State) -> State:
    """Take the published wrapping off the names of a state dict.

    The file has the network behind its front end (``module.model.1.``), and all of that again below
    ``module.attacker.``. Duplicates and the front end's buffers go; whatever else is there keeps
    its name, so that loading refuses it.
    """
    renamed = {}
    for name, tensor in state.items():
        if name.startswith(_DUPLICATES) and f"module.{name.removeprefix(_DUPLICATES)}" in state:
            continue
        if name.startswith(_NETWORK):
            renamed[f"body.{name.removeprefix(_NETWORK)}"] = tensor
        elif not name.startswith(_FRONT_END):
            renamed[name] = tensor
    return renamed


def with_advice(error: DataError, path: Path) -> DataError:
    """Add how to convert a checkpoint to the error of one that is not plain enough to be read."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, pickle.UnpicklingError):
        cause = cause.__cause__
    if cause is None:
        return error
    return DataError(
        f"{error} The checkpoints were pickled with dill and may hold more than weights. If you "
        f"trust the file, convert it once, where it can do no harm: import dill, torch; "
        f"model = torch.load({str(path)!r}, map_location='cpu', pickle_module=dill, "
        f"weights_only=False)['model']; torch.save({{'model': dict(model)}}, 'converted.pt'). Then "
        f"give weights='converted.pt'."
    )


def _home() -> Path:
    return settings.data_home() / "weights" / _FAMILY


def _published(card: ModelCard) -> Path:
    folder = _home() / card.id
    with locked(folder):
        if not folder.is_dir():
            # one archive for both families of models, so it goes to one place
            archive = fetch_weights(dataclasses.replace(card, family=_FAMILY))
            wanted = member(card.id).parts
            unpack(archive, folder, lambda name: name.parts[-3:] == wanted[-3:], largest=_LARGEST)
    return _below(folder, card)


def _below(folder: Path, card: ModelCard) -> Path:
    """Return a model's checkpoint in a folder, however much of the archive's paths it has."""
    parts = member(card.id).parts
    for start in range(len(parts) - 1):  # the bare file name would fit any model
        for top in ("model_checkpoints", ""):
            path = folder.joinpath(top, *parts[start:])
            if path.is_file():
                return path
    raise DataError(f"{folder} does not hold {member(card.id)}, the checkpoint of {card.id}.")
