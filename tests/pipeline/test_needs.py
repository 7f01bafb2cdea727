"""What has to be fetched is told without fetching."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest
from brainbench_simcortex.storage import DATA_VERSION

from brainbench_audio import settings
from brainbench_audio.cli.main import main
from brainbench_audio.pipeline import forecast, needs
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.registry.lookup import list_ids

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


def test_data_and_weights_are_told_with_their_sizes(capsys: Told, tmp_path: Path) -> None:
    models = ["beats-iter1", "cochcnn9-word", "cochcnn9-speaker", "crepe-tiny"]
    benchmarks = ["NH2015-rsa", "NH2015comp-ridge", "SimCortex-ridge"]
    assert main(["score", "--dry-run", "-m", *models, "-b", *benchmarks]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "to be fetched or made: data of NH2015 (180 MB, for NH2015 and B2021 together)" in str(
        lines
    )
    assert "to be fetched: weights of beats-iter1, 1 file, 361.5 MB" in lines
    # both CochDNNs are in one archive of 14 GB
    assert "to be fetched: 2 files, 14.4 GB of weights in total" in lines
    assert not [line for line in lines if "weights of crepe-tiny" in line]
    assert main(["score", "--dry-run", "-m", *models, "-b", *benchmarks, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    states = {(row["model"], row["benchmark"]): row["state"] for row in rows}
    assert states["beats-iter1", "NH2015-rsa"] == "needs data"
    # making them takes longer than telling
    assert states["crepe-tiny", "SimCortex-ridge"] == "needs data"
    assert len(rows) == 12
    assert not list((tmp_path / "home").glob("data/simcortex*"))


def test_all_models_and_benchmarks_without_any_data(
    capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """36 x 20 pairs take less than 3 s of a core, and no time that grows with pairs of them."""
    looked_at: list[str] = []

    def count(model: Loadable) -> Any:
        looked_at.append(model.id)
        return needs.needed_weights(model)

    monkeypatch.setattr(forecast, "needed_weights", count)
    others = {"crepe-tiny", "lowlevel", "resemblyzer"}
    models = [name for name in list_ids("model") if name not in others and ":" not in name]
    regions = ("lf", "hf", "broadband", "pitch", "speech", "music")
    tasks = ("nsynth_pitch", "gtzan", "speech_commands", "crema_d", "fsd50k", "esc50")
    benchmarks = [
        *("NH2015-ridge", "NH2015-rsa", "NH2015-rsa-cv", "NH2015.primary-rsa", "B2021-ridge"),
        *("B2021-rsa", "NH2015comp-ridge", "SimCortex-ridge"),
        *(f"NH2015comp.{region}-ridge" for region in regions),
        *(f"HEAR.{task}-probe" for task in tasks),
    ]
    assert (len(models), len(benchmarks)) == (36, 20)
    before = time.process_time()
    assert main(["score", "--dry-run", "--json", "-m", *models, "-b", *benchmarks]) == 0
    assert time.process_time() - before < 3
    assert len(json.loads(capsys.readouterr().out)) == 720
    assert looked_at == models


def test_what_is_given_or_made_needs_nothing(tmp_path: Path) -> None:
    assert needs.needed_weights(Loadable("beats-iter1"))
    assert not needs.needed_weights(Loadable("beats-iter1@untrained"))
    assert not needs.needed_weights(Loadable("beats-iter1", {"weights": "mine.pt"}))
    assert not needs.needed_weights(Loadable("./my_model.py:Mine"))
    assert needs.needed_data(Loadable("NH2015comp-ridge")) == "NH2015comp (30 MB)"
    assert needs.needed_data(Loadable("SimCortex-ridge")) == "SimCortex (made on first use)"
    (settings.data_home() / f"simcortex-{DATA_VERSION}").mkdir(parents=True)
    assert needs.needed_data(Loadable("SimCortex-ridge")) is None
    (folder := tmp_path / "own").mkdir()
    assert needs.needed_data(Loadable("HEAR-probe", {"folder": str(folder)})) is None
