"""`brainbench serve`: a look at the site on this machine."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from brainbench_audio.cli.report import add_content, build
from brainbench_audio.errors import BrainbenchError

HOST = "127.0.0.1"
PORT = 8000


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "serve",
        help="write the site and show it on this machine",
        description=f"Write the site of `brainbench report` and serve it on {HOST}, to nobody "
        "else, until interrupted.",
    )
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FOLDER", help="keep the site; by default it goes"
    )
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"{PORT} by default; 0: any free one"
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
    build(options, folder)
    try:
        server = _server(folder, options.port)
    except (OSError, OverflowError) as error:
        raise BrainbenchError(
            f"Cannot serve on port {options.port}: {error}. Give another one with --port."
        ) from error
    with server, suppress(KeyboardInterrupt):
        print(f"http://{HOST}:{server.server_port}/  (Ctrl-C stops it)", flush=True)
        server.serve_forever()
    print("stopped", file=sys.stderr)
    return 0


def _server(folder: Path, port: int) -> Any:
    """Return a server of the files of a folder that says nothing about its visitors."""
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *request: Any) -> None:
            # a browser that leaves before it has everything is no error of ours
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(*request)

    return Server((HOST, port), partial(Handler, directory=str(folder)))
