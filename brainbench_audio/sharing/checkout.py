"""A branch of a git checkout for new results; nothing is committed and nothing is sent."""

from __future__ import annotations

import re
from pathlib import Path

from brainbench_audio.children import last_lines, run_git
from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.sharing.folder import Submission

_DIGITS = 8
_LONGEST = 40


def is_checkout(folder: Path) -> bool:
    """Return whether a folder is the top of a git checkout."""
    return (folder / ".git").exists()


def branch_name(submission: Submission, name: str) -> str:
    """Return the branch of a submission: of who sends it, and of what it holds."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST].strip("-") or "results"
    files = {str(place): text for place, text in submission.files.items()}
    return f"results/{plain}-{hash_json(files)[:_DIGITS]}"


def new_branch(folder: Path, branch: str) -> None:
    """Make a branch from what is checked out, and change to it.

    Raises
    ------
    DataError
        There is no git, something is not committed, or the branch exists.
    """
    if changed := _git(folder, "status", "--porcelain", "--untracked-files=no"):
        raise DataError(
            f"{folder} has changes that are not committed ({changed.splitlines()[0].strip()}): "
            f"commit them or put them aside with `git stash`. Nothing was written."
        )
    _git(folder, "check-ref-format", "--branch", branch)
    _git(folder, "switch", "--quiet", "--create", branch, "--")


def _git(folder: Path, *arguments: str) -> str:
    done = run_git(folder, arguments)
    if done.returncode:
        raise DataError(
            f"git {arguments[0]} failed in {folder}: {last_lines(done.stderr)}. Nothing was "
            f"written."
        )
    return done.stdout.decode("utf-8", "replace")
