"""`brainbench serve`: a look at the site on this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.report import add_content, build
from brainbench_audio.errors import BrainbenchError

if TYPE_CHECKING:
    from brainbench_audio.cli.site_server import SiteServer
    from brainbench_audio.cli.site_sounds import Encoded

HOST, PORT = "127.0.0.1", 8000


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "serve",
        help="write the site and show it on this machine",
        description=f"Write the site of `brainbench report` and serve it on {HOST}, to nobody "
        "else, until interrupted. When results change, pages are written anew and browsers load "
        "them again.",
    )
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FOLDER", help="keep the site (default: it is removed)"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"{PORT} by default; 0: any free one"
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="also answer to this name, for a proxy or a tunnel, with a port if it differs: "
        f"localhost:9000; it still listens on {HOST} only",
    )
    add_content(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the site and serve it until interrupted."""
    if options.output is None:
        with TemporaryDirectory(prefix="brainbench-") as folder:
            return _serve(options, Path(folder))
    status = _serve(options, options.output)
    build(options, options.output)  # what stays asks no server
    return status


def _serve(options: argparse.Namespace, folder: Path) -> int:
    with serving(options, folder) as server, suppress(KeyboardInterrupt):
        print(f"http://{HOST}:{server.server_port}/  (Ctrl-C stops it)", flush=True)
        server.serve_forever()
    print("stopped", file=sys.stderr)
    return 0


@contextmanager
def serving(options: argparse.Namespace, folder: Path) -> Iterator[SiteServer]:
    """Yield a server of the site, whose pages are written anew when results change.

    Raises
    ------
    BrainbenchError
        There is nothing to show, or the port cannot be had.
    """
    from brainbench_audio.cli.site_server import SiteServer
    from brainbench_audio.cli.watching import Watcher

    encoded: Encoded = {}

    def again() -> None:
        try:
            build(options, folder, live=True, encoded=encoded)
        except BrainbenchError as error:
            print(f"The pages stay as they are: {error}", file=sys.stderr)
        else:
            server.renew()

    # before the first pages: what is stored while these are written is a change
    watcher = Watcher(again)
    build(options, folder, live=True, encoded=encoded)
    try:
        server = SiteServer(folder, (HOST, options.port), options.host)
    except (OSError, OverflowError) as error:
        raise BrainbenchError(
            f"Cannot serve on port {options.port}: {error}. Give another one with --port."
        ) from error

    with server, watcher:
        yield server
