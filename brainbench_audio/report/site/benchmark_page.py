"""One page a benchmark: what is measured and how, how models are spread, the ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from brainbench_audio.markup import Markup, link, prose, tag
from brainbench_audio.report.families import BASELINE
from brainbench_audio.report.precision import reading_error
from brainbench_audio.report.published_files import toplines
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import Axis, icon, number
from brainbench_audio.report.site.frame import (
    COMPARISONS,
    Frame,
    facts,
    published_chip,
    table,
    up,
)
from brainbench_audio.report.site.model_page import (
    benchmark_link,
    bibtex,
    interval,
)
from brainbench_audio.report.site.precision import error_text, printed
from brainbench_audio.report.site.regions import regions_of_benchmark
from brainbench_audio.report.site.relations import rank_text


def list_page(content: Content, frame: Frame) -> str:
    """Return the page that lists all benchmarks."""
    rows = []
    for name in content.benchmarks:
        known = content.about[name]
        scored = _rows(content, name)
        best = next((row for row in scored if not row.control), scored[0])
        rows.append(
            [
                benchmark_link(content, name, COMPARISONS),
                known.unit or "–",
                sum(not row.control for row in scored),
                f"{printed(best.results[name])} ({best.label})",
                tag("div", prose(known.data or "–"), class_="text"),
            ]
        )
    head = ("Benchmark", "Unit", "Models", "Best", "Data")
    body = [
        tag("h1", "Benchmarks"),
        tag("p", "Each is a data set with a metric; its page has the protocol.", class_="lead"),
        table(head, rows, "All benchmarks", numeric=(2,), heard=True),
    ]
    return frame.page(COMPARISONS, "Benchmarks", body)


def benchmark_page(
    content: Content, benchmark: str, frame: Frame, sounds: Mapping[str, str]
) -> str:
    """Return the page of a benchmark.

    Parameters
    ----------
    content : Content
    benchmark : str
    frame : Frame
    sounds : mapping of str to str
        Of models whose scores say something of each sound: file of the page that shows it.
    """
    path = content.comparisons[benchmark]
    rows = _rows(content, benchmark)
    ceiling, words = _ceiling(rows, benchmark)
    body = [
        tag("h1", benchmark),
        tag("p", _lead(content, benchmark), class_="lead"),
        tag("h2", "Models"),
        _models(content, rows, benchmark, (ceiling, words), sounds),
        regions_of_benchmark(content, benchmark),
        tag("h2", "Protocol"),
        _protocol(content, benchmark, words),
        _citations(content, benchmark),
    ]
    return frame.page(path, benchmark, body)


def _rows(content: Content, benchmark: str) -> list[Row]:
    """Return the rows with a score, the highest first."""
    found = [row for row in content.rows if benchmark in row.results]
    return sorted(found, key=lambda row: -row.results[benchmark].value)


def _lead(content: Content, benchmark: str) -> str:
    text = content.about[benchmark].data or "No installed plugin describes this benchmark"
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _ceiling(rows: list[Row], benchmark: str) -> tuple[tuple[float, float] | None, str]:
    """Return from where to where the ceiling is drawn, and all that is known about it in words."""
    measured = [row.results[benchmark] for row in rows if not row.results[benchmark].published]
    ceilings = (math.nan if one.ceiling is None else one.ceiling for one in measured)
    found = sorted({round(one, 4) for one in ceilings if math.isfinite(one)})
    published = toplines().get(benchmark)
    words = []
    if len(found) == 1:
        words.append(number(found[0]))
    elif found:
        # reliability of the predictions differs between models
        words.append(f"{number(found[0])} to {number(found[-1])}, depending on the model")
    if published is not None:
        words.append(f"{number(published)} as published (each subject with the others' mean)")
    drawn = found or ([] if published is None else [published])
    told = "; ".join(words) or "none is known, so scores are not normalised"
    return (drawn[0], drawn[-1]) if drawn else None, told


def bounds_of(result: Result) -> tuple[float, float] | None:
    """Return the ends of an error bar: 95 %, or one standard error, or the error of reading.

    None where an end is not finite: a stored score may have such ones, which nobody can draw.
    """
    if result.interval is not None:
        low, high = result.interval
    else:
        error = result.error if result.error is not None else reading_error(result)
        error = math.nan if error is None else error
        low, high = result.value - error, result.value + error
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _protocol(content: Content, benchmark: str, ceiling: str) -> Markup:
    known = content.about[benchmark]
    return facts(
        [
            ("Data", prose(known.data)),
            ("Subset", known.subset),
            ("Stimuli", f"{known.stimuli:,} {known.counted}" if known.stimuli else None),
            ("Metric", prose(known.metric)),
            ("Variant", known.variant),
            ("Unit", known.unit),
            ("Ceiling", ceiling),
            ("Licence of the data", known.licence),
            ("Source of the data", link(known.source, known.source)),
        ]
    )


def _models(
    content: Content,
    rows: list[Row],
    benchmark: str,
    known: tuple[tuple[float, float] | None, str],
    sounds: Mapping[str, str],
) -> Markup:
    """Return all scores as a dot plot in a table, the best on top; ``known`` is the ceiling."""
    ceiling, words = known
    shown = [
        (row, result)
        for row in rows
        for result in (row.results[benchmark], row.published.get(benchmark))
        if result is not None
    ]
    base = next((result for row, result in shown if row.model == BASELINE), None)
    ends = [end for _, result in shown for end in (bounds_of(result) or ())]
    values = [result.value for _, result in shown]
    axis = Axis.around([*values, *ends], ceiling, None if base is None else base.value)
    cells = [_cells(content, row, result, axis) for row, result in shown]
    dots = axis.heading("Score as a dot")
    head: tuple[Any, ...] = ("Model", dots, "Score", "Rank", "Group", "Error")
    head += ("95 % interval", "Normalised", "Best layer")
    drawn = "" if ceiling is None else f" Band: ceiling, {words}."
    drawn += "" if base is None else f" Thin line: {base.label}."
    caption = (
        f"Models on {benchmark}. Lines: 95 % intervals, or ± one standard error; hollow: "
        f"published, dashed: how far reading the figure may be off.{drawn} Rank: place, and its "
        "range in 95 % of draws; of a model that is measured and published the measured score "
        "counts, and controls have none. Models of one group do not differ from its best after "
        "control of false discoveries."
    )
    if sounds:
        head += ("Sounds",)
        for (row, result), line in zip(shown, cells, strict=True):
            path = None if result.published else sounds.get(row.model)
            line.append(
                "–"
                if path is None
                else _sounds(row, benchmark, up(content.comparisons[benchmark]) + quote(path))
            )
    return table(head, cells, caption, numeric=tuple(range(2, 8)))


def _sounds(row: Row, benchmark: str, address: str) -> Markup:
    view = urlencode({"b": benchmark})
    label = f"Sounds of {row.label}"
    return tag("a", "sounds", href=f"{address}#{view}", aria_label=label)


def _cells(content: Content, row: Row, result: Result, axis: Axis) -> list[Any]:
    """Return one line of the table: a score that counts, or the published one beside it."""
    benchmark = result.benchmark
    rank = row.ranks.get(benchmark) if result is row.results[benchmark] else None
    look, published = content.looks[row.family], result.published
    title = f"{row.label}{' (published)' if published else ''}: {printed(result)}"
    name = tag(
        "a", row.label, href=up(content.comparisons[benchmark]) + quote(content.models[row.model])
    )
    return [
        [icon(look), " ", name, [" ", published_chip()] if published else None],
        axis.row(result.value, look, title, bounds_of(result), published=published),
        printed(result),
        rank_text(rank),
        rank.group or "–" if rank else "–",
        error_text(result),
        interval(result),
        number(result.normalised),
        result.layer or "–",
    ]


def _citations(content: Content, benchmark: str) -> list[Markup] | None:
    texts = dict.fromkeys(content.about[benchmark].citations)
    return [tag("h2", "Citation"), *(bibtex(text) for text in texts)] if texts else None
