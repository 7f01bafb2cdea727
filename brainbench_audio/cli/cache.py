"""`brainbench cache`: what the stored activations take up, and clearing them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence, Set
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.removal import remove_all
from brainbench_audio.cli.selection import chosen_versions, matched, parsed, read_files
from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import CacheError
from brainbench_audio.files import locked, size_in_words

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result


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
    clear.add_argument(
        "--model", metavar="ID", help="of this model only, MODEL#VERSION: of one version"
    )
    clear.add_argument("--results", action="store_true", help="delete the stored scores too")
    clear.add_argument(
        "--hashes",
        action="store_true",
        help="forget the hashes of files, so that all are read again; delete nothing else",
    )
    clear.set_defaults(run=clear_cache, misused=clear.error)


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
        cells = [(*row[:3], size_in_words(row[3]), row[4]) for row in rows]
        print_table(head, cells, drop=("folder",))
    print(f"activations: {activations_folder()}, {size_in_words(sum(row[3] for row in rows))}")
    print(f"results:     {settings.results_home()}")
    print(f"data:        {settings.data_home()}")
    return 0


def clear_cache(options: argparse.Namespace) -> int:
    """Delete stored activations, which can be computed again, and what killed runs left behind."""
    from brainbench_audio import settings
    from brainbench_audio.activations.extraction import activations_folder
    from brainbench_audio.activations.store import stored_sets
    from brainbench_audio.scores.store import remove_stored
    from brainbench_audio.temporaries import remove_leftovers

    if options.hashes:
        return _forget(options)
    results = read_files() if options.results or options.model is not None else []
    sets = stored_sets(activations_folder())
    if options.model is not None:
        results = _scored(options.model, results)
        keys = {one.provenance.get("activations", {}).get("key") for one in results}
        sets = [entry for entry in sets if _is_of(entry, options.model, keys)]
    removals = [partial(_remove_set, entry) for entry in sets]
    if options.results:
        removals += [partial(remove_stored, one.path) for one in results if one.path]
    for folder in (activations_folder(), settings.results_home(), settings.data_home()):
        remove_leftovers(folder)
    return remove_all(removals, counted=False)


def _remove_set(entry: dict[str, Any]) -> int:
    """Delete a set of activations, while nobody writes it; return how many bytes it had.

    Raises
    ------
    CacheError
        Some of its files may not be removed.
    """
    import shutil

    folder = Path(entry["folder"])
    with locked(folder):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:  # another process was faster
            return 0
        except OSError as error:
            raise CacheError(f"Cannot remove {folder}: {error.strerror}.") from error
    return int(entry["bytes"])


def _forget(options: argparse.Namespace) -> int:
    """Forget what is remembered of files as long as their size and times stay."""
    from brainbench_audio.hash_cache import forget_hashes
    from brainbench_audio.pipeline.targets import forget_targets

    if options.model is not None or options.results:
        options.misused("--hashes stands alone")
    print(f"freed {size_in_words(forget_hashes() + forget_targets())}")
    return 0


def _scored(model: str, results: Sequence[Result]) -> list[Result]:
    """Return the stored scores of a model; none where it was heard only."""
    if not matched(parsed(model), results):
        return []
    rows = chosen_versions([model], results)
    return [one for one in results if one.model in rows]


def _is_of(entry: dict[str, Any], model: str, keys: Set[Any]) -> bool:
    """Return whether activations are of a model: scores were made from them, or they bear its id.

    An id alone does not tell files, distributions and versions apart.
    """
    wanted = parsed(model)
    alone = wanted.file is None and wanted.distribution is None and wanted.version is None
    heard = str(entry.get("fields", {}).get("model"))
    return Path(entry["folder"]).name in keys or (alone and fnmatchcase(heard, wanted.label))
