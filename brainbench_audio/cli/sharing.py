"""`brainbench results export` and `merge`: scores that travel between stores."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import add_selection, chosen_results, read_results
from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import DataError
from brainbench_audio.files import size_in_words

if TYPE_CHECKING:
    from brainbench_audio.scores.store import StoredScore
    from brainbench_audio.sharing.bundle import Incoming


def add(actions: Any) -> None:
    """Describe the actions."""
    parser = actions.add_parser(
        "export",
        help="write scores to a bundle for others",
        description="Write the newest score of each model, in its current version, on each "
        "benchmark to one file, with all that is known of it. `results merge` reads it.",
    )
    parser.add_argument("bundle", type=_bundle, metavar="BUNDLE.tar")
    add_selection(parser, ("model", "benchmark"))
    add_measurer(parser)
    parser.add_argument(
        "--no-raw",
        action="store_true",
        help="leave out arrays, all but the score of each layer: a small file, which `compare` "
        "cannot use",
    )
    parser.set_defaults(run=export)
    merge = actions.add_parser(
        "merge",
        help="add the scores of a bundle to the store",
        description="Add the scores of a bundle to the store. They stay measured by whoever "
        "measured them. A score that is stored already is never replaced; if its numbers "
        "differ, both are shown, and the exit status is 1.",
    )
    merge.add_argument("bundle", type=Path, metavar="BUNDLE.tar")
    merge.add_argument("--json", action="store_true", help="print JSON")
    merge.set_defaults(run=merge_bundle)


def add_measurer(parser: argparse.ArgumentParser) -> None:
    """Add ``--by``."""
    parser.add_argument(
        "--by",
        default="",
        metavar="NAME",
        help="who measured these scores: you, or your lab; those of others keep their name",
    )


def chosen_scores(options: argparse.Namespace) -> list[StoredScore]:
    """Return the stored scores that the options choose; parts of a whole come with it."""
    from brainbench_audio.scores.store import stored_scores

    results = chosen_results(read_results(), options.model, options.benchmark)
    paths = {one.path for one in results if one.path}
    if not paths:
        raise DataError("These scores are parts of others: export the whole data set.")
    return [entry for entry in stored_scores() if entry.path in paths]


def export(options: argparse.Namespace) -> int:
    """Write the bundle."""
    from brainbench_audio.sharing.bundle import export_bundle

    number = export_bundle(
        chosen_scores(options), options.bundle, options.by, raw=not options.no_raw
    )
    size = size_in_words(options.bundle.stat().st_size)
    print(f"{options.bundle}: {number} score{'s' * (number > 1)}, {size}")
    return 0


def merge_bundle(options: argparse.Namespace) -> int:
    """Add the scores of a bundle, and show those that are others here."""
    from brainbench_audio.sharing.bundle import merge_bundle as merged

    found = merged(options.bundle)
    if options.json:
        print_json(
            {
                "added": [_as_json(one) for one in found.added],
                "known": [_as_json(one) for one in found.known],
                "conflicts": [_as_json(one) for one in found.conflicts],
            }
        )
        return 1 if found.conflicts else 0
    print(f"{len(found.added)} added, {len(found.known)} known before")
    if found.conflicts:
        print(f"{len(found.conflicts)} have other numbers here, and stay as they are:")
        head = ("model", "version", "benchmark", "here", "in the bundle", "measured by")
        rows = [tuple(_as_json(one).values())[:6] for one in found.conflicts]
        print_table(head, rows, names=3)
        print(
            "The same model, data and metric gave both. `brainbench score --recompute` tells "
            "which is yours; to take the other, remove yours (`results rm`) and merge again."
        )
    return 1 if found.conflicts else 0


def _as_json(one: Incoming) -> dict[str, Any]:
    return {
        "model": one.stored.model,
        "version": one.stored.version.version,
        "benchmark": one.stored.benchmark,
        "here": one.mine.value if one.mine else None,
        "score": one.stored.summary["value"],
        "measured_by": one.stored.measured_by,
        "created": one.stored.created,
    }


def _bundle(text: str) -> Path:
    from brainbench_audio.sharing.bundle import check_bundle_name

    try:
        check_bundle_name(Path(text))
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)
