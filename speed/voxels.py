"""Time the four voxel benchmarks in one command, beside scikit-learn's loop and himalaya.

    python speed/voxels.py [--layers 13] [--features 768] [--repeats 3] [--quick] [--json]

Made-up responses in the published sizes and files (NH2015: 7,694 voxels of 8 people, B2021: 26,792
of 20) are installed as a user installs them. One command then scores one model on NH2015-ridge,
B2021-ridge, NH2015-rsa and B2021-rsa. Its time includes starting, listening to the 165 sounds,
loading the responses, all layers and penalties, intervals and writing the scores.

scikit-learn fits some voxels by plain loops, scaled up to all of them. himalaya runs the same
nested loops on one layer and some voxels, scaled up to all of them; it neither chooses a layer nor
goes past the edges of the grid. Both are timed before and after ours, so that a busy machine slows
all alike, and the load of the machine is told beside the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import soundfile
from brainbench_natsound165 import cards, files, installed
from brainbench_natsound165.testing import full_archive
from numpy.typing import NDArray
from ridge import with_himalaya, with_scikit_learn
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

BENCHMARKS = ("NH2015-ridge", "B2021-ridge", "NH2015-rsa", "B2021-rsa")
QUICK = {"layers": 3, "sample": 1, "benchmarks": ("NH2015-ridge", "NH2015-rsa")}
GOALS = {"scikit-learn": 1000.0, "himalaya": 4.0}
MOST_MEMORY = 4e9
# Where cores are shared, himalaya is faster without threads of its own; told beside its default.
ONE_THREAD = "himalaya, 1 thread"
# The command line, which also tells its peak memory.
COMMAND = """
import sys
from pathlib import Path
from brainbench_audio.cli.main import main
from brainbench_audio.machine import peak_memory

status = main(sys.argv[2:])
Path(sys.argv[1]).write_text(str(peak_memory()))
sys.exit(status)
"""
# Squashed random mixtures of a spectrogram's means and modulations: they predict about as well as a
# real model, and layers differ in scale, so that best penalties lie on the grid and past its edges.
MODEL = """
import numpy as np


class MadeUp:
    sample_rate = 16000
    layers = tuple(f"layer{{number}}" for number in range({layers}))
    fingerprint = {{"layers": {layers}, "features": {features}}}

    def activations(self, waveforms, layers=None):
        chosen = self.layers if layers is None else layers
        rows = [self._describe(waveform) for waveform in waveforms]
        return {{name: np.stack([self._mix(row, name) for row in rows]) for name in chosen}}

    def _describe(self, waveform):
        edges = np.unique(np.geomspace(4, 510, 41).astype(int))
        frames = np.lib.stride_tricks.sliding_window_view(waveform, 1024)[::256]
        power = np.abs(np.fft.rfft(frames * np.hanning(1024), axis=1)) ** 2
        bands = np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-4)
        rates = np.abs(np.fft.rfft(bands - bands.mean(axis=0), axis=0))
        slow_to_fast = (rates[1:4], rates[4:10], rates[10:25], rates[25:60])
        modulations = [np.log(part.mean(axis=0) + 1e-3) for part in slow_to_fast]
        return np.hstack([bands.mean(axis=0) / 2, *modulations])

    def _mix(self, row, name):
        number = self.layers.index(name)
        generator = np.random.default_rng(number)
        weights = generator.standard_normal((row.size, {features})) / np.sqrt(row.size)
        level = generator.standard_normal({features})
        own = np.random.default_rng([number, *np.frombuffer(row[:4].tobytes(), "<u4")])
        noise = 0.1 * own.standard_normal({features})
        scale = 0.1 * 10 ** (number / len(self.layers))
        return (scale * (np.tanh(row @ weights + level) + noise)).astype(np.float32)
"""


def prepare(home: Path, args: argparse.Namespace) -> Path:
    """Install sounds and responses in a home of their own; return the file of the model."""
    os.environ |= {"BRAINBENCH_HOME": str(home), "BRAINBENCH_OFFLINE": "1"}
    if not (Path(os.environ.get("BRAINBENCH_DATA", "")) / "natsound165" / "wav").is_dir():
        make_sounds(home / "data" / files.FOLDER)
    archive = full_archive(home)
    for card in (cards.CARDS[1], cards.CARDS[2]):
        if any(name.startswith(card.id) for name in args.benchmarks):
            installed.Voxels().fetch(card, source=archive)
    model = home / "made_up.py"
    model.write_text(MODEL.format(layers=args.layers, features=args.features))
    return model


def make_sounds(folder: Path) -> None:
    """Write noise under the names of the sounds, where the sounds are not at hand."""
    (folder / "wav").mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, _, _ in files.registry():
        noise = 0.1 * generator.standard_normal(88200)
        soundfile.write(folder / "wav" / f"{name}.wav", noise, 44100)
    lines = [f"{name},Music" for name, _, _ in files.registry()]
    (folder / files.LABELS).write_text("\n".join(lines))


def ours(model: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Run the command; return its seconds, those of each benchmark, and its peak memory."""
    peak = model.with_name("peak")
    command = [sys.executable, "-c", COMMAND, str(peak), "score", "--json", "--recompute"]
    command += ["--model", f"{model}:MadeUp", "--benchmark", *args.benchmarks]
    start = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate()
    taken = perf_counter() - start
    if process.returncode:
        sys.exit(process.returncode)
    rows = json.loads(out)
    return {
        "command": taken,
        "each": {row["benchmark"]: row["seconds"] for row in rows},
        "scores": {row["benchmark"]: row["score"] for row in rows},
        "voxels": {row["benchmark"]: row["n"]["voxel"] for row in rows},
        "peak_bytes": int(peak.read_text()),
    }


