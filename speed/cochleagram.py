"""Time the cochleagram and filter bank beside plain numpy and batched FFTs, in one run.

    python speed/cochleagram.py [--sounds 8] [--plain-sounds 2] [--repeats 3] [--threads 1]
                                [--device cpu|cuda] [--json]

Three sides compute the spectro-temporal features of the same noises: ours; `plain`, the formulas
one sound and one filter at a time in float64; `fft`, the usual fast way in torch, all channels of a
sound in one transform and the filters as two-dimensional transforms, eight at a time. Filters are
made beforehand. The timings count only if the numbers agree.

With --device cuda ours and `fft` are on the GPU, sounds are brought there and features back.

Memory is the growth of the peak resident size of a process of its own, filters included, for one
and for all sounds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from brainbench_spectrotemporal.cochleagram import (
    Cochleagram,
    band_filters,
    envelope_kernel,
    normalise_waveform,
)
from brainbench_spectrotemporal.filter_bank import (
    PADDED_CHANNELS,
    PADDED_FRAMES,
    centres,
    transfer_function,
)
from brainbench_spectrotemporal.network import FilterBank
from brainbench_spectrotemporal.plain import plain_cochleagram, plain_features
from numpy.typing import NDArray

from brainbench_audio.machine import peak_memory

Sounds = NDArray[np.float32]
Stages = tuple[Callable[[Sounds], Any], Callable[[Any], NDArray[Any]]]
# of the norm: what the parity references allow
TOLERANCE = 2e-5
SAMPLES = 40_000
FFT_CHUNK = 8


def made_up(sounds: int, seed: int) -> Sounds:
    """Noises with a slow modulation of their own."""
    generator = np.random.default_rng(seed)
    time = np.arange(SAMPLES) / 20_000
    rates = generator.uniform(2, 20, (sounds, 1))
    noise = generator.standard_normal((sounds, SAMPLES))
    return ((1.1 + np.sin(2 * np.pi * rates * time)) * noise * 0.1).astype(np.float32)


def ours(device: str) -> Stages:
    return heard_by(Cochleagram(), device), on_host(FilterBank().to(device))


def heard_by(front_end: torch.nn.Module, device: str) -> Callable[[Sounds], torch.Tensor]:
    """Return what brings sounds to a device, makes images of them, and waits for it."""
    front_end.to(device)

    def images(sounds: Sounds) -> torch.Tensor:
        found: torch.Tensor = front_end(normalise_waveform(torch.from_numpy(sounds).to(device)))
        if device == "cuda":
            torch.cuda.synchronize()
        return found

    return images


def on_host(bank: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any], NDArray[Any]]:
    """Return what brings features back."""
    return lambda images: bank(images).cpu().numpy()


def with_numpy(_device: str) -> Stages:
    filters, kernel = band_filters(), envelope_kernel()
    transfers = [transfer_function(*centre).astype(np.complex64) for centre in centres()]
    return (
        lambda sounds: [plain_cochleagram(sound, filters, kernel) for sound in sounds],
        lambda images: np.stack([plain_features(image, transfers) for image in images]),
    )


def with_ffts(device: str) -> Stages:
    front_end = Cochleagram(oversampling=None, channels_per_chunk=211)
    half = PADDED_FRAMES // 2 + 1
    responses = [transfer_function(*centre)[:, :half].astype(np.complex64) for centre in centres()]
    filters = torch.from_numpy(np.stack(responses)).to(device)
    chunks = [filters[start : start + FFT_CHUNK] for start in range(0, len(filters), FFT_CHUNK)]
    shape = (PADDED_CHANNELS, PADDED_FRAMES)

    def features(images: torch.Tensor) -> torch.Tensor:
        rows = []
        for image in images:
            spectrum = torch.fft.rfft2(100 * image, shape)
            filtered = (torch.fft.irfft2(spectrum * chunk, shape) for chunk in chunks)
            power = [part[:, :211, :390].square().clamp_min(1e-8).mean(-1) for part in filtered]
            rows.append(torch.cat(power))
        return torch.stack(rows)

    return heard_by(front_end, device), on_host(features)


SIDES: dict[str, Callable[[str], Stages]] = {
    "brainbench": ours,
    "plain": with_numpy,
    "fft": with_ffts,
}


def measure_memory(side: str, sounds: int, threads: int, seed: int, device: str) -> int:
    """Return by how many bytes the peak of this fresh process grows; runs in a child."""
    torch.set_num_threads(threads)
    waveforms = made_up(sounds, seed)
    before = peak_memory()
    with torch.inference_mode():
        front_end, bank = SIDES[side](device)
        bank(front_end(waveforms))
    return peak_memory() - before


def memory(args: argparse.Namespace) -> dict[str, list[float]]:
    """Return megabytes of each side for few and for all sounds, each in a process of its own."""
    context = multiprocessing.get_context("spawn")
    found: dict[str, list[float]] = {}
    for side in SIDES:
        most = args.plain_sounds if side == "plain" else args.sounds
        found[side] = []
        for sounds in (1, most):
            with context.Pool(1) as pool:
                arguments = (side, sounds, args.threads, args.seed, args.device)
                found[side].append(pool.apply(measure_memory, arguments) / 1e6)
    return found


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run all sides in turn; return milliseconds a sound, ratios and relative differences."""
    torch.set_num_threads(args.threads)
    waveforms = made_up(args.sounds, args.seed)
    built = {name: make(args.device) for name, make in SIDES.items()}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in built}
    features: dict[str, NDArray[Any]] = {}
    with torch.inference_mode():
        for repeat in range(args.repeats + 1):
            for name, (front_end, bank) in built.items():
                if name == "plain" and repeat not in {0, args.repeats}:
                    continue
                sounds = waveforms[: args.plain_sounds] if name == "plain" else waveforms
                start = perf_counter()
                images = front_end(sounds)
                middle = perf_counter()
                features[name] = bank(images)
                end = perf_counter()
                if repeat:  # the first is a warm-up
                    each = 1000 / len(sounds)
                    seconds[name].append(((middle - start) * each, (end - middle) * each))
    milliseconds = {
        name: {
            "cochleagram": statistics.median(times[0] for times in found),
            "filter bank": statistics.median(times[1] for times in found),
            "both": statistics.median(sum(times) for times in found),
        }
        for name, found in seconds.items()
    }
    return {
        "sounds": args.sounds,
        "plain_sounds": args.plain_sounds,
        "threads": args.threads,
        "device": args.device,
        "milliseconds": milliseconds,
        "ratio": {
            name: {
                stage: value / milliseconds["brainbench"][stage] for stage, value in found.items()
            }
            for name, found in milliseconds.items()
            if name != "brainbench"
        },
        "difference": {
            name: difference(features["brainbench"][: len(found)], found)
            for name, found in features.items()
            if name != "brainbench"
        },
    }


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the largest difference of a sound's features, as a share of their norm."""
    distances = np.linalg.norm(one.astype(float) - other, axis=(1, 2))
    return float((distances / np.linalg.norm(other.astype(float), axis=(1, 2))).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    defaults = {"sounds": 8, "plain-sounds": 2, "repeats": 3, "threads": 1, "seed": 0}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    found = measure(args) | {"megabytes": memory(args)}
    agree = max(found["difference"].values()) < TOLERANCE
    if args.json:
        print(json.dumps(found | {"agree": agree}))
        return 0 if agree else 1
    print(f"{args.sounds} sounds of 2 s ({args.plain_sounds} for plain), {args.threads} threads")
    for name, times in found["milliseconds"].items():
        stages = ", ".join(f"{stage} {value:.0f}" for stage, value in times.items())
        few, many = found["megabytes"][name]
        print(f"{name:10} ms a sound: {stages}; peak {few:.0f} MB for 1 sound, {many:.0f} for all")
    for name, ratios in found["ratio"].items():
        apart = found["difference"][name]
        print(f"{name:10} takes {ratios['both']:.1f} times as long, features {apart:.1e} apart")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
