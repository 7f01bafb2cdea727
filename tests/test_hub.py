"""The hub's protocol, spoken by a server on this machine; the client is huggingface_hub itself."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from brainbench_audio import settings
from brainbench_audio.activations.weights_files import fetch_weights, local_weights
from brainbench_audio.activations.weights_places import pin_of
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.hub import HubPath
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.testing.dummies import dummy_card

CONTENT = np.random.default_rng(0).bytes(1_500_000)
OTHER = np.random.default_rng(1).bytes(1_400_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FIRST, SECOND = "1" * 40, "2" * 40
URL = "hf://owner/net/sub/net.pt"


@dataclass
class Repository:
    """A repository of two commits, and how badly it is served."""

    commits: dict[str, dict[str, bytes]] = field(
        default_factory=lambda: {
            FIRST: {"sub/net.pt": CONTENT, "small.json": b"{}"},
            SECOND: {"sub/net.pt": OTHER},
        }
    )
    name: str = "owner/net"
    main: str = FIRST
    gated: bool = False
    busy: int = 0  # answers of 429 that are still to come
    cut_after: list[int] = field(default_factory=list)
    sent: bytes | None = None  # instead of the content
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repository: Repository

    def do_GET(self) -> None:
        repository, wanted = self.repository, self.headers.get("Range")
        repository.requests.append((self.command, self.path, wanted))
        repository.tokens.append((self.path, self.headers.get("Authorization")))
        if repository.busy:
            repository.busy -= 1
            self.answer(429, {"Retry-After": "0"})
        elif found := re.fullmatch(rf"/{repository.name}/resolve/([^/]+)/(.+)", self.path):
            self.resolve(repository.main if found[1] == "main" else found[1], found[2])
        elif self.path.startswith("/large/"):
            files = [
                content for commit in repository.commits.values() for content in commit.values()
            ]
            by_hash = {hashlib.sha256(content).hexdigest(): content for content in files}
            self.send(by_hash[self.path.removeprefix("/large/")], wanted)
        else:
            self.answer(401, {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def resolve(self, commit: str, path: str) -> None:
        """Answer for a file: a large one lies elsewhere, and the hub tells its hash."""
        repository = self.repository
        if repository.gated:
            self.answer(
                401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}
            )
        elif commit not in repository.commits:
            self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif path not in repository.commits[commit]:
            self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        else:
            content = repository.commits[commit][path]
            about = {"X-Repo-Commit": commit}
            if len(content) < 1000:
                self.send(content, None, about | {"ETag": f'"{hashlib.sha1(content).hexdigest()}"'})
                return
            sha256 = hashlib.sha256(content).hexdigest()
            # another host, as the hub's: to its own hosts the client follows at once
            host = f"http://localhost:{self.connection.getsockname()[1]}"
            about |= {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{sha256}"'}
            self.answer(302, about | {"Location": f"{host}/large/{sha256}"})

    def send(self, content: bytes, wanted: str | None, more: dict[str, str] | None = None) -> None:
        content = self.repository.sent if self.repository.sent is not None else content
        start = int(re.sub(r"\D", "", wanted.partition("-")[0])) if wanted else 0
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        about = {"Content-Length": str(len(content) - start), "ETag": tag, **(more or {})}
        if start:
            about["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        if self.command == "GET" and self.repository.cut_after:
            body = body[: self.repository.cut_after.pop(0)]
            self.close_connection = True
        self.send_response(206 if start else 200)
        for name, value in about.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: clients leave when they have seen enough."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Serve a repository where huggingface_hub looks for the hub."""
    from huggingface_hub import constants, file_download

    found = Repository()
    server = Server(("127.0.0.1", 0), type("OfRepository", (Handler,), {"repository": found}))
    address = f"http://127.0.0.1:{server.server_port}"
    # as HF_ENDPOINT does where it is set before the client is imported
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    for module in (constants, file_download):
        if hasattr(module, "HUGGINGFACE_CO_URL_TEMPLATE"):
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def card_of(url: str = URL, **fields: Any) -> ModelCard:
    return replace(dummy_card(), weights=(WeightsFile(url=url, **fields),))


def place() -> Path:
    return settings.data_home() / "weights" / "net-work" / "net.pt"


def left() -> set[str]:
    return {path.name for path in place().parent.iterdir() if path.suffix != ".lock"}


def test_the_commit_of_the_first_download_stays(repository: Repository) -> None:
    card = card_of()
    assert fetch_weights(card) == place()
    assert place().read_bytes() == CONTENT
    pin = pin_of(card, card.weights[0])
    assert pin is not None
    assert (pin.sha256, pin.source, pin.confirmed) == (SHA256, f"{URL}@{FIRST}", False)
    assert left() == {"net.pt", "net.pt.sha256"}
    asked = len(repository.requests)
    assert fetch_weights(card) == place()
    assert len(repository.requests) == asked
    # main moves on, and the file is lost: it comes back as it was
    repository.main = SECOND
    place().unlink()
    assert fetch_weights(card).read_bytes() == CONTENT
    assert all("/main/" not in path for _, path, _ in repository.requests[asked:])
    # a card that names the other commit means another file
    assert local_weights(card_of(f"{URL}@{SECOND}")) is None
    assert fetch_weights(card_of(f"{URL}@{SECOND}")).read_bytes() == OTHER


