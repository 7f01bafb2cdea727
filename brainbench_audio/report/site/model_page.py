"""One page a model: what it is, its scores, layer by layer, where they come from, what to cite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from brainbench_audio.report.results import Result
from brainbench_audio.report.site.categories import category_tables
from brainbench_audio.report.site.content import Content
from brainbench_audio.report.site.drawing import Figure, layer_profile
from brainbench_audio.report.site.frame import Frame
from brainbench_audio.report.site.profiles import LayerProfile
from brainbench_audio.report.site.regions import regions_of_model
from brainbench_audio.report.site.sizes import PARAMETERS, sizes
from brainbench_audio.report.site.stored import Stored, profiles_of

Profiles = Mapping[str, LayerProfile]


def model_page(
    content: Content, model: str, stored: Mapping[str, Stored], frame: Frame, sounds: str | None
) -> str:
    """Return the page of a model.

    Parameters
    ----------
    content : Content
    model : str
    stored : mapping of str to Stored
        Of its benchmarks, what their files say.
    frame : Frame
    sounds : str or None
        File of the page that says what is known of single sounds.
    """
    row = content.row_of(model)
    results = row.every if row else []
    measured = [result for result in results if result.path and not result.published]
    profiles = profiles_of(stored)
    names = [name for name in content.benchmarks if row and name in row.results]
    whole = [name for name in names if name in content.plain] or names
    return frame.page(
        "model.html",
        content.models[model],
        row.label if row else model,
        content=content,
        model=model,
        row=row,
        versions=sorted({result.version for result in row.results.values()} - {""} if row else ()),
        card=content.model_cards.get(model),
        by_size={"x": PARAMETERS, "y": content.first} if model in sizes(content) else None,
        whole=whole,
        rest=[name for name in names if name not in whole],
        sounds=sounds,
        unverified=_unverified(results),
        older=content.older_of(model),
        with_parts=[result for result in results if result.parts],
        regions=regions_of_model(content, row, profiles) if row else [],
        layers=_profiles(content, results, profiles),
        by_category=category_tables(stored, content.plain, content.looks[row.family])
        if row
        else [],
        measured=measured,
        environments=_environments(measured),
        sources=_sources(results),
        citations=_citations(content, results, model),
    )


def _unverified(results: list[Result]) -> list[dict[str, Any]]:
    """Return each file of weights that nobody vouched for when it was scored."""
    scored: dict[tuple[str, str], list[str]] = {}
    for result in results:
        weights = result.provenance.get("weights")
        if not isinstance(weights, dict) or not isinstance(weights.get("files"), dict):
            continue
        for file, sha256 in weights["files"].items():
            if file in weights.get("unverified", ()):
                scored.setdefault((str(file), str(sha256)), []).append(result.benchmark)
    return [
        {"file": file, "sha256": sha256, "benchmarks": names}
        for (file, sha256), names in scored.items()
    ]


def _profiles(content: Content, results: list[Result], profiles: Profiles) -> list[Figure]:
    units = {name: (profiles[name].what, content.about[name].unit) for name in profiles}
    ends: dict[tuple[str, str], list[float]] = {}
    for name, measured in units.items():
        ends.setdefault(measured, []).extend(profiles[name].range)
    figures = []
    for result in results:
        name = result.benchmark
        profile = None if result.published else profiles.get(name)
        if profile is None:
            continue
        what, unit = units[name]
        caption = name
        if what != "score":
            caption += f": {what}"
        elif unit:
            caption += f" ({unit})"
        if result.layer:
            caption += f", best {result.layer}"
        if len(profile.parts) > 1:
            caption += f"; {len(profile.parts)} thin lines and their mean"
        told = f"{name}: {profile.what} of each of {len(profile.layers)} layers"
        # benchmarks of one unit have one axis
        shared = ends[units[name]]
        drawn = layer_profile(profile, result.layer, told, (min(shared), max(shared)))
        figures.append(Figure(drawn, caption))
    return figures


def _environments(measured: list[Result]) -> dict[str, list[str]]:
    """Return versions and machine as text, each set of them once, with its benchmarks."""
    groups: dict[str, list[str]] = {}
    for result in measured:
        known = {
            name: result.provenance[name]
            for name in ("versions", "plugins", "machine", "stimuli", "weights")
            if name in result.provenance
        }
        text = json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True, default=str)
        groups.setdefault(text, []).append(result.benchmark)
    return groups


def _sources(results: list[Result]) -> dict[str, list[str]]:
    """Return the benchmarks of each source of published scores."""
    sources: dict[str, list[str]] = {}
    for result in results:
        if result.published:
            source = str(result.provenance.get("source") or "source not given")
            sources.setdefault(source, []).append(result.benchmark)
    return sources


def _citations(content: Content, results: list[Result], model: str) -> list[str]:
    card = content.model_cards.get(model)
    texts = [card.citation if card else ""]
    for result in results:
        named: Any = result.provenance.get("citations")
        cited = named.get("model") if isinstance(named, Mapping) else None
        texts.append(str(cited or ""))
    return [text for text in dict.fromkeys(texts) if text]
