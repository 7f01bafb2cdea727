"""`brainbench serve`: a look at the site on this machine."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from brainbench_audio.cli.report import add_content, build
from brainbench_audio.errors import BrainbenchError

HOST, PORT = "127.0.0.1", 8000


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "serve",
        help="write the site and show it on this machine",
        description=f"Write the site of `brainbench report` and serve it on {HOST}, to nobody "
        "else, until interrupted.",
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
    if options.output is not None:
        return _serve(options, options.output)
    with TemporaryDirectory(prefix="brainbench-") as folder:
        return _serve(options, Path(folder))


def _serve(options: argparse.Namespace, folder: Path) -> int:
    from brainbench_audio.cli.site_server import SiteServer

    build(options, folder)
    try:
        server = SiteServer(folder, (HOST, options.port), options.host)
    except (OSError, OverflowError) as error:
        raise BrainbenchError(
            f"Cannot serve on port {options.port}: {error}. Give another one with --port."
        ) from error
    with server, suppress(KeyboardInterrupt):
        print(f"http://{HOST}:{server.server_port}/  (Ctrl-C stops it)", flush=True)
        server.serve_forever()
    print("stopped", file=sys.stderr)
    return 0
