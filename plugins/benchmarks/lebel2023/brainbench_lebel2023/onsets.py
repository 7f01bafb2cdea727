"""When words and phones begin, in volumes: from the TextGrids of the stories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from brainbench_audio.assemblies.continuous import onset_rate
from brainbench_audio.assemblies.textgrid import Tier, read_textgrid
from brainbench_audio.errors import DataError
from brainbench_lebel2023.published import SNAPSHOT, below, textgrid_path
from brainbench_lebel2023.responses import TR

# the order of the tiers, as the authors' code takes them
TIERS = ("phones", "words")
# breath, cough, laughter, lips, noise, silence and pauses, which the aligner marks as words
_NO_WORDS = frozenset(
    {"", "br", "cg", "lg", "ls", "ns", "sil", "sl", "sp", "sentence_start", "sentence_end"}
)


def with_onsets(assembly: xr.DataArray, folder: Path, stories: Sequence[str]) -> xr.DataArray:
    """Add how many words and phones begin in each volume: coordinates ``words`` and ``phones``.

    Parameters
    ----------
    assembly : xr.DataArray
        From `responses.read_responses`.
    folder : Path
        Of the data set.
    stories : sequence of str

    Raises
    ------
    DataError
        A TextGrid is missing or damaged, or has no words and phones.
    """
    runs, times = assembly["run"].values, assembly["time"].values
    rates = {name: np.zeros(len(runs)) for name in TIERS}
    for story in stories:
        rows = np.flatnonzero(runs == story)
        if not rows.size:
            continue
        for name, onsets in _onsets(below(folder, textgrid_path(story))).items():
            rates[name][rows] = onset_rate(onsets, times[rows], TR)
    return assembly.assign_coords({name: ("stimulus", rate) for name, rate in rates.items()})


def _onsets(file: Path) -> dict[str, npt.NDArray[np.float64]]:
    tiers = read_textgrid(file)
    if len(tiers) < len(TIERS):
        raise _odd(file, f"{len(tiers)} of {len(TIERS)} tiers")
    found = {name: _of_tier(tier) for name, tier in zip(TIERS, tiers[: len(TIERS)], strict=True)}
    words, phones = found["words"].size, found["phones"].size
    if not 0 < words <= phones:
        raise _odd(file, f"{phones} phones and {words} words")
    return found


def _of_tier(tier: Tier) -> npt.NDArray[np.float64]:
    spoken: list[Any] = [
        start for start, _, label in tier.intervals if label.strip("{} \t").lower() not in _NO_WORDS
    ]
    return np.array(spoken, dtype=np.float64)


def _odd(file: Path, has: str) -> DataError:
    return DataError(
        f"{file} has {has}, expected a tier of phones and then one of words, with no more words "
        f"than phones. Get the file of snapshot {SNAPSHOT} again (`brainbench data get`)."
    )
