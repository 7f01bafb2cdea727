"""Downloads from a real server on this machine that can cut connections and change its files."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from brainbench_audio import download, transfer
from brainbench_audio.download import (
    LARGEST,
    Pin,
    Remote,
    fetch,
    fetch_all,
    fetch_folder,
    find_folder,
    read_pin,
    remote_size,
)
from brainbench_audio.errors import CacheError, DataError
from brainbench_audio.transfer import allowed_hosts

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
    lengths: bool = True
    redirects: dict[str, str] = field(default_factory=dict)
    more: int = 0  # bytes that are sent beyond the file, without an end to be told
    other_part: bool = False
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    drip: float = 0  # seconds between two bytes
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def tag(self, path: str) -> str:
        return f'"{hashlib.md5(self.files[path]).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        self.site.requests.append((self.path, wanted, condition))
        if self.site.refusals:
            status, headers = self.site.refusals.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            return
        if self.path in self.site.redirects:
            self.send_response(302)
            self.send_header("Location", self.site.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path not in self.site.files:
            self.send_error(404)
            return
        content = self.site.files[self.path]
        start = 0
        if wanted and self.site.ranges and condition in (None, self.site.tag(self.path)):
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
        if start and start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if self.site.tags:
            self.send_header("ETag", self.site.tag(self.path))
        if start:
            first = start - 1 if self.site.other_part else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        if self.site.lengths:
            self.send_header("Content-Length", str(len(content) - start))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        body = content[start:]
        if self.site.cut_after:
            body = body[: self.site.cut_after.pop(0)]
            self.close_connection = True
        while self.site.drip and self.command == "GET":
            self.wfile.write(body[:1])
            body = body[1:]
            time.sleep(self.site.drip)
        if self.command == "GET":
            self.wfile.write(body + bytes(self.site.more))

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: clients leave when they have seen enough."""


@contextmanager
def served(security: ssl.SSLContext | None = None) -> Iterator[Site]:
    site = Site({"/data/file.bin": CONTENT}, scheme="https" if security else "http")
    server = Server(("127.0.0.1", 0), type("OfSite", (Handler,), {"site": site}))
    if security:
        server.socket = security.wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with served() as site:
        yield site


@pytest.fixture
def secure(
    web: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """Serve the same encrypted, with a certificate that downloads believe."""
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    write_certificate(certificate, key)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    security = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    security.load_cert_chain(certificate, key)
    with served(security) as site:
        yield site


def write_certificate(certificate: Path, key: Path) -> None:
    """Write a certificate of both names of this machine, signed by itself, and its key."""
    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key.write_bytes(secret.private_bytes(serialization.Encoding.PEM, *plain))


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
    pin = Pin(SHA256, web.url("/data/file.bin"))
    assert read_pin(tmp_path / "file.bin.sha256") == pin
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


def test_a_publisher_that_tells_md5_only(web: Site, tmp_path: Path) -> None:
    """It decides about the first file, by hand or not; then its SHA-256 counts."""
    wanted = replace(remote(web, None), md5=hashlib.md5(CONTENT).hexdigest())
    (tmp_path / "file.bin").write_bytes(OTHER)
    assert fetch(wanted, tmp_path).read_bytes() == CONTENT
    assert read_pin(tmp_path / "file.bin.sha256") == Pin(SHA256, web.url("/data/file.bin"))
    (tmp_path / "file.bin.sha256").unlink()
    fetch(wanted, tmp_path)
    assert len(web.requests) == 1
    (tmp_path / "file.bin").unlink()
    (tmp_path / "file.bin.sha256").unlink()
    web.files["/data/file.bin"] = OTHER
    got = hashlib.md5(OTHER).hexdigest()
    with pytest.raises(DataError, match=f"expected MD5 {wanted.md5}, got {got}.*removed"):
        fetch(wanted, tmp_path)
    assert left(tmp_path) == set()


def test_mirrors_are_tried_in_order(web: Site, tmp_path: Path) -> None:
    urls = (web.url("/gone.bin"), "http://127.0.0.1:9/refused", web.url("/data/file.bin"))
    path = fetch(Remote("sub/file.bin", urls, SHA256), tmp_path)
    assert path == tmp_path / "sub" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _, _ in web.requests] == ["/gone.bin", "/data/file.bin"]


