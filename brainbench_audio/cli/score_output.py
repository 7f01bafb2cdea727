"""What `brainbench score` prints and writes."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli.table import (
    json_text,
    p_text,
    print_json,
    print_table,
    tell,
)
from brainbench_audio.files import size_in_words
from brainbench_audio.names import printable
from brainbench_audio.tables import csv_text

if TYPE_CHECKING:
    from brainbench_audio.cards import WeightsFile
    from brainbench_audio.pipeline.forecast import Forecast
    from brainbench_audio.pipeline.loading import Loadable
    from brainbench_audio.pipeline.run import Failure, Run
    from brainbench_audio.scores.score import Score

_MOST_PARTS = 12
# of a file, in signs: disks take 255 bytes, and a key and the ending follow
_LONGEST_NAME = 200
# first out where a terminal is narrow
_UNIMPORTANT = ("time", "error", "p", "ceiling", "normalised", "best layer")


def as_json(run: Run) -> dict[str, Any]:
    """Return one pair as it stands in the JSON list."""
    from brainbench_audio.provenance import DISTRIBUTION
    from brainbench_audio.scores.score import CHANCE, MEASURED_BY, ONLY_LAYERS, OVER

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
        "part_errors": dict(score.part_errors),
        "part_intervals": {name: list(one) for name, one in score.part_intervals.items()},
        "over": score.provenance.get(OVER),
        "p": score.p,
        "permutations": (score.provenance.get(CHANCE) or {}).get("permutations", 0),
        "chance": score.guessing.get("chance"),
        "majority": score.guessing.get("majority"),
        "layer": score.layer,
        "only_layers": score.provenance.get(ONLY_LAYERS),
        "n": dict(score.n),
        "cached": run.cached,
        "created": score.provenance.get("created"),
        "measured_by": score.provenance.get(MEASURED_BY),
        "seconds": round(run.seconds, 3),
        "version": score.provenance["versions"][DISTRIBUTION],
        "model_version": _version(run),
    }


def print_runs(runs: Sequence[Run]) -> None:
    """Print a table of scores, and their parts where these are few."""
    from brainbench_audio.scores.score import MEASURED_BY, WITHHELD

    for line in _meanings(runs):
        print(line, file=sys.stderr)  # whoever reads the table by a program wants its rows
    columns: dict[str, Callable[[Run], Any]] = {"model": lambda run: run.model}
    if _alike(runs):
        columns["version"] = _version
    columns["benchmark"] = lambda run: run.benchmark
    columns["score"] = lambda run: run.score.value
    if any(run.score.guessing for run in runs):
        columns["chance"] = lambda run: run.score.guessing.get("chance")
        columns["majority"] = lambda run: run.score.guessing.get("majority")
    columns |= {
        "error": lambda run: run.score.error,
        "95 % interval": lambda run: interval_text(run.score.interval),
        "p": lambda run: p_text(run.score.p),
        "ceiling": lambda run: run.score.ceiling,
        "normalised": lambda run: run.score.normalised,
        "best layer": lambda run: run.score.layer,
        "time": _time,
    }
    rows = [tuple(cell(run) for cell in columns.values()) for run in runs]
    # where a score is somebody else's, `_time` says whose
    theirs = any(run.score.provenance.get(MEASURED_BY) for run in runs)
    print_table(tuple(columns), rows, drop=_UNIMPORTANT[1:] if theirs else _UNIMPORTANT)
    for run, name in zip(runs, _names(runs), strict=True):
        if reason := run.score.provenance.get(WITHHELD):
            print(f"\n{printable(f'{name} on {run.benchmark}: not normalised. {reason}')}")
        if 1 < len(run.score.parts) <= _MOST_PARTS:
            print(f"\n{printable(name)} on {run.benchmark}, in parts:")
            _print_parts(run.score)


def _time(run: Run) -> str:
    """Return how long a score took; of one that came from somebody else, whose it is."""
    from brainbench_audio.scores.score import MEASURED_BY

    if not run.cached:
        return f"{run.seconds:.1f} s"
    name = run.score.provenance.get(MEASURED_BY)
    return f"by {name}" if name else "stored"


def _print_parts(score: Score) -> None:
    """Print each part, with its interval below where that is known."""
    rows: list[tuple[Any, ...]] = [tuple(float(part) for part in score.parts.values())]
    if score.part_intervals:
        rows.append(tuple(interval_text(score.part_intervals.get(name)) for name in score.parts))
    print_table(tuple(score.parts), rows, names=0)


def _meanings(runs: Sequence[Run]) -> list[str]:
    """Return what errors and p of the table mean, a line each."""
    from brainbench_audio.scores.score import CHANCE, ERROR_WITHHELD, HOW, MATCHED, OVER

    found = []
    for over in dict.fromkeys(run.score.provenance.get(OVER) for run in runs):
        if over:
            found.append(f"Errors and intervals: over {over}.")
    for run in runs:
        if reason := run.score.provenance.get(ERROR_WITHHELD):
            found.append(printable(f"{run.model} on {run.benchmark}: {reason}"))
    if any(run.score.guessing for run in runs):
        found.append("Chance, majority: of any label, of the most frequent one; nothing is heard.")
    tests = [run.score.provenance[CHANCE] for run in runs if CHANCE in run.score.provenance]
    permuted = [test for test in tests if "permutations" in test]
    for how in dict.fromkeys(test.get(HOW, MATCHED) for test in permuted):
        numbers = {test["permutations"] for test in permuted if test.get(HOW, MATCHED) == how}
        told = " or ".join(f"{number:,}" for number in sorted(numbers))
        found.append(printable(f"p: of a score as high with {how}, {told} times."))
    if len(permuted) < len(tests):
        found.append("p of what a model explains beyond another: that it is 0, from its error.")
    return found


def _alike(runs: Sequence[Run]) -> bool:
    """Return whether two rows would have the same names."""
    return len({(run.model, run.benchmark) for run in runs}) < len(runs)


def _names(runs: Sequence[Run]) -> list[str]:
    """Return the models' names, with their versions where two would be called alike."""
    mark = _alike(runs)
    return [f"{run.model}#{_version(run)}" if mark else run.model for run in runs]


