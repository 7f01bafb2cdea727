"""Checkpoints of one training: found in a folder or on the hub, read only if something is missing.

What a score's key needs to know of a checkpoint (the model's fingerprint and its layers) is kept
under the hash of the file's content, `Passport`. So a stored score is found again without reading
the file, even after it was deleted.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio import settings
from brainbench_audio.activations.extraction import activations_folder, plan_extraction
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.download import list_files
from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import TEMPORARY, atomic_file, hash_file, hash_json, locked
from brainbench_audio.interfaces import Model
from brainbench_audio.pipeline.loading import load_model
from brainbench_audio.provenance import package_hash
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.stimuli.stimulus_set import StimulusSet

_log = logging.getLogger(__name__)
SUFFIXES = (".ckpt", ".pt", ".pth", ".th", ".bin", ".safetensors")
_WILD = set("*?[")
_CORE_PACKAGES = ("brainbench_audio.activations", "brainbench_audio.stimuli")


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights that a training left after some steps.

    Attributes
    ----------
    step : int
    location : str
        Path, or ``hf://owner/name/path@commit``.
    size : int
        Bytes.
    sha256 : str or None
        Of a remote file, where it is known; a local one is hashed when asked for.
    """

    step: int
    location: str
    size: int
    sha256: str | None = None

    @property
    def remote(self) -> bool:
        """Whether it has to be downloaded."""
        return self.location.startswith("hf://")

    @cached_property
    def content(self) -> str:
        """What the content is known by: its SHA-256, or a remote place at one commit."""
        if self.remote:
            return self.sha256 or self.location
        return hash_file(Path(self.location))


@dataclass(frozen=True)
class Passport:
    """What has to be known of a loaded checkpoint to look up its scores."""

    fingerprint: Any
    layers: tuple[str, ...]
    dims: tuple[int, ...]
    sample_rate: int

    @classmethod
    def of(cls, model: Model) -> Passport:
        """Return the passport of a loaded model, as it is when read back from its file."""
        card = getattr(model, "card", None)
        fingerprint = json.loads(json.dumps(getattr(model, "fingerprint", None)))
        dims = tuple(card.dims) if card else ()
        return cls(fingerprint, tuple(model.layers), dims, model.sample_rate)


def step_of(name: str) -> int | None:
    """Return the step in a file's name, None if there is no number in it.

    It is the number behind ``step=``, else the one behind the last ``=``, else the last number.

    Examples
    --------
    >>> step_of("epoch=3-step=1000.ckpt"), step_of("model-00250.pt"), step_of("last.ckpt")
    (1000, 250, None)
    """
    stem = Path(name).stem
    for pattern in (r"step[=_-]?([0-9]+)", r"=([0-9]+)$", r"([0-9]+)"):
        if found := re.findall(pattern, stem):
            return int(found[-1])
    return None


def list_checkpoints(source: str | Path) -> list[Checkpoint]:
    """Return the checkpoints of a training, the first step first.

    Parameters
    ----------
    source : str or Path
        A folder, a file, a glob, or ``hf://owner/name/path[@revision]``, whose path may be a glob.

    Raises
    ------
    DataError
        There are none, two are of one step, or the hub cannot be asked.
    """
    text = str(source)
    if text.startswith("hf://"):
        named = [(file.path, file.url, file.size, file.sha256) for file in list_files(text)]
    else:
        files = _local_files(Path(text).expanduser())
        named = [(file.name, str(file), file.stat().st_size, None) for file in files]
    found: dict[int, Checkpoint] = {}
    for name, location, size, sha256 in named:
        step = step_of(name)
        if step is None:
            _log.warning("%s is left out: its name holds no step.", location)
        elif step in found:
            raise DataError(
                f"{found[step].location} and {location} are both of step {step}: choose with a "
                f"glob."
            )
        else:
            found[step] = Checkpoint(step, location, size, sha256)
    if not found:
        raise DataError(
            f"There are no checkpoints in {source}: give a folder with files such as "
            f"step=1000.ckpt ({', '.join(SUFFIXES)}), a glob or hf://owner/name/folder/*.ckpt."
        )
    return [found[step] for step in sorted(found)]


