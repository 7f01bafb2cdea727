"""`brainbench report` and `brainbench serve`."""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import soundfile
import xarray as xr

from brainbench_audio.cli.main import main
from brainbench_audio.cli.serve import serving
from brainbench_audio.cli.site_sounds import ALLOWING
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing.waiting import wait_until

Told = pytest.CaptureFixture[str]
Process = subprocess.CompletedProcess[str]
Keep = Callable[..., Path]


def board(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "index.html").read_text(encoding="utf-8")
    start = text.index('id="board-data">') + len('id="board-data">')
    return list(json.loads(text[start : text.index("</script>", start)])["rows"])


@pytest.mark.parametrize(
    ("published", "own", "others"), [("add", 1, 36), ("none", 1, 0), ("only", 0, 36)]
)
def test_what_is_shown(
    tmp_path: Path, keep: Keep, published: str, own: int, others: int, capsys: Told
) -> None:
    keep("my-model", "NH2015-rsa", 0.4)
    folder = tmp_path / "site"
    wanted = ["--published", published, "--title", "Mine < yours"]
    assert main(["report", "-o", str(folder), "--json", *wanted]) == 0
    rows = board(folder)
    sources = [{bool(cell[0][7]) for cell in row["scores"] if cell} for row in rows]
    assert sum(source == {False} for source in sources) == own
    assert sum(source == {True} for source in sources) == others
    told = json.loads(capsys.readouterr().out)
    assert Path(told["start"]) == folder / "index.html"
    assert told["bytes"] == sum(path.stat().st_size for path in folder.rglob("*.html"))
    assert "<h1>Mine &lt; yours</h1>" in (folder / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("tiny")
def test_sounds_that_are_here_are_played_where_their_licence_allows_it(
    tmp_path: Path, keep: Keep, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainbench_audio.pipeline.loading import load_dataset

    def words(*options: str) -> dict[str, str]:
        assert main(["report", "-o", str(folder), "--published", "none", "--json", *options]) == 0
        page = (folder / "sounds" / "net.html").read_text(encoding="utf-8")
        data = json.loads(page.partition('id="sounds-data">')[2].partition("</script>")[0])
        assert (
            ("media-src" in page) == ("<audio" in page) == any(one["clips"] for one in data["sets"])
        )
        return {one["id"]: one["licence"] for one in data["benchmarks"]}

    folder = tmp_path / "pages"
    names = [f"sound{place:02d}" for place in range(40)]
    owed = (("left_out", "part"), np.arange(40.0)[:, np.newaxis])
    raw = xr.Dataset({"influence": owed}, {"stimulus": names})
    for benchmark in ("Tiny-match", "NH2015-rsa", "Nowhere-match", "Gone-rsa"):
        keep("net", benchmark, 0.4, raw=raw)
    keep("net", "Tiny.a-match", 0.4, raw=raw, provenance={"stimuli": ["of", "others"]})
    assert set(words().values()) == {""}
    told = words("--sounds")
    assert "Tiny was not on the machine" in told["Tiny-match"]
    assert "licence does not allow it (no licence stated" in told["NH2015-rsa"]
    assert "could not be read" in told["Nowhere-match"]
    assert "no installed plugin" in told["Gone-rsa"]
    assert not (folder / "sounds" / "clips").exists()

    stimuli = load_dataset("Tiny").stimuli
    assert stimuli.names == tuple(names)
    heard: dict[str, Any] = {"stimuli": stimuli.at_rate(8000).fingerprint}
    other = raw.assign_coords(stimulus=[str(place) for place in range(40)])
    keep("net", "Tiny-match-many", 0.4, raw=raw, provenance=heard)
    keep("net", "Tiny.b-match", 0.4, raw=other, provenance=heard)
    told = words("--sounds")
    assert (
        "first 10 s, mono, 16 kHz. Licence: CC0-1.0 (made on the spot)" in told["Tiny-match-many"]
    )
    assert "not those that were scored" in told["Tiny-match"]  # which ones, nobody says
    assert "not those that were scored" in told["Tiny.a-match"]
    assert "does not name them" in told["Tiny.b-match"]
    capsys.readouterr()
    clips = sorted((folder / "sounds" / "clips").iterdir())
    assert len(clips) == len(set(map(Path.read_bytes, clips))) == 40
    page = (folder / "sounds" / "net.html").read_text(encoding="utf-8")
    first = json.loads(re.findall(r'"clips":(\[[^]]+\])', page)[0])[0]
    waveform, rate = soundfile.read(folder / "sounds" / first, dtype="float32")
    assert rate == 16_000
    np.testing.assert_allclose(waveform, stimuli.waveforms([0], rate)[0], atol=2**-14)
    # pages that follow the stored scores encode only what has changed
    monkeypatch.setattr("brainbench_audio.cli.watching.SECONDS", 0.05)
    encode = Mock(wraps=soundfile.write)
    monkeypatch.setattr("brainbench_audio.cli.site_sounds.soundfile.write", encode)
    options = argparse.Namespace(port=0, host=[], published="none", sounds=True, title=None)

    def encoded(model: str, provenance: dict[str, Any]) -> int:
        shown = server.version
        keep(model, "Tiny-match-many", 0.4, raw=raw, provenance=provenance)
        wait_until(lambda: server.version != shown)
        assert "Licence: CC0" in (folder / "sounds" / f"{model}.html").read_text(encoding="utf-8")
        return encode.call_count

    with serving(options, folder) as server:
        assert encode.call_count == 40
        assert encoded("second", heard) == 40
        others = replace(stimuli, files=stimuli.files[::-1])
        monkeypatch.setattr(
            "brainbench_audio.pipeline.loading.load_dataset",
            lambda name: SimpleNamespace(stimuli=others),
        )
        assert encoded("third", {"stimuli": others.at_rate(8000).fingerprint}) == 80
    # those of an earlier site go
    monkeypatch.setattr(StimulusSet, "whole_files", False)
    assert "are continuous" in words("--sounds")["Tiny-match-many"]
    assert list((folder / "sounds" / "clips").iterdir()) == []
    for licence in ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-3.0", "PDDL-1.0", "ODC-By-1.0"):
        assert ALLOWING.fullmatch(licence)
    for licence in ("CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-4.0, some NC", "MIT"):
        assert not ALLOWING.fullmatch(licence)


def test_published_numbers_are_there_on_the_first_day(tmp_path: Path, capsys: Told) -> None:
    assert main(["report", "-o", str(tmp_path / "site")]) == 0
    assert len(board(tmp_path / "site")) == 36
    told = capsys.readouterr().out
    assert f"{tmp_path / 'site' / 'index.html'}  (52 pages, " in told
    assert "MB" in told


def test_nothing_stored(tmp_path: Path, capsys: Told) -> None:
    assert main(["report", "-o", str(tmp_path / "site"), "--published", "none"]) == 1
    assert "nothing to show" in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_a_folder_of_somebody_else(tmp_path: Path, capsys: Told) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    assert main(["report", "-o", str(tmp_path)]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert (tmp_path / "thesis.tex").read_text() == "mine"
    assert not (tmp_path / "index.html").exists()


def test_no_drawing_library_is_needed(tmp_path: Path, python: Callable[..., Process]) -> None:
    code = (
        "import sys; from brainbench_audio.cli.main import main; main(['report', '-o', 'site']);"
        "print({'matplotlib', 'torch'} & set(sys.modules))"
    )
    assert python(code).stdout.splitlines()[-1] == "set()"


# a job in the background ignores Ctrl-C, and so would what it starts
SERVE = """
import signal, sys
from brainbench_audio.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(["serve", *sys.argv[1:]]))
"""


def serve(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    process = serve("--port", "0", "--published", "only")
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}index.html", timeout=10) as answer:
            assert b"beats-iter1" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}../../etc/passwd", timeout=10)
        (site,) = (tmp_path / "temporary").iterdir()
        assert (site / "index.html").is_file()
        process.send_signal(signal.SIGINT)
        out, told = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert (out, told) == ("", "stopped\n")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_serve_on_a_port_that_is_taken(tmp_path: Path, capsys: Told) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        wanted = ["--published", "only", "--output", str(tmp_path / "site"), "--port", port]
        started = time.monotonic()
        assert main(["serve", *wanted]) == 1
    assert f"Cannot serve on port {port}" in capsys.readouterr().err
    assert time.monotonic() - started < 60
