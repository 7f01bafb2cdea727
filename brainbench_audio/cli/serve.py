"""`brainbench serve`: a look at the site on this machine.

A page elsewhere can send a browser here under a name of its own (DNS rebinding) and read the
answer, so only names of this machine are answered, with pages of the site and nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from brainbench_audio.cli.report import add_content, build
from brainbench_audio.errors import BrainbenchError

HOST = "127.0.0.1"
NAMES = ("localhost", HOST, "[::1]")
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
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name under which this machine is asked, as behind a tunnel or a proxy; it "
        f"still listens on {HOST} only",
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
        server = site_server(folder, options.port, options.host)
    except (OSError, OverflowError) as error:
        raise BrainbenchError(
            f"Cannot serve on port {options.port}: {error}. Give another one with --port."
        ) from error
    with server, suppress(KeyboardInterrupt):
        print(f"http://{HOST}:{server.server_port}/  (Ctrl-C stops it)", flush=True)
        server.serve_forever()
    print("stopped", file=sys.stderr)
    return 0


def site_server(folder: Path, port: int, names: Sequence[str] = ()) -> Any:
    """Return a server of the pages of a site that says nothing about its visitors.

    Parameters
    ----------
    folder : Path
        That `build_site` has written.
    port : int
        0: any free one.
    names : sequence of str
        That are answered, beside those of this machine.
    """
    from http import HTTPStatus
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from brainbench_audio.report.site.output import written_pages

    pages = frozenset(written_pages(folder))
    root = folder.resolve()
    known = {name.lower() for name in (*NAMES, *names)}

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "brainbench", ""

        def do_GET(self) -> None:
            self.wfile.write(self._head())

        def do_HEAD(self) -> None:
            self._head()

        def _head(self) -> bytes:
            """Send what stands before the content; return that."""
            asked = self.headers.get_all("Host", [])
            if len(asked) != 1 or _name(asked[0], self.connection.getsockname()[1]) not in known:
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Unknown host")
                return b""
            name = _page(self.path)
            content = _content(root, name) if name in pages else None
            if content is None:
                self.send_error(HTTPStatus.NOT_FOUND)
                return b""
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            return content

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *request: Any) -> None:
            # a browser that leaves before it has everything is no error of ours
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(*request)

    return Server((HOST, port), Handler)


def _name(host: str, port: int) -> str:
    """Return the name in a Host header; with another port than ours it is not for us."""
    host = host.strip().lower()
    if host.endswith(f":{port}"):
        return host.removesuffix(f":{port}")
    return host if port == 80 else ""  # the port of http goes without saying


def _page(address: str) -> str:
    """Return the path of the page that an address asks for."""
    path = unquote(urlsplit(address).path).removeprefix("/")
    return f"{path}index.html" if not path or path.endswith("/") else path


def _content(root: Path, name: str) -> bytes | None:
    """Return a page, None if it is gone or a link that somebody put there leads elsewhere."""
    file = (root / name).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        return None
    return file.read_bytes()
