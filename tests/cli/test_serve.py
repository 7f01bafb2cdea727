"""`brainbench serve` answers this machine alone, from one folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.cli.serve import HOST, _server


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Serve a folder with one page, beside a file that is not in it."""
    (tmp_path / "site" / "models").mkdir(parents=True)
    (tmp_path / "site" / "index.html").write_text("<title>board</title>")
    (tmp_path / "secret").write_text("outside")
    server = _server(tmp_path / "site", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_pages_come_from_the_folder(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert get(port, "/") == (200, "<title>board</title>")
    assert get(port, "/none.html")[0] == 404
    assert capfd.readouterr().err == ""  # no log of visitors


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "//../secret", "/models/../../secret"]
)
def test_nothing_outside_the_folder_is_given(port: int, path: str) -> None:
    status, text = get(port, path)
    assert "outside" not in text
    assert status == 404


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