class Peers:
    """The other side's problem: voxels of NH2015 and the layers of the model."""

    def __init__(self, model: Path, args: argparse.Namespace) -> None:
        dataset = installed.load(cards.CARDS[1], None)
        mean = dataset.assembly.values.mean(axis=2)
        self.targets: NDArray[np.float64] = np.asarray(mean, dtype=np.float64)
        self.folds = np.asarray(dataset.folds)
        waveforms = dataset.stimuli.waveforms(range(len(dataset.stimuli)), 16000)
        self.layers = runpy.run_path(str(model))["MadeUp"]().activations(waveforms)
        middle = list(self.layers)[len(self.layers) // 2]
        self.middle = {middle: self.layers[middle]}
        self.sample = np.linspace(0, self.targets.shape[1] - 1, args.sample).astype(int)
        self.voxels = args.himalaya_voxels

    def scikit_learn(self) -> float:
        """Return seconds a voxel, all layers; on one thread, as more only slow such small fits."""
        start = perf_counter()
        with threadpool_limits(1):
            for voxel in self.sample:
                with_scikit_learn(self.layers, self.targets[:, voxel], self.folds)
        return (perf_counter() - start) / len(self.sample)

    def himalaya(self, threads: int | None = None) -> float:
        """Return seconds a voxel, all layers; the faster of two batch sizes."""
        found = []
        for batch in (300, None):
            start = perf_counter()
            with threadpool_limits(threads):
                with_himalaya(self.middle, self.targets[:, : self.voxels], self.folds, batch)
            found.append(perf_counter() - start)
        return min(found) * len(self.layers) / self.voxels


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Time the peers, ours and the peers again; return seconds, ratios, memory and load."""
    with tempfile.TemporaryDirectory(prefix="brainbench-speed-") as folder:
        model = prepare(Path(folder), args)
        peers = Peers(model, args)
        sides: dict[str, list[float]] = {name: [] for name in (*GOALS, ONE_THREAD)}
        runs, loads = [], []
        for _ in range(args.repeats):
            for time_ours in (False, True, False):
                loads.append(os.getloadavg()[0])
                if time_ours:
                    runs.append(ours(model, args))
                    continue
                sides["scikit-learn"].append(peers.scikit_learn())
                sides["himalaya"].append(peers.himalaya())
                sides[ONE_THREAD].append(peers.himalaya(threads=1))
    run = sorted(runs, key=lambda one: one["command"])[len(runs) // 2]
    voxels = sum(count for name, count in run["voxels"].items() if name.endswith("ridge"))
    ridge = sum(taken for name, taken in run["each"].items() if name.endswith("ridge"))
    scaled = {side: statistics.median(times) * voxels for side, times in sides.items()}
    return {
        "shape": {"layers": args.layers, "features": args.features, "ridge_voxels": voxels},
        "cores": os.cpu_count(),
        "load": {"lowest": min(loads), "highest": max(loads)},
        "sampled": {"scikit-learn voxels": args.sample, "himalaya voxels": args.himalaya_voxels},
        **run,
        "ridge_seconds": ridge,
        "peers_scaled_seconds": scaled,
        "times_ours": {side: taken / ridge for side, taken in scaled.items()},
        "times_command": {side: taken / run["command"] for side, taken in scaled.items()},
        "goal_met": {
            **{side: scaled[side] / ridge >= goal for side, goal in GOALS.items()},
            "memory": run["peak_bytes"] < MOST_MEMORY,
        },
    }


def show(found: dict[str, Any]) -> None:
    shape, load = found["shape"], found["load"]
    print(
        f"{shape['layers']} layers x {shape['features']} features, {shape['ridge_voxels']} voxels; "
        f"{found['cores']} cores, load {load['lowest']:.1f} to {load['highest']:.1f}"
    )
    for name, taken in found["each"].items():
        print(f"  {name:14} {taken:10.1f} s   score {found['scores'][name]:.3f}")
    print(
        f"whole command    {found['command']:10.1f} s   {found['peak_bytes'] / 1e9:.2f} GB at most"
    )
    print(f"{'ridge only':16} {found['ridge_seconds']:10.1f} s")
    for side, taken in found["peers_scaled_seconds"].items():
        goal = ""
        if side in GOALS:
            goal = f"; goal {GOALS[side]:.0f} {'met' if found['goal_met'][side] else 'MISSED'}"
        print(
            f"{side:18} {taken:8.0f} s   {found['times_ours'][side]:.1f} times our ridge, "
            f"{found['times_command'][side]:.1f} times the whole command{goal}"
        )
    sampled = " and ".join(f"{count} {side}" for side, count in found["sampled"].items())
    print(f"the others are scaled up from {sampled}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    defaults = {"layers": 13, "features": 768, "repeats": 3, "sample": 1, "himalaya-voxels": 2000}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--quick", action="store_true", help="3 layers, NH2015 only")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    args.benchmarks = BENCHMARKS
    if args.quick:
        vars(args).update(QUICK)
    with warnings.catch_warnings():
        # himalaya advises other solvers for few features, which the protocol does not use.
        warnings.filterwarnings("ignore", module="himalaya")
        found = measure(args)
    if args.json:
        print(json.dumps(found))
    else:
        show(found)
    return 0 if all(found["goal_met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
