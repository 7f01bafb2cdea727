"""`brainbench figure`: draws what is stored, and says what to do where nothing is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import xarray as xr

from brainbench_audio.cli.main import main
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import keep_score, score_stem

Told = pytest.CaptureFixture[str]
MODEL, BENCHMARK = "tiny-plain", "Tiny-ridge"


def stored(best: int, created: str, key: str) -> None:
    """Put a score into the store whose voxels all have one best layer."""
    r2 = np.full((3, 8), 0.1)
    r2[best] = 0.4
    coordinates = {
        "layer": ["in", "mid", "out"],
        "subject": ("voxel", ["a", "a", "b", "b"] * 2),
        "region": ("voxel", ["Primary"] * 4 + ["Lateral"] * 3 + [""]),
    }
    raw = xr.Dataset({"layer_score": (("layer", "voxel"), r2)}, coordinates)
    provenance = {"model": MODEL, "benchmark": BENCHMARK, "created": created}
    score = Score(value=0.4, raw=raw, provenance=provenance)
    keep_score(score_stem(BENCHMARK, MODEL, key * 24), score)


def draw(*arguments: str, benchmark: str = BENCHMARK, output: str = "map.svg") -> int:
    pair = ["--model", MODEL, "--benchmark", benchmark]
    return main(["figure", "layer-regions", *pair, "--output", output, *arguments])


def test_the_newest_score_is_drawn(tmp_path: Path, capsys: Told) -> None:
    pytest.importorskip("matplotlib")
    stored(0, "2026-01-01T00:00:00", "a")
    stored(2, "2026-02-01T00:00:00", "b")
    output = tmp_path / "new" / "map.svg"
    assert draw("--json", output=str(output)) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0] == {
        "region": "Primary",
        "position": 1.0,
        "error": 0.0,
        "most_frequent_layer": "out",
        "subjects": 2,
        "voxels": 4,
        "unpredicted": 0,
        "positions": {"a": 1.0, "b": 1.0},
        "shares": {"in": 0.0, "mid": 0.0, "out": 1.0},
    }
    assert rows[1]["voxels"] == 3
    assert output.read_text().startswith("<?xml")
    assert draw(output=str(output)) == 0
    told = capsys.readouterr().out
    assert "Lateral" in told
    assert "1 voxels belong to no region and are left out" in told


def test_no_stored_score(capsys: Told, tmp_path: Path) -> None:
    assert draw(output=str(tmp_path / "map.png")) == 1
    told = capsys.readouterr().err
    assert f"no stored score of {MODEL} on {BENCHMARK}" in told
    assert f"brainbench score --model {MODEL} --benchmark {BENCHMARK}" in told
    assert list(tmp_path.glob("map*")) == []


def test_another_format_is_wrong_usage(capsys: Told) -> None:
    with pytest.raises(SystemExit) as stopped:
        draw(output="map.gif")
    assert stopped.value.code == 2
    assert "map.gif is no figure" in capsys.readouterr().err


def test_matplotlib_waits_until_something_is_drawn(
    python: Callable[..., CompletedProcess[str]],
) -> None:
    code = (
        "import sys; from brainbench_audio.cli.main import main; import brainbench_audio.report."
        "layer_regions, brainbench_audio.report.figures; print('matplotlib' in sys.modules)"
    )
    assert python(code).stdout.strip() == "False"
