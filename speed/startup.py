"""Time how long the command takes to start, beside a Python that imports numpy.

    python speed/startup.py [--repeats 9] [--json]

All run in turns, each in a process of its own, so that a busy machine slows all alike: the ratio of
medians is what counts. A score is stored first, with a model that comes with no weights; asking for
it again reads it. The first round is not counted: it fills the caches of the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from time import perf_counter
from typing import Any

CLI = ["-m", "brainbench_audio.cli.main"]
PAIR = ["--model", "spectrotemporal", "--benchmark", "SimCortex-rsa"]
BASE = "import numpy"
SIDES = {
    BASE: ["-c", BASE],
    "--help": [*CLI, "--help"],
    "list models": [*CLI, "list", "models"],
    "list benchmarks": [*CLI, "list", "benchmarks"],
    "stored score": [*CLI, "score", *PAIR],
}
# seconds on a quiet machine, where Python takes about 0.1 s to import numpy
GOALS = {"--help": 0.25, "list models": 0.5, "list benchmarks": 0.5, "stored score": 1.0}
QUIET = 0.1


def run(arguments: list[str], home: str) -> float:
    """Return the seconds of a process."""
    environment = {**os.environ, "BRAINBENCH_HOME": home}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users do not set it
    started = perf_counter()
    subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True)
    return perf_counter() - started


def timed(repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each side, in turns."""
    found: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as home:
        for round_ in range(repeats + 1):
            for side, arguments in SIDES.items():
                seconds = run(arguments, home)
                if round_:
                    found[side].append(seconds)
    return found


def main() -> int:
    """Print medians, ratios and goals; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    medians = {side: statistics.median(times) for side, times in timed(options.repeats).items()}
    rows: list[dict[str, Any]] = [
        {
            "side": side,
            "seconds": round(seconds, 3),
            "ratio": round(seconds / medians[BASE], 2),
            "goal": round(GOALS[side] / QUIET, 2) if side in GOALS else None,
        }
        for side, seconds in medians.items()
    ]
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(f"{'':16s}  median s  ratio  at most")
        for row in rows:
            print(
                f"{row['side']:16s}  {row['seconds']:8.3f}  {row['ratio']:5.2f}  "
                f"{row['goal'] if row['goal'] else '':>7}"
            )
    return int(any(row["goal"] is not None and row["ratio"] > row["goal"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