def _version(run: Run) -> str:
    from brainbench_audio.scores.identities import version_of

    return version_of(run.score.provenance, run.model).version


def interval_text(interval: tuple[float, float] | None) -> str | None:
    """Return an interval for a table."""
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else None


def print_failures(
    failures: Sequence[Failure], pairs: int, debug: bool, *, again: bool = True
) -> None:
    """Print what failed and why, one line a cause, and how to try ``again``."""
    from brainbench_audio.pipeline.plan import is_retried

    grouped: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        own = failure.model if failure.cause != "benchmark" else failure.benchmark
        name = own.key if failure.cause != "pair" else f"{own.key} {failure.benchmark.key}"
        grouped.setdefault((name, failure.message), []).append(failure)
    for alike in grouped.values():
        reason = alike[0].trace if debug and alike[0].trace else alike[0].message
        tell(f"brainbench: {_failed(alike)} failed: {reason}")
    if failures:
        retried = sum(is_retried(failure.model, failure.benchmark) for failure in failures)
        these = "these" if retried == len(failures) else f"{retried} of these"
        hint = f"; `brainbench score --retry-failed` tries only {these} again"
        hint = hint if again and retried else ""
        print(f"brainbench: {len(failures)} of {pairs} pairs failed{hint}", file=sys.stderr)


def interruption(scored: int, pairs: int, output: Path | None) -> str:
    """Return what is to be told after Ctrl-C; nothing if no pair was finished."""
    if not scored:
        return ""
    missing = f" {printable(str(output))} was not written." if output else ""
    return f"{scored} of {pairs} pairs are scored and kept: the same command goes on.{missing}"


def _failed(alike: Sequence[Failure]) -> str:
    first = alike[0]
    if first.cause == "model":
        return _named(first.model)
    if first.cause == "benchmark":
        return _named(first.benchmark)
    return f"{_named(first.model)} x {_named(first.benchmark)}"


def _named(thing: Loadable) -> str:
    folder = thing.options.get("folder")
    return f"{thing.id} {folder}" if folder else thing.id


