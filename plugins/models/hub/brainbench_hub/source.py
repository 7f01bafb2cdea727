"""Where the files of a model are: a repository of the Hugging Face hub, or a folder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import ContractError, DataError, UnknownId
from brainbench_audio.files import hash_json
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hub import fetch_snapshot
from brainbench_audio.names import as_on_disk

_CONFIGURATION = ("config.json", "preprocessor_config.json", "processor_config.json")
_SAFE = ("model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin")
_CODE = ("*.py", "*.json")
_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")


@dataclass(frozen=True)
class Source:
    """The files of a model, as they are now.

    Attributes
    ----------
    name : str
        ``owner/name``, or the name of the folder.
    folder : Path
        Holds the files.
    url : str
        Where a person finds them.
    pin : dict
        The commit of a repository, or a hash of the files of a folder.
    files : tuple of Path
        All that the model is made of: configuration, weights, and code if it was asked for.
    """

    name: str
    folder: Path
    url: str
    pin: dict[str, str]
    files: tuple[Path, ...]

    @property
    def safe(self) -> bool:
        """Whether the weights are safetensors."""
        return any(any(self.folder.glob(pattern)) for pattern in _SAFE)


def find_source(location: str, *, code: bool) -> Source:
    """Return where a model is, fetched from the hub if it is not a folder.

    Parameters
    ----------
    location : str
        A folder, starting with ``/``, ``.`` or ``~``, or ``owner/name[@revision]`` on the hub.
    code : bool
        Also take the Python files, to be run later.

    Raises
    ------
    UnknownId
        Neither a folder nor a name on the hub.
    DataError
        The files cannot be had, or there are no weights.
    ContractError
        The code to be run comes from yet another repository, so that nothing pins it.
    """
    if location.startswith(("/", ".", "~")) or Path(location).is_absolute():
        source = _in_folder(as_on_disk(Path(location).expanduser()), code)
    elif _REPOSITORY.fullmatch(location):
        source = _on_hub(location, code)
    else:
        raise UnknownId(
            f"hf:{location} is neither a folder (it starts with / . or ~) nor a name on the "
            f"Hugging Face hub, hf:owner/name or hf:owner/name@revision."
        )
    if not source.safe and not any(any(source.folder.glob(name)) for name in _PICKLED):
        raise DataError(
            f"{source.name} has no weights that can be loaded: neither {_SAFE[0]} nor "
            f"{_PICKLED[0]}, in one file or in parts."
        )
    if code:
        _check_code(source)
    return source


def _in_folder(folder: Path, code: bool) -> Source:
    if not folder.is_dir():
        raise DataError(f"The model's folder {folder} does not exist.")
    folder = folder.resolve()
    files = _files(folder, code)
    names = [path.relative_to(folder).as_posix() for path in files]
    hashes = list(zip(names, hash_files(files), strict=True))
    return Source(folder.name, folder, folder.as_uri(), {"files": hash_json(hashes)}, files)


def _files(folder: Path, code: bool) -> tuple[Path, ...]:
    """Return the files of a model in a folder, in order."""
    files = {
        path for pattern in (*_CONFIGURATION, *_SAFE, *_PICKLED) for path in folder.glob(pattern)
    }
    if code:
        files |= {path for pattern in _CODE for path in folder.rglob(pattern)}
    return tuple(sorted(files))


def _on_hub(location: str, code: bool) -> Source:
    name, _, revision = location.partition("@")
    wanted = [*_CONFIGURATION, *_SAFE, *(_CODE if code else ())]
    folder = _fetch(name, revision or None, wanted)
    source = Source(
        name,
        folder,
        f"https://huggingface.co/{name}/tree/{folder.name}",
        {"repository": name, "commit": folder.name},
        _files(folder, code),
    )
    if source.safe:
        return source
    _fetch(name, folder.name, _PICKLED)
    return replace(source, files=_files(folder, code))


def _fetch(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Return the snapshot of a repository; its folder is named after the commit."""
    try:
        return fetch_snapshot(name, revision, patterns, settings.data_home() / "weights" / "hub")
    except DataError as error:
        raise DataError(f"{error} A copy of one's own is loaded as hf:/folder.") from error


def _check_code(source: Source) -> None:
    for file in _CONFIGURATION:
        path = source.folder / file
        if not path.is_file():
            continue
        foreign = [name for name in _names(_auto_map(path)) if "--" in name]
        if foreign:
            raise ContractError(
                f"{source.name} would run code of another repository, {foreign[0]}, which no "
                f"commit pins. Copy that code into a folder and load hf:/folder."
            )


def _auto_map(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("auto_map", {})
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is damaged: {error}.") from error


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value or ()
    return [name for part in inner for name in _names(part)]
