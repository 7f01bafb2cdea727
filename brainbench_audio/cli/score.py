"""`brainbench score`: score models on benchmarks."""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cards import CONTROLS
from brainbench_audio.cli.table import json_text, print_json, print_table
from brainbench_audio.errors import BrainbenchError

if TYPE_CHECKING:
    from brainbench_audio.pipeline.run import Run

_MOST_PARTS = 12


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "score",
        help="score models on benchmarks",
        description="Score every model on every benchmark. Ids may be globs (in quotes); a model "
        "of your own is PATH.py:ClassName. Scores are kept: asking again is free.",
    )
    parser.add_argument("--model", "-m", nargs="+", action="extend", required=True, metavar="ID")
    parser.add_argument(
        "--benchmark", "-b", nargs="+", action="extend", required=True, metavar="ID"
    )
    parser.add_argument(
        "--control", choices=CONTROLS, help="score this control of every model: MODEL@CONTROL"
    )
    parser.add_argument("--weights", help="a local checkpoint in the published format")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--dtype", help="float32, or float16 or bfloat16: faster, less exact")
    parser.add_argument(
        "--trust-remote-code",
        action="store_const",
        const=True,
        help="run the Python code that a model of the hub brings (hf:… only)",
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        metavar="N",
        help="draw stimuli, and subjects where there are several, N times for error and interval; "
        "0: no bootstrap (default: 1000 draws of stimuli where there are fewer than two subjects)",
    )
    parser.add_argument("--seed", type=int, help="of the bootstrap (default: 0)")
    parser.add_argument(
        "--max-memory",
        type=_size,
        metavar="SIZE",
        help="what the metric's arrays may take, e.g. 4GB; more is done at a time where more fits",
    )
    parser.add_argument(
        "--recompute", action="store_true", help="leave stored scores aside and replace them"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a pair")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="also write the scores: FILE.json, FILE.csv, FILE.nc (one pair) or a folder for "
        "netCDF files",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score all pairs; failures are told at the end and do not stop the others."""
    from brainbench_audio.registry.lookup import expand, find_benchmark, find_model

    models = expand(options.model, "model")
    if options.control:
        models = [f"{model}@{options.control}" for model in models]
    benchmarks = expand(options.benchmark, "benchmark")
    for identifier in models:
        if ".py:" not in identifier:
            find_model(identifier)
    for identifier in benchmarks:
        find_benchmark(identifier)
    pairs = len(models) * len(benchmarks)
    if options.output and options.output.suffix == ".nc" and pairs != 1:
        print(
            f"brainbench: {options.output} holds one pair, these are {pairs}: give a folder.",
            file=sys.stderr,
        )
        return 2
    runs, failures = _score_all(models, benchmarks, options)
    if options.json:
        print_json([as_json(run) for run in runs])
    elif runs:
        _print_runs(runs)
    for pair, message in failures:
        print(f"brainbench: {pair} failed: {message}", file=sys.stderr)
    if options.output and runs:
        _write(runs, options.output)
    return 1 if failures else 0


def as_json(run: Run) -> dict[str, Any]:
    """Return one pair as it stands in the JSON list."""
    from brainbench_audio.provenance import DISTRIBUTION

    score = run.score
    return {
        "model": run.model,
        "benchmark": run.benchmark,
        "score": score.value,
        "error": score.error,
        "interval": list(score.interval) if score.interval else None,
        "ceiling": score.ceiling,
        "normalised": score.normalised,
        "parts": dict(score.parts),
        "layer": score.layer,
        "n": dict(score.n),
        "cached": run.cached,
        "seconds": round(run.seconds, 3),
        "version": score.provenance["versions"][DISTRIBUTION],
    }


def _score_all(
    models: list[str], benchmarks: list[str], options: argparse.Namespace
) -> tuple[list[Run], list[tuple[str, str]]]:
    from brainbench_audio.pipeline.loading import load_benchmark, load_model
    from brainbench_audio.pipeline.run import run as run_pair

    chosen = _given(options, "weights", "device", "dtype", "trust_remote_code")
    metric = _given(options, "bootstrap", "seed", "max_memory")
    runs: list[Run] = []
    failures: list[tuple[str, str]] = []
    for model_id in models:
        try:
            model = load_model(model_id, **chosen)
        except Exception as error:
            failures.append((model_id, _message(error, options.debug)))
            continue
        for benchmark_id in benchmarks:
            started = time.perf_counter()
            try:
                benchmark = load_benchmark(benchmark_id, **metric)
                # a score is the same however much memory it was made in
                benchmark.options.pop("max_memory", None)
                found = run_pair(model, benchmark, recompute=options.recompute)
                runs.append(replace(found, seconds=time.perf_counter() - started))
            except Exception as error:  # one failing pair never stops the others
                failures.append((f"{model_id} x {benchmark_id}", _message(error, options.debug)))
    return runs, failures


def _given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options that were given; the others are left to the plugins' defaults."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _size(text: str) -> int:
    """Read a number of bytes such as ``4GB`` or ``500 MB``; kB is 1000 bytes, KiB 1024."""
    found = re.fullmatch(r"([0-9.]+) ?([kKMGT]?)(i?)B?", text.strip())
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        number = 0.0
    if found is None or not number:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write it as 4GB or 500MB")
    power = " kMGT".index(found[2].replace("K", "k") or " ")
    return int(number * (1024 if found[3] else 1000) ** power)


def _message(error: Exception, debug: bool) -> str:
    if debug:
        return "".join(traceback.format_exception(error))
    if isinstance(error, BrainbenchError):
        return str(error)
    return f"unexpected {error!r}; --debug shows where"


def _print_runs(runs: list[Run]) -> None:
    head = ("model", "benchmark", "score", "error", "95 % interval", "ceiling", "normalised")
    rows = [
        (
            run.model,
            run.benchmark,
            run.score.value,
            run.score.error,
            _interval(run.score.interval),
            run.score.ceiling,
            run.score.normalised,
            run.score.layer,
            "stored" if run.cached else f"{run.seconds:.1f} s",
        )
        for run in runs
    ]
    print_table((*head, "best layer", "time"), rows)
    for run in runs:
        if 1 < len(run.score.parts) <= _MOST_PARTS:
            print(f"\n{run.model} on {run.benchmark}, in parts:")
            print_table(
                tuple(run.score.parts), [tuple(float(part) for part in run.score.parts.values())]
            )


def _interval(interval: tuple[float, float] | None) -> str | None:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else None


def _write(runs: list[Run], output: Path) -> None:
    from brainbench_audio.files import atomic_file

    if output.suffix == ".nc":
        runs[0].score.to_netcdf(output)
    elif output.suffix == ".json":
        with atomic_file(output) as temporary:
            temporary.write_text(json_text([as_json(run) for run in runs]), encoding="utf-8")
    elif output.suffix == ".csv":
        with atomic_file(output) as temporary, temporary.open("w", newline="") as file:
            flat = [_flat(as_json(run)) for run in runs]
            writer = csv.DictWriter(file, list(flat[0]))
            writer.writeheader()
            writer.writerows(flat)
    else:
        for run in runs:
            name = Path(f"{run.model}_{run.benchmark}.nc").name
            run.score.to_netcdf(output / name)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row.pop("interval") or (None, None)
    row.pop("parts")
    counted = row.pop("n")
    return {**row, "interval_low": low, "interval_high": high, "stimuli": counted.get("stimulus")}
