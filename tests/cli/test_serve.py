"""`brainbench serve` answers this machine alone, from one folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.cli.serve import HOST
from brainbench_audio.cli.site_server import SiteServer
from brainbench_audio.report.site.output import write_folder


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Serve a site of three pages, in a folder with files that are none and links that lead out."""
    site = tmp_path / "site"
    pages = {
        "index.html": "<title>board</title>",
        "models/one two.html": "é",
        "models/gone.html": "gone",
        "sounds/clips/one.flac": b"fLaC",
    }
    write_folder(site, pages)
    (tmp_path / "secret").write_text("outside")
    (site / "notes.txt").write_text("outside")
    (site / ".env").write_text("outside")
    (site / "link").symlink_to(tmp_path / "secret")
    (site / "folder").symlink_to(tmp_path)
    # somebody who may write there exchanged a page
    (site / "models" / "gone.html").unlink()
    (site / "models" / "gone.html").symlink_to(tmp_path / "secret")
    server = SiteServer(site, (HOST, 0), ["Board.example.org", "localhost:9000"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def get(
    port: int, path: str, host: str | None = f"{HOST}:PORT", method: str = "GET"
) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        for each in host.split(",") if host is not None else []:
            connection.putheader("Host", each.replace("PORT", str(port)))
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_pages_come_from_the_folder(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert get(port, "/") == (200, "<title>board</title>")
    assert get(port, "/index.html?sort=1") == (200, "<title>board</title>")
    assert get(port, "/models/one%20two.html") == (200, "é")
    assert get(port, "/models/one%20two.html", method="HEAD") == (200, "")
    assert get(port, "/none.html")[0] == 404
    assert get(port, "/changes") == get(port, "/changes")
    assert get(port, "/changes")[0] == 200
    assert get(port, "/changes", "attacker.example")[0] == 421
    with urlopen(f"http://{HOST}:{port}/sounds/clips/one.flac") as answer:
        assert (answer.headers["Content-Type"], answer.read()) == ("audio/flac", b"fLaC")
    assert capfd.readouterr().err == ""  # no log of visitors


@pytest.mark.parametrize(
    "path",
    [
        *("/../secret", "/%2e%2e/secret", "//../secret", "/models/../../secret", "/..%2fsecret"),
        *("/notes.txt", "/.env", "/%2eenv", "/.brainbench-site.json", "/.git/config"),
        *("/link", "/folder/secret", "/models/gone.html", "/models", "/models/", "/models/."),
        *("/index.html%00", "/index.html/", "/./index.html", "index.html/../.env"),
    ],
)
def test_nothing_but_pages_is_given(port: int, path: str) -> None:
    status, text = get(port, path)
    assert "outside" not in text
    assert "gone" not in text
    assert status == 404


@pytest.mark.parametrize(
    "host",
    [
        *("localhost:PORT", "LocalHost:PORT", "127.0.0.1:PORT", "[::1]:PORT"),
        *("board.example.org", "board.example.org:PORT", "localhost:9000"),
    ],
)
def test_names_of_this_machine_are_answered(port: int, host: str) -> None:
    assert get(port, "/", host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *("attacker.example:PORT", "attacker.example", "localhost", "127.0.0.1:1", "", None),
        *("localhost:PORT.attacker.example", "localhost.attacker.example:PORT", "127.0.0.2:PORT"),
        *("localhost:PORT,attacker.example:PORT", "user@localhost:PORT", "0.0.0.0:PORT"),
        *("board.example.org:1", "localhost:9001", "localhost:", ":PORT", "[::1]"),
    ],
)
def test_other_names_are_not(port: int, host: str | None) -> None:
    """A page elsewhere whose name suddenly leads here (DNS rebinding) must not read the answer."""
    status, text = get(port, "/", host)
    assert (status, "board" in text) == (421, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE"])
def test_pages_are_only_read(port: int, method: str) -> None:
    assert get(port, "/", method=method)[0] == 501


def test_only_this_machine_is_answered(port: int) -> None:
    with socket.socket() as other:
        other.settimeout(5)
        # 127.0.0.2 is this machine as well, but not the address that is listened to
        assert other.connect_ex(("127.0.0.2", port)) != 0


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        arguments = ["serve", "--port", str(number), "--output", str(tmp_path / "site")]
        assert main(arguments) == 1
    assert f"Cannot serve on port {number}" in capsys.readouterr().err
