"""Eight processes that want the same score at the same moment: one computes, all agree."""

from __future__ import annotations

import json
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
# what all need is imported once, before they are forked: it takes longer than what they do
PROGRAM = """
import json, os, sys, time
from pathlib import Path
import netCDF4, scipy.stats, soundfile
from brainbench_audio.pipeline.loading import load_benchmark
from brainbench_audio.pipeline.run import run
from brainbench_audio.testing import DummyModel

folder, loops, processes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
own = next((each for each in range(1, processes) if not os.fork()), 0)
os.environ["BRAINBENCH_HOME"] = str(folder / f"data{own}")
benchmark = load_benchmark("Tiny-match")

def wait_for_the_others(loop):
    (folder / f"ready-{loop}-{own}").touch()
    give_up = time.monotonic() + 300
    while len(list(folder.glob(f"ready-{loop}-*"))) < processes:
        assert time.monotonic() < give_up, "one of the others is gone"
        time.sleep(0.001)

rows = []
for loop in range(loops):
    os.environ["BRAINBENCH_HOME"] = str(folder / f"home{loop}")
    wait_for_the_others(loop)
    model = DummyModel()
    found = run(model, benchmark)
    rows.append([found.cached, found.score.value, model.heard])
(folder / f"told-{own}.json").write_text(json.dumps(rows))
while not own and processes > 1:
    processes -= 1
    assert os.wait()[1] == 0
"""


def loop(folder: Path, loops: int) -> list[list[list[float]]]:
    """Return what each process told in each loop: cached, value, sounds heard."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), str(loops), str(PROCESSES)],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # a slow machine may say who waits for whom
    assert "damaged" not in done.stderr, "no process found anything damaged"
    rows = [json.loads((folder / f"told-{own}.json").read_text()) for own in range(PROCESSES)]
    return [[row[number] for row in rows] for number in range(loops)]


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("loops", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_one_computes_and_the_others_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loops: int
) -> None:
    for number, rows in enumerate(loop(tmp_path, loops)):
        assert sorted(cached for cached, _, _ in rows) == [False] + [True] * (PROCESSES - 1)
        assert len({value for _, value, _ in rows}) == 1
        assert sorted(heard for _, _, heard in rows) == [0] * (PROCESSES - 1) + [40 + 1]
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