def test_what_was_cut_off_is_continued(repository: Repository) -> None:
    repository.cut_after = [400_000, 0, 0]
    with pytest.raises(DataError, match=r"Cannot fetch \S+: .*Run the command again to continue"):
        fetch_weights(card_of(sha256=SHA256))
    assert not place().exists()
    repository.cut_after = [300_000]
    repository.requests.clear()
    assert fetch_weights(card_of(sha256=SHA256)).read_bytes() == CONTENT
    large = [wanted for _, path, wanted in repository.requests if path.startswith("/large")]
    assert large == ["bytes=400000-", "bytes=700000-"]
    assert left() == {"net.pt"}


def test_a_token_goes_to_the_hub_alone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch_weights(card_of())
    tokens = {path.split("/")[1]: token for path, token in repository.tokens}
    assert tokens == {"owner": "Bearer hf_secret", "large": None}


def test_the_command_fetches_ahead(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, python: Callable[..., Any]
) -> None:
    """In a process of its own, which finds the server by ``HF_ENDPOINT``."""
    from huggingface_hub import constants

    published = HubPath.parse(find_model("metricgan").card.weights[0].url)
    repository.name = published.repository
    repository.commits = {str(published.revision): {published.path: CONTENT}}
    monkeypatch.setenv("HF_ENDPOINT", constants.ENDPOINT)
    code = """
from brainbench_audio.cli.main import main
print(main(["weights", "get", "metricgan", "--yes"]))
print(main(["weights", "get", "metricgan", "vggish", "--yes"]))
"""
    told = python(code)
    assert "enhance_model.ckpt" in told.stdout, told.stdout + told.stderr
    assert re.search(r"pinned +present +/", told.stdout)
    assert told.stdout.splitlines()[3] == "0"
    # one is here, the other cannot be had
    large = [path for _, path, _ in repository.requests if path.startswith("/large")]
    assert len(large) == 1
    assert f"is taken unverified as metricgan: no SHA-256 is published. It has {SHA256}" in (
        told.stderr
    )
    assert "The weights of vggish are not here: Cannot download vggish-10086976.pth" in told.stderr
    assert told.stdout.splitlines()[-1] == "1"


@pytest.mark.parametrize("known", [SHA256, None])
def test_another_file_is_removed(repository: Repository, known: str | None) -> None:
    """With or without a published hash: the hub tells that of every large file."""
    repository.sent = CONTENT[:-1] + b"x"
    with pytest.raises(DataError, match=rf"expected SHA-256 {SHA256}, got \w+\. .*removed"):
        fetch_weights(card_of(sha256=known))
    assert left() == set()


def test_a_file_that_is_too_large_is_not_begun(repository: Repository) -> None:
    with pytest.raises(DataError, match=r"has 1\.5 MB, and 1\.2 MB are the most"):
        fetch_weights(card_of(size=1_000_000))
    assert not [path for _, path, _ in repository.requests if path.startswith("/large")]


def test_a_small_file_has_no_hash_of_the_hub(repository: Repository) -> None:
    assert fetch_weights(card_of("hf://owner/net/small.json")).read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("hf://owner/net/other.pt", r"resolve/main/other\.pt: .*"),
        (f"{URL}@{'3' * 40}", rf"resolve/{'3' * 40}/sub/net\.pt: .*"),
        ("hf://owner/none/net.pt", r"owner/none/resolve/main/net\.pt: .*"),
    ],
)
def test_what_is_not_there(repository: Repository, url: str, told: str) -> None:
    with pytest.raises(
        DataError, match=rf"Cannot fetch https://huggingface\.co/\S*{told}"
    ) as error:
        fetch_weights(card_of(url))
    assert len(str(error.value).splitlines()) == 7, "the client's own lines are left out"
    assert "brainbench weights add net-work FILE" in str(error.value)


def test_terms_that_have_to_be_accepted(repository: Repository) -> None:
    repository.gated = True
    told = r"accept them on https://huggingface\.co/owner/net, and log in here with `hf auth login`"
    with pytest.raises(DataError, match=told):
        fetch_weights(card_of())


def test_a_hub_that_is_busy_for_a_while(
    repository: Repository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    repository.busy = 1
    assert fetch_weights(card_of()).read_bytes() == CONTENT


def test_mirrors_come_after_the_hub(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    mirror = f"{constants.ENDPOINT}/large/{SHA256}"
    card = card_of("hf://owner/none/net.pt", mirrors=(mirror,))
    assert fetch_weights(card).read_bytes() == CONTENT
    pin = pin_of(card, card.weights[0])
    assert pin is not None
    assert pin.source == mirror
    assert local_weights(card) == [place()]


def test_no_hub_at_all(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    with pytest.raises(DataError, match=r"Cannot fetch \S+: .*(refused|connect|resolve)"):
        fetch_weights(card_of())
