"""One page a benchmark: what is measured and how, how models are spread, the ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from brainbench_audio.markup import Markup
from brainbench_audio.report.category_errors import CategoryError
from brainbench_audio.report.comparison import Rank
from brainbench_audio.report.families import BASELINE
from brainbench_audio.report.precision import reading_error
from brainbench_audio.report.published_files import toplines
from brainbench_audio.report.results import Result
from brainbench_audio.report.site.categories import category_grid
from brainbench_audio.report.site.content import Content, Row
from brainbench_audio.report.site.drawing import Axis, number
from brainbench_audio.report.site.frame import COMPARISONS, Frame
from brainbench_audio.report.site.precision import printed
from brainbench_audio.report.site.regions import regions_of_benchmark


@dataclass(frozen=True)
class Line:
    """One line of the table: a score that counts, or the published one beside it.

    Attributes
    ----------
    row : Row
    result : Result
    dot : Markup
        The score as a drawing.
    rank : Rank or None
    sounds : str or None
        File of the page with what is known of single sounds.
    """

    row: Row
    result: Result
    dot: Markup
    rank: Rank | None
    sounds: str | None


def list_page(content: Content, frame: Frame) -> str:
    """Return the page that lists all benchmarks."""
    listed = []
    for name in content.benchmarks:
        scored = _rows(content, name)
        models = [row for row in scored if not row.control]
        best = (models or scored)[0]
        about = content.about[name]
        listed.append({"name": name, "about": about, "models": len(models), "best": best})
    return frame.page("benchmarks.html", COMPARISONS, "Benchmarks", content=content, listed=listed)


def benchmark_page(
    content: Content,
    benchmark: str,
    frame: Frame,
    sounds: Mapping[str, str],
    categories: Mapping[str, Sequence[CategoryError]],
) -> str:
    """Return the page of a benchmark.

    Parameters
    ----------
    content : Content
    benchmark : str
    frame : Frame
    sounds : mapping of str to str
        Of models whose scores say something of each sound: file of the page that shows it.
    categories : mapping of str to sequence of CategoryError
        Of models whose scores say how well each category of sounds is predicted.
    """
    rows = _rows(content, benchmark)
    ceiling, words = _ceiling(rows, benchmark)
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
    return frame.page(
        "benchmark.html",
        content.comparisons[benchmark],
        benchmark,
        content=content,
        benchmark=benchmark,
        about=content.about[benchmark],
        lead=_lead(content, benchmark),
        ceiling=ceiling,
        ceiling_words=words,
        baseline=base and base.label,
        axis=axis.heading(),
        lines=[_line(content, row, result, axis, sounds) for row, result in shown],
        sounds=sounds,
        regions=regions_of_benchmark(content, benchmark),
        by_category=category_grid(rows, categories),
    )


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


def _line(
    content: Content, row: Row, result: Result, axis: Axis, sounds: Mapping[str, str]
) -> Line:
    published = result.published
    title = f"{row.label}{' (published)' if published else ''}: {printed(result)}"
    look = content.looks[row.family]
    counts = result is row.results[result.benchmark]
    return Line(
        row,
        result,
        axis.row(result.value, look, title, bounds_of(result), published=published),
        row.ranks.get(result.benchmark) if counts else None,
        None if published else sounds.get(row.model),
    )
