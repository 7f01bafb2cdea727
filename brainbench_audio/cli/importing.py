"""`brainbench import`: scores that somebody published."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "import",
        help="add published scores from a CSV file",
        description="Keeps a file with the columns model, benchmark, value and, if you like, "
        "error, reading_error, approximate and source. Reports show its rows as published.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--source", default="", help="for rows that name none: a paper, a page")
    parser.add_argument(
        "--replace", action="store_true", help="replace a file of this name imported before"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Keep the file."""
    from brainbench_audio.errors import UnknownId
    from brainbench_audio.registry.lookup import find_benchmark
    from brainbench_audio.report.published_files import import_scores, read_scores, shipped_scores
    from brainbench_audio.report.results import OVERALL

    kept = import_scores(options.file, options.source, options.replace)
    scores = read_scores(kept)
    print(f"{len(scores)} published scores kept in {kept}; delete the file to take them back")
    pairs = {(score.model, score.benchmark) for score in scores}
    if hidden := sum((score.model, score.benchmark) in pairs for score in shipped_scores()):
        print(f"{hidden} of them replace the paper's own")
    strange = []
    for benchmark in sorted({score.benchmark for score in scores} - {OVERALL}):
        try:
            find_benchmark(benchmark)
        except UnknownId:
            strange.append(benchmark)
    if strange:
        print(f"no installed plugin has the benchmark {', '.join(strange)}: check the spelling")
    return 0