def print_forecast(forecasts: Sequence[Forecast], as_list: bool) -> None:
    """Print what a run would do, and what it takes roughly."""
    from brainbench_audio.progress import duration_in_words

    if as_list:
        from dataclasses import asdict

        print_json([asdict(each) for each in forecasts])
        return
    rows = [
        (
            each.model,
            each.benchmark,
            each.state,
            _size(each.memory),
            _size(each.disk),
            duration_in_words(each.seconds) if each.seconds else None,
        )
        for each in forecasts
    ]
    head = ("model", "benchmark", "state", "memory", "disk", "core time")
    print_table(head, rows, drop=("memory", "disk"))
    counted = dict.fromkeys(dict.fromkeys(each.state for each in forecasts), 0)
    for each in forecasts:
        counted[each.state] += 1
    print(f"\n{len(forecasts)} pairs: {', '.join(f'{n} {state}' for state, n in counted.items())}")
    print(
        f"about {duration_in_words(sum(each.seconds for each in forecasts))} on one core, "
        f"{size_in_words(sum(each.disk for each in forecasts))} of activations; up to "
        f"{size_in_words(max((each.memory for each in forecasts), default=0))} of memory a process"
    )
    for line in _needs(forecasts):
        print(line)
    print(
        "From shapes alone: time may be off by a factor of six either way, memory by two. What is "
        "stored is looked up without the weights, which only loading a model can tell."
    )


def _needs(forecasts: Sequence[Forecast]) -> list[str]:
    """Return what has to be fetched first, a line each."""
    found = []
    if data := dict.fromkeys(each.data for each in forecasts if each.data):
        found.append(f"to be fetched or made: data of {', '.join(data)}")
    files = {file.url: file for each in forecasts for file in each.weights}
    by_model = {each.model: each.weights for each in forecasts if each.weights}
    found += [f"to be fetched: weights of {name}, {_files(own)}" for name, own in by_model.items()]
    if len(by_model) > 1:
        found.append(f"to be fetched: {_files(tuple(files.values()))} of weights in total")
    return [printable(line) for line in found]


def _files(files: Sequence[WeightsFile]) -> str:
    unknown = sum(not file.size for file in files)
    size = size_in_words(sum(file.size for file in files))
    told = f"{len(files)} file{'s' * (len(files) > 1)}"
    if unknown == len(files):
        return f"{told} of unknown size"
    return f"{told}, {size}" + (f" and {unknown} of unknown size" if unknown else "")


def write_runs(runs: Sequence[Run], output: Path) -> None:
    """Write scores to FILE.json, FILE.csv, FILE.nc (the only one) or into a folder.

    Raises
    ------
    CacheError
        It cannot be written.
    """
    from brainbench_audio.files import atomic_file

    if output.suffix == ".nc":
        runs[0].whole().to_netcdf(output)
    elif output.suffix == ".json":
        with atomic_file(output) as temporary:
            temporary.write_text(json_text([as_json(run) for run in runs]), encoding="utf-8")
    elif output.suffix == ".csv":
        flat = [_flat(as_json(run)) for run in runs]
        with atomic_file(output) as temporary:
            rows = [list(flat[0]), *(list(row.values()) for row in flat)]
            temporary.write_text(csv_text(rows), encoding="utf-8")
    else:
        for run, name in zip(runs, _file_names(runs), strict=True):
            run.whole().to_netcdf(output / name)


def _file_names(runs: Sequence[Run]) -> list[str]:
    """Return for each pair the name of a file of its own, with its key where others share it."""
    from brainbench_audio.files import hash_json
    from brainbench_audio.scores.store import folder_name

    pairs = [f"{model}_{run.benchmark}" for model, run in zip(_names(runs), runs, strict=True)]
    # what names no path stays as it is
    plain = [pair.isprintable() and not {"/", "\\"} & {*pair} for pair in pairs]
    names = [
        (pair if fine else folder_name(pair))[:_LONGEST_NAME]
        for pair, fine in zip(pairs, plain, strict=True)
    ]
    keys = [
        run.stem.name if run.stem else hash_json([run.model_key, run.benchmark_key]) for run in runs
    ]
    sharing: dict[str, set[str]] = defaultdict(set)
    for name, key in zip(names, keys, strict=True):
        sharing[name.casefold()].add(key)  # some disks do not tell a from A
    return [
        f"{name}.nc" if len(sharing[name.casefold()]) == 1 else f"{name}_{key[:8]}.nc"
        for name, key in zip(names, keys, strict=True)
    ]


def _size(size: int) -> str | None:
    return size_in_words(size) if size else None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    low, high = row.pop("interval") or (None, None)
    for name in ("parts", "part_errors", "part_intervals"):
        row.pop(name)
    counted = row.pop("n")
    layers = row.pop("only_layers")
    row["only_layers"] = " ".join(layers) if layers else None
    return {**row, "interval_low": low, "interval_high": high, "stimuli": counted.get("stimulus")}
