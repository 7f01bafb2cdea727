"""What each figure shows, gathered from what is stored; for the command line and for Python.

The names and defaults of the arguments are those of `brainbench figure`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from brainbench_audio.cli import selection
from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import is_pattern

if TYPE_CHECKING:
    import xarray as xr

    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.results import Published, Result
    from brainbench_audio.scores.score import Score

Names = str | Sequence[str]
Labels = Literal["card", "paper"]
RIDGE = ("NH2015-ridge", "B2021-ridge")
METHODS = (*RIDGE, "NH2015-rsa", "B2021-rsa")
COMPONENTS = ("NH2015comp-ridge",)
_CORRELATION = ("benchmark", "with", "r", "p", "n")


def bars(
    *,
    model: Names = (),
    benchmark: Names = RIDGE,
    published: Published = "none",
    labels: Labels = "card",
) -> Drawing:
    """Gather models side by side; one panel a benchmark."""
    from brainbench_audio.report.figures import bars, compared
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.precision import told

    results = _results(model, published, labels, baseline=True)
    names = _benchmarks(benchmark, results)
    panels = [bars.Panel.of(results, name, compared.unit_of(name)) for name in names]
    rows = [
        (panel.benchmark, one.model, *told(one), _source(one))
        for panel in panels
        for one in (*panel.bars, *([panel.baseline] if panel.baseline else []))
    ]
    head = ("benchmark", "model", "score", "error", "reading error", "source")
    return Drawing("bars", bars.plot, [panels], [panel.numbers() for panel in panels], head, rows)


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

    identifier = listed(benchmark)[0]
    found = components.rows_of(_results(model, published, labels, baseline=True), identifier)
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
        for name in _benchmarks(benchmark, results)
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
    for name in _benchmarks(benchmark, results):
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
    found = agreement.Agreement.of(results, _benchmarks(benchmark, results))
    return Drawing("agreement", agreement.plot, [found], found.numbers(), _CORRELATION)


def rdm(*, benchmark: str, model: Names = (), layer: str | None = None) -> Drawing:
    """Gather the RDMs of some models and of the responses."""
    from brainbench_audio.cli.rdms import gather_rdms
    from brainbench_audio.report.figures import rdm
    from brainbench_audio.report.figures.drawing import Drawing

    stored = selection.read_results()
    models = [name for text in listed(model) for name in selection.named_models(text, stored)]
    matrices = gather_rdms(models, benchmark, layer, stored)
    rows = [(one.name, len(one.stimuli), len(set(one.categories))) for one in matrices]
    numbers = [one.numbers() for one in matrices]
    return Drawing("rdm", rdm.plot, [matrices], numbers, ("matrix", "sounds", "categories"), rows)


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


def layers(*, model: str, benchmark: Names) -> Drawing:
    """Gather layer profiles."""
    from brainbench_audio.report.figures import compared, layers
    from brainbench_audio.report.figures.drawing import Drawing

    name, profiles = _of_scores(model, benchmark, layers.layer_profile)
    units = {one: compared.unit_of(one) for one in profiles}
    head = ("benchmark", "layer", "mean", "error")
    return Drawing("layers", layers.plot, [profiles, units, name], layers.numbers(profiles), head)


def layer_weights(*, model: str, benchmark: Names) -> Drawing:
    """Gather the weights of layers that probes learned."""
    from brainbench_audio.report.figures import layer_weights
    from brainbench_audio.report.figures.drawing import Drawing

    read = layer_weights.layer_weights
    name, weights = _of_scores(model, benchmark, lambda score: read(score.raw))
    head = ("benchmark", "layer", "weight", "error")
    numbers = layer_weights.numbers(weights)
    return Drawing("layer-weights", layer_weights.plot, [weights, name], numbers, head)


def learning_curves(*, model: str, benchmark: Names) -> Drawing:
    """Gather the learning curves of probes."""
    from brainbench_audio.report.figures import learning_curves
    from brainbench_audio.report.figures.drawing import Drawing

    read = learning_curves.learning_curves
    name, curves = _of_scores(model, benchmark, lambda score: read(score.raw))
    numbers = learning_curves.numbers(curves)
    rows = [
        (one["benchmark"], one["setting"], len(one["values"]), max(one["values"], default=None))
        for one in numbers
        if one["chosen"]
    ]
    head = ("benchmark", "chosen setting", "epochs", "best")
    return Drawing("learning-curves", learning_curves.plot, [curves, name], numbers, head, rows)


def layer_regions(*, model: str, benchmark: str) -> Drawing:
    """Gather where in a model the layers lie that predict each region best."""
    from brainbench_audio.report.figures import layer_regions as figure
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.report.layer_regions import layer_regions, region_rows
    from brainbench_audio.report.results import read_score

    stored = selection.read_results()
    name = selection.one_model(model, stored)
    found = layer_regions(read_score(stored, name, benchmark).raw)
    numbers = region_rows(found)
    head = tuple(word.replace("_", " ") for word in numbers[0])
    rows = [tuple(one.values()) for one in numbers]
    left_out, target = (found.attrs[word] for word in ("without_region", "target"))
    note = f"{left_out} {target}s belong to no region and are left out" if left_out else ""
    arguments = [found, f"{name} on {benchmark}"]
    return Drawing("layer-regions", figure.plot, arguments, numbers, head, rows, note=note)


def trajectory(
    *,
    model: str | None = None,
    benchmark: Names | None = None,
    input: Path | None = None,
    log: bool = False,
) -> Drawing:
    """Gather the scores of a training's checkpoints, from a file or from the store."""
    from brainbench_audio.report.figures import compared, trajectory
    from brainbench_audio.report.figures.drawing import Drawing
    from brainbench_audio.training.trajectory import label_scores

    names = listed(benchmark or ())
    if input:
        data, title = trajectory.read_trajectory(Path(input)), model or Path(input).stem
    elif model and names:
        steps = selection.steps_of(model, selection.read_results())
        data, title = label_scores(trajectory.stored_steps(model, names, steps)), model
    else:
        raise DataError("Give --input FILE.nc, or --model ID and --benchmark ID.")
    panels = trajectory.panels_of(data)
    if input and names:
        panels = trajectory.chosen_panels(panels, names)
    units = {compared.unit_of(name) for name in panels}
    unit = units.pop() if len(units) == 1 else "score"
    numbers = trajectory.numbers(panels)
    rows = [
        (one["benchmark"], one["layer"], len(one["steps"]), one["values"][0], one["values"][-1])
        for one in numbers
    ]
    head = ("benchmark", "layer", "steps", "first", "last")
    arguments, options = [panels, title, unit], {"logarithmic": log}
    return Drawing("trajectory", trajectory.plot, arguments, numbers, head, rows, options)


