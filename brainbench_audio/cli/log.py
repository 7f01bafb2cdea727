"""What a run tells while it works: on standard error, and in the file of ``--log``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from brainbench_audio.names import from_home, printable_lines

_PACKAGE = "brainbench_audio"


class PlainFormatter(logging.Formatter):
    """Leaves control characters out of what the log says."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return printable_lines(super().format(record))


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add ``--quiet``, ``--verbose`` and ``--log``."""
    group = parser.add_argument_group("what is told meanwhile, on standard error")
    loud = group.add_mutually_exclusive_group()
    loud.add_argument(
        "--quiet", action="store_true", help="no progress: warnings and failures alone"
    )
    loud.add_argument(
        "--verbose", action="store_true", help="every step: what is fetched, loaded, heard, scored"
    )
    group.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="write every step, and why a pair failed, to the end of a file",
    )


@contextmanager
def logged(options: argparse.Namespace, pairs: int) -> Iterator[None]:
    """Tell what is done meanwhile, as `add_log`'s options say.

    A terminal sees a bar. Anything else gets a line for each finished pair, if there are several.

    Raises
    ------
    CacheError
        The file cannot be written.
    """
    from brainbench_audio.files import explained
    from brainbench_audio.pipeline.many import finished
    from brainbench_audio.progress import hidden_bars

    package = logging.getLogger(_PACKAGE)
    before = package.level
    with ExitStack() as stack:
        if options.quiet:
            stack.enter_context(hidden_bars())
        elif options.verbose or (pairs > 1 and not sys.stderr.isatty()):
            lines = _Console("brainbench: %(message)s", below=logging.WARNING)
            chosen = package if options.verbose else finished
            stack.enter_context(_handled(chosen, lines, logging.INFO))
        if options.log:
            path = from_home(options.log)
            with explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                file = logging.FileHandler(path, encoding="utf-8")
            file.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
            stack.callback(file.close)
            stack.enter_context(_handled(logging.getLogger(), file, logging.DEBUG))
        try:
            # records below warnings are made for those who asked for them only
            package.setLevel(logging.DEBUG if options.log else logging.INFO)
            yield
        finally:
            package.setLevel(before)


@contextmanager
def _handled(logger: logging.Logger, handler: logging.Handler, level: int) -> Iterator[None]:
    handler.setLevel(level)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Console(logging.Handler):
    """Writes above the bars; what others print anyway, from ``below`` on, is left out."""

    def __init__(self, form: str, *, below: int) -> None:
        super().__init__()
        self.setFormatter(PlainFormatter(form))
        self.addFilter(lambda record: record.levelno < below)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)
