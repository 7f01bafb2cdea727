"""What a GPU does with the project, in one table and within eight minutes.

    python tools/gpu_check.py                        # on an NVIDIA GPU
    python tools/gpu_check.py --parts goldens probe
    python tools/gpu_check.py --device cpu --quick   # the script itself, in seconds

Five parts: the references of every family (float32 must meet them, the distance of bfloat16 is
told), extraction and steps of pretraining beside the bare network, ridge, and the probe. Sounds,
weights and responses are made up, so nothing is needed but the project and its plugins; himalaya is
timed where it is installed. A part that fails says why, and the others go on. Exits with 1 where a
part failed or a reference was missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for speed/

from brainbench_audio.testing.behaviour import distances  # noqa: E402
from brainbench_audio.testing.references import (  # noqa: E402
    read_manifests,
    read_references,
    times_tolerance,
)
from brainbench_audio.testing.sounds import parity_sounds  # noqa: E402
from brainbench_audio.testing.standin import standin_model  # noqa: E402

MINUTES = 7.0
"""After which nothing more is begun; what was begun takes less than one more."""
SMALL = ("dcase2020", "metricgan", "zerospeech2020")
HEARD = ("dasheng-base", "wav2vec2", "vggish", "cochresnet50-word")
# by the time it takes to draw their weights: last, so that the others are not cut off
BIG = ("cochcnn9-word", "dasheng-12b", "encodecmae-large", "encodecmae-large-st")


class Row(NamedTuple):
    """A line of the table; ``met`` is None where nothing is asked for."""

    part: str
    what: str
    measured: str
    goal: str = ""
    met: bool | None = None


class Options(NamedTuple):
    """Where to run, how much of it, and when to stop."""

    device: str
    quick: bool
    deadline: float


def goldens(options: Options) -> Iterator[Row]:
    """Compare every family with its references, and bfloat16 with float32."""
    manifests = read_manifests()
    names = SMALL if options.quick else sorted(manifests, key=lambda name: name in BIG)
    for name in names:
        if perf_counter() > options.deadline:
            yield Row("goldens", name, "not measured: the time is over")
            continue
        model = standin_model(name)
        model.place(options.device)
        references, tolerance = read_references(manifests[name]), manifests[name]["tolerance"]
        sounds = dict(list(parity_sounds(model.sample_rate).items())[:2])
        worst = max(
            times_tolerance(values[0], references[f"{sound}/{layer}"], tolerance)
            for sound, waveform in sounds.items()
            for layer, values in model.activations([waveform]).items()
        )
        half = max(distances(model, "bfloat16", list(sounds.values())).values())
        measured = f"float32 {worst:.2f} of tolerance, bfloat16 {half:.4f} away"
        yield Row("goldens", name, measured, "<= 1", worst <= 1)


def extraction(options: Options) -> Iterator[Row]:
    """Time extraction from files beside the bare network on sounds in memory."""
    from speed import extraction as timing

    number, length = (8, 1.0) if options.quick else (768, 5.0)
    shape: dict[str, Any] = {"device": options.device, "sample_rate": 16_000, "sounds": number}
    shape |= {"rounds": 1, "seconds": length, "stride": None}
    with tempfile.TemporaryDirectory() as folder:
        stimuli = timing.recordings(Path(folder) / "sounds", argparse.Namespace(**shape))
        for name in SMALL[1:2] if options.quick else HEARD:
            for dtype in ("float32", "bfloat16"):
                asked = argparse.Namespace(**shape, model=name, dtype=dtype)
                found = timing.measure(stimuli, asked)
                ours, bare = (number / found[f"{side}_seconds"] for side in ("ours", "bare"))
                measured = f"{ours:.0f} clips/s, bare {bare:.0f}, ratio {found['ratio']:.2f}"
                met = found["ratio"] <= found["goal"]
                yield Row("extraction", f"{name} {dtype}", measured, f"<= {found['goal']}", met)


def ridge(options: Options) -> Iterator[Row]:
    """Time nested ridge regression, and himalaya on the device."""
    from speed import ridge as timing

    shape = (1024, 2, 64) if options.quick else (26_000, 13, 768)
    problem = argparse.Namespace(**dict(zip(timing.SHAPE, shape, strict=False)))
    layers, targets, folds, _ = timing.problem(problem)
    first = timing.Layers(layers._sounds, 1, shape[2])
    what = f"{targets.shape[1]} targets, {len(layers)} layers"
    taken = {}
    for device in dict.fromkeys(("cpu", options.device)):
        timing.ours(first, targets[:, : timing.BLOCK], folds, device)
        taken[device] = timing.seconds(timing.ours, layers, targets, folds, device)
        yield Row("ridge", f"{what}, {device}", f"{taken[device]:.2f} s")
    ours = taken[options.device]
    bare = timing.bare_seconds(len(layers), targets, options.device)
    measured = f"{bare:.2f} s, ours takes {ours / bare:.1f} times as long"
    yield Row("ridge", f"bare products, {options.device}", measured, "<= 3", ours <= 3 * bare)
    if find_spec("himalaya"):
        choice = timing.fastest_himalaya(first, targets, folds, options.device)
        peer = timing.seconds(timing.with_himalaya, layers, targets, folds, **choice)
        measured = f"{peer:.2f} s, ours is {peer / ours:.1f} times as fast"
        what = f"himalaya {choice['precision']}, {options.device}"
        yield Row("ridge", what, measured, ">= 4", peer >= 4 * ours)


def probe(options: Options) -> Iterator[Row]:
    """Time the probe beside a plain loop whose embeddings are on the device from the start."""
    from speed import probe as timing

    shape = dict(timing.QUICK if options.quick else timing.SHAPE)
    shape |= {"clips": 512, "features": 64} if options.quick else {"clips": 20_000, "epochs": 5}
    extra = {"repeats": 1, "device": options.device, "no_lightning": True}
    found = timing.measure(argparse.Namespace(**shape | extra))
    ours, ratio = found["median_seconds"]["brainbench"], found["times_ours"]["plain loop"]
    what = f"{shape['clips']} clips, {found['settings']} settings, {shape['epochs']} epochs"
    goal = 4.0 if options.device == "cuda" else timing.GOALS["plain loop"]
    measured = f"{ours:.2f} s with filling, a plain loop takes {ratio:.1f} times as long"
    yield Row("probe", what, measured, f">= {goal:g}", ratio >= goal)
    measured = f"apart {found['folds_apart']:.1f} times as long as together"
    yield Row("probe", f"{timing.FOLDS - 1} folds, one setting", measured)


def pretraining(options: Options) -> Iterator[Row]:
    """Time steps of pretraining EnCodecMAE beside bare steps of the network."""
    from speed import pretraining as timing

    size, batch, steps = ("tiny", 2, 3) if options.quick else ("base", 32, 20)
    for dtype in ("float32", "bfloat16"):
        shape = {"config": size, "batch": batch, "steps": steps, "rounds": 1}
        found = timing.measure(argparse.Namespace(**shape, device=options.device, dtype=dtype))
        ours, bare = found["steps_per_second"], found["bare_steps_per_second"]
        measured = f"{ours:.2f} steps/s, bare {bare:.2f}, ratio {found['ratio']:.2f}"
        met = found["ratio"] <= found["goal"]
        yield Row(
            "pretraining", f"{size}, batch {batch}, {dtype}", measured, f"<= {found['goal']}", met
        )


PARTS: dict[str, Callable[[Options], Iterator[Row]]] = {
    "extraction": extraction,
    "ridge": ridge,
    "probe": probe,
    "pretraining": pretraining,
    "goldens": goldens,  # the longest: what does not fit into the time is said
}


def rows(parts: Sequence[str], options: Options) -> Iterator[Row]:
    """Yield the rows of some parts; one that fails says why."""
    for name in parts:
        if perf_counter() > options.deadline:
            yield Row(name, "all of it", "not measured: the time is over")
            continue
        try:
            yield from PARTS[name](options)
        except Exception as error:
            yield Row(name, "", f"failed: {error!r}"[:200], met=False)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small problems: seconds")
    parser.add_argument("--parts", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("gpu_check: torch sees no CUDA device here.", file=sys.stderr)
        return 2
    card = torch.cuda.get_device_name() if given.device == "cuda" else "CPU"
    print(f"{card}, {os.cpu_count()} cores, torch {torch.__version__}")
    start = perf_counter()
    options = Options(given.device, given.quick, start + 60 * MINUTES)
    met = True
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="himalaya")
        for row in rows(given.parts, options):
            verdict = "" if row.met is None else "met" if row.met else "MISSED"
            line = f"{row.part:12} {row.what:38} {row.measured:58} {row.goal:8} {verdict}"
            print(line.rstrip(), flush=True)
            # a ratio of times that is missed is a number; a reference that is missed is a fault
            met &= row.met is not False or not (row.part == "goldens" or not row.what)
    print(f"{perf_counter() - start:.0f} s")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
