"""One page a model: what it is, its scores, layer by layer, where they come from, what to cite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from brainbench_audio.markup import Markup, link, tag
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.categories import categories_section
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import icon, layer_profile, number
from brainbench_audio.report.site.frame import (
    CORRELATIONS,
    Frame,
    code,
    facts,
    published_chip,
    table,
    up,
)
from brainbench_audio.report.site.precision import error_text, printed
from brainbench_audio.report.site.profiles import LayerProfile
from brainbench_audio.report.site.regions import regions_of_model
from brainbench_audio.report.site.relations import rank_text
from brainbench_audio.report.site.sizes import PARAMETERS, sizes
from brainbench_audio.report.site.stored import Stored, profiles_of

Profiles = Mapping[str, LayerProfile]
_KEY_DIGITS = 12
_CHANGED = "The model has changed since it was scored: no score is of its current version."


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
    path = content.models[model]
    row = content.row_of(model)
    results = row.every if row else []
    profiles = profiles_of(stored)
    title = row.label if row else model
    body = [
        tag("h1", title),
        tag("p", tag("code", model), _lead(content, row), class_="lead"),
        _about(content, model),
        tag("h2", "Scores"),
        _all_scores(content, row, path) if row else tag("p", _CHANGED, class_="note"),
        None if sounds is None else _sounds(up(path) + quote(sounds)),
        _unverified(results),
        _older(content, model, path),
        _parts(results),
        regions_of_model(content, row, profiles) if row else None,
        _profiles(content, results, profiles),
        categories_section(stored, content.plain, content.looks[row.family]) if row else None,
        tag("h2", "Where the numbers come from"),
        _origins(results),
        _citations(content, results, model),
    ]
    return frame.page(path, title, body)


def benchmark_link(content: Content, benchmark: str, path: str) -> Markup:
    """Return a link from a page to that of a benchmark; its name where it has no page."""
    if benchmark not in content.comparisons:
        return tag("span", benchmark)
    return tag("a", benchmark, href=up(path) + quote(content.comparisons[benchmark]))


def interval(result: Result) -> str:
    """Return the interval in words."""
    if result.interval is None:
        return "–"
    return " to ".join(number(bound) for bound in result.interval)


def _lead(content: Content, row: Row | None) -> list[Any]:
    """Return family and version; published scores are of no version."""
    if row is None:
        return []
    lead = [" · ", icon(content.looks[row.family]), " ", row.family]
    versions = {result.version for result in row.results.values()} - {""}
    return lead + [part for version in sorted(versions) for part in (" · version ", version)]


def _sounds(address: str) -> Markup:
    words = "Which sounds are alike to it, and which it gets wrong"
    return tag("p", tag("a", words, href=address), class_="small")


def _older(content: Content, model: str, path: str) -> list[Markup] | None:
    found = content.older_of(model)
    if not found:
        return None
    cells = [
        [
            result.model,
            benchmark_link(content, result.benchmark, path),
            printed(result),
            error_text(result),
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


def _unverified(results: list[Result]) -> list[Markup]:
    """Return a warning for each file of weights that nobody vouched for when it was scored."""
    scored: dict[tuple[str, str], list[str]] = {}
    for result in results:
        weights = result.provenance.get("weights")
        if not isinstance(weights, dict) or not isinstance(weights.get("files"), dict):
            continue
        for file, sha256 in weights["files"].items():
            if file in weights.get("unverified", ()):
                scored.setdefault((str(file), str(sha256)), []).append(result.benchmark)
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
            ("Parameters", _size(content, model, parameters)),
            ("Sample rate", f"{card.sample_rate:,} Hz" if card.sample_rate else None),
            ("Layers", len(card.layers) or None),
            ("Training data", card.training_data),
            ("Licence", card.licence),
            ("Source", link(card.source, card.source)),
        ]
    )


def _size(content: Content, model: str, parameters: str | None) -> Any:
    """Return the number, with a link to where scores stand against size."""
    if parameters is None or model not in sizes(content):
        return parameters
    view = urlencode({"x": PARAMETERS, "y": content.first})
    address = f"{up(content.models[model])}{CORRELATIONS}#{view}"
    return [parameters, " (", tag("a", "size and scores of all models", href=address), ")"]


def _all_scores(content: Content, row: Row, path: str) -> list[Markup]:
    """Return the scores of whole data sets, and below them those of subsets and variants."""
    names = [name for name in content.benchmarks if name in row.results]
    whole = [name for name in names if name in content.plain]
    rest = [name for name in names if name not in whole]
    if not whole or not rest:
        return [_scores(content, row, path, names)]
    summary = tag("summary", f"Subsets and variants: {len(rest)} more")
    listed = _scores(content, row, path, rest, "Scores of subsets and variants")
    folded = tag("details", summary, listed, class_="small")
    return [_scores(content, row, path, whole), folded]


def _scores(
    content: Content, row: Row, path: str, names: list[str], caption: str = "Scores"
) -> Markup:
    head = ("Benchmark", "Score", "Error", "95 % interval", "Ceiling", "Normalised", "Rank")
    cells = [
        [
            [
                benchmark_link(content, name, path),
                [" ", published_chip()] if result.published else None,
            ],
            printed(result),
            error_text(result),
            interval(result),
            number(result.ceiling),
            number(result.normalised),
            rank_text(row.ranks.get(name)) if result is row.results[name] else "–",
            result.layer or "–",
        ]
        for name in names
        for result in (row.results.get(name), row.published.get(name))
        if result is not None
    ]
    return table((*head, "Best layer"), cells, caption, numeric=tuple(range(1, 7)), heard=True)


def _parts(results: list[Result]) -> Markup | None:
    shown = [
        (one.benchmark, ", ".join(f"{part} {number(value)}" for part, value in one.parts.items()))
        for one in results
        if one.parts
    ]
    if not shown:
        return None
    summary = tag("summary", "Subjects, components and folds")
    return tag("details", summary, facts(list(shown)), class_="small")


def _profiles(content: Content, results: list[Result], profiles: Profiles) -> list[Markup] | None:
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
        told = f"{name}: {profile.what} of each of {len(profile.layers)} layers"
        what, unit = units[name]
        learned = f" ({unit})" if what == "score" and unit else None
        learned = learned if what == "score" else f": {what}"
        caption = [name, learned, f", best {result.layer}" if result.layer else None]
        if len(profile.parts) > 1:
            caption.append(f"; {len(profile.parts)} thin lines and their mean")
        # benchmarks of one unit have one axis
        shared = ends[units[name]]
        drawn = layer_profile(profile, result.layer, told, (min(shared), max(shared)))
        figures.append(tag("figure", drawn, tag("figcaption", caption)))
    if not figures:
        return None
    words = "Drawings of one unit share their axis; each layer tells its name and mean."
    drawings = tag("div", figures, class_="multiples")
    return [tag("h2", "Layer by layer"), tag("p", words, class_="note"), drawings]


def _origins(results: list[Result]) -> list[Markup]:
    found = []
    measured = [result for result in results if result.path and not result.published]
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
    for result in results:
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
            code(text, "Versions and machine"),
            class_="small",
        )
        for text, names in groups.items()
    ]


def _citations(content: Content, results: list[Result], model: str) -> list[Markup] | None:
    entries: dict[str, None] = {}
    if card := content.model_cards.get(model):
        entries[card.citation] = None
    for result in results:
        named: Any = result.provenance.get("citations")
        cited = named.get("model") if isinstance(named, Mapping) else None
        if cited:
            entries[str(cited)] = None
    texts = [text for text in entries if text]
    return [tag("h2", "Citation"), *(bibtex(text) for text in texts)] if texts else None


def bibtex(text: str) -> Markup:
    """Return a citation to copy."""
    return code(text, "BibTeX")
