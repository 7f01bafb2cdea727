"""What `brainbench score --retry-failed` scores again, and what it leaves to whoever asks."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from brainbench_audio.names import printable

if TYPE_CHECKING:
    from brainbench_audio.pipeline.plan import Pair

# they decide what is scored and how, which every failed pair says itself
OF_PAIRS = (
    *("model", "benchmark", "given", "hear_task", "control", "layers", "weights", "weights_dir"),
    *("device", "dtype", "trust_remote_code"),
    *("permutations", "bootstrap", "seed", "max_memory", "metric_device"),
)
# options of loaders, as `brainbench score` calls them
_MODEL = {
    "device": "--device",
    "dtype": "--dtype",
    "trust_remote_code": "--trust-remote-code",
    "weights": "--weights",
}
_METRIC = {
    "bootstrap": "--bootstrap",
    "device": "--metric-device",
    "max_memory": "--max-memory",
    "permutations": "--permutations",
    "seed": "--seed",
}


def failed_before(options: argparse.Namespace) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs that failed in the last run, and those that are not tried again."""
    from brainbench_audio.pipeline.plan import failed_pairs

    # a list that nobody gave is empty; 0 is a number of permutations
    if here := [name for name in OF_PAIRS if getattr(options, name) not in (None, [])]:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in here)
        options.misused(
            f"--retry-failed scores the pairs of the last run as they were asked for: leave "
            f"{flags} out"
        )
    pairs, left_out = failed_pairs()
    if left_out:
        _print_left_out(left_out)
    elif not pairs:
        print("brainbench: nothing failed in the last run", file=sys.stderr)
    return pairs, left_out


def _print_left_out(pairs: Sequence[Pair]) -> None:
    """Print that some failed pairs are not tried again by themselves, and commands that do it."""
    print(
        f"brainbench: {len(pairs)} pairs are left out. Their models come from files or hubs, or "
        f"have options of their own, and others may be able to write the list of failed pairs. If "
        f"you know them, run:",
        file=sys.stderr,
    )
    for line in _commands(pairs):
        print(f"    {printable(line)}", file=sys.stderr)


def _commands(pairs: Sequence[Pair]) -> list[str]:
    """Return a command for each model and set of options; a remark where none would do."""
    commands: dict[tuple[str, tuple[str, ...]], dict[str, list[str]]] = {}
    remarks = []
    for model, benchmark in pairs:
        metric = {name: each for name, each in benchmark.options.items() if name != "folder"}
        if unknown := sorted({*model.options} - {*_MODEL} | {*metric} - {*_METRIC}):
            told = f"options that brainbench score does not have: {', '.join(unknown)}"
            remarks.append(f"# {model.id} on {benchmark.id} has {told}")
            continue
        layers = [] if model.layers is None else ["--layers", *model.layers]
        how = (*_flagged(model.options, _MODEL), *layers, *_flagged(metric, _METRIC))
        data = commands.setdefault((model.id, how), {"--benchmark": [], "--hear-task": []})
        folder = benchmark.options.get("folder")
        if folder is None:
            data["--benchmark"].append(benchmark.id)
        else:
            data["--hear-task"].append(str(folder))
    return [_command(model, data, how) for (model, how), data in commands.items()] + remarks


def _flagged(options: Mapping[str, Any], flags: Mapping[str, str]) -> list[str]:
    """Return options of a loader as those of the command line."""
    words = []
    for name, value in options.items():
        words += [flags[name]] if value is True else [flags[name], str(value)]
    return words


def _command(model: str, data: Mapping[str, Sequence[str]], how: Sequence[str]) -> str:
    words = ["brainbench", "score", "--model", model]
    for flag, some in data.items():
        words += [flag, *dict.fromkeys(some)] if some else []
    return shlex.join([*words, *how])
