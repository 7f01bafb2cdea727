"""`brainbench score`: score models on benchmarks."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio.cards import CONTROLS
from brainbench_audio.cli import amounts
from brainbench_audio.cli.failed_pairs import failed_before
from brainbench_audio.cli.log import add_log, logged
from brainbench_audio.cli.score_output import (
    as_json,
    interruption,
    print_failures,
    print_forecast,
    print_runs,
    write_runs,
)
from brainbench_audio.cli.table import print_json, tell
from brainbench_audio.cli.weights_options import add_weights_options, chosen_weights
from brainbench_audio.names import from_home

if TYPE_CHECKING:
    from brainbench_audio.pipeline.connection import Certificates
    from brainbench_audio.pipeline.plan import Pair

_HEAR = "HEAR-probe"
_TLS = {
    "ca": "certificate of the authority of a scheduler at tls://…, in PEM format",
    "cert": "our certificate, which it signed",
    "key": "the private key that belongs to it",
}


def add(verbs: Any) -> None:
    """Describe the verb."""
    parser = verbs.add_parser(
        "score",
        help="score models on benchmarks",
        description="Score every model on every benchmark. Ids may be globs (in quotes); a model "
        "of your own is PATH.py:ClassName. Scores are kept: asking again is free.",
    )
    parser.add_argument("--model", "-m", nargs="+", action="extend", default=[], metavar="ID")
    parser.add_argument("--benchmark", "-b", nargs="+", action="extend", default=[], metavar="ID")
    parser.add_argument(
        "--given",
        metavar="ID",
        help="the model beyond which the others are scored, where a benchmark takes one, such as "
        "NH2015comp-ridge-unique; the same as NH2015comp-ridge-unique=ID",
    )
    parser.add_argument(
        "--hear-task",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="PATH",
        help="a folder of your own in HEAR format: scored as HEAR.<its task_name>-probe",
    )
    parser.add_argument(
        "--control", choices=CONTROLS, help="score this control of every model: MODEL@CONTROL"
    )
    parser.add_argument(
        "--layers",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="score these layers only; kept apart from the scores of all layers",
    )
    add_weights_options(parser)
    parser.add_argument("--device", choices=amounts.DEVICES, help="where models compute")
    parser.add_argument(
        "--dtype",
        choices=amounts.DTYPES,
        help="float32; tf32, float16 or bfloat16: faster, less exact",
    )
    parser.add_argument(
        "--trust-remote-code",
        action="store_const",
        const=True,
        help="run the Python code that a model of the hub brings (hf:… only)",
    )
    parser.add_argument(
        "--permutations",
        type=amounts.permutations,
        metavar="N",
        help="test the score against chance with N random orders of the sounds; 0: no test "
        "(default: a test if it takes less than a second)",
    )
    parser.add_argument(
        "--bootstrap", type=amounts.draws, metavar="N", help="store N draws of the score with it"
    )
    parser.add_argument("--seed", type=amounts.seed, help="of permutations and draws (default: 0)")
    parser.add_argument(
        "--max-memory",
        type=amounts.size,
        metavar="SIZE",
        help="memory that the metric's arrays may take, e.g. 4GB; more of it makes it faster",
    )
    parser.add_argument(
        "--metric-device",
        choices=("cpu", "cuda", "auto"),
        help="where the metric computes (default: the probe on a GPU if there is one, the others "
        "on the CPU); auto: on a GPU if there is one and the problem is large",
    )
    parser.add_argument(
        "--recompute", action="store_true", help="score again, and replace stored scores"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a pair")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="also write the scores: FILE.json, FILE.csv, FILE.nc (one pair) or a folder for "
        "netCDF files",
    )
    _add_execution(parser)
    add_log(parser)
    parser.set_defaults(run=run, misused=parser.error)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to do, and where")
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="print what is stored, what is missing and what it takes roughly; compute nothing",
    )
    group.add_argument(
        "--retry-failed",
        action="store_true",
        help="score the pairs that failed in the last run, except with models from files and hubs",
    )
    spread = group.add_mutually_exclusive_group()
    spread.add_argument(
        "--workers",
        type=amounts.processes,
        metavar="N",
        help="spread the work over N processes (Dask)",
    )
    spread.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="spread it over a running Dask cluster, e.g. tls://host:8786",
    )
    for name, what in _TLS.items():
        group.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=what)
    group.add_argument(
        "--isolate",
        nargs="?",
        const="full",
        choices=("full", "shared"),
        help="run each model in its plugin's own virtual environment; shared: the environment "
        "also uses what is installed here, and adds only what must be another version",
    )


def run(options: argparse.Namespace) -> int:
    """Score all pairs; failures do not stop the others and are listed at the end."""
    left_out: list[Pair] = []
    if options.retry_failed:
        pairs, left_out = failed_before(options)
        if left_out and not pairs:
            return 1
    else:
        pairs = _asked_for(options)
    if options.output and options.output.suffix == ".nc" and len(pairs) != 1:
        tell(f"brainbench: {options.output} holds one pair, these are {len(pairs)}: give a folder.")
        return 2
    status = _planned(pairs, options) if options.dry_run else _scored(pairs, options)
    return status or int(bool(left_out))


def _planned(pairs: list[Pair], options: argparse.Namespace) -> int:
    from brainbench_audio.pipeline.forecast import forecast, with_weights, without_data
    from brainbench_audio.pipeline.hearing import Workbench
    from brainbench_audio.pipeline.plan import plan_work

    there, waiting = without_data(pairs)
    work = plan_work(Workbench(), there)
    known = forecast(work, recompute=options.recompute)
    print_forecast(with_weights([*known, *waiting], pairs), options.json)
    print_failures(work.failures, len(pairs), options.debug)
    return 1 if work.failures else 0


def _scored(pairs: list[Pair], options: argparse.Namespace) -> int:
    from brainbench_audio.errors import CacheError
    from brainbench_audio.pipeline.many import score_pairs
    from brainbench_audio.pipeline.plan import keep_failed
    from brainbench_audio.pipeline.run import Failure, Run

    certificates = _certificates(options)
    order = {(model.key, benchmark.key): place for place, (model, benchmark) in enumerate(pairs)}
    results = score_pairs(
        pairs,
        recompute=options.recompute,
        isolate=options.isolate,
        workers=options.workers,
        scheduler=options.scheduler,
        certificates=certificates,
    )
    found: list[Run | Failure] = []
    interrupted = False
    try:
        with logged(options, len(pairs)):
            for each in results:
                found.append(each)
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    # a cluster finishes pairs in any order
    found.sort(key=lambda each: order[each.model_key, each.benchmark_key])
    runs = [each for each in found if isinstance(each, Run)]
    failures = [each for each in found if not isinstance(each, Run)]
    try:
        if not interrupted:  # what was not tried has not failed, and may be in the list
            keep_failed(failures)
    except CacheError as error:  # the scores are there all the same
        tell(f"brainbench: --retry-failed will not know these failures: {error}")
    if options.json:
        print_json([as_json(each) for each in runs])
    elif runs:
        print_runs(runs)
    print_failures(failures, len(pairs), options.debug, again=not interrupted)
    if interrupted:
        raise KeyboardInterrupt(interruption(len(runs), len(pairs), options.output))
    if options.output and runs:
        write_runs(runs, options.output)
    return 1 if failures else 0


def _certificates(options: argparse.Namespace) -> Certificates | None:
    from brainbench_audio.pipeline.connection import Certificates

    files = given(options, *(f"tls_{name}" for name in _TLS))
    if not files:
        return None
    if len(files) < len(_TLS):
        options.misused("--tls-ca, --tls-cert and --tls-key belong together: give all three")
    if not (options.scheduler or "").startswith("tls://"):
        options.misused("--tls-ca, --tls-cert and --tls-key are for --scheduler tls://HOST:PORT")
    return Certificates(*map(from_home, files.values()))


def _asked_for(options: argparse.Namespace) -> list[Pair]:
    """Return all pairs, once every id is known to exist."""
    from brainbench_audio.registry.globs import expand
    from brainbench_audio.registry.ids import ModelId
    from brainbench_audio.registry.lookup import find_benchmark, find_model

    if not options.model or not (options.benchmark or options.hear_task):
        options.misused("give --model, and --benchmark or --hear-task (or --retry-failed)")
    models = expand(options.model, "model")
    if options.control:
        models = [_control(model, options.control) for model in models]
    benchmarks = _benchmarks(options)
    for identifier in models:
        if ModelId.parse(identifier).file is None:
            find_model(identifier)
    chosen: list[tuple[str, dict[str, Any]]] = [(identifier, {}) for identifier in benchmarks]
    if options.hear_task:
        find_benchmark(_HEAR, folder=True)
    folders = [from_home(path).resolve() for path in options.hear_task]
    chosen += [(_HEAR, {"folder": str(folder)}) for folder in folders]
    return _paired(models, chosen, options)


def _control(identifier: str, control: str) -> str:
    """Return the id of a model's control."""
    from brainbench_audio.errors import UnknownId
    from brainbench_audio.registry.ids import ModelId

    wanted = ModelId.parse(identifier)
    made = replace(wanted, control=control)
    if wanted.variant not in ("", made.variant):
        raise UnknownId(
            f"{identifier} has no control of its own: leave {wanted.variant} or --control "
            f"{control} out."
        )
    return str(made)


