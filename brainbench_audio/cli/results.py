"""`brainbench results`: the stored scores, which can be listed, removed, named and shared."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli import results_folder, sharing
from brainbench_audio.cli.removal import remove_all
from brainbench_audio.cli.selection import (
    add_selection,
    chosen_benchmarks,
    chosen_models,
    chosen_versions,
    parsed,
    read_files,
    read_results,
    tell_older,
)
from brainbench_audio.cli.table import print_json, print_table
from brainbench_audio.errors import AmbiguousId
from brainbench_audio.files import size_in_words
from brainbench_audio.names import one_form, printable

if TYPE_CHECKING:
    from brainbench_audio.report.results import Result

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_HEAD = ("model", "version", "benchmark", "score", "error", "created", "file")


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser("results", help="list, remove, tag or share stored scores")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listed = actions.add_parser(
        "list",
        help="what is stored",
        description="List the newest score of each model, in its current version, on each "
        "benchmark.",
    )
    add_selection(listed, ("model", "benchmark"))
    listed.add_argument(
        "--all", action="store_true", help="every stored score, of older versions too"
    )
    listed.add_argument("--json", action="store_true", help="print JSON")
    listed.set_defaults(run=list_results)
    remove = actions.add_parser(
        "rm",
        help="remove stored scores",
        description="Remove the scores that fit all options: of all versions, unless MODEL#VERSION "
        "names one. Shows them and asks first.",
    )
    add_selection(remove, ("model", "benchmark"))
    remove.add_argument(
        "--older-than",
        type=_age,
        metavar="TIME",
        help="only what was scored before that: 30d, 12h or 4w",
    )
    remove.add_argument(
        "--by", metavar="NAME", help="only what NAME measured, as `results merge` brought it here"
    )
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=remove_results, misused=remove.error)
    tag = actions.add_parser("tag", help="give a version of a model a name: MODEL#TAG")
    tag.add_argument("model", metavar="MODEL", help="or MODEL#VERSION (default: the current one)")
    tag.add_argument("tag", metavar="TAG", nargs="?", help="letters, digits, dots, hyphens, _")
    tag.add_argument("--remove", action="store_true", help="take the tag back")
    tag.set_defaults(run=tag_version, misused=tag.error)
    sharing.add(actions)
    results_folder.add(actions)


def list_results(options: argparse.Namespace) -> int:
    """Print a line for each score."""
    results = read_files() if options.all else [one for one in read_results() if one.path]
    found = _fitting(results, options)
    named = chosen_versions([text for text in options.model if parsed(text).version], results)
    shown = [one for one in found if one.current or options.all or one.model in named]
    if options.json:
        print_json([_as_json(one) for one in shown])
    elif shown:
        _print_results(shown, options.all)
    else:
        print("no results")
    tell_older(one for one in found if one not in shown)
    return 0


def remove_results(options: argparse.Namespace) -> int:
    """Show what is to go, ask, and remove it; a file that is in use does not stop the others."""
    from brainbench_audio.scores.store import remove_stored

    named = options.model or options.benchmark
    if not named and options.older_than is None and options.by is None:
        options.misused("say what to remove: --model ('*': all), --benchmark, --older-than, --by")
    found = _fitting(read_files(), options)
    if options.older_than is not None:
        found = [one for one in found if _scored(one) < datetime.now(UTC) - options.older_than]
    if options.by is not None:
        found = [one for one in found if one.measured_by == one_form(options.by.strip())]
    paths = [one.path for one in found if one.path]
    if not paths:
        print("no results fit: nothing to remove")
        return 0
    rows = [_row(one)[:-1] for one in found]
    print_table(_HEAD[:-1], rows, drop=("error", "created"))
    size = size_in_words(sum(path.stat().st_size for path in paths))
    models = len({one.name for one in found})
    benchmarks = len({one.benchmark for one in found})
    print(
        f"{len(paths)} score{'s' * (len(paths) > 1)} of {models} model{'s' * (models > 1)} on "
        f"{benchmarks} benchmark{'s' * (benchmarks > 1)}, {size}"
    )
    if not options.yes and not sys.stdin.isatty():
        print(
            "brainbench: nothing was removed: there is no terminal to ask, so add --yes",
            file=sys.stderr,
        )
        return 1
    if not options.yes and not _agreed():
        print("nothing was removed")
        return 0
    return remove_all([partial(remove_stored, path) for path in paths])


def tag_version(options: argparse.Namespace) -> int:
    """Give a version a tag, or take it back."""
    from brainbench_audio.scores.identities import ModelVersion, add_tag, remove_tag

    results = read_files()
    rows = chosen_models([options.model], results)
    if len(rows) > 1:
        raise AmbiguousId(f"{options.model} is {len(rows)} models: say {' or '.join(rows)}.")
    one = next(one for one in results if one.model == rows[0])
    row = ModelVersion(one.id, one.source, one.version)
    tag = str(options.tag or (options.remove and parsed(options.model).version) or "")
    if not tag:
        options.misused("give a TAG")
    if options.remove:
        remove_tag(row, tag)
        print(printable(f"{one.name}#{one.version} is no longer called {tag}"))
    else:
        scored = {other.version for other in results if (other.id, other.source) == row.model}
        add_tag(row, tag, scored)
        print(printable(f"{one.name}#{tag} is version {one.version}"))
    return 0


def _fitting(results: Sequence[Result], options: argparse.Namespace) -> list[Result]:
    """Return the results of the chosen models and benchmarks; an empty choice takes all."""
    rows = chosen_versions(options.model, results)
    columns = chosen_benchmarks(options.benchmark, (one.benchmark for one in results))
    return [
        one
        for one in results
        if (not options.model or one.model in rows)
        and (not options.benchmark or one.benchmark in columns)
    ]


def _agreed() -> bool:
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def _as_json(one: Result) -> dict[str, Any]:
    return {
        "model": one.name,
        "version": one.version,
        "tag": _tag(one),
        "current": one.current,
        "benchmark": one.benchmark,
        "score": one.value,
        "error": one.error,
        "created": one.created or None,
        "measured_by": one.measured_by or None,
        "file": str(one.path),
    }


def _print_results(results: Sequence[Result], with_current: bool) -> None:
    """Print a table; who measured it is a column where somebody else did."""
    cells = list(zip(*map(_row, results), strict=True))
    columns: dict[str, Sequence[Any]] = dict(zip(_HEAD, cells, strict=True))
    if with_current:
        columns["current"] = ["yes" if one.current else "no" for one in results]
    if any(one.measured_by for one in results):
        columns["measured by"] = [one.measured_by or "here" for one in results]
    order = ("model", "version", "current", *_HEAD[2:-1], "measured by", "file")
    head = [name for name in order if name in columns]
    rows = list(zip(*(columns[name] for name in head), strict=True))
    print_table(head, rows, drop=("file", "created", "error"))


def _row(one: Result) -> tuple[Any, ...]:
    from brainbench_audio.scores.score import ONLY_LAYERS

    tag = _tag(one)
    version = f"{one.version} ({tag})" if tag else one.version
    layers = one.provenance.get(ONLY_LAYERS)  # others are of the whole model
    benchmark = f"{one.benchmark} ({', '.join(map(str, layers))} only)" if layers else one.benchmark
    return (one.name, version, benchmark, one.value, one.error, one.created or None, str(one.path))


def _tag(one: Result) -> str | None:
    from brainbench_audio.scores.identities import ModelVersion, tag_of

    return tag_of(ModelVersion(one.id, one.source, one.version))


def _scored(one: Result) -> datetime:
    """Return when a score was made; where it does not say so, when its file was written."""
    try:
        made = datetime.fromisoformat(one.created)
    except ValueError:
        made = datetime.fromtimestamp(one.path.stat().st_mtime if one.path else 0, UTC)
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: write 30d, 12h or 4w")
    age = timedelta(hours=int(found[1]) * _HOURS[found[2]])
    try:
        datetime.now(UTC) - age
    except OverflowError as error:
        raise argparse.ArgumentTypeError(f"{text} ago there was no calendar: write less") from error
    return age
