"""What has to be fetched is told without fetching."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest

from brainbench_audio.cli.main import main
from brainbench_audio.pipeline import needs
from brainbench_audio.pipeline.loading import Loadable

Told = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have neither data nor weights nor a network."""

    def refused(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a dry run opens no socket")

    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRAINBENCH_DATA", str(tmp_path / "nothing"))
    monkeypatch.delenv("BRAINBENCH_OFFLINE", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def test_data_and_weights_are_told_with_their_sizes(capsys: Told) -> None:
    models = ["beats-iter1", "cochcnn9-word", "cochcnn9-speaker", "crepe-tiny"]
    benchmarks = ["NH2015-rsa", "NH2015comp-ridge", "SimCortex-ridge"]
    assert main(["score", "--dry-run", "-m", *models, "-b", *benchmarks]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "to be fetched: data of NH2015 (180 MB, for NH2015 and B2021 together)" in str(lines)
    assert "to be fetched: weights of beats-iter1, 1 file, 361.5 MB" in lines
    # both CochDNNs are in one archive of 14 GB
    assert "to be fetched: 2 files, 14.4 GB of weights in total" in lines
    assert not [line for line in lines if "weights of crepe-tiny" in line]
    assert main(["score", "--dry-run", "-m", *models, "-b", *benchmarks, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    states = {(row["model"], row["benchmark"]): row["state"] for row in rows}
    assert states["beats-iter1", "NH2015-rsa"] == "needs data"
    assert states["crepe-tiny", "SimCortex-ridge"] == "extract"
    assert len(rows) == 12


def test_what_is_given_or_made_needs_nothing(tmp_path: Path) -> None:
    assert needs.needed_weights(Loadable("beats-iter1"))
    assert not needs.needed_weights(Loadable("beats-iter1@untrained"))
    assert not needs.needed_weights(Loadable("beats-iter1", {"weights": "mine.pt"}))
    assert not needs.needed_weights(Loadable("./my_model.py:Mine"))
    assert needs.needed_data(Loadable("NH2015comp-ridge")) == "NH2015comp (30 MB)"
    assert needs.needed_data(Loadable("SimCortex-ridge")) is None
    (folder := tmp_path / "own").mkdir()
    assert needs.needed_data(Loadable("HEAR-probe", {"folder": str(folder)})) is None
