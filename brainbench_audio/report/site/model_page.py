"""One page a model: what it is, its scores, layer by layer, where they come from, what to cite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from brainbench_audio.markup import Markup, link, tag
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import icon, layer_profile, number
from brainbench_audio.report.site.frame import facts, page, published_chip, table, up
from brainbench_audio.report.site.profiles import LayerProfile
from brainbench_audio.report.site.relations import rank_text

Profiles = Mapping[str, LayerProfile]
_KEY_DIGITS = 12
_CHANGED = "The model has changed since it was scored: no score is of its current version."


def model_page(content: Content, model: str, profiles: Profiles, note: str) -> str:
    """Return the page of a model; ``profiles`` are those of its benchmarks."""
    path = content.models[model]
    rows = content.rows_of(model)
    title = rows[0].label if rows else model
    body = [
        tag("h1", title),
        tag("p", tag("code", model), _lead(content, rows), class_="lead"),
        _about(content, model),
        tag("h2", "Scores"),
        _scores(content, rows, path) if rows else tag("p", _CHANGED, class_="note"),
        _unverified(rows),
        _older(content, model, path),
        _parts(rows),
        _profiles(rows, profiles),
        tag("h2", "Where the numbers come from"),
        _origins(rows),
        _citations(content, rows, model),
    ]
    return page(path, title, body, site=content.title, note=note)


def benchmark_link(content: Content, benchmark: str, path: str) -> Markup:
    """Return a link from a page to that of a benchmark; its name where it has no page."""
    if benchmark not in content.comparisons:
        return tag("span", benchmark)
    return tag("a", benchmark, href=up(path) + quote(content.comparisons[benchmark]))


def printed(result: Result) -> str:
    """Return the value, marked if it is approximate."""
    return ("≈ " if result.approximate else "") + number(result.value)


def interval(result: Result) -> str:
    """Return the interval in words."""
    if result.interval is None:
        return "–"
    return " to ".join(number(bound) for bound in result.interval)


def _lead(content: Content, rows: list[Row]) -> list[Any]:
    """Return family and version; published scores are of no version."""
    if not rows:
        return []
    lead = [" · ", icon(content.looks[rows[0].family]), " ", rows[0].family]
    versions = {result.version for row in rows for result in row.results.values()} - {""}
    return lead + [part for version in sorted(versions) for part in (" · version ", version)]


def _older(content: Content, model: str, path: str) -> list[Markup] | None:
    found = content.older_of(model)
    if not found:
        return None
    cells = [
        [
            result.model,
            benchmark_link(content, result.benchmark, path),
            printed(result),
            number(result.error),
            interval(result),
            result.created[:16].replace("T", " ") or "–",
        ]
        for result in found
    ]
    head = ("Version", "Benchmark", "Score", "Error", "95 % interval", "Scored")
    words = (
        "These are of other weights or other code than the scores above. No table, rank or "
        "correlation counts them."
    )
    listed = table(head, cells, "Scores of older versions", numeric=(2, 3, 4), heard=True)
    return [tag("h2", "Older versions"), tag("p", words, class_="note"), listed]


def _unverified(rows: list[Row]) -> list[Markup]:
    """Return a warning for each file of weights that nobody vouched for when it was scored."""
    scored: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for benchmark, result in row.results.items():
            weights = result.provenance.get("weights")
            if not isinstance(weights, dict) or not isinstance(weights.get("files"), dict):
                continue
            for file, sha256 in weights["files"].items():
                if file in weights.get("unverified", ()):
                    scored.setdefault((str(file), str(sha256)), []).append(benchmark)
    return [
        tag(
            "p",
            f"Unverified weights: when {', '.join(names)} was scored, no published SHA-256 said "
            f"that {file} (SHA-256 {sha256}) is the file of this model.",
            class_="note",
        )
        for (file, sha256), names in scored.items()
    ]


def _about(content: Content, model: str) -> Markup | None:
    card = content.model_cards.get(model)
    if card is None:
        return tag("p", "No installed plugin describes this model.", class_="note")
    parameters = f"{card.parameters:,}" if card.parameters else None
    return facts(
        [
            ("Parameters", parameters),
            ("Sample rate", f"{card.sample_rate:,} Hz" if card.sample_rate else None),
            ("Layers", len(card.layers) or None),
            ("Training data", card.training_data),
            ("Licence", card.licence),
            ("Source", link(card.source, card.source)),
        ]
    )


def _scores(content: Content, rows: list[Row], path: str) -> Markup:
    head = ("Benchmark", "Score", "Error", "95 % interval", "Ceiling", "Normalised", "Rank")
    cells = [
        [
            [
                benchmark_link(content, name, path),
                [" ", published_chip()] if row.published else None,
            ],
            printed(result),
            number(result.error),
            interval(result),
            number(result.ceiling),
            number(result.normalised),
            rank_text(row.ranks.get(name)),
            result.layer or "–",
        ]
        for row in rows
        for name in content.benchmarks
        if (result := row.results.get(name))
    ]
    return table((*head, "Best layer"), cells, "Scores", numeric=tuple(range(1, 7)), heard=True)


def _parts(rows: list[Row]) -> Markup | None:
    shown = [
        (name, ", ".join(f"{part} {number(value)}" for part, value in result.parts.items()))
        for row in rows
        for name, result in row.results.items()
        if result.parts
    ]
    if not shown:
        return None
    summary = tag("summary", "Subjects, components and folds")
    return tag("details", summary, facts(list(shown)), class_="small")


def _profiles(rows: list[Row], profiles: Profiles) -> list[Markup] | None:
    figures = []
    for row in rows:
        for name, result in row.results.items():
            profile = None if row.published else profiles.get(name)
            if profile is None:
                continue
            told = f"{name}: {profile.what} of each of {len(profile.layers)} layers"
            learned = None if profile.what == "score" else f": {profile.what}"
            caption = [name, learned, f", best {result.layer}" if result.layer else None]
            if len(profile.parts) > 1:
                caption.append(f"; {len(profile.parts)} thin lines and their mean")
            drawn = layer_profile(profile, result.layer, told)
            figures.append(tag("figure", drawn, tag("figcaption", caption)))
    if not figures:
        return None
    return [tag("h2", "Layer by layer"), tag("div", figures, class_="multiples")]


def _origins(rows: list[Row]) -> list[Markup]:
    found = []
    measured = [result for row in rows for result in row.results.values() if result.path]
    measured = [result for result in measured if not result.published]
    if measured:
        cells = [
            [
                result.benchmark,
                result.created[:16].replace("T", " ") or "–",
                result.measured_by or "here",
                str(result.provenance.get("key") or "–")[:_KEY_DIGITS],
                ", ".join(f"{name} {count:,}" for name, count in result.n.items()) or "–",
                str(result.provenance.get("folds") or "–"),
            ]
            for result in measured
        ]
        head = ("Benchmark", "Scored", "By", "Key", "Counted", "Folds")
        found.append(table(head, cells, "Measured"))
        found += _environments(measured)
    sources: dict[str, list[str]] = {}
    for row in rows:
        for result in row.results.values():
            if result.published:
                source = str(result.provenance.get("source") or "source not given")
                sources.setdefault(source, []).append(result.benchmark)
    if sources:
        pairs = [(source, ", ".join(names)) for source, names in sources.items()]
        found.append(tag("h3", "Published"))
        found.append(facts(list(pairs)))
    return found


def _environments(measured: list[Result]) -> list[Markup]:
    """Return versions and machine, each set of them once."""
    groups: dict[str, list[str]] = {}
    for result in measured:
        known = {
            name: result.provenance[name]
            for name in ("versions", "plugins", "machine", "stimuli", "weights")
            if name in result.provenance
        }
        text = json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True, default=str)
        groups.setdefault(text, []).append(result.benchmark)
    several = len(groups) > 1
    return [
        tag(
            "details",
            tag("summary", f"Versions and machine{': ' + ', '.join(names) if several else ''}"),
            tag("pre", text, tabindex="0"),
            class_="small",
        )
        for text, names in groups.items()
    ]


def _citations(content: Content, rows: list[Row], model: str) -> list[Markup] | None:
    entries: dict[str, None] = {}
    if card := content.model_cards.get(model):
        entries[card.citation] = None
    for row in rows:
        for result in row.results.values():
            named: Any = result.provenance.get("citations")
            cited = named.get("model") if isinstance(named, Mapping) else None
            if cited:
                entries[str(cited)] = None
    texts = [text for text in entries if text]
    return [tag("h2", "Citation"), *(bibtex(text) for text in texts)] if texts else None


def bibtex(text: str) -> Markup:
    """Return a citation to copy."""
    return tag("pre", text, tabindex="0", aria_label="BibTeX")
