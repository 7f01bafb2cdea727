"""Activations on disk: content-keyed, in chunks of stimuli, each chunk whole or absent.

    <store>/<key>/manifest.json             what the key stands for, stimuli, layers, chunk size
    <store>/<key>/chunk-00000-<digest>.nc   all layers of the first stimuli, and so on

A chunk's name carries the digest of its bytes, so a damaged one gives itself away.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.files import (
    atomic_file,
    hash_file,
    hash_json,
    hashed_file,
    set_aside,
)
from brainbench_audio.netcdf import packed

_log = logging.getLogger(__name__)
_DIGITS = 16
_MANIFEST = "manifest.json"
_CHECKSUM = "sha256"  # of the rest of a manifest
FORMAT = 1
Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """What a folder of the store is to hold.

    Attributes
    ----------
    fields : mapping
        What decides the activations; its hash is the key.
    stimuli, layers : tuple of str
        Rows and layers, in order.
    chunk : int
        Stimuli a chunk.
    """

    fields: Mapping[str, Any]
    stimuli: tuple[str, ...]
    layers: tuple[str, ...]
    chunk: int

    @property
    def key(self) -> str:
        """SHA-256 over fields and layers; the names of stimuli are in the fields' fingerprint."""
        return activations_key(self.fields, self.layers)

    def chunks(self) -> list[range]:
        """Return the rows of each chunk."""
        starts = range(0, len(self.stimuli), self.chunk)
        return [range(start, min(start + self.chunk, len(self.stimuli))) for start in starts]


def activations_key(fields: Mapping[str, Any], layers: Sequence[str]) -> str:
    """Return the key of a `Plan`."""
    return hash_json([FORMAT, dict(fields), list(layers)])


