"""Lists the checkpoints of one training, in a folder or on the hub; reads none of them."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from brainbench_audio.errors import DataError
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hub import SCHEME, list_files
from brainbench_audio.names import as_on_disk, from_home
from brainbench_audio.pipeline.steps import SUFFIXES, step_of
from brainbench_audio.registry.ids import is_pattern
from brainbench_audio.temporaries import TEMPORARY

_log = logging.getLogger(__name__)
# the weights in a folder of one step, beside the state of its optimiser and the like
_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.pt", "model.pth", "model.ckpt")


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
        return self.location.startswith(SCHEME)

    @cached_property
    def content(self) -> str:
        """What the content is known by: its SHA-256, or a remote place at one commit."""
        if self.remote:
            return self.sha256 or self.location
        return hash_files([Path(self.location)])[0]


def list_checkpoints(source: str | Path) -> list[Checkpoint]:
    """Return the checkpoints of a training, the first step first.

    Parameters
    ----------
    source : str or Path
        A folder of files, or of folders of one step each (``checkpoint-500/model.safetensors``); a
        file; a glob of these; or ``hf://owner/name/path[@revision]``, whose path may be a glob.

    Raises
    ------
    DataError
        There are none, two are of one step, a name holds two (see `steps.step_of`), or the hub
        cannot be asked.
    """
    text = str(source)
    if text.startswith(SCHEME):
        named = [(file.path, file.url, file.size, file.sha256) for file in list_files(text)]
    else:
        files = _local_files(as_on_disk(from_home(text)))
        named = [(str(file), str(file), file.stat().st_size, None) for file in files]
    own = {name: step_of(name, folder=False) for name, *_ in named}
    several = _of_several_steps(own)
    found: dict[int, Checkpoint] = {}
    for name, location, size, sha256 in named:
        step = own[name]
        if step is None and PurePath(name).parent not in several:
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


def _of_several_steps(own: Mapping[str, int | None]) -> set[PurePath]:
    """Return the folders whose names are no step: they hold files or folders that have one.

    So `2024-11-28/last.ckpt` beside `step=1000.ckpt` or `checkpoint-500` is of no step.
    """
    folders = {PurePath(name).parent for name in own}
    with_steps = {PurePath(name).parent for name, step in own.items() if step is not None}
    return with_steps | {one.parent for one in folders - with_steps if one.parent in folders}


def _local_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        files = _files_of(path)
        if any(step_of(file.name, folder=False) is not None for file in files):
            return files
        return [one for folder in sorted(path.iterdir()) for one in _weights_in(folder)] + files
    parts = path.parts
    first = next((place for place, part in enumerate(parts) if is_pattern(part)), len(parts))
    pattern = "/".join(parts[first:])
    folder = as_on_disk(Path(*parts[:first]))
    forms = {unicodedata.normalize(form, pattern) for form in ("NFC", "NFD")} - {""}
    found = {match for form in forms for match in folder.glob(form)}
    return sorted(
        file
        for match in found
        for file in ([match] if match.is_file() and _whole(match) else _weights_in(match))
    )


def _files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and _whole(file))


def _weights_in(folder: Path) -> list[Path]:
    """Return the weights in the folder of one step; nothing where it is no such folder."""
    if not folder.is_dir() or step_of(folder.name) is None:
        return []
    files = _files_of(folder)
    known = [file for name in _WEIGHTS for file in files if file.name == name]
    return known[:1] or files


def _whole(file: Path) -> bool:
    """Whether a file is more than what a training that still runs is writing."""
    return not file.name.startswith(TEMPORARY)
