"""One page a model: which sounds are alike to it and to a brain, and which it gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainbench_audio.report.site.clips import Clips
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.frame import Frame
from brainbench_audio.report.site.precision import printed
from brainbench_audio.report.site.sounds import Sounds


def sounds_path(content: Content, model: str) -> str:
    """Return the file of the page, below the site's folder."""
    return content.models[model].replace("models/", "sounds/", 1)


def sounds_page(
    content: Content,
    row: Row,
    sounds: Mapping[str, Sounds],
    frame: Frame,
    clips: Mapping[str, Clips],
) -> str:
    """Return the page.

    Parameters
    ----------
    content : Content
    row : Row
    sounds : mapping of str to Sounds
        What the scores of some benchmarks say of theirs.
    frame : Frame
    clips : mapping of str to Clips
        Sounds to be played, of benchmarks; empty where nobody asked for them.
    """
    names = [name for name in content.benchmarks if name in sounds]
    return frame.page(
        "sounds.html",
        sounds_path(content, row.model),
        f"{row.label}: sounds",
        scripts=("shared.js", "sounds_play.js", "sounds_alike.js", "sounds_wrong.js", "sounds.js"),
        content=content,
        row=row,
        names=names,
        media=any(one.files for one in clips.values()),
        data=_data(row, names, sounds, clips),
    )


def _data(
    row: Row, names: list[str], sounds: Mapping[str, Sounds], clips: Mapping[str, Clips]
) -> dict[str, Any]:
    """Return what the script draws; names of sounds stand there once."""
    sets: dict[tuple[tuple[Any, ...], ...], int] = {}
    shown = []
    for name in names:
        one, result, heard = sounds[name], row.results[name], clips.get(name, Clips(""))
        known = one.names, one.categories, tuple(heard.addresses(one.names))
        told = {
            "id": name,
            "set": sets.setdefault(known, len(sets)),
            "layer": result.layer,
            "score": printed(result),
            "licence": heard.words,
        }
        shown.append(told | one.data())
    listed = [
        {"names": list(each), "categories": list(kinds), "clips": list(files) if any(files) else []}
        for each, kinds, files in sets
    ]
    return {"model": row.label, "sets": listed, "benchmarks": shown}
