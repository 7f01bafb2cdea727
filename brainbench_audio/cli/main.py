"""Reads the command line and runs one verb. Heavy imports wait until a verb needs them."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks for modules in the current folder first, where anybody's files may lie
    del sys.path[0]

import argparse
import logging
import os
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any, NoReturn

from brainbench_audio.cli import (
    cache,
    check,
    cite,
    compare,
    completion,
    correlate,
    data,
    doctor,
    explain,
    export,
    figure,
    hierarchy,
    importing,
    info,
    listing,
    new,
    report,
    reproduce,
    results,
    score,
    serve,
    trajectory,
    weights,
)
from brainbench_audio.cli.log import PlainFormatter
from brainbench_audio.cli.table import PlainOutput, tell
from brainbench_audio.errors import BrainbenchError, UnknownId
from brainbench_audio.names import printable_lines

_VERBS = {
    "score": score,
    "list": listing,
    "results": results,
    "reproduce": reproduce,
    "info": info,
    "data": data,
    "weights": weights,
    "cache": cache,
    "doctor": doctor,
    "cite": cite,
    "figure": figure,
    "correlate": correlate,
    "compare": compare,
    "hierarchy": hierarchy,
    "explain": explain,
    "export": export,
    "import": importing,
    "check": check,
    "trajectory": trajectory,
    "new": new,
    "report": report,
    "serve": serve,
    "completion": completion,
}
FAILURE, USAGE, INTERRUPTED = 1, 2, 130


# of this process and its children, unless the user has set them
ENVIRONMENT = {
    # stored files are written by one process under a name of its own, and file systems without
    # locks refuse HDF5's
    "HDF5_USE_FILE_LOCKING": "FALSE",
    # processes that libraries start find no modules in the current folder
    "PYTHONSAFEPATH": "1",
}
# threads that wait for work sleep, as those that spin are in the way of everybody where the cores
# are shared. They may look for work some times: a recurrent network has some so often that waking
# them takes longer than the work
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "500"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0: all done, 1: something failed, 2: wrong usage, 130: interrupted.
    """
    set_environment()
    asked_for = sys.argv[1:] if arguments is None else arguments
    options = parser(*asked_for[:1]).parse_args(asked_for)
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PlainFormatter("brainbench: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    try:
        asked = {name: getattr(options, name, False) for name in ("wide", "json")}
        with redirect_stdout(PlainOutput(sys.stdout, **asked)):
            status = int(options.run(options))
        sys.stdout.flush()  # here, and not at exit, where Python complains of a broken pipe
        return status
    except BrainbenchError as error:
        if options.debug:
            raise
        tell(f"brainbench: {error}")
        return USAGE if isinstance(error, UnknownId) else FAILURE
    except FileNotFoundError:
        if options.debug or _has_current_folder():
            raise
        tell("brainbench: The current folder has been removed: go to another one, cd FOLDER.")
        return FAILURE
    except KeyboardInterrupt as interrupt:
        tell(f"brainbench: interrupted; {str(interrupt) or 'what was finished is kept'}")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has stopped; do not let Python complain about it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE


def _has_current_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109 - what is asked for is whether there is one
    except FileNotFoundError:
        return False
    return True


def set_environment() -> None:
    """Set what the command and its children run with, before a library reads it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # both or none: one of them would undo what a user says with the other
    if not WAITING.keys() & os.environ.keys():
        os.environ.update(WAITING)


def parser(first: str = "") -> argparse.ArgumentParser:
    """Return the parser of the whole command line.

    Parameters
    ----------
    first : str, optional
        First argument; where it is a verb, the others are left out, which saves most of the time.
    """
    whole = _Parser(
        prog="brainbench",
        description="How brain-like is an audio model, and how good is it at listening?",
    )
    whole.set_defaults(whole=whole)
    whole.add_argument("--version", action=_Version)
    whole.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = whole.add_subparsers(
        title="verbs", metavar="VERB", required=True, parser_class=_VerbParser
    )
    # what completes a command line looks at all verbs
    asked = [first] if first in _VERBS and first != "completion" else _VERBS
    for name in asked:
        _VERBS[name].add(verbs)
    return whole


class _Parser(argparse.ArgumentParser):
    """Repeats what was typed without control characters."""

    def error(self, message: str) -> NoReturn:
        super().error(printable_lines(message))


class _VerbParser(_Parser):
    """Tells the usage of a verb, not that of the whole, where an argument is not known or empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_argument(
            "--wide",
            action="store_true",
            default=argparse.SUPPRESS,  # the parser of an action would take it back from its verb's
            help="print tables whole, however narrow the terminal",
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, others = super().parse_known_args(args, namespace)
        if others:
            self.error(f"unrecognized arguments: {' '.join(others)}")
        # mostly a variable of the shell that is not set: read as if the option were not there, it
        # would remove what the option is to keep
        if empty := _empty(args or ()):
            self.error(f"{empty} is empty: give it a value, or leave it out")
        return found, others


def _empty(arguments: Sequence[str]) -> str:
    """Return what to call the first argument or value of an option that holds nothing to read."""
    for before, each in zip(("", *arguments), arguments, strict=False):
        option, sign, value = each.partition("=")
        if option.startswith("--") and sign and not value.strip():
            return option
        if not each.strip():
            return before if before.startswith("-") else "an argument"
    return ""


class _Version(argparse.Action):
    """Print the version; looking it up takes time, so not before somebody asks."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version and stop")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from brainbench_audio.provenance import package_version

        print(f"brainbench-audio {package_version()}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
