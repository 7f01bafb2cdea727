"""Eight processes that want the same score at the same moment: one computes, all agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainbench_audio import settings
from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.files import hash_file
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores

PROCESSES = 8
PROGRAM = """
import json, os, sys, time
from pathlib import Path
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.pipeline.run import run
from brainbench_audio.testing import DummyModel

folder, own, loops, processes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
benchmark = load_benchmark("Tiny-match")

def wait_for_the_others(loop):
    (folder / f"ready-{loop}-{own}").touch()
    while len(list(folder.glob(f"ready-{loop}-*"))) < processes:
        # the first time for those that still import, which seven busy ones would hold up
        time.sleep(0.001 if loop else 0.05)

for loop in range(loops):
    os.environ["BRAINBENCH_HOME"] = str(folder / f"home{loop}")
    wait_for_the_others(loop)
    model = DummyModel()
    found = run(model, benchmark)
    print(json.dumps([loop, found.cached, found.score.value, model.heard]))
"""


def loop(folder: Path, loops: int) -> list[list[list[float]]]:
    """Return what each process told in each loop: cached, value, sounds heard."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), str(own), str(loops), str(PROCESSES)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "BRAINBENCH_HOME": str(folder / f"data{own}")},
        )
        for own in range(PROCESSES)
    ]
    told = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, told
    # a slow machine may say who waits for whom
    assert not [err for _, err in told if "damaged" in err], "no process found anything damaged"
    rows = [[json.loads(line)[1:] for line in out.splitlines()] for out, _ in told]
    return [[row[number] for row in rows] for number in range(loops)]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("loops", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_one_computes_and_the_others_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loops: int
) -> None:
    for number, rows in enumerate(loop(tmp_path, loops)):
        assert sorted(cached for cached, _, _ in rows) == [False] + [True] * (PROCESSES - 1)
        assert len({value for _, value, _ in rows}) == 1
        assert sorted(heard for _, _, heard in rows) == [0] * (PROCESSES - 1) + [40]
        monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / f"home{number}"))
        (entry,) = stored_scores()
        assert Score.from_netcdf(entry.path).value == rows[0][1]
        (folder,) = (path for path in activations_folder().iterdir() if path.is_dir())
        chunks = sorted(folder.glob("chunk-*.nc"))
        assert [chunk.name[:11] for chunk in chunks] == [f"chunk-{each:05d}" for each in range(3)]
        for chunk in chunks:
            assert hash_file(chunk).startswith(chunk.stem.rpartition("-")[2])
        names = [path.name for path in settings.results_home().parent.rglob("*")]
        assert not [name for name in names if ".part-" in name or name.endswith(".corrupt")]
