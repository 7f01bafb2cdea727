"""`brainbench figure`: figures of stored scores.

One subcommand a figure: each gathers what is stored, writes the file and tells the numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli import selection
from brainbench_audio.cli.figure_options import add_compared, add_figure, add_model
from brainbench_audio.cli.table import p_text, print_json, print_table
from brainbench_audio.errors import DataError
from brainbench_audio.registry.ids import is_pattern

if TYPE_CHECKING:
    import xarray as xr

    from brainbench_audio.report.results import Result
    from brainbench_audio.scores.score import Score

_RIDGE = ("NH2015-ridge", "B2021-ridge")
_METHODS = (*_RIDGE, "NH2015-rsa", "B2021-rsa")
_CORRELATION = ("benchmark", "with", "r", "p", "n")


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("figure", help="draw figures of stored scores")
    figures = parser.add_subparsers(metavar="FIGURE", required=True)

    bars = add_figure(figures, "bars", draw_bars, "models side by side, sorted (figures 2 and 4)")
    add_compared(bars, _RIDGE)
    components = add_figure(
        figures, "components", draw_components, "models on the six components (figure 5)"
    )
    add_compared(components, ())
    scatter = add_figure(
        figures, "scatter", draw_scatter, "alignment with performance (figures 8, 9)"
    )
    add_compared(scatter, _RIDGE)
    scatter.add_argument(
        "--with",
        dest="against",
        default="overall",
        metavar="ID",
        help="benchmark of the x axis (default: overall, the mean z-score over listening tasks)",
    )
    agreement = add_figure(
        figures, "agreement", draw_agreement, "methods and data sets (figure 12)"
    )
    add_compared(agreement, _METHODS)
    rdm = add_figure(
        figures, "rdm", draw_rdm, "which sounds are alike to models and brains (figure 3)"
    )
    rdm.add_argument("--model", "-m", nargs="+", default=[], metavar="ID")
    rdm.add_argument("--benchmark", "-b", required=True, metavar="ID")
    rdm.add_argument("--layer", metavar="NAME", help="of the model (default: the best)")
    for name, run, told in (
        ("layers", draw_layers, "each layer of a model alone, over subjects"),
        ("layer-weights", draw_layer_weights, "which layers a probe listens to"),
        ("learning-curves", draw_learning_curves, "how probes learned"),
    ):
        add_model(add_figure(figures, name, run, told), several=True)
    regions = add_figure(
        figures, "layer-regions", draw_layer_regions, "which layers predict which regions best"
    )
    add_model(regions, several=False)
    course = add_figure(
        figures, "trajectory", draw_trajectory, "alignment over a training (figures 6, 7)"
    )
    add_model(course, several=True, required=False)
    course.add_argument(
        "--input", type=Path, metavar="FILE.nc", help="what `brainbench trajectory --output` wrote"
    )
    course.add_argument("--log", action="store_true", help="steps on a logarithmic axis")


def draw_bars(options: argparse.Namespace) -> int:
    """Draw models side by side; one panel a benchmark."""
    from brainbench_audio.report.figures import bars, compared, draw
    from brainbench_audio.report.precision import told

    results = _results(options, baseline=True)
    names = _benchmarks(options, results)
    panels = [bars.Panel.of(results, name, compared.unit_of(name)) for name in names]
    draw(options.output, bars.plot, panels)
    rows = [
        (panel.benchmark, one.model, *told(one), _source(one))
        for panel in panels
        for one in (*panel.bars, *([panel.baseline] if panel.baseline else []))
    ]
    head = ("benchmark", "model", "score", "error", "reading error", "source")
    return _tell(options, [panel.numbers() for panel in panels], head, rows)


def draw_components(options: argparse.Namespace) -> int:
    """Draw models on the six components."""
    from brainbench_audio.report.figures import compared, components, draw

    results = _results(options, baseline=True)
    identifier = (options.benchmark or ["NH2015comp-ridge"])[0]
    found = components.rows_of(results, identifier)
    draw(options.output, components.plot, found, compared.unit_of(identifier))
    rows = [
        (one.result.model, *(one.values.get(name) for name in components.COMPONENTS), one.mean)
        for one in found
    ]
    head = ("model", *components.COMPONENTS, "mean")
    return _tell(options, components.numbers(found), head, rows)


def draw_scatter(options: argparse.Namespace) -> int:
    """Draw alignment against performance; one panel a benchmark."""
    from brainbench_audio.report.figures import compared, draw, scatter

    results = _results(options)
    panels = [
        scatter.Panel.of(
            results,
            name,
            options.against,
            unit=compared.unit_of(name),
            against_unit=compared.unit_of(options.against),
        )
        for name in _benchmarks(options, results)
    ]
    draw(options.output, scatter.plot, panels)
    return _tell(options, [panel.numbers() for panel in panels], _CORRELATION)


def draw_agreement(options: argparse.Namespace) -> int:
    """Draw every pair of benchmarks."""
    from brainbench_audio.report.figures import agreement, draw

    results = _results(options)
    found = agreement.Agreement.of(results, _benchmarks(options, results))
    draw(options.output, agreement.plot, found)
    return _tell(options, found.numbers(), _CORRELATION)


def draw_rdm(options: argparse.Namespace) -> int:
    """Draw the RDMs of some models and of the responses."""
    from brainbench_audio.cli.rdms import gather_rdms
    from brainbench_audio.report.figures import draw, rdm

    stored = selection.read_results()
    models = [name for text in options.model for name in selection.named_models(text, stored)]
    matrices = gather_rdms(models, options.benchmark, options.layer, stored)
    draw(options.output, rdm.plot, matrices)
    rows = [(one.name, len(one.stimuli), len(set(one.categories))) for one in matrices]
    return _tell(
        options, [one.numbers() for one in matrices], ("matrix", "sounds", "categories"), rows
    )


def draw_layers(options: argparse.Namespace) -> int:
    """Draw layer profiles."""
    from brainbench_audio.report.figures import compared, draw, layers

    model, profiles = _of_scores(options, layers.layer_profile)
    units = {name: compared.unit_of(name) for name in profiles}
    draw(options.output, layers.plot, profiles, units, model)
    return _tell(options, layers.numbers(profiles), ("benchmark", "layer", "mean", "error"))


def draw_layer_weights(options: argparse.Namespace) -> int:
    """Draw the weights of layers that probes learned."""
    from brainbench_audio.report.figures import draw, layer_weights

    model, weights = _of_scores(options, lambda score: layer_weights.layer_weights(score.raw))
    draw(options.output, layer_weights.plot, weights, model)
    head = ("benchmark", "layer", "weight", "error")
    return _tell(options, layer_weights.numbers(weights), head)


def draw_learning_curves(options: argparse.Namespace) -> int:
    """Draw the learning curves of probes."""
    from brainbench_audio.report.figures import draw, learning_curves

    model, curves = _of_scores(options, lambda score: learning_curves.learning_curves(score.raw))
    draw(options.output, learning_curves.plot, curves, model)
    numbers = learning_curves.numbers(curves)
    rows = [
        (one["benchmark"], one["setting"], len(one["values"]), max(one["values"], default=None))
        for one in numbers
        if one["chosen"]
    ]
    return _tell(options, numbers, ("benchmark", "chosen setting", "epochs", "best"), rows)


def draw_layer_regions(options: argparse.Namespace) -> int:
    """Draw the stored score of the pair."""
    from brainbench_audio.report import figures
    from brainbench_audio.report.layer_regions import layer_regions, region_rows
    from brainbench_audio.report.results import read_score

    stored = selection.read_results()
    model = selection.one_model(options.model, stored)
    found = layer_regions(read_score(stored, model, options.benchmark).raw)
    title = f"{model} on {options.benchmark}"
    figures.draw_layer_regions(found, title, options.output)
    rows = region_rows(found)
    head = tuple(name.replace("_", " ") for name in rows[0])
    _tell(options, rows, head, [tuple(row.values()) for row in rows])
    if (left_out := found.attrs["without_region"]) and not options.json:
        print(f"{left_out} {found.attrs['target']}s belong to no region and are left out")
    return 0


def draw_trajectory(options: argparse.Namespace) -> int:
    """Draw the scores of a training's checkpoints, from a file or from the store."""
    from brainbench_audio.report.figures import compared, draw, trajectory
    from brainbench_audio.training.trajectory import label_scores

    if options.input:
        data = trajectory.read_trajectory(options.input)
    elif options.model and options.benchmark:
        steps = selection.steps_of(options.model, selection.read_results())
        data = label_scores(trajectory.stored_steps(options.model, options.benchmark, steps))
    else:
        raise DataError("Give --input FILE.nc, or --model ID and --benchmark ID.")
    panels = trajectory.panels_of(data)
    if options.input and options.benchmark:
        panels = trajectory.chosen_panels(panels, options.benchmark)
    units = {compared.unit_of(name) for name in panels}
    unit = units.pop() if len(units) == 1 else "score"
    title = options.model or options.input.stem
    draw(options.output, trajectory.plot, panels, title, unit, logarithmic=options.log)
    numbers = trajectory.numbers(panels)
    rows = [
        (one["benchmark"], one["layer"], len(one["steps"]), one["values"][0], one["values"][-1])
        for one in numbers
    ]
    return _tell(options, numbers, ("benchmark", "layer", "steps", "first", "last"), rows)