class StoredActivations(Mapping[str, Features]):
    """Layers of one model for one stimulus set; each item is read from disk when asked for.

    Reading a layer gives a float32 array (stimulus, feature).
    """

    def __init__(self, folder: Path, plan: Plan, layers: Sequence[str] | None = None) -> None:
        self.folder = folder
        self.plan = plan
        self.layers = tuple(plan.layers if layers is None else layers)
        self._files: dict[int, Path] = {}

    @classmethod
    def open(cls, store: Path, plan: Plan) -> StoredActivations:
        """Open the folder of a plan, making it if need be; damaged chunks are set aside.

        A folder that exists keeps its own chunk size.

        Raises
        ------
        CacheError
            The store cannot be written to.
        """
        folder = store / plan.key
        manifest = folder / _MANIFEST
        files = _sound_chunks(folder)
        chunk = _stored_chunk(manifest)
        if chunk is None:
            # what is there was cut as the first chunk was; without that one nobody can tell
            while files and 0 not in files:
                files.popitem()[1].unlink(missing_ok=True)
            plan = replace(plan, chunk=_rows(files[0]) if files else plan.chunk)
            with atomic_file(manifest) as temporary:
                temporary.write_text(_manifest(plan), encoding="utf-8")
        else:
            plan = replace(plan, chunk=chunk)
        stored = cls(folder, plan)
        stored._files = {index: file for index, file in files.items() if index < len(plan.chunks())}
        return stored

    def missing(self) -> list[int]:
        """Return the numbers of the chunks that are still to be written."""
        return [index for index in range(len(self.plan.chunks())) if index not in self._files]

    def write(self, index: int, activations: Mapping[str, Features], computed_in: str = "") -> None:
        """Write one chunk, whole or not at all.

        Parameters
        ----------
        index : int
            Number of the chunk.
        activations : mapping of str to float32 array (stimulus, feature)
            All layers for the chunk's stimuli.
        computed_in : str
            Device and precision, for the provenance; empty: not known.

        Raises
        ------
        CacheError
            The folder is full or cannot be written to.
        """

        def fill(data: netCDF4.Dataset) -> None:
            data.createDimension("stimulus", len(self.plan.chunks()[index]))
            for number, layer in enumerate(self.plan.layers):
                _write_layer(data, number, layer, activations[layer])
            if computed_in:
                data.computed_in = computed_in

        content = packed(fill)
        named = self.folder / f"chunk-{index:05d}.nc"
        self._files[index] = hashed_file(named, _DIGITS, lambda file: _put(file, content))

    def __getitem__(self, layer: str) -> Features:
        return self.rows(layer, range(len(self.plan.stimuli)))

    def rows(self, layer: str, wanted: range) -> Features:
        """Return rows of a layer that follow each other; no other chunks are read."""
        if layer not in self.layers:
            raise KeyError(layer)
        if missing := self.missing():
            raise CacheError(
                f"{self.folder} still lacks {len(missing)} chunks: extract them first."
            )
        name = _variable(self.plan.layers.index(layer))
        parts = []
        for index, chunk in enumerate(self.plan.chunks()):
            start, stop = max(wanted.start - chunk.start, 0), wanted.stop - chunk.start
            if start >= len(chunk) or stop <= 0:
                continue
            try:
                with netCDF4.Dataset(self._files[index]) as data:
                    data.set_auto_mask(False)
                    parts.append(np.asarray(data[name][start:stop], dtype=np.float32))
            except (OSError, RuntimeError, IndexError) as error:
                raise CacheError(
                    f"{self._files[index]} was sound when it was opened and cannot be read now: "
                    f"{error}. Run the command again, which computes it anew."
                ) from error
        if len({part.shape[1] for part in parts}) > 1:
            self.remove()
            raise CacheError(
                f"{self.folder}: layer {layer!r} had not the same number of features for all "
                f"sounds, and was removed. Run the command again, which names the sounds."
            )
        return np.concatenate(parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def only(self, layers: Sequence[str]) -> StoredActivations:
        """Return the same with some of the layers."""
        some = StoredActivations(self.folder, self.plan, layers)
        some._files = self._files
        return some

    def widths(self) -> dict[str, tuple[int, str]]:
        """Return the features of each layer in the first chunk there is, with one of its sounds."""
        if not self._files:
            return {}
        index = min(self._files)
        sound = self.plan.stimuli[self.plan.chunks()[index][0]]
        with netCDF4.Dataset(self._files[index]) as data:
            return {
                layer: (data[_variable(number)].shape[1], sound)
                for number, layer in enumerate(self.plan.layers)
            }

    def computed_in(self) -> list[str]:
        """Return the devices and precisions that the chunks were computed in, as far as known."""
        found = set()
        for file in self._files.values():
            with netCDF4.Dataset(file) as data:
                found.add(str(getattr(data, "computed_in", "")))
        return sorted(found - {""})

    def remove(self) -> None:
        """Remove all chunks."""
        for file in self._files.values():
            file.unlink(missing_ok=True)
        self._files.clear()

    @property
    def key(self) -> str:
        """Key of the plan."""
        return self.plan.key


def _sound_chunks(folder: Path) -> dict[int, Path]:
    """Return the chunks of a folder by number; damaged ones are set aside."""
    found = {}
    for file in sorted(folder.glob(f"chunk-*-{'?' * _DIGITS}.nc")):
        _, index, digest = file.stem.split("-")
        try:
            if _sound(file, digest):
                found[int(index)] = file
                continue
        except FileNotFoundError:  # another process has just removed it
            continue
        aside = set_aside(file)
        _log.warning("%s is damaged: set aside as %s, computed again", file, aside.name)
    return found


def _rows(chunk: Path) -> int:
    with netCDF4.Dataset(chunk) as data:
        return len(data.dimensions["stimulus"])


def _sound(file: Path, digest: str) -> bool:
    """Tell whether a chunk's bytes are those that were written; a disk may not give them."""
    try:
        return hash_file(file)[:_DIGITS] == digest
    except DataError:
        return False


def is_complete(store: Path, key: str) -> bool:
    """Return whether all chunks of a key are there, by their number; no chunk is read."""
    folder = store / key
    try:
        content = _read_manifest(folder / _MANIFEST)
    except (OSError, ValueError):
        return False
    wanted = -(-len(content["stimuli"]) // content["chunk"])
    numbers = {file.name.split("-")[1] for file in folder.glob("chunk-*.nc")}
    return len(numbers) >= int(wanted)


def stored_sets(store: Path) -> list[dict[str, Any]]:
    """Return for each folder of the store what its manifest says, with ``bytes`` and ``folder``."""
    found = []
    for manifest in sorted(store.glob(f"*/{_MANIFEST}")):
        try:
            content = _read_manifest(manifest)
        except FileNotFoundError:  # just removed, with the folder
            continue
        except (OSError, ValueError):
            content = {}
        size = sum(map(_size, manifest.parent.glob("*")))
        found.append({**content, "bytes": size, "folder": str(manifest.parent)})
    return found


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # another process has just finished or removed it
        return 0


def _put(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def _write_layer(data: netCDF4.Dataset, number: int, layer: str, values: Features) -> None:
    dimension = f"feature_{number:03d}"
    data.createDimension(dimension, values.shape[1])
    variable = data.createVariable(_variable(number), "f4", ("stimulus", dimension))
    variable.layer = layer
    variable[:] = values


def _variable(number: int) -> str:
    """Layers are numbered: their own names may hold what netCDF names may not."""
    return f"layer_{number:03d}"


def _manifest(plan: Plan) -> str:
    content = {
        "format": FORMAT,
        "fields": dict(plan.fields),
        "stimuli": list(plan.stimuli),
        "layers": list(plan.layers),
        "chunk": plan.chunk,
    }
    return json.dumps({**content, _CHECKSUM: hash_json(content)}, indent=1)


def _read_manifest(manifest: Path) -> dict[str, Any]:
    """Return what a manifest says.

    Raises
    ------
    ValueError
        It is damaged.
    """
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    if not isinstance(content, dict):
        raise ValueError("no object")
    if content.pop(_CHECKSUM, None) != hash_json(content):
        raise ValueError("its content does not give its checksum")
    # whoever may write here can write a fitting checksum, too
    types = {"fields": dict, "stimuli": list, "layers": list, "chunk": int}
    if not all(isinstance(content.get(name), kind) for name, kind in types.items()):
        raise ValueError("a field is missing or of no use")
    if content["chunk"] < 1:
        raise ValueError(f"chunk size {content['chunk']}")
    return content


def _stored_chunk(manifest: Path) -> int | None:
    """Return the chunk size that an earlier run chose, or None where there is none to be read."""
    try:
        return int(_read_manifest(manifest)["chunk"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        aside = set_aside(manifest)
        _log.warning(
            "%s is damaged (%s): set aside as %s, written again", manifest, error, aside.name
        )
        return None
