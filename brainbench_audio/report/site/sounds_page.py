"""One page a model: which sounds are alike to it and to a brain, and which it gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.frame import Frame
from brainbench_audio.report.site.precision import printed
from brainbench_audio.report.site.sounds import Sounds


def sounds_path(content: Content, model: str) -> str:
    """Return the file of the page, below the site's folder."""
    return content.models[model].replace("models/", "sounds/", 1)


def sounds_page(content: Content, row: Row, sounds: Mapping[str, Sounds], frame: Frame) -> str:
    """Return the page; ``sounds`` are what the scores of some benchmarks say of theirs."""
    names = [name for name in content.benchmarks if name in sounds]
    return frame.page(
        "sounds.html",
        sounds_path(content, row.model),
        f"{row.label}: sounds",
        scripts=("shared.js", "sounds_alike.js", "sounds_wrong.js", "sounds.js"),
        content=content,
        row=row,
        names=names,
        data=_data(row, names, sounds),
    )


def _data(row: Row, names: list[str], sounds: Mapping[str, Sounds]) -> dict[str, Any]:
    """Return what the script draws; names of sounds stand there once."""
    sets: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}
    shown = []
    for name in names:
        one, result = sounds[name], row.results[name]
        place = sets.setdefault((one.names, one.categories), len(sets))
        told = {"id": name, "set": place, "layer": result.layer, "score": printed(result)}
        shown.append(told | one.data())
    known = [{"names": list(each), "categories": list(kinds)} for each, kinds in sets]
    return {"model": row.label, "sets": known, "benchmarks": shown}
