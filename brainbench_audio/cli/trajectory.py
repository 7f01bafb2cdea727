"""`brainbench trajectory`: alignment over the course of a training."""

from __future__ import annotations

import argparse
import traceback
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cli import amounts
from brainbench_audio.cli.score import given
from brainbench_audio.cli.score_output import as_json, interval_text
from brainbench_audio.cli.table import print_json, print_table, tell

if TYPE_CHECKING:
    from brainbench_audio.training.trajectory import StepRun


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "trajectory",
        help="score the checkpoints of a training, step by step",
        description="Score every checkpoint of a training on every benchmark, as the model "
        "MODEL@step=N. Scores are kept: an interrupted run goes on where it stopped, and a "
        "checkpoint that is scored already is neither downloaded nor read.",
    )
    parser.add_argument("--model", "-m", required=True, metavar="ID", help="or PATH.py:ClassName")
    parser.add_argument(
        "--checkpoints",
        "-c",
        required=True,
        metavar="SOURCE",
        help="a folder, a glob (in quotes), or hf://owner/name/folder/*.ckpt[@revision]; the step "
        "is in the file's name: step=1000.ckpt",
    )
    parser.add_argument(
        "--benchmark", "-b", nargs="+", action="extend", required=True, metavar="ID"
    )
    parser.add_argument("--keep", action="store_true", help="keep downloaded checkpoints")
    parser.add_argument(
        "--drop-activations",
        action="store_true",
        help="remove a step's stored activations once it is scored; another benchmark on the same "
        "sounds will need the checkpoint again",
    )
    parser.add_argument("--device", choices=amounts.DEVICES, help="where models compute")
    parser.add_argument(
        "--dtype",
        choices=amounts.DTYPES,
        help="float32; tf32, float16 or bfloat16: faster, less exact",
    )
    parser.add_argument(
        "--bootstrap", type=amounts.draws, metavar="N", help="draws to keep, see `brainbench score`"
    )
    parser.add_argument("--seed", type=amounts.seed, help="of permutations and draws (default: 0)")
    parser.add_argument(
        "--recompute", action="store_true", help="score again, and replace stored scores"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a pair")
    parser.add_argument(
        "--output",
        "-o",
        type=_netcdf,
        metavar="FILE.nc",
        help="also write step x layer x subject x benchmark as netCDF",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score all steps; failures are told at the end and do not stop the others."""
    from brainbench_audio.pipeline.checkpoints import list_checkpoints
    from brainbench_audio.pipeline.loading import load_benchmark
    from brainbench_audio.pipeline.run import described
    from brainbench_audio.registry.globs import expand
    from brainbench_audio.registry.ids import ModelId
    from brainbench_audio.registry.lookup import find_benchmark, find_model
    from brainbench_audio.training.trajectory import trajectory, write_trajectory

    if ModelId.parse(options.model).file is None:
        find_model(options.model)
    names = expand(options.benchmark, "benchmark")
    for name in names:
        find_benchmark(name)
    metric = given(options, "bootstrap", "seed")
    found = trajectory(
        options.model,
        list_checkpoints(options.checkpoints),
        [load_benchmark(name, **metric) for name in names],
        keep=options.keep,
        drop_activations=options.drop_activations,
        recompute=options.recompute,
        options=given(options, "device", "dtype"),
    )
    if options.json:
        print_json([_as_json(each) for each in found.runs])
    else:
        _print_runs(found.runs)
    if options.output and found.runs:
        write_trajectory(found.data, options.output)
    for what, error in found.failures:
        told = "".join(traceback.format_exception(error)) if options.debug else described(error)
        tell(f"brainbench: {what} failed: {told}")
    return 1 if found.failures else 0


def _as_json(each: StepRun) -> dict[str, Any]:
    from brainbench_audio.scores.layers import layer_means

    told = {"step": each.step, **as_json(each.run)}
    return {**told, "layers": layer_means(each.run.score), "loaded": each.loaded}


def _print_runs(runs: list[StepRun]) -> None:
    from brainbench_audio.registry.ids import ModelId

    by_benchmark: dict[str, list[StepRun]] = defaultdict(list)
    for each in runs:
        by_benchmark[each.run.benchmark].append(each)
    for number, (benchmark, some) in enumerate(by_benchmark.items()):
        if number:
            print()
        print(f"{ModelId.parse(some[0].run.model).name} on {benchmark}:")
        rows = [
            (
                each.step,
                each.run.score.value,
                each.run.score.error,
                interval_text(each.run.score.interval),
                each.run.score.layer,
                "stored" if each.run.cached else f"{each.run.seconds:.1f} s",
            )
            for each in some
        ]
        print_table(("step", "score", "error", "95 % interval", "best layer", "time"), rows)


def _netcdf(text: str) -> Path:
    if not text.endswith(".nc"):
        raise argparse.ArgumentTypeError(f"{text} does not end in .nc")
    return Path(text)