def test_a_busy_server_is_asked_again_when_it_says(
    web: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("brainbench_audio.transfer.time.sleep", waited.append)
    web.refusals = [(429, {"Retry-After": "7"}), (503, {})]
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert waited == [7, 1]
    (tmp_path / "file.bin").unlink()
    for status, wait, times in ((429, "3600", 1), (403, "1", 1), (429, "0", 3)):
        web.refusals, asked = [(status, {"Retry-After": wait})] * times, len(web.requests)
        with pytest.raises(DataError, match=rf"Cannot download file\.bin.*{status}"):
            fetch(remote(web), tmp_path)
        assert len(web.requests) - asked == times


def test_a_server_that_drips_is_left(
    web: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_PATIENCE", 0.1)
    web.drip = 0.02
    with pytest.raises(DataError, match=r"only \d+ B came in 0 s.*run the command again"):
        fetch(remote(web), tmp_path)
    assert len(web.requests) == 3
    web.drip = 0
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert web.requests[-1][1] is not None, "what came is kept"


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


def test_encrypted(secure: Site, tmp_path: Path) -> None:
    secure.redirects["/file"] = "/data/file.bin"
    moved = replace(remote(secure), urls=(secure.url("/file"),))
    assert fetch(moved, tmp_path).read_bytes() == CONTENT


def test_an_unknown_certificate(
    secure: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(DataError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(remote(secure), tmp_path)
    assert secure.requests == []


def test_encrypted_stays_encrypted(secure: Site, web: Site, tmp_path: Path) -> None:
    secure.redirects["/data/file.bin"] = web.url("/data/file.bin")
    with pytest.raises(DataError, match=r"sends on to http://127.*which is not encrypted"):
        fetch(remote(secure, None), tmp_path)
    with pytest.raises(DataError, match="which is not encrypted"):
        remote_size(secure.url("/data/file.bin"))
    assert web.requests == []
    assert left(tmp_path) == set()


def test_encrypted_after_plain_stays_encrypted(secure: Site, web: Site, tmp_path: Path) -> None:
    web.redirects["/file"] = secure.url("/file")
    secure.redirects["/file"] = web.url("/data/file.bin")
    with pytest.raises(DataError, match="which is not encrypted"):
        fetch(Remote("file.bin", (web.url("/file"),)), tmp_path)


def test_other_hosts_are_not_followed(web: Site, tmp_path: Path) -> None:
    """`localhost` is the same machine under a name that the file does not have."""
    web.redirects["/file"] = web.url("/data/file.bin", "localhost")
    moved = Remote("file.bin", (web.url("/file"),))
    with pytest.raises(DataError, match="sends on to localhost, which is not among the hosts"):
        fetch(moved, tmp_path)
    with pytest.raises(DataError, match="sends on to localhost"):
        remote_size(web.url("/file"))
    assert {path for path, _, _ in web.requests} == {"/file"}
    assert left(tmp_path) == set()
    assert fetch(replace(moved, hosts=("localhost",)), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:PORT\\@127.0.0.1/data/file.bin",
        "http://127.0.0.1@localhost:PORT/data/file.bin",
        "//localhost:PORT/data/file.bin",
        "http://127.0.0.1.localhost:PORT/data/file.bin",
        "file:///etc/passwd",
        "ftp://127.0.0.1/file",
    ],
)
def test_addresses_that_look_like_another(web: Site, tmp_path: Path, address: str) -> None:
    web.redirects["/file"] = address.replace("PORT", str(web.port))
    with pytest.raises(DataError, match=r"Cannot download file\.bin"):
        fetch(Remote("file.bin", (web.url("/file"),)), tmp_path)
    assert {path for path, _, _ in web.requests} == {"/file"}
    assert left(tmp_path) == set()


def test_a_mirror_takes_the_place_of_one_that_sends_elsewhere(web: Site, tmp_path: Path) -> None:
    web.redirects["/file"] = "http://attacker.example/file"
    urls = (web.url("/file"), web.url("/data/file.bin"))
    assert fetch(Remote("file.bin", urls), tmp_path).read_bytes() == CONTENT


def test_round_and_round(web: Site, tmp_path: Path) -> None:
    web.redirects["/file"] = web.url("/file")
    with pytest.raises(DataError, match="redirects"):
        fetch(Remote("file.bin", (web.url("/file"),)), tmp_path)
    assert len(web.requests) < 12


def test_hosts_of_publishers_are_known() -> None:
    release = allowed_hosts(["https://github.com/a/b/releases/download/v1/c.pt"])
    assert {"github.com", "release-assets.githubusercontent.com"} <= release
    assert "zenodo.org" in allowed_hosts(["https://www.zenodo.org/records/1/files/a"])
    assert allowed_hosts(["https://a.example/x"], ["*.b.example"]) == {
        "a.example",
        "www.a.example",
        "*.b.example",
    }


@pytest.mark.parametrize("cut", [True, False])
def test_without_length_and_hash_nothing_is_pinned(web: Site, tmp_path: Path, cut: bool) -> None:
    """Nobody can tell a file that was cut off from a whole one then."""
    web.lengths = False
    web.cut_after = [700_000] if cut else []
    with pytest.raises(DataError, match="tells no length, and no SHA-256 is known"):
        fetch(remote(web, None), tmp_path)
    assert left(tmp_path) == set()


def test_an_empty_file_is_not_pinned(web: Site, tmp_path: Path) -> None:
    web.files["/data/file.bin"] = b""
    with pytest.raises(DataError, match="a length of 0, and no SHA-256 is known"):
        fetch(remote(web, None), tmp_path)
    assert left(tmp_path) == set()
    empty = hashlib.sha256(b"").hexdigest()
    assert fetch(remote(web, empty), tmp_path).read_bytes() == b""


def test_without_length_the_hash_decides(web: Site, tmp_path: Path) -> None:
    web.lengths = False
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    (tmp_path / "file.bin").unlink()
    web.cut_after = [700_000]
    with pytest.raises(DataError, match=SHA256):
        fetch(remote(web), tmp_path)
    assert left(tmp_path) == set()


def test_a_file_that_is_cut_off_is_not_pinned(web: Site, tmp_path: Path) -> None:
    web.cut_after = [700_000, 0, 0]
    with pytest.raises(DataError, match="run the command again to continue"):
        fetch(remote(web, None), tmp_path)
    assert not (tmp_path / "file.bin").exists()
    assert not (tmp_path / "file.bin.sha256").exists()


@pytest.mark.parametrize("lengths", [True, False])
def test_larger_than_the_card_says(web: Site, tmp_path: Path, lengths: bool) -> None:
    web.lengths, web.more = lengths, 0 if lengths else 100_000_000
    small = replace(remote(web), size=1_000_000)
    with pytest.raises(DataError, match=r"1\.\d MB or more, and 1\.2 MB are the most"):
        fetch(small, tmp_path)
    assert left(tmp_path) == set()
    assert fetch(replace(small, size=1_300_000), tmp_path) if lengths else True
    assert Remote("x", ("https://a.example/x",)).limit == LARGEST


def test_no_end_where_nobody_tells_a_size(
    web: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST_UNTOLD", 2_000_000)
    web.lengths, web.more = False, 100_000_000
    with pytest.raises(DataError, match=r"2\.\d MB or more, and 2\.0 MB are the most"):
        fetch(remote(web), tmp_path)
    assert left(tmp_path) == set()
    web.more = 0
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT


def test_another_part_than_was_asked_for(web: Site, tmp_path: Path) -> None:
    web.cut_after = [700_000]
    web.other_part = True
    assert fetch(remote(web), tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted, _ in web.requests][2:] == [None], "from the start"


def test_sizes_are_asked_for(web: Site) -> None:
    assert remote_size(web.url("/data/file.bin")) == len(CONTENT)
    web.lengths = False
    assert remote_size(web.url("/data/file.bin")) is None
