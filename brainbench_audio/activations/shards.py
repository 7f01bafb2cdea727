"""Files of weights that were cut into shards, with an index that names them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from brainbench_audio.errors import DataError

INDEX = ".index.json"


def shards(path: Path) -> list[Path] | None:
    """Return the shards that an index names, or the one in a folder; None if there is no index.

    Parameters
    ----------
    path : Path
        ``model.safetensors.index.json``, ``pytorch_model.bin.index.json``, or the folder of one.

    Raises
    ------
    DataError
        It is no index, names files elsewhere, or the folder has several.
    """
    if path.is_dir():
        indices = sorted(path.glob(f"*{INDEX}"))
        if len(indices) > 1:
            told = ", ".join(index.name for index in indices)
            raise DataError(f"{path} has several indices of shards: give one of {told}.")
        return shards(indices[0]) if indices else None
    if not path.name.endswith(INDEX) or not path.is_file():
        return None
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is no index of shards ({error!r}). Fetch it again.") from error
    files = named.values() if isinstance(named, Mapping) else ()
    names = sorted({name for name in files if isinstance(name, str) and Path(name).name == name})
    if not names or len(names) != len(set(map(str, files))):
        raise DataError(f"{path} does not name files of its own folder as its shards.")
    return [path.parent / name for name in names]
