"""`brainbench results submit` and `validate`: a folder of results that a group keeps."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.selection import add_selection
from brainbench_audio.cli.sharing import add_measurer, chosen_scores
from brainbench_audio.cli.table import print_json, tell
from brainbench_audio.errors import DataError
from brainbench_audio.names import printable

if TYPE_CHECKING:
    from brainbench_audio.sharing.folder import Submission


def add(actions: Any) -> None:
    """Describe the actions."""
    submit = actions.add_parser(
        "submit",
        help="add scores to a folder of results",
        description="Add the newest score of each model, in its current version, on each "
        "benchmark to a folder of results: a small text file each, and a card for each model. In "
        "a git checkout, on a branch of its own; nothing is committed or sent. A file that is "
        "there already is never replaced.",
    )
    submit.add_argument("--to", required=True, type=Path, metavar="FOLDER")
    add_selection(submit, ("model", "benchmark"))
    add_measurer(submit)
    submit.set_defaults(run=submit_results, misused=submit.error)
    validate = actions.add_parser(
        "validate",
        help="check a folder of results",
        description="Check form, names, versions and cards of all results in a folder, and point "
        "out numbers that look wrong: above the ceiling, below chance, equal to another model's. "
        "The exit status is 1 if a file is of no use.",
    )
    validate.add_argument("folder", type=Path, metavar="FOLDER")
    validate.add_argument(
        "--strict", action="store_true", help="exit status 1 for numbers that look wrong, too"
    )
    validate.add_argument("--json", action="store_true", help="print JSON")
    validate.set_defaults(run=validate_results)


def submit_results(options: argparse.Namespace) -> int:
    """Write the files, and say what comes next."""
    from brainbench_audio.sharing.checkout import branch_name, is_checkout, new_branch
    from brainbench_audio.sharing.folder import plan_submission, unfinished, write_submission

    folder = options.to
    if not options.by:
        options.misused("say who measured these scores: --by NAME")
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: `brainbench new results NAME` makes one.")
    planned = plan_submission(folder, chosen_scores(options), options.by)
    branch = ""
    if planned.files and is_checkout(folder):
        branch = branch_name(planned, options.by)
        new_branch(folder, branch)
    write_submission(folder, planned)
    _print_submission(planned, branch)
    for told in unfinished(folder, planned):
        print(printable(told))
    if planned.files:
        _print_next(folder, planned, branch)
    return 1 if planned.conflicts else 0


def validate_results(options: argparse.Namespace) -> int:
    """Print what is wrong."""
    from brainbench_audio.sharing.validation import validate

    number, problems = validate(options.folder)
    serious = [one for one in problems if one.serious]
    if options.json:
        print_json(
            {"results": number, "problems": [dict(sorted(vars(one).items())) for one in problems]}
        )
    else:
        for one in problems:
            print(printable(f"{'error' if one.serious else 'odd'}: {one.place}: {one.told}"))
        print(f"{number} results, {len(serious)} errors, {len(problems) - len(serious)} odd")
    return 1 if serious or (options.strict and problems) else 0


def _print_submission(planned: Submission, branch: str) -> None:
    for place in planned.files:
        print(printable(str(place)))
    where = f" on branch {branch}" if branch else ""
    print(f"{len(planned.files)} files written{where}, {planned.known} results known before")
    for place, theirs, mine in planned.conflicts:
        tell(
            f"brainbench: {place} has {theirs}, and your score is {mine}. It stays as it is; to "
            f"send yours, delete that file."
        )


def _print_next(folder: Path, planned: Submission, branch: str) -> None:
    place = shlex.quote(str(folder))
    print("\nNow:")
    print(f"    brainbench results validate {place}")
    if branch:
        tops = " ".join(sorted({path.parts[0] for path in planned.files}))
        print(f"    git -C {place} add -- {tops}")
        print(f"    git -C {place} commit --message 'Add results'")
        print(f"    git -C {place} push --set-upstream origin {branch}")
