"""What extraction costs beyond the bare forward passes of a network, in one run.

Ours reads, resamples, checks, hooks, pools and writes the store; bare is the network alone on
waveforms that are in memory already, in the batch size of 1, 8 or 32 that is fastest here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from brainbench_audio import load_model
from brainbench_audio.activations.extraction import extracted
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.testing import dummy_stimuli

GOAL = 1.15
BATCHES = (1, 8, 32)


def main() -> int:
    """Time both sides in turn and print the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="beats-iter1")
    parser.add_argument("--sounds", type=int, default=64, help="two seconds each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = load_model(options.model, weights="untrained")
    if not isinstance(model, TorchModel):
        raise SystemExit(f"{options.model} is no TorchModel: it has no bare network to time")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BRAINBENCH_HOME"] = folder
        stimuli = dummy_stimuli(Path(folder) / "sounds", options.sounds, seconds=2.0)
        waveforms = np.stack(stimuli.waveforms(range(len(stimuli)), model.sample_rate))
        ours, bare = [], []
        for turn in range(options.rounds):
            os.environ["BRAINBENCH_HOME"] = f"{folder}/home{turn}"
            sides = [partial(forward, model, waveforms, size) for size in BATCHES]
            bare.append(min(timed(side) for side in sides))
            ours.append(timed(partial(extract, model, stimuli)))
    ratio = statistics.median(ours) / statistics.median(bare)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    found = {
        "model": options.model,
        "sounds": options.sounds,
        "ours_seconds": statistics.median(ours),
        "bare_seconds": statistics.median(bare),
        "ratio": ratio,
        "goal": GOAL,
        "peak_gigabytes": peak,
    }
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{options.model}, {options.sounds} sounds of 2 s, medians of {options.rounds}")
        print(f"extraction    {found['ours_seconds']:8.2f} s")
        print(f"bare forward  {found['bare_seconds']:8.2f} s")
        print(f"ratio         {ratio:8.2f}    goal: at most {GOAL}")
        print(f"peak memory   {peak:8.2f} GB")
    return int(ratio > GOAL)


def forward(model: TorchModel, waveforms: np.ndarray, size: int) -> None:
    """Run the network alone, in batches of one size."""
    with torch.inference_mode():
        for start in range(0, len(waveforms), size):
            model.network(torch.from_numpy(waveforms[start : start + size]))


def extract(model: TorchModel, stimuli: StimulusSet) -> None:
    """Fill the store of a new home."""
    with extracted(model, stimuli) as activations:
        assert len(activations) == len(model.layers)


def timed(function: Callable[[], None]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
