"""One result as a small text file: the score without its arrays, one number a layer instead.

{"format": 1, "value": …, "error": …, …, "provenance": {…}, "profile": {layer: score}}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from brainbench_audio.errors import DataError
from brainbench_audio.files import json_ready
from brainbench_audio.scores import profiles
from brainbench_audio.scores.score import parse_summary
from brainbench_audio.scores.store import StoredScore, folder_name, read_stored
from brainbench_audio.sharing.contents import problems, with_measurer

RESULTS = "results"
PROFILE = "profile"
LARGEST = 1 << 18  # bytes; what scores say of themselves takes some 6 kB
_MOST_LAYERS = 1000


def record_text(entry: StoredScore, name: str) -> str:
    """Return a stored score as a record.

    Parameters
    ----------
    entry : StoredScore
    name : str
        Who measured it; one that says so already stays as it is.

    Raises
    ------
    DataError
        The file is damaged, or the score does not say what a record must.
    """
    score = with_measurer(read_stored(entry.path), name)
    summary = {**entry.summary, "provenance": dict(score.provenance)}
    if not _are_finite(summary["interval"]):
        summary["interval"] = None
    intervals = summary.get("part_intervals", {})
    summary["part_intervals"] = {
        part: ends for part, ends in intervals.items() if _are_finite(ends)
    }
    mean = profiles.mean_profile(score.raw)
    if mean is not None:
        names = profiles.names_along(mean, "layer")
        summary[PROFILE] = dict(zip(names, mean.values.tolist(), strict=True))
    text = json.dumps(json_ready(summary), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    parsed(text, str(entry.path))
    return text


def read_record(path: Path) -> StoredScore:
    """Read a record.

    Raises
    ------
    DataError
        It is missing, a link, too large, no record, or does not say what it must.
    """
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path} is no file.")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}.") from error
    if len(content) > LARGEST:
        raise DataError(f"{path} is larger than {LARGEST} bytes: a record has no arrays.")
    return StoredScore(path, parsed(text, str(path)))


def parsed(text: str, name: str) -> dict[str, Any]:
    """Return the fields of a record; errors call it ``name``.

    Raises
    ------
    DataError
        See `read_record`.
    """
    summary = parse_summary(text, name)
    wrong = problems(summary)
    if "identity" not in summary["provenance"]:
        wrong.append("it does not say which version of the model was scored: score it again")
    if not _is_profile(summary.get(PROFILE, {})):
        wrong.append(f"its {PROFILE} is no number for each layer")
    if wrong:
        raise DataError(f"{name} is of no use: {'; '.join(wrong)}.")
    return summary


def place_of(entry: StoredScore) -> PurePosixPath:
    """Return where a record is kept below its folder: a file for each version on a benchmark."""
    folders = (folder_name(entry.benchmark), folder_name(entry.model))
    return PurePosixPath(RESULTS, *folders, f"{entry.version.version}.json")


def _are_finite(ends: Any) -> bool:
    return ends is not None and all(math.isfinite(end) for end in ends)


def _is_profile(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) <= _MOST_LAYERS
        and all(number is None or isinstance(number, int | float) for number in value.values())
    )
