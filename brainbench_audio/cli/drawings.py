"""What each figure shows, gathered from what is stored; for the command line and for Python.

The names and defaults of the arguments are those of `brainbench figure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

from brainbench_audio.cli import selection
from brainbench_audio.cli.model_drawings import (
    layer_regions,
    layer_weights,
    layers,
    learning_curves,
    rdm,
    trajectory,
)
from brainbench_audio.cli.selection import Names, listed, named_benchmarks
from brainbench_audio.cli.table import p_text
from brainbench_audio.errors import DataError

if TYPE_CHECKING:
    from brainbench_audio.report.figures.bars import Panel
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.results import Published, Result

Labels = Literal["card", "paper"]
RIDGE = ("NH2015-ridge", "B2021-ridge")
CHOICE = ("NH2015-rsa-cv", "B2021-rsa-cv")
METHODS = (*RIDGE, "NH2015-rsa", "B2021-rsa")
COMPONENTS = ("NH2015comp-ridge",)
_CORRELATION = ("benchmark", "with", "r", "p", "n")


def bars(
    *,
    model: Names = (),
    benchmark: Names = RIDGE,
    published: Published = "none",
    labels: Labels = "card",
    group: Names | None = None,
) -> Drawing:
    """Gather models side by side; one panel a benchmark."""
    from brainbench_audio.report.figures import bars, compared
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.precision import told

    every = _read(published, labels)
    results = _chosen(every, model, baseline=True)
    panels = [
        bars.Panel.of(results, name, compared.unit_of(name))
        for name in named_benchmarks(benchmark, results)
    ]
    note = ""
    if group is not None:
        panels, note = _with_groups(panels, every, listed(group))
    rows = [
        (panel.benchmark, one.model, *told(one), _source(one))
        for panel in panels
        for one in (*panel.bars, *([panel.baseline] if panel.baseline else []))
    ]
    head = ("benchmark", "model", "score", "error", "reading error", "source")
    numbers = [panel.numbers() for panel in panels]
    return Drawing("bars", bars.plot, [panels], numbers, head, rows, note=note)


def _with_groups(
    panels: Sequence[Panel], results: Sequence[Result], texts: Sequence[str]
) -> tuple[list[Panel], str]:
    """Return the panels with groups of models, and a sentence on models without a score."""
    from brainbench_audio.report.figures import groups

    def chosen(names: Sequence[str]) -> list[str]:
        return selection.chosen_models(names, results)

    wanted = groups.named_groups(texts, chosen) if texts else groups.paper_groups()
    found, notes = [], []
    for panel in panels:
        of_panel, missing = groups.groups_of(results, panel.benchmark, wanted)
        found.append(replace(panel, groups=of_panel))
        if missing:
            notes.append(f"groups of {panel.benchmark} lack {', '.join(missing)}: no score")
    return found, "\n".join(notes)


def components(
    *,
    model: Names = (),
    benchmark: Names = COMPONENTS,
    published: Published = "none",
    labels: Labels = "card",
) -> Drawing:
    """Gather models on the six components."""
    from brainbench_audio.report.figures import compared, components
    from brainbench_audio.report.figures.drawing import Drawing

    results = _chosen(_read(published, labels), model, baseline=True)
    identifiers = named_benchmarks(benchmark, results)
    if len(identifiers) != 1:
        raise DataError(
            f"Components are drawn of one benchmark, not of {', '.join(identifiers) or 'none'}: "
            f"name one, such as --benchmark {COMPONENTS[0]}."
        )
    (identifier,) = identifiers
    found = components.rows_of(results, identifier)
    rows = [
        (one.result.model, *(one.values.get(name) for name in components.COMPONENTS), one.mean)
        for one in found
    ]
    head = ("model", *components.COMPONENTS, "mean")
    arguments = [found, compared.unit_of(identifier)]
    return Drawing("components", components.plot, arguments, components.numbers(found), head, rows)


def scatter(
    *,
    model: Names = (),
    benchmark: Names = RIDGE,
    against: str = "overall",
    published: Published = "none",
    labels: Labels = "card",
) -> Drawing:
    """Gather alignment against performance; one panel a benchmark."""
    from brainbench_audio.report.figures import compared, scatter
    from brainbench_audio.report.figures.drawing import Drawing

    results = _results(model, published, labels)
    unit = compared.unit_of(against)
    panels = [
        scatter.Panel.of(results, name, against, unit=compared.unit_of(name), against_unit=unit)
        for name in named_benchmarks(benchmark, results)
    ]
    numbers = [panel.numbers() for panel in panels]
    return Drawing("scatter", scatter.plot, [panels], numbers, _CORRELATION)


def dimensionality(*, model: Names = (), benchmark: Names = RIDGE) -> Drawing:
    """Gather scores against the effective dimensionality of the best layers."""
    from brainbench_audio.report import dimensionality as report
    from brainbench_audio.report.figures import compared, scatter
    from brainbench_audio.report.figures.drawing import Drawing

    results = _results(model, "none", "card")
    panels, numbers = [], []
    for name in named_benchmarks(benchmark, results):
        found = report.read_dimensions(compared.sorted_results(results, name))
        beside = [result for one in found for result in (one.score, one.as_result)]
        units = {"unit": compared.unit_of(name), "against_unit": report.UNIT}
        panels.append(scatter.Panel.of(beside, name, report.DIMENSIONALITY, **units))
        given = report.numbers_of(found, report.partial(found))
        numbers.append({**panels[-1].numbers(), **given})
    head = ("benchmark", "r", "p", "partial_r", "partial_p", "n")
    note = "partial: with the logarithm of the number of features held fixed"
    return Drawing("dimensionality", scatter.plot, [panels], numbers, head, note=note)


def agreement(
    *,
    model: Names = (),
    benchmark: Names = METHODS,
    published: Published = "none",
    labels: Labels = "card",
) -> Drawing:
    """Gather every pair of benchmarks."""
    from brainbench_audio.report.figures import agreement
    from brainbench_audio.report.figures.drawing import Drawing

    results = _results(model, published, labels)
    found = agreement.Agreement.of(results, named_benchmarks(benchmark, results))
    return Drawing("agreement", agreement.plot, [found], found.numbers(), _CORRELATION)


def layer_choice(
    *, model: Names = (), benchmark: Names = CHOICE, labels: Labels = "card"
) -> Drawing:
    """Gather scores of the best layer, and of a layer chosen by cross-validation."""
    from brainbench_audio.report.figures import compared, layer_choice
    from brainbench_audio.report.figures.drawing import Drawing

    results = _results(model, "none", labels)
    found = [
        layer_choice.Choice.of(results, name, compared.unit_of(name))
        for name in named_benchmarks(benchmark, results)
    ]
    numbers = [one.numbers() for one in found]
    head = ("benchmark", "with", "difference", "n")
    return Drawing("layer-choice", layer_choice.plot, [found], numbers, head)


def categories(*, benchmark: str, model: Names = ()) -> Drawing:
    """Gather how well the sounds of each category are predicted."""
    from brainbench_audio.cli.sound_errors import of_results
    from brainbench_audio.report.category_errors import category_errors
    from brainbench_audio.report.figures import categories as figure
    from brainbench_audio.report.figures.drawing import Drawing

    stored = [one for one in _results(model, "none", "card") if one.benchmark == benchmark]
    if not stored:
        raise DataError(
            f"There is no stored score on {benchmark}. This makes one: brainbench score --model "
            f"{' '.join(listed(model)) or 'ID'} --benchmark {benchmark}"
        )
    found = {one.model: category_errors(errors) for one, errors in of_results(stored)}
    numbers = [{"model": name, **asdict(one)} for name, errors in found.items() for one in errors]
    rows = [
        (name, one.category, one.sounds, one.explained, *(one.interval or (None, None)), one.share)
        for name, errors in found.items()
        for one in errors
    ]
    head = ("model", "category", "sounds", "explained", "low", "high", "share")
    over = dict.fromkeys(one["over"] for one in numbers if one["over"])
    note = f"low, high: 95 % interval over {' or '.join(over)}" if over else ""
    return Drawing("categories", figure.plot, [found, benchmark], numbers, head, rows, note=note)


def explain(
    *,
    benchmark: Names = RIDGE,
    model: Names = (),
    properties: Names = (),
    together: bool = False,
    published: Published = "none",
) -> Drawing:
    """Gather the differences that properties of models make."""
    from brainbench_audio.cli.explain import explained, notes
    from brainbench_audio.report.figures import compared
    from brainbench_audio.report.figures import explained as figure
    from brainbench_audio.report.figures.drawing import Drawing

    found = explained(
        model=listed(model),
        benchmark=listed(benchmark),
        properties=listed(properties),
        together=together,
        published=published,
    )
    units = {one.benchmark: compared.unit_of(one.benchmark) for one in found.effects}
    rows = [
        (one.benchmark, one.property, one.change, one.estimate, *one.interval, p_text(one.p))
        for one in found.effects
    ]
    head = ("benchmark", "property", "difference", "estimate", "low", "high", "p")
    numbers = [asdict(one) for one in found.effects]
    note = "\n".join(notes(found))
    return Drawing("explain", figure.plot, [found.effects, units], numbers, head, rows, note=note)


GATHER: dict[str, Callable[..., Drawing]] = {
    "bars": bars,
    "components": components,
    "scatter": scatter,
    "dimensionality": dimensionality,
    "agreement": agreement,
    "layer-choice": layer_choice,
    "rdm": rdm,
    "categories": categories,
    "layers": layers,
    "layer-weights": layer_weights,
    "learning-curves": learning_curves,
    "layer-regions": layer_regions,
    "trajectory": trajectory,
    "explain": explain,
}


def _results(models: Names, published: Published, labels: Labels) -> list[Result]:
    """Return the results of the chosen models; controls and steps only where they are named."""
    return _chosen(_read(published, labels), models)


def _read(published: Published, labels: Labels) -> list[Result]:
    """Return all results, of all versions."""
    from brainbench_audio.report.known_models import with_paper_labels

    results = selection.read_results(published)
    return with_paper_labels(results) if labels == "paper" else results


def _chosen(results: list[Result], models: Names, *, baseline: bool = False) -> list[Result]:
    """Return the results of the chosen models; controls and steps only where they are named.

    ``baseline``: those of the baseline, too, whichever models are chosen.
    """
    from brainbench_audio.report.families import BASELINE

    if not models:
        results = [one for one in results if not one.is_control]
        selection.tell_older(one for one in results if not one.current)
        return [one for one in results if one.current]
    chosen = selection.chosen_models(listed(models), results)
    chosen += [BASELINE] if baseline else []
    return [one for one in results if one.model in chosen]


def _source(result: Result) -> str:
    return "published" if result.published else "measured"
