"""Repositories fetched from a hub of our own, on this machine."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import safetensors.torch
import torch
from huggingface_hub import constants

from brainbench_audio import load_model
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.errors import DataError

NAME = "someone/tiny-model"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Answers for one repository, whose files are those of a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.folder = folder
        self.fetched: list[str] = []


class Answers(http.server.BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        files = [file for file in self.server.folder.iterdir() if file.is_file()]
        if path in (f"/api/models/{NAME}/revision/main", f"/api/models/{NAME}/revision/{COMMIT}"):
            listed = [{"rfilename": file.name} for file in files]
            self.send(json.dumps({"id": NAME, "sha": COMMIT, "siblings": listed}).encode())
        elif path == f"/api/models/{NAME}/tree/{COMMIT}":
            entries = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                for file in files
            ]
            self.send(json.dumps(entries).encode())
        elif path.startswith(f"/{NAME}/resolve/{COMMIT}/"):
            file = self.server.folder / path.rpartition("/")[2]
            if self.command == "GET":
                self.server.fetched.append(file.name)
            self.send(file.read_bytes())
        else:
            self.send_error(404)

    def send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def hub(
    folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    copy = tmp_path / "repository"
    copy.mkdir()
    for file in folder("wav2vec2").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "modeling.py").write_text("raise SystemExit")
    (copy / "tf_model.h5").write_text("not asked for")
    server = Hub(copy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    pattern = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", pattern)
    monkeypatch.delenv("BRAINBENCH_OFFLINE")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def load(identifier: str) -> TorchModel:
    model = load_model(f"hf:{identifier}", device="cpu")
    assert isinstance(model, TorchModel)
    return model


def test_a_repository_is_fetched_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(NAME).fingerprint["given"]["commit"] == COMMIT
    assert sorted(hub.fetched) == ["config.json", "model.safetensors", "preprocessor_config.json"]
    files = load(f"{NAME}@{COMMIT}").files or ()
    assert [file.name for file in files] == sorted(hub.fetched)
    assert len(hub.fetched) == 3
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    assert load(NAME).fingerprint["given"]["commit"] == COMMIT


def test_pickled_tensors_are_fetched_only_where_nothing_is_safer(hub: Hub) -> None:
    safe = hub.folder / "model.safetensors"
    torch.save(safetensors.torch.load_file(safe), hub.folder / "pytorch_model.bin")
    load(NAME)
    assert "pytorch_model.bin" not in hub.fetched


def test_pickled_tensors(hub: Hub) -> None:
    safe = hub.folder / "model.safetensors"
    torch.save(safetensors.torch.load_file(safe), hub.folder / "pytorch_model.bin")
    safe.unlink()
    files = load(NAME).files or ()
    assert "pytorch_model.bin" in {file.name for file in files} & set(hub.fetched)


def test_a_repository_that_is_not_there(hub: Hub) -> None:
    with pytest.raises(DataError, match=r"Cannot fetch someone/else"):
        load("someone/else")