class StepModel:
    """A model at one step of its training, loaded when its activations are wanted.

    Parameters
    ----------
    identifier : str
        Of the model; ``@step=…`` is added.
    checkpoint : Checkpoint
    keep : bool
        Leave a downloaded file in its place when closed.
    options : mapping
        For `load_model`.

    Raises
    ------
    BrainbenchError
        See `load_model`, which is called if the checkpoint was never loaded before.

    Notes
    -----
    A passport holds as long as the sources that are part of the activations' key stay the same.
    """

    card: ModelCard  # absent if the model is from a file of somebody's own

    def __init__(
        self,
        identifier: str,
        checkpoint: Checkpoint,
        *,
        keep: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.identifier = identifier
        self.checkpoint = checkpoint
        self.keep = keep
        self.options = dict(options or {})
        self._plain = None if ".py:" in identifier else find_model(identifier).card
        self._model: Model | None = None
        self._fetched: Path | None = None
        self._passport = self._known() or self._learned()
        own = self._plain.id if self._plain else identifier.rpartition(":")[2]
        self.name = f"{own}@step={checkpoint.step}"
        if self._plain:
            layers, dims = self._passport.layers, self._passport.dims
            rate = self._passport.sample_rate
            self.card = replace(
                self._plain, id=self.name, layers=layers, dims=dims, sample_rate=rate
            )

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return self._passport.layers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""
        return self._passport.sample_rate

    @property
    def fingerprint(self) -> Any:
        """That of the loaded model."""
        return self._passport.fingerprint

    @property
    def provenance(self) -> dict[str, Any]:
        """Which file it is, to be kept with its scores."""
        kept = ("step", "location", "size")
        told = {name: getattr(self.checkpoint, name) for name in kept}
        return {"checkpoint": told | {"content": self.checkpoint.content}}

    @property
    def loaded(self) -> bool:
        """Whether the file was read."""
        return self._model is not None

    def activations(
        self,
        waveforms: Sequence[npt.NDArray[np.float32]],
        layers: Sequence[str] | None = None,
    ) -> Mapping[str, npt.NDArray[np.float32]]:
        """Return the activations, see `interfaces.Model.activations`.

        Raises
        ------
        CacheError
            The model is another one than when this checkpoint was last loaded.
        """
        if self._model is None and self._learned() != self._passport:
            raise CacheError(
                f"{self.name} is not what it was when it was loaded before: try again, what was "
                f"remembered of it has been replaced."
            )
        assert self._model is not None
        return self._model.activations(waveforms, layers=layers)

    def drop_activations(self, stimuli: StimulusSet) -> None:
        """Remove the stored activations to some sounds, which the scores were made from."""
        if plan := plan_extraction(self, stimuli):
            folder = activations_folder() / plan.key
            with locked(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Free the model, and remove the file if it was downloaded and is not to be kept."""
        self._model = None
        if self._fetched is not None and not self.keep:
            # what looks like the file links to where the hub's client keeps the bytes
            for path in (self._fetched.resolve(), self._fetched):
                path.unlink(missing_ok=True)
        self._fetched = None

    def _learned(self) -> Passport:
        """Load the model, and keep what is to be known of it."""
        path = self._file()
        try:
            if self._plain:
                identifier = f"{self.identifier}@step={self.checkpoint.step}"
                self._model = load_model(identifier, weights=path, **self.options)
            else:
                self._model = load_model(self.identifier, weights=path, **self.options)
            passport = Passport.of(self._model)
        except Exception:
            self.close()
            raise
        if passport.fingerprint is not None:
            with atomic_file(self._passport_file()) as temporary:
                temporary.write_text(json.dumps(asdict(passport)), encoding="utf-8")
        return passport

    def _known(self) -> Passport | None:
        try:
            content = json.loads(self._passport_file().read_text(encoding="utf-8"))
            rate = content["sample_rate"]
            layers, dims = (tuple(content[name]) for name in ("layers", "dims"))
            return Passport(content["fingerprint"], layers, dims, rate)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _passport_file(self) -> Path:
        if self._plain:
            source = package_hash(self._plain.packages)
        else:
            source = hash_file(Path(self.identifier.rpartition(":")[0]).expanduser())
        options = {name: str(value) for name, value in self.options.items() if name != "device"}
        key = hash_json(
            [
                self.identifier,
                self.checkpoint.content,
                source,
                package_hash(_CORE_PACKAGES),
                options,
            ]
        )
        return settings.cache_home() / "checkpoints" / f"{key}.json"

    def _file(self) -> Path:
        """Return the local file, downloaded if need be."""
        if not self.checkpoint.remote:
            return Path(self.checkpoint.location)
        if self._plain is None:
            raise DataError(
                f"{self.identifier} has no plugin to keep downloads for: download "
                f"{self.checkpoint.location} yourself and give the folder."
            )
        from brainbench_audio.activations.weights_files import fetch_weights

        published = WeightsFile(
            url=self.checkpoint.location, size=self.checkpoint.size, sha256=self.checkpoint.sha256
        )
        self._fetched = fetch_weights(replace(self._plain, weights=(published,)))
        return self._fetched


def _local_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and _whole(file))
    parts = path.parts
    first = next((place for place, part in enumerate(parts) if _WILD & set(part)), len(parts))
    pattern = "/".join(parts[first:])
    found = Path(*parts[:first]).glob(pattern) if pattern else []
    return sorted(file for file in found if file.is_file() and _whole(file))


def _whole(file: Path) -> bool:
    """Whether a file is more than what a training that still runs is writing."""
    return not file.name.startswith(TEMPORARY)
