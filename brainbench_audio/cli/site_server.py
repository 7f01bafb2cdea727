"""Serves the pages of a site on this machine, and nothing else.

A page elsewhere can send a browser here under a name of its own (DNS rebinding) and read the
answer, so only names of this machine are answered.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from brainbench_audio.report.site.clips import SUFFIX
from brainbench_audio.report.site.output import written_pages

CHANGES = "/changes"  # as in live.js
NAMES = ("localhost", "127.0.0.1", "[::1]")


class SiteServer(ThreadingHTTPServer):
    """Answers those who ask for this machine, and says nothing about its visitors.

    Parameters
    ----------
    folder : Path
        That `build_site` has written.
    address : tuple of str and int
        Where to listen; port 0: any free one.
    names : sequence of str
        That are answered, beside those of this machine: with our port, and as they are.

    Raises
    ------
    OSError, OverflowError
        The port cannot be had.
    """

    def __init__(self, folder: Path, address: tuple[str, int], names: Sequence[str] = ()) -> None:
        self.root = folder.resolve()
        self.started, self.version = time.time_ns(), 0
        self.renew()
        super().__init__(address, _Handler)
        self.known = {f"{name.lower()}:{self.server_port}" for name in (*NAMES, *names)}
        self.known |= set(map(str.lower, names))
        if self.server_port == 80:  # the port of http goes without saying
            self.known |= set(NAMES)

    def renew(self) -> None:
        """Take the pages that the folder has now, and tell browsers that ask."""
        self.pages = frozenset(written_pages(self.root))
        self.version += 1

    def page(self, address: str) -> bytes | None:
        """Return the page that an address asks for, None if there is none.

        Nor is there one that is gone, or that a link which somebody put there leads elsewhere.
        """
        name = unquote(urlsplit(address).path).removeprefix("/")
        if not name or name.endswith("/"):
            name += "index.html"
        file = (self.root / name).resolve() if name in self.pages else None
        if file is None or not file.is_relative_to(self.root) or not file.is_file():
            return None
        return file.read_bytes()

    def told(self) -> bytes:
        """Return what is another text after each change, and for each server."""
        return f"{self.started} {self.version}".encode()

    def handle_error(self, *request: Any) -> None:
        """Pass over a browser that leaves before it has everything: that is no error of ours."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*request)


class _Handler(BaseHTTPRequestHandler):
    server: SiteServer
    server_version, sys_version = "brainbench", ""

    def do_GET(self) -> None:
        self.wfile.write(self._head())

    def do_HEAD(self) -> None:
        self._head()

    def _head(self) -> bytes:
        """Send what stands before the content; return that."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.server.known:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "Unknown host")
            return b""
        changes = self.path == CHANGES
        content = self.server.told() if changes else self.server.page(self.path)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return b""
        self.send_response(HTTPStatus.OK)
        kind = "plain" if changes else "html"
        sound = urlsplit(self.path).path.endswith(SUFFIX)
        self.send_header("Content-Type", "audio/flac" if sound else f"text/{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        return content

    def log_message(self, *_: object) -> None:
        pass
