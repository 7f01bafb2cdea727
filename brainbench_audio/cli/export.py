"""`brainbench export`: results as a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from brainbench_audio.cli.selection import add_selection, chosen_results, read_results
from brainbench_audio.errors import DataError


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "export",
        help="write results to CSV, JSON, netCDF or a LaTeX table",
        description="Writes the newest score of each model on each benchmark; of models that have "
        "changed, those of the current version.",
    )
    parser.add_argument(
        "--output", "-o", required=True, type=_file, metavar="FILE", help=".csv, .json, .nc or .tex"
    )
    add_selection(parser, ("model", "benchmark"))
    parser.add_argument(
        "--published",
        choices=("none", "add", "only"),
        default="none",
        help="published scores, too, or alone (default: %(default)s)",
    )
    contents = parser.add_mutually_exclusive_group()
    contents.add_argument(
        "--layers",
        nargs="?",
        const="part",
        choices=("part", "region"),
        help="in place of scores, that of each layer alone, for each component or subject (part), "
        "or each region",
    )
    contents.add_argument(
        "--errors",
        nargs="?",
        const="category",
        choices=("category", "sound"),
        help="in place of scores, errors of predictions for each category of sounds, or each sound",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the file."""
    from brainbench_audio.cli.sound_errors import of_results
    from brainbench_audio.report.export import export, export_errors, export_layers

    results = read_results(options.published)
    results = chosen_results(results, options.model, options.benchmark)
    if options.layers:
        tables = export_layers(results, options.output, options.layers)
        print(f"{options.output}: layers of {tables} scores")
        return 0
    if options.errors:
        scores = export_errors(of_results(results), options.output, options.errors)
        print(f"{options.output}: errors of the predictions of {scores} scores")
        return 0
    export(results, options.output)
    print(f"{options.output}: {len(results)} results")
    return 0


def _file(text: str) -> Path:
    from brainbench_audio.report.export import check_format

    try:
        check_format(Path(text))
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)
