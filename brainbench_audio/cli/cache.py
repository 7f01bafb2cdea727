"""`brainbench cache`: what the stored activations take up, and clearing them."""

from __future__ import annotations

import argparse
import time
from typing import Any

from brainbench_audio.cli.table import print_json, print_table, size_in_words

_HOUR = 3600


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("cache", help="show or clear stored activations")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    info = actions.add_parser("info", help="what is stored, and how large it is")
    info.add_argument("--json", action="store_true", help="print JSON")
    info.set_defaults(run=print_info)
    clear = actions.add_parser(
        "clear",
        help="delete stored activations; scores and data stay",
        description=clear_cache.__doc__,
    )
    clear.add_argument("--model", help="of this model only")
    clear.add_argument("--results", action="store_true", help="delete the stored scores too")
    clear.set_defaults(run=clear_cache)


def print_info(options: argparse.Namespace) -> int:
    """Print a line for each stored set of activations."""
    from brainbench_audio import settings
    from brainbench_audio.activations.extraction import activations_folder
    from brainbench_audio.activations.store import stored_sets

    sets = stored_sets(activations_folder())
    rows = [
        (
            entry.get("fields", {}).get("model", "?"),
            len(entry.get("stimuli", [])),
            len(entry.get("layers", [])),
            entry["bytes"],
            entry["folder"],
        )
        for entry in sets
    ]
    if options.json:
        keys = ("model", "stimuli", "layers", "bytes", "folder")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return 0
    if rows:
        head = ("model", "stimuli", "layers", "size", "folder")
        print_table(head, [(*row[:3], size_in_words(row[3]), row[4]) for row in rows])
    print(f"activations: {activations_folder()}, {size_in_words(sum(row[3] for row in rows))}")
    print(f"results:     {settings.results_home()}")
    print(f"data:        {settings.data_home()}")
    return 0


def clear_cache(options: argparse.Namespace) -> int:
    """Delete stored activations, which can be computed again, and what killed runs left behind."""
    import shutil

    from brainbench_audio import settings
    from brainbench_audio.activations.extraction import activations_folder
    from brainbench_audio.activations.store import stored_sets
    from brainbench_audio.files import locked, remove_leftovers
    from brainbench_audio.scores.store import stored_scores

    freed = 0
    for entry in stored_sets(activations_folder()):
        if options.model in (None, entry.get("fields", {}).get("model")):
            with locked(activations_folder() / entry["folder"].rpartition("/")[2]):
                shutil.rmtree(entry["folder"], ignore_errors=True)
            freed += entry["bytes"]
    if options.results:
        for score in stored_scores():
            if options.model in (None, score.model):
                freed += score.path.stat().st_size
                score.path.unlink()
    for folder in (activations_folder(), settings.results_home(), settings.data_home()):
        remove_leftovers(folder, older_than=time.time() - _HOUR)
    print(f"freed {size_in_words(freed)}")
    return 0
