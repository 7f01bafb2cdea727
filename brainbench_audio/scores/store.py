"""Scores on disk: ``<results>/<benchmark>/<model>/<key>.nc``, each file whole or absent."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import set_aside
from brainbench_audio.scores.score import Score, read_summary

_log = logging.getLogger(__name__)
_DIGITS = 24


@dataclass(frozen=True)
class StoredScore:
    """One file of the store: its path and the JSON part of its score."""

    path: Path
    summary: dict[str, Any]

    @property
    def model(self) -> str:
        """Id of the model."""
        return str(self.summary["provenance"].get("model", self.path.parent.name))

    @property
    def benchmark(self) -> str:
        """Id of the benchmark."""
        return str(self.summary["provenance"].get("benchmark", self.path.parent.parent.name))


def score_path(benchmark: str, model: str, key: str) -> Path:
    """Return where a score with this key is kept."""
    return settings.results_home() / _safe(benchmark) / _safe(model) / f"{key[:_DIGITS]}.nc"


def find_score(path: Path) -> Score | None:
    """Return the stored score, or None; a damaged file is set aside and reported."""
    if not path.is_file():
        return None
    try:
        return Score.from_netcdf(path)
    except DataError as error:
        aside = set_aside(path)
        _log.warning("%s Set aside as %s.", error, aside.name)
        return None


def stored_scores() -> list[StoredScore]:
    """Return all scores of the store, the newest first; damaged files are reported and left out."""
    found = []
    for path in sorted(settings.results_home().glob("*/*/*.nc")):
        if path.name.startswith("."):
            continue
        try:
            found.append(StoredScore(path, read_summary(path)))
        except DataError as error:
            _log.warning("%s", error)
    created = "created"
    return sorted(
        found, key=lambda entry: entry.summary["provenance"].get(created, ""), reverse=True
    )


def _safe(identifier: str) -> str:
    """Keep ids readable as folder names, whatever somebody called a model."""
    return re.sub(r"[^A-Za-z0-9._@=+-]", "_", identifier).lstrip(".") or "_"
