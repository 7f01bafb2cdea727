"""What pages take from the file of a stored score, read once: its layers, and its sounds."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from brainbench_audio.errors import DataError
from brainbench_audio.report.category_errors import CategoryError, category_errors
from brainbench_audio.report.site.profiles import LayerProfile, profile_in, profile_of_record
from brainbench_audio.report.site.sounds import Sounds, sounds_in
from brainbench_audio.scores.predictions import CATEGORY, errors_of
from brainbench_audio.scores.profiles import read_raw
from brainbench_audio.sharing.record import read_record

_log = logging.getLogger(__name__)
_NAMES = (
    *("layer_score", "profile", "layer_weights", "influence", "rdm", "target_rdm"),
    *("sound_error", "sound_spread"),
)
# With more targets nobody looks at single ones, and their responses are large.
_MOST_TARGETS = 64


@dataclass(frozen=True)
class Stored:
    """What a stored score says of layers and of sounds, None where it does not."""

    profile: LayerProfile | None = None
    sounds: Sounds | None = None
    categories: tuple[CategoryError, ...] = ()


def read_stored(path: Path) -> Stored:
    """Return it; nothing, with a warning in the log, of a file that cannot be read."""
    try:
        if path.suffix == ".json":
            return Stored(profile_of_record(read_record(path).summary))
        raw = _with_predictions(path, read_raw(path, *_NAMES))
        return Stored(profile_in(raw), sounds_in(raw), _categories(raw))
    except DataError as error:
        _log.warning("%s has no layers or sounds that can be read: %s", path, error)
        return Stored()


def profiles_of(stored: Mapping[str, Stored]) -> dict[str, LayerProfile]:
    """Return what is known of layers, of the benchmarks that have it."""
    return {name: one.profile for name, one in stored.items() if one.profile is not None}


def _categories(raw: xr.Dataset) -> tuple[CategoryError, ...]:
    errors = errors_of(raw)
    if errors is None or CATEGORY not in errors.coords:
        return ()
    # a stored score may have others, which nobody can draw
    drawn = all(np.isfinite(one.values).all() for one in errors.values())
    return tuple(category_errors(errors)) if drawn else ()


def _with_predictions(path: Path, raw: xr.Dataset) -> xr.Dataset:
    """Add responses and predictions, where they are of few targets."""
    targets = raw["r2"].size if "r2" in raw.variables else _MOST_TARGETS + 1
    return raw if targets > _MOST_TARGETS else read_raw(path, *_NAMES, "measured", "prediction")
