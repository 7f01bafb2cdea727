"""`brainbench figure`: figures of stored scores.

One subcommand a figure: each gathers what is stored, writes the file and tells the numbers.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainbench_audio.cli import drawings
from brainbench_audio.cli.explain import add_properties
from brainbench_audio.cli.table import p_text, print_json, print_table
from brainbench_audio.errors import DataError


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("figure", help="draw figures of stored scores")
    figures = parser.add_subparsers(metavar="FIGURE", required=True)

    bars = _add(figures, "bars", "models side by side, sorted (figures 2 and 4)")
    _add_compared(bars, drawings.RIDGE)
    bars.add_argument(
        "--group",
        nargs="*",
        metavar="HEADING=ID,ID",
        help="beside the bars, models that differ in one thing, one series each, globs allowed "
        "(without any: pretraining data, fine-tuning and iterations, as in figure 2)",
    )
    components = _add(figures, "components", "models on the six components (figure 5)")
    _add_compared(components, drawings.COMPONENTS)
    scatter = _add(figures, "scatter", "alignment with performance (figures 8, 9)")
    _add_compared(scatter, drawings.RIDGE)
    scatter.add_argument(
        "--with",
        dest="against",
        default="overall",
        metavar="ID",
        help="benchmark of the x axis (default: overall, the mean z-score over listening tasks)",
    )
    size = _add(figures, "dimensionality", "scores against dimensionality of layers")
    _add_benchmarks(size, drawings.RIDGE)
    _add_models(size)
    agreement = _add(figures, "agreement", "methods and data sets (figure 12, right)")
    _add_compared(agreement, drawings.METHODS)
    choice = _add(figures, "layer-choice", "what cross-validated layers change (figure 12, left)")
    _add_compared(choice, drawings.CHOICE, published=False)
    rdm = _add(figures, "rdm", "which sounds are alike to models and brains (figure 3)")
    rdm.add_argument("--model", "-m", nargs="+", default=[], metavar="ID")
    rdm.add_argument("--benchmark", "-b", required=True, metavar="ID")
    rdm.add_argument("--layer", metavar="NAME", help="of the model (default: the best)")
    kinds = _add(figures, "categories", "which categories of sounds are predicted")
    _add_models(kinds)
    kinds.add_argument("--benchmark", "-b", required=True, metavar="ID")
    effects = _add(figures, "explain", "what properties of models explain of their scores")
    _add_benchmarks(effects, drawings.RIDGE)
    _add_models(effects)
    add_properties(effects)
    for name, told in (
        ("layers", "each layer of a model alone, over subjects"),
        ("layer-weights", "which layers a probe listens to"),
        ("learning-curves", "how probes learned"),
    ):
        _add_model(_add(figures, name, told), several=True)
    regions = _add(figures, "layer-regions", "which layers predict which regions best")
    _add_model(regions, several=False)
    course = _add(figures, "trajectory", "alignment over a training (figures 6, 7)")
    _add_model(course, several=True, required=False)
    course.add_argument(
        "--input", type=Path, metavar="FILE.nc", help="what `brainbench trajectory --output` wrote"
    )
    course.add_argument(
        "--layers", nargs="+", default=[], metavar="NAME", help="globs allowed (default: all)"
    )
    course.add_argument(
        "--overlay",
        action="store_true",
        help="one panel a layer with all benchmarks in it (figure 6), not one a benchmark",
    )
    course.add_argument("--log", action="store_true", help="steps on a logarithmic axis")


def run(options: argparse.Namespace) -> int:
    """Draw the figure, and tell its numbers."""
    gather = drawings.GATHER[options.figure]
    taken = inspect.signature(gather).parameters
    found = gather(**{name: value for name, value in vars(options).items() if name in taken})
    found.save(options.output)
    if options.json:
        print_json(found.numbers)
        return 0
    cells = found.rows
    if cells is None:
        cells = [[_cell(one, name) for name in found.head] for one in found.numbers]
    print_table(found.head, cells)
    if found.note:
        print(found.note)
    return 0


def _cell(numbers: Mapping[str, Any], name: str) -> Any:
    return p_text(numbers[name]) if name in ("p", "partial_p") else numbers[name]


def _add(figures: Any, name: str, told: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = figures.add_parser(
        name,
        help=told,
        description=f"Draw {told}, and print the numbers. Reads what is stored only.",
    )
    parser.add_argument(
        "--output", "-o", required=True, type=_file, metavar="FILE", help=".png, .svg or .pdf"
    )
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.set_defaults(run=run, figure=name)
    return parser


def _add_compared(
    parser: argparse.ArgumentParser, default: Sequence[str], *, published: bool = True
) -> None:
    _add_benchmarks(parser, default)
    _add_models(parser)
    if published:
        parser.add_argument(
            "--published",
            choices=("none", "add", "only"),
            default="none",
            help="published scores: left out, drawn as well, or drawn alone (default: %(default)s)",
        )
    parser.add_argument(
        "--labels",
        choices=("card", "paper"),
        default="card",
        help="names of models: those of their cards (the default), or those of the paper's figures",
    )


def _add_benchmarks(parser: argparse.ArgumentParser, default: Sequence[str]) -> None:
    parser.add_argument(
        "--benchmark",
        "-b",
        nargs="+",
        default=list(default),
        metavar="ID",
        help=f"globs allowed (default: {' '.join(default)})",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        "-m",
        nargs="+",
        default=[],
        metavar="ID",
        help="globs allowed (default: all with a score, without controls and steps, MODEL@…)",
    )


def _add_model(parser: argparse.ArgumentParser, *, several: bool, required: bool = True) -> None:
    parser.add_argument("--model", "-m", required=required, metavar="ID")
    if several:
        parser.add_argument(
            "--benchmark", "-b", nargs="+", required=required, metavar="ID", help="globs allowed"
        )
    else:
        parser.add_argument("--benchmark", "-b", required=True, metavar="ID")


def _file(text: str) -> Path:
    from brainbench_audio.report.figures import check_format

    try:
        check_format(Path(text))
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)