def _benchmarks(options: argparse.Namespace) -> list[str]:
    """Return benchmarks with the given model in the id of those that take one."""
    from brainbench_audio.registry.globs import expand
    from brainbench_audio.registry.ids import BenchmarkId, ModelId
    from brainbench_audio.registry.lookup import find_benchmark, find_model, needs_named

    given = None
    if options.given is not None:
        wanted = ModelId.parse(options.given).absolute()
        if wanted.file is None:
            find_model(wanted)
        given = str(wanted)
    benchmarks = expand(options.benchmark, "benchmark", given=given)
    if given and not any(BenchmarkId.parse(each).given == given for each in benchmarks):
        options.misused("--given is for benchmarks such as NH2015comp-ridge-unique")
    for each in benchmarks:
        if error := needs_named(find_benchmark(each)):
            raise error
    return benchmarks


def _paired(
    models: list[str], benchmarks: list[tuple[str, dict[str, Any]]], options: argparse.Namespace
) -> list[Pair]:
    from brainbench_audio.pipeline.loading import Loadable
    from brainbench_audio.registry.ids import ModelId

    load = given(options, "device", "dtype", "trust_remote_code")
    weights = chosen_weights(models, options)
    metric = given(options, "permutations", "bootstrap", "seed", "max_memory")
    if options.metric_device is not None:
        metric["device"] = options.metric_device
    wanted = [Loadable(identifier, where | metric) for identifier, where in benchmarks]
    layers = None if options.layers is None else tuple(options.layers)
    named = [
        Loadable(str(ModelId.parse(identifier).absolute()), load | weights[identifier], layers)
        for identifier in models
    ]
    return [(model, benchmark) for model in named for benchmark in wanted]


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options that were given; the others are left to the plugins' defaults."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}
