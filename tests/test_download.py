"""Downloads from a real server on this machine that can cut connections and change its files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from brainbench_audio.download import Remote, fetch, fetch_all, fetch_folder, find_folder
from brainbench_audio.errors import CacheError, DataError

CONTENT = np.random.default_rng(0).bytes(1_500_000)
OTHER = np.random.default_rng(1).bytes(1_500_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Site:
    """What the server serves, how badly, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    tags: bool = True
    cut_after: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def tag(self, path: str) -> str:
        return f'"{hashlib.md5(self.files[path]).hexdigest()}"'


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = Site({"/data/file.bin": CONTENT})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
            site.requests.append((self.path, wanted, condition))
            if self.path not in site.files:
                self.send_error(404)
                return
            content = site.files[self.path]
            start = 0
            if wanted and site.ranges and condition in (None, site.tag(self.path)):
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if site.tags:
                self.send_header("ETag", site.tag(self.path))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if site.cut_after:
                body = body[: site.cut_after.pop(0)]
                self.close_connection = True
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


def remote(web: Site, sha256: str | None = SHA256) -> Remote:
    return Remote("file.bin", (web.url("/data/file.bin"),), sha256)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_whole_download_happens_once(web: Site, tmp_path: Path) -> None:
    for _ in range(2):
        assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert web.requests == [("/data/file.bin", None, None)]
    assert left(tmp_path) == {"file.bin"}


def test_a_cut_connection_is_continued(web: Site, tmp_path: Path) -> None:
    web.cut_after = [700_000]
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert len(web.requests) == 2
    _, wanted, condition = web.requests[1]
    assert wanted is not None
    assert 0 < int(wanted.removeprefix("bytes=").removesuffix("-")) <= 700_000
    assert condition == web.tag("/data/file.bin")
    assert left(tmp_path) == {"file.bin"}


def test_the_next_call_continues_what_the_last_one_left(web: Site, tmp_path: Path) -> None:
    web.cut_after = [400_000, 300_000, 300_000]
    with pytest.raises(DataError, match=r"Cannot download file\.bin.*run the command again"):
        fetch(remote(web), tmp_path)
    assert not (tmp_path / "file.bin").exists()
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    starts = [wanted for _, wanted, _ in web.requests]
    assert starts[0] is None
    offsets = [int(re.sub(r"\D", "", start)) for start in starts[1:] if start]
    assert len(offsets) == 3
    assert offsets == sorted(offsets)
    assert offsets[-1] > 700_000
    assert left(tmp_path) == {"file.bin"}


def test_a_server_that_ignores_ranges(web: Site, tmp_path: Path) -> None:
    web.ranges = False
    web.cut_after = [700_000]
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert web.requests[1][1] is not None


def test_a_server_without_tags_is_not_asked_for_the_rest(web: Site, tmp_path: Path) -> None:
    web.tags = False
    web.cut_after = [700_000]
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted, _ in web.requests] == [None, None]


def test_a_file_that_changes_in_between_is_taken_whole(web: Site, tmp_path: Path) -> None:
    web.cut_after = [700_000, 0, 0]
    with pytest.raises(DataError):
        fetch(remote(web, None), tmp_path)
    web.files["/data/file.bin"] = OTHER
    assert fetch(remote(web, None), tmp_path).read_bytes() == OTHER
    assert web.requests[-1][2] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_a_file_that_has_become_shorter(web: Site, tmp_path: Path) -> None:
    web.cut_after = [700_000, 0, 0]
    with pytest.raises(DataError):
        fetch(remote(web, None), tmp_path)
    # a careless server: the same tag for another content
    tag = web.tag("/data/file.bin")
    web.tag = lambda path: tag  # type: ignore[method-assign]
    web.files["/data/file.bin"] = b"short"
    assert fetch(remote(web, None), tmp_path).read_bytes() == b"short"


def test_another_checksum(web: Site, tmp_path: Path) -> None:
    web.files["/data/file.bin"] = OTHER
    got = hashlib.sha256(OTHER).hexdigest()
    with pytest.raises(DataError, match=f"expected SHA-256 {SHA256}, got {got}.*removed"):
        fetch(remote(web), tmp_path)
    assert left(tmp_path) == set()


