"""SIGKILL at random moments of `brainbench score`: no wrong score, no store that cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainbench_audio.settings import results_home
from brainbench_audio.temporaries import remove_leftovers

MODEL = """
from brainbench_audio.testing import DummyModel

class Mine(DummyModel):
    @property
    def fingerprint(self):
        return {"version": 1}
"""
# imports once; every run and every look at the store is a forked process of its own
DRIVER = """
import contextlib, io, json, os, random, shutil, signal, sys, time
from pathlib import Path

from brainbench_audio.activations.extraction import activations_folder
from brainbench_audio.cli.main import main
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores
from brainbench_audio.settings import cache_home, results_home
import brainbench_audio.pipeline.many, brainbench_audio.pipeline.run, brainbench_audio.testing

model, runs, more = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
generator = random.Random(runs)
arguments = ["score", "-m", model, "-b", "Tiny-match", "--json"]

def score(more=()):
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        status = main([*arguments, *more])
    rows = json.loads(told.getvalue())
    return status, (rows[0] if isinstance(rows, list) else rows)["score"]

def look():
    files = sorted(results_home().glob("*/*/*-" + "?" * 16 + ".nc"))
    entries = stored_scores()
    values = [Score.from_netcdf(entry.path).value for entry in entries]
    keys = {file.name.rpartition("-")[0] for file in files}  # --recompute may leave two of one
    return len(keys) - len(entries), values

def forked(function, delay=None):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            json.dump(function(), pipe)
            pipe.flush()
        os._exit(0)
    os.close(write)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # workers that outlived it
    return status, (json.loads(text) if status == 0 else None)

def forget():
    if "--recompute" not in more:
        shutil.rmtree(results_home(), ignore_errors=True)
    shutil.rmtree(cache_home() / "benchmarks", ignore_errors=True)  # as slow as the first time
    if generator.random() < 0.7:
        shutil.rmtree(activations_folder(), ignore_errors=True)

score()  # imports are over, and no child starts with them
forget()
started = time.perf_counter()
_, (_, right) = forked(lambda: score(more))
seconds = time.perf_counter() - started
count = dict(killed=0, scored=0, wrong=0, unreadable=0, leftovers=0)
for _ in range(runs):
    forget()
    status, told = forked(lambda: score(more), generator.uniform(0, 1.2 * seconds))
    count["killed" if status else "scored"] += 1
    count["wrong"] += bool(told and told[1] != right)
    _, (unreadable, values) = forked(look)
    count["unreadable"] += unreadable
    count["wrong"] += sum(value != right for value in values)
    status, told = forked(score)
    count["wrong"] += bool(status) or told[1] != right
home = results_home().parent
count["corrupt"] = len(list(home.rglob("*.corrupt")))
count["leftovers"] = len(list((home / "cache").rglob(".part-*")))
count["seconds"] = seconds
print(json.dumps(count))
"""


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("runs", "more"),
    [
        (10, []),
        pytest.param(152, [], marks=pytest.mark.slow),
        pytest.param(40, ["--recompute"], marks=pytest.mark.slow),
        pytest.param(8, ["--workers", "2"], marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments(tmp_path: Path, runs: int, more: list[str]) -> None:
    (tmp_path / "mine.py").write_text(MODEL)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, f"{tmp_path}/mine.py:Mine", str(runs), *more],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    count = json.loads(done.stdout)
    print(count)
    assert count["killed"] + count["scored"] == runs
    assert count["killed"] >= runs / 4
    assert (count["wrong"], count["unreadable"], count["corrupt"]) == (0, 0, 0)
    # a killed process leaves the file it was writing and its lock; so do its workers
    assert count["leftovers"] <= 3 * count["killed"] * (1 + len(more))
    home = results_home().parent
    remove_leftovers(home)
    assert not list(home.rglob(".part-*"))