GATHER: dict[str, Callable[..., Drawing]] = {
    "bars": bars,
    "components": components,
    "scatter": scatter,
    "dimensionality": dimensionality,
    "agreement": agreement,
    "rdm": rdm,
    "categories": categories,
    "layers": layers,
    "layer-weights": layer_weights,
    "learning-curves": learning_curves,
    "layer-regions": layer_regions,
    "trajectory": trajectory,
}


def listed(names: Names) -> list[str]:
    """Return one name or several as a list."""
    return [names] if isinstance(names, str) else list(names)


def _results(
    models: Names, published: Published, labels: Labels, *, baseline: bool = False
) -> list[Result]:
    """Return the results of the chosen models; controls and steps only where they are named.

    ``baseline``: those of the baseline, too, whichever models are chosen.
    """
    from brainbench_audio.report.families import BASELINE
    from brainbench_audio.report.known_models import with_paper_labels

    results = selection.read_results(published)
    if labels == "paper":
        results = with_paper_labels(results)
    if not models:
        results = [one for one in results if not one.is_control]
        selection.tell_older(one for one in results if not one.current)
        return [one for one in results if one.current]
    chosen = selection.chosen_models(listed(models), results)
    chosen += [BASELINE] if baseline else []
    return [one for one in results if one.model in chosen]


def _benchmarks(patterns: Names, results: Sequence[Result]) -> list[str]:
    """Return the ids that are asked for; globs stand for those with a score."""
    found: list[str] = []
    for pattern in listed(patterns):
        if is_pattern(pattern):
            found += selection.chosen_benchmarks([pattern], (one.benchmark for one in results))
        else:
            found.append(pattern)
    return list(dict.fromkeys(found))


def _of_scores(
    model: str, benchmarks: Names, read: Callable[[Score], xr.DataArray]
) -> tuple[str, dict[str, xr.DataArray]]:
    """Return the model's name, and what a function reads from its score on each benchmark."""
    from brainbench_audio.report.results import read_score

    stored = selection.read_results()
    name = selection.one_model(model, stored)
    scored = [one for one in stored if one.model == name and one.path]
    names = _benchmarks(benchmarks, scored)
    return name, {one: read(read_score(scored, name, one)) for one in names}


def _source(result: Result) -> str:
    return "published" if result.published else "measured"
