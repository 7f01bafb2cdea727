"""Options of `brainbench figure`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from brainbench_audio.errors import DataError


def add_figure(
    figures: Any, name: str, run: Callable[[argparse.Namespace], int], told: str
) -> argparse.ArgumentParser:
    """Add one figure with the options that all have."""
    parser: argparse.ArgumentParser = figures.add_parser(
        name,
        help=told,
        description=f"Draw {told}, and print the numbers. Reads what is stored only.",
    )
    parser.add_argument(
        "--output", "-o", required=True, type=_file, metavar="FILE", help=".png, .svg or .pdf"
    )
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.set_defaults(run=run)
    return parser


def add_compared(parser: argparse.ArgumentParser, default: Sequence[str]) -> None:
    """Add the options of figures that compare models."""
    parser.add_argument(
        "--benchmark",
        "-b",
        nargs="+",
        default=list(default),
        metavar="ID",
        help=f"globs allowed (default: {' '.join(default) or 'NH2015comp-ridge'})",
    )
    parser.add_argument(
        "--model",
        "-m",
        nargs="+",
        default=[],
        metavar="ID",
        help="globs allowed (default: all with a score, without controls and steps, MODEL@…)",
    )
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


def add_model(parser: argparse.ArgumentParser, *, several: bool, required: bool = True) -> None:
    """Add the options of figures that show one model."""
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