def _results(options: argparse.Namespace, *, baseline: bool = False) -> list[Result]:
    """Return the results of the chosen models; controls and steps only where they are named.

    ``baseline``: those of the baseline, too, whichever models are chosen.
    """
    from brainbench_audio.report.families import BASELINE
    from brainbench_audio.report.known_models import with_paper_labels

    results = selection.read_results(options.published)
    if options.labels == "paper":
        results = with_paper_labels(results)
    if not options.model:
        results = [one for one in results if not one.is_control]
        selection.tell_older(one for one in results if not one.current)
        return [one for one in results if one.current]
    models = selection.chosen_models(options.model, results)
    models += [BASELINE] if baseline else []
    return [one for one in results if one.model in models]


def _benchmarks(options: argparse.Namespace, results: Sequence[Result]) -> list[str]:
    """Return the ids that are asked for; globs stand for those with a score."""
    found: list[str] = []
    for pattern in options.benchmark:
        if is_pattern(pattern):
            found += selection.chosen_benchmarks([pattern], (one.benchmark for one in results))
        else:
            found.append(pattern)
    return list(dict.fromkeys(found))


def _of_scores(
    options: argparse.Namespace, read: Callable[[Score], xr.DataArray]
) -> tuple[str, dict[str, xr.DataArray]]:
    """Return the model's name, and what a function reads from its score on each benchmark."""
    from brainbench_audio.report.results import read_score

    stored = selection.read_results()
    model = selection.one_model(options.model, stored)
    scored = [one for one in stored if one.model == model and one.path]
    names = _benchmarks(options, scored)
    return model, {name: read(read_score(scored, model, name)) for name in names}


def _tell(
    options: argparse.Namespace,
    numbers: Any,
    head: Sequence[str],
    rows: Sequence[Sequence[Any]] | None = None,
) -> int:
    """Print the numbers that were drawn; as a table those under the head, unless rows are given."""
    if options.json:
        print_json(numbers)
    elif rows is None:
        cells = [
            [p_text(one[name]) if name == "p" else one[name] for name in head] for one in numbers
        ]
        print_table(head, cells)
    else:
        print_table(head, rows)
    return 0


def _source(result: Result) -> str:
    return "published" if result.published else "measured"
