"""What extraction costs beyond the bare forward passes of a network, in one run.

Ours reads, resamples, checks, hooks, pools and writes the store; bare is the network alone, without
hooks, in the same precision, on waveforms that are on its device already, in the batch size of
`BATCHES` that is fastest here over all rounds: the fastest of each round would be one that noise
helped. Wall-clock time counts, and on a CPU its time, which tells more where others use the
machine. With ``--stride``, sounds are windows of a long one, heard over time. Both sides run in
turn, ``--rounds`` times; the ratio is the median of the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from brainbench_audio.cli.main import set_environment

set_environment()  # which libraries read as they are loaded: timed is what users run

import numpy as np
import torch

from brainbench_audio import load_model
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.activations.precision import PRECISIONS, computing_in
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.machine import peak_memory
from brainbench_audio.stimuli.audio import write_waveform
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_audio.stimuli.stimulus_set import StimulusSet

# device or CPU, precision, rate of the files -> ratio of wall-clock time
GOALS = {"cpu": 1.10, "float32": 1.15, "half": 1.5}
WINDOWS = 1.2
RESAMPLED = {"cpu": 1.10, "float32": 1.5, "half": 3.0}
BATCHES = {"cpu": (1, 8, 16, 32, 64), "cuda": (8, 32, 128)}
# sounds in memory for the bare network: as many as its largest batch, or more
KEPT = {"cpu": 256, "cuda": 128}
Seconds = tuple[float, float]  # by the clock, and of the CPU


def main() -> int:
    """Time both sides in turn and print the median of their ratios."""
    options = parsed()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(recordings(Path(folder) / "sounds", options), options)
    print(json.dumps(found, indent=2) if options.json else told(found))
    return int(found["ratio"] > found["goal"])


def measure(stimuli: StimulusSet, options: argparse.Namespace) -> dict[str, Any]:
    """Return what extraction of some sounds takes, what the bare network does, and their ratio."""
    model = load_model(
        options.model, weights="untrained", device=options.device, dtype=options.dtype
    )
    if not isinstance(model, TorchModel):
        raise SystemExit(f"{options.model} is no TorchModel: it has no bare network to time")
    kind = model.device.type
    kind = kind if kind == "cpu" else "float32" if model.dtype == "float32" else "half"
    ours: list[Seconds] = []
    sizes: dict[int, list[Seconds]] = defaultdict(list)
    kept = KEPT.get(model.device.type, KEPT["cpu"])
    some = stimuli.waveforms(range(min(len(stimuli), kept)), model.sample_rate)
    waveforms = torch.from_numpy(np.stack(some)).to(model.device)
    if model.device.type == "cuda":  # which loads its kernels when they are first used
        bare(model, waveforms, len(stimuli))
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.rounds):
            os.environ["BRAINBENCH_HOME"] = f"{folder}/home{turn}"
            for size, seconds in bare(model, waveforms, len(stimuli)).items():
                sizes[size].append(seconds)
            ours.append(timed(partial(extract, model, stimuli), model))
    fastest = min(sizes, key=lambda size: statistics.median(wall for wall, _ in sizes[size]))
    pairs = list(zip(ours, sizes[fastest], strict=True))
    ratios, cpu_ratios = ([mine[n] / alone[n] for mine, alone in pairs] for n in (0, 1))
    goals = GOALS if options.sample_rate == model.sample_rate else RESAMPLED
    return {
        "model": options.model,
        "device": str(model.computed_in),
        "sounds": options.sounds,
        "seconds": options.seconds,
        "sample_rate": options.sample_rate,
        "batch": fastest,
        "ours_seconds": statistics.median(seconds for seconds, _ in ours),
        "bare_seconds": statistics.median(seconds for seconds, _ in sizes[fastest]),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "cpu_ratio": statistics.median(cpu_ratios) if kind == "cpu" else None,
        "goal": WINDOWS if options.stride else goals[kind],
        "peak_gigabytes": peak_memory() / 1e9,
    }


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="beats-iter1")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda or mps")
    parser.add_argument("--dtype", default="float32", choices=list(PRECISIONS))
    parser.add_argument("--sample-rate", type=int, default=16000, help="Hz of the files")
    parser.add_argument("--sounds", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each sound")
    parser.add_argument("--stride", type=float, help="seconds from window to window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def told(found: dict[str, Any]) -> str:
    """Return what was found as text."""
    spread = " ".join(f"{ratio:.2f}" for ratio in found["ratios"])
    of_cpu = "" if found["cpu_ratio"] is None else f"\nof CPU time  {found['cpu_ratio']:9.2f}"
    return (
        "{model}, {device}, {sounds} sounds of {seconds} s at {sample_rate} Hz, medians\n"
        "extraction   {ours_seconds:9.2f} s\nbare forward {bare_seconds:9.2f} s\n"
        "ratio        {ratio:9.2f}    goal: at most {goal}; rounds: "
    ).format(**found) + f"{spread}{of_cpu}\npeak memory  {found['peak_gigabytes']:9.2f} GB"


def recordings(folder: Path, options: argparse.Namespace) -> StimulusSet:
    """Write noises and return them as a set."""
    folder.mkdir()
    if options.stride:
        whole = folder / "run.wav"
        samples = round(options.sounds * options.stride * options.sample_rate)
        noise = 0.1 * np.random.default_rng(0).standard_normal(samples).clip(-9, 9)
        write_waveform(whole, noise, options.sample_rate)
        return ContinuousStimuli.of_runs(
            "noise", {"run": whole}, context=options.seconds, stride=options.stride
        )
    samples = round(options.seconds * options.sample_rate)
    names = tuple(f"sound{index:05d}" for index in range(options.sounds))
    files = tuple(folder / f"{name}.wav" for name in names)
    for index, file in enumerate(files):
        noise = 0.1 * np.random.default_rng(index).standard_normal(samples).clip(-9, 9)
        write_waveform(file, noise, options.sample_rate)
    return StimulusSet("noises", names, files)


def bare(model: TorchModel, waveforms: torch.Tensor, sounds: int) -> dict[int, Seconds]:
    """Return what the bare network takes for all sounds in batches of each size."""
    taken = {}
    for size in BATCHES.get(model.device.type, BATCHES["cpu"]):
        if size <= len(waveforms):
            wall, cpu = timed(partial(forward, model, waveforms, size), model)
            heard = len(waveforms) // size * size
            taken[size] = (wall / heard * sounds, cpu / heard * sounds)
    return taken


def forward(model: TorchModel, waveforms: torch.Tensor, size: int) -> None:
    """Run the network alone, in batches of one size."""
    precision = computing_in(model.device, PRECISIONS[model.dtype])
    with torch.inference_mode(), precision:
        for start in range(0, len(waveforms) - size + 1, size):
            model.network(waveforms[start : start + size])


def extract(model: TorchModel, stimuli: StimulusSet) -> None:
    """Fill the store of a new home."""
    with extracted(model, stimuli) as activations:
        assert len(activations) == len(model.layers)


def timed(function: Callable[[], None], model: TorchModel) -> Seconds:
    """Return the seconds that a call takes, by the clock and of the CPU, its device included."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    raise SystemExit(main())
