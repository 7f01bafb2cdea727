"""What steps of pretraining cost beyond bare steps of the network, in one run.

    python speed/pretraining.py [--config tiny] [--batch 8] [--steps 20] [--rounds 3]
                                [--device cpu|cuda] [--dtype float32|bfloat16] [--json]

Ours reads, cuts and resamples sounds, makes batches, logs and checks losses; a bare step is loss,
gradient and update for one batch that is on the device already, in the same precision. Sounds are
made up, and so are targets (a random projection). Both sides run in turn; the ratio is the median
of the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from brainbench_encodecmae.configuration import DTYPES, PRETRAINING, Configuration
from brainbench_encodecmae.corpus import Crops, find_sounds, make_batch
from brainbench_encodecmae.masking import TimeGapMask
from brainbench_encodecmae.network import EncodecMAE
from brainbench_encodecmae.objective import fitted_mask, loss, predict
from brainbench_encodecmae.run import Schedule, Settings
from brainbench_encodecmae.targets import RandomProjectionTargets
from brainbench_encodecmae.training import make_optimizer, pretrain

from brainbench_audio.activations.precision import PRECISIONS, computing_in
from brainbench_audio.stimuli.audio import write_waveform
from brainbench_audio.tf32 import float32_products

GOAL = 1.15
RATE, SECONDS = 44_100, 4.5
_WARM = 2
"""First steps, which are not timed."""


def main() -> int:
    """Time both sides in turn and print the median of their ratios."""
    options = parsed()
    found = measure(options)
    print(json.dumps(found, indent=2) if options.json else told(found))
    return int(found["ratio"] > GOAL)


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", choices=tuple(PRETRAINING), default="tiny")
    for name, default in (("batch", 8), ("steps", 20), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return seconds a step of both sides, medians, and their ratio."""
    rounds: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        sounds = recordings(Path(folder) / "sounds", 2 * options.batch)
        bare = bare_step(sounds, options)
        for turn in range(options.rounds):
            ours = seconds_of_ours(Path(folder) / f"run{turn}", sounds, options)
            rounds.append((ours, seconds_of(bare, options)))
    ours, bare_seconds = (statistics.median(times) for times in zip(*rounds, strict=True))
    ratios = [one / other for one, other in rounds]
    return {
        **{name: getattr(options, name) for name in ("config", "batch", "device", "dtype")},
        "steps_per_second": 1 / ours,
        "bare_steps_per_second": 1 / bare_seconds,
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "goal": GOAL,
    }


def told(found: dict[str, Any]) -> str:
    """Return what was found as text."""
    spread = " ".join(f"{ratio:.2f}" for ratio in found["ratios"])
    return (
        "{config}, batch {batch}, {device}, {dtype}, medians\n"
        "pretraining {steps_per_second:9.2f} steps/s\nbare steps  {bare_steps_per_second:9.2f} "
        "steps/s\nratio       {ratio:9.2f}    goal: at most {goal}; rounds: "
    ).format(**found) + spread


def recordings(folder: Path, number: int) -> Path:
    """Write noises that have to be cut and resampled."""
    folder.mkdir()
    for index in range(number):
        noise = 0.1 * np.random.default_rng(index).standard_normal(round(SECONDS * RATE))
        write_waveform(folder / f"sound{index:05d}.wav", noise.clip(-9, 9), RATE)
    return folder


def targets_of(configuration: Configuration) -> RandomProjectionTargets:
    """Return targets that need no download."""
    return RandomProjectionTargets(configuration.front_end.mel_bands)


def seconds_of_ours(run: Path, sounds: Path, options: argparse.Namespace) -> float:
    """Return what a step of a run takes between checkpoints, the mean."""
    configuration = PRETRAINING[options.config]
    times: list[float] = []
    pretrain(
        run,
        find_sounds([sounds]),
        configuration,
        targets_of(configuration),
        settings=Settings(batch=options.batch, dtype=options.dtype),
        schedule=Schedule(options.steps + _WARM + 1, every=10**9),
        device=options.device,
        watch=lambda _network, _step: times.append(perf_counter()),
    )
    # the last step writes a checkpoint
    return float(np.diff(times[_WARM:-1]).mean())


def bare_step(sounds: Path, options: argparse.Namespace) -> Callable[[], float]:
    """Return a function that makes a step with one batch, and returns its loss."""
    configuration, device = PRETRAINING[options.config], torch.device(options.device)
    crops, masks = Crops(find_sounds([sounds]), 0), TimeGapMask(0)
    network = EncodecMAE(configuration)
    front_end = network.wav_encoder.encoder
    made = make_batch([crops[number] for number in range(options.batch)], front_end)
    mask = fitted_mask(masks(made.lengths.tolist()), made.frames.shape[1]).to(device)
    batch, targets = made.to(device), targets_of(configuration)
    targets.to(device)
    network.to(device).train()
    optimizer = make_optimizer(network)

    @float32_products()
    def step() -> float:
        with computing_in(device, PRECISIONS[options.dtype]):
            logits = predict(network, batch, mask).logits
        found = loss(logits.float(), targets(batch), mask).total
        optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(found.item())

    return step


def seconds_of(step: Callable[[], float], options: argparse.Namespace) -> float:
    """Return what a step takes, the mean."""
    for _ in range(_WARM):
        step()
    start = perf_counter()
    for _ in range(options.steps):
        step()
    return (perf_counter() - start) / options.steps


if __name__ == "__main__":
    raise SystemExit(main())
