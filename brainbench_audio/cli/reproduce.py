"""`brainbench reproduce`: whether a result comes out again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli import amounts
from brainbench_audio.cli.score import given
from brainbench_audio.cli.table import print_json, print_table

if TYPE_CHECKING:
    from brainbench_audio.pipeline.reproduce import Reproduction

_TOLERANCE = 1e-4


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "reproduce",
        help="score a result again and compare",
        description="Compare what a result was made from (model, weights, data, metric, versions) "
        "with what is installed, score it again, and compare the numbers. The exit status is 1 if "
        "they differ. Scores in the store stay as they are.",
    )
    parser.add_argument(
        "result",
        type=Path,
        metavar="RESULT",
        help="a stored score (FILE.nc, see `results list`) or a file of a repository of results "
        "(FILE.json)",
    )
    parser.add_argument(
        "--model",
        default="",
        metavar="ID",
        help="score this model; needed where the result is of a model of a file or of the hub",
    )
    parser.add_argument("--weights", help="a local checkpoint in the published format")
    parser.add_argument("--device", choices=amounts.DEVICES, help="where models compute")
    parser.add_argument(
        "--tolerance",
        type=_positive,
        default=_TOLERANCE,
        metavar="X",
        help="by how much numbers may differ, relative and, below 1, absolute "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="hear all sounds again, too, and replace what is stored of them",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score the result again, and print what differs."""
    from brainbench_audio.pipeline.reproduce import read_result, reproduce
    from brainbench_audio.registry.ids import ModelId

    model = str(ModelId.parse(options.model).absolute()) if options.model else ""
    found = reproduce(
        read_result(options.result),
        model,
        given(options, "weights", "device"),
        tolerance=options.tolerance,
        hear_anew=options.recompute,
    )
    if options.json:
        print_json(_as_json(found, options.tolerance))
    else:
        _print(found, options.tolerance)
    return 0 if found.succeeded else 1


def _print(found: Reproduction, tolerance: float) -> None:
    for decides, title in (
        (True, "Made from something else, so another score is to be expected:"),
        (False, "Other versions or another machine, which should not matter:"),
    ):
        rows = [
            (one.what, one.there or None, one.here or None)
            for one in found.differences
            if one.decides == decides
        ]
        if rows:
            print(title)
            print_table(("what", "in the result", "here"), rows)
            print()
    print_table(
        ("", "score", "error", "ceiling", "best layer"),
        [
            ("in the result", *(found.there[name] for name in _SHOWN)),
            ("here", *(getattr(found.here, name) for name in _SHOWN)),
        ],
    )
    print()
    name = f"{found.model} on {found.benchmark}"
    if found.succeeded:
        print(f"{name}: reproduced, all numbers to {tolerance:g}")
    else:
        print(
            f"{name}: not reproduced: {', '.join(found.others)} differ by more than {tolerance:g}"
        )


_SHOWN = ("value", "error", "ceiling", "layer")


def _as_json(found: Reproduction, tolerance: float) -> dict[str, Any]:
    return {
        "model": found.model,
        "benchmark": found.benchmark,
        "reproduced": found.succeeded,
        "tolerance": tolerance,
        "others": list(found.others),
        "score": {"there": found.there["value"], "here": found.here.value},
        "differences": [vars(one) for one in found.differences],
    }


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no tolerance: a number from 0 to below 1")
    return number
