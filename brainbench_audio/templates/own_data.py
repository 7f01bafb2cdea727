"""What a new plugin says of data that somebody has in a folder."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import checksum
from brainbench_audio.files import size_in_words
from brainbench_audio.own_data.layout import IMAGES
from brainbench_audio.own_data.source import read_own_data
from brainbench_audio.provenance import DISTRIBUTION as CORE

from .distribution import CORE_RANGE

if TYPE_CHECKING:
    from brainbench_audio.data_source import LoadedDataset

_SUBSET = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 80


def described(identifier: str, folder: Path, silence: str | None, selected: bool) -> dict[str, str]:
    """Read data and return what the card and the tests of their plugin say of them.

    Raises
    ------
    DataError
        See `read_own_data`.
    """
    card = DatasetCard(
        id=identifier,
        provides=frozenset(),
        stimuli=0,
        description="",
        licence="",
        citation="",
        source="",
        size="",
        packages=(),
    )
    data = read_own_data(folder, card, None, silence, selected)
    counts = {"voxels": data.assembly.shape[1]}
    provides = {"responses"}
    if counts["voxels"] > 1:
        provides.add("multivariate")
    if "session" in data.assembly.dims:
        provides.add("sessions")
        counts["sessions"] = data.assembly.sizes["session"]
    if "subject" in data.assembly.coords:
        provides.add("subjects")
        counts["subjects"] = len(set(data.assembly["subject"].values.tolist()))
    listed = ", ".join(f"{number:,} {word}" for word, number in counts.items())
    bytes_ = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    names = [path.name.lower() for path in folder.iterdir()]
    images = any(name.endswith((*IMAGES, ".annot")) for name in names)
    core = CORE_RANGE.replace(CORE, f"{CORE}[nifti]") if images else CORE_RANGE
    return {
        "dependencies": f'"{core}"',
        "stimuli": str(len(data.stimuli)),
        "shape": str(tuple(data.assembly.shape)),
        "provides": "{" + ", ".join(f'"{flag}"' for flag in sorted(provides)) + "}",
        "subsets": _tuple(_regions(data)),
        "description": f"responses to {len(data.stimuli)} sounds ({listed})",
        "size": size_in_words(bytes_),
        "checksum": checksum(data),
        "silence": "None" if silence is None else json.dumps(silence),
        "selected": str(selected),
    }


def _regions(data: LoadedDataset) -> list[str]:
    """Return the regions that can be subsets: two voxels or more, and a name that fits an id."""
    if "region" not in data.assembly.coords:
        return []
    counts = Counter(str(name).lower() for name in data.assembly["region"].values)
    return sorted(name for name, count in counts.items() if count > 1 and _SUBSET.fullmatch(name))


def _tuple(names: Sequence[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    line = f"({', '.join(quoted)}{',' * (len(names) == 1)})"
    if len(line) <= _LONGEST:
        return line
    return "(\n" + "".join(f"            {name},\n" for name in quoted) + "        )"