def test_a_damaged_file_is_replaced(web: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT[:-1] + b"x")
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert len(web.requests) == 1


def test_a_damaged_file_stays_if_the_download_is_no_better(web: Site, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"mine")
    web.files["/data/file.bin"] = OTHER
    with pytest.raises(DataError, match=SHA256):
        fetch(remote(web), tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == b"mine"


def test_trust_on_first_use(web: Site, tmp_path: Path) -> None:
    path = fetch(remote(web, None), tmp_path)
    assert (tmp_path / "file.bin.sha256").read_text() == SHA256
    fetch(remote(web, None), tmp_path)
    assert len(web.requests) == 1
    path.unlink()
    web.files["/data/file.bin"] = OTHER
    with pytest.raises(DataError, match=SHA256):
        fetch(remote(web, None), tmp_path)
    assert not path.exists()


def test_a_file_put_there_by_hand_is_trusted_offline(
    web: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert fetch(remote(web, None), tmp_path) == tmp_path / "file.bin"
    assert (tmp_path / "file.bin.sha256").read_text() == SHA256
    (tmp_path / "file.bin").write_bytes(OTHER)
    with pytest.raises(DataError, match="missing or damaged"):
        fetch(remote(web, None), tmp_path)
    assert web.requests == []


def test_mirrors_are_tried_in_order(web: Site, tmp_path: Path) -> None:
    urls = (web.url("/gone.bin"), "http://127.0.0.1:9/refused", web.url("/data/file.bin"))
    path = fetch(Remote("sub/file.bin", urls, SHA256), tmp_path)
    assert path == tmp_path / "sub" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _, _ in web.requests] == ["/gone.bin", "/data/file.bin"]


def test_no_such_file(web: Site, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Cannot download file\.bin \(.*404.*put the file at"):
        fetch(Remote("file.bin", (web.url("/gone.bin"),), SHA256), tmp_path)
    assert left(tmp_path) == set()
    assert len(web.requests) == 1


def test_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    with pytest.raises(DataError, match=r"127\.0\.0\.1:9"):
        fetch(Remote("file.bin", ("http://127.0.0.1:9/file.bin",), SHA256), tmp_path)


def test_offline(web: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    with pytest.raises(DataError, match=r"file\.bin is missing.*BRAINBENCH_OFFLINE"):
        fetch(remote(web), tmp_path)
    assert web.requests == []
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert fetch(remote(web), tmp_path) == tmp_path / "file.bin"


def test_fetch_all_keeps_the_order(web: Site, tmp_path: Path) -> None:
    web.files |= {f"/data/{name}": name.encode() for name in "abc"}
    wanted = [Remote(f"{name}.txt", (web.url(f"/data/{name}"),)) for name in "cab"]
    paths = fetch_all(wanted, tmp_path, "letters")
    assert [path.read_text() for path in paths] == ["c", "a", "b"]


def test_a_full_disk(web: Site, small_disk: Path) -> None:
    with pytest.raises(CacheError, match=r"Cannot write .*file\.bin: No space left"):
        fetch(remote(web), small_disk)
    assert not (small_disk / "file.bin").exists()


def test_a_read_only_folder(web: Site, read_only_folder: Path) -> None:
    with pytest.raises(CacheError, match=r"file\.bin: Read-only.*BRAINBENCH_HOME"):
        fetch(remote(web), read_only_folder)
    assert web.requests == []


def test_a_folder_of_files_is_brought_or_found_or_downloaded(
    web: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [Remote("sounds/one.wav", remote(web).urls)]
    assert find_folder("set", wanted) is None
    downloaded = fetch_folder("set", wanted, "a set")
    assert (downloaded / "sounds" / "one.wav").read_bytes() == CONTENT
    assert find_folder("set", wanted) == downloaded
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path / "mine"))
    brought = tmp_path / "mine" / "set"
    (brought / "sounds").mkdir(parents=True)
    assert find_folder("set", wanted) == downloaded
    (brought / "sounds" / "one.wav").touch()
    assert fetch_folder("set", wanted, "a set") == brought
    more = [*wanted, Remote("two.wav", remote(web).urls)]
    with pytest.raises(DataError, match=r"lacks 1 of 2 files, the first is two\.wav"):
        fetch_folder("set", more, "a set")
