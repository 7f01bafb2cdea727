"""`brainbench-encodecmae pretrain`: pretrain a model of the family on a folder of sounds."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from brainbench_audio.errors import BrainbenchError

from .configuration import DTYPES, PRETRAINING

if TYPE_CHECKING:
    from .training import Watch

FAILURE, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 after an error, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="brainbench-encodecmae: %(message)s", level=logging.WARNING)
    try:
        return _pretrain(options)
    except BrainbenchError as error:
        if options.debug:
            raise
        print(f"brainbench-encodecmae: {error}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print(
            "brainbench-encodecmae: interrupted; the same command with --resume goes on from the "
            "last checkpoint",
            file=sys.stderr,
        )
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="brainbench-encodecmae")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    pretrain = verbs.add_parser(
        "pretrain",
        help="pretrain a model on a folder of sounds",
        description="Pretrain a model as the published ones were, at a scale of your own. "
        "Checkpoints are read by load_model('encodecmae-base', weights=FILE).",
    )
    pretrain.add_argument(
        "--audio", nargs="+", type=Path, required=True, metavar="DIR", help="folders of sounds"
    )
    pretrain.add_argument(
        "--output", type=Path, required=True, metavar="RUN", help="folder of the run"
    )
    pretrain.add_argument(
        "--config",
        choices=tuple(PRETRAINING),
        default="tiny",
        help="3 blocks of width 96 (default), or the sizes of encodecmae-small or -base",
    )
    pretrain.add_argument(
        "--targets",
        choices=("encodec", "random-projection"),
        default="encodec",
        help="codes to predict: EnCodec's, as in the paper (default; 93 MB are fetched once), or a "
        "stand-in that needs no download and is not the paper's target",
    )
    pretrain.add_argument(
        "--encodec", type=Path, metavar="FILE", help="a copy of encodec_24khz-d7cc33bc.th"
    )
    _add_numbers(pretrain)
    pretrain.add_argument(
        "--log-spaced", action="store_true", help="also keep steps 1, 2, 5, 10, 20, 50, …"
    )
    pretrain.add_argument(
        "--join",
        action="store_true",
        help="let other sounds, drawn at random, follow one shorter than 4 s until 4 s are full; "
        "else it is padded",
    )
    pretrain.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in RUN"
    )
    pretrain.add_argument(
        "--benchmark",
        nargs="+",
        metavar="ID",
        help="measure alignment each N steps of --every, into alignment.csv; NH2015comp-rsa, "
        "say, is cheap",
    )
    pretrain.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    pretrain.add_argument(
        "--dtype",
        choices=DTYPES,
        default="float32",
        help="of the network's products; bfloat16 is faster on a GPU and less exact",
    )
    return parser


def _add_numbers(pretrain: argparse.ArgumentParser) -> None:
    numbers: list[tuple[str, type, float | None, str]] = [
        ("--steps", int, 500_000, "updates in all (paper: %(default)s); more when resumed"),
        ("--every", int, 1000, "updates between checkpoints (%(default)s)"),
        ("--batch", int, 8, "clips of a step (%(default)s; paper: 128)"),
        ("--learning-rate", float, 1e-4, "constant (paper: %(default)s)"),
        ("--seed", int, 42, "of weights, crops and masks (paper: %(default)s)"),
        ("--held-out", int, None, "sounds to test on (a tenth, at most 200 as in the paper)"),
    ]
    for name, kind, default, told in numbers:
        pretrain.add_argument(name, type=kind, default=default, metavar="N", help=told)


def _pretrain(options: argparse.Namespace) -> int:
    from .corpus import find_sounds
    from .run import Schedule, Settings
    from .targets import EncodecTargets, RandomProjectionTargets, Targets
    from .training import pretrain

    configuration = PRETRAINING[options.config]
    sounds = find_sounds(options.audio)
    targets: Targets
    if options.targets == "encodec":
        targets = EncodecTargets(options.encodec)
    else:
        targets = RandomProjectionTargets(configuration.front_end.mel_bands)
    held_out = min(200, len(sounds) // 10) if options.held_out is None else options.held_out
    last = pretrain(
        options.output,
        sounds,
        configuration,
        targets,
        settings=Settings(
            options.seed,
            options.batch,
            options.learning_rate,
            held_out,
            options.join,
            options.dtype,
        ),
        schedule=Schedule(options.steps, options.every, options.log_spaced),
        resume=options.resume,
        device=options.device,
        watch=_monitor(options, configuration.blocks) if options.benchmark else None,
    )
    print(f"{len(sounds)} sounds, {held_out} of them held out; last checkpoint: {last}")
    return 0


def _monitor(options: argparse.Namespace, blocks: int) -> Watch:
    """Return what measures alignment each time that a regular checkpoint is written."""
    from brainbench_audio.registry.lookup import find_benchmark
    from brainbench_audio.training.monitor import AlignmentMonitor, measured_steps

    from .configuration import SAMPLE_RATE
    from .network import EncodecMAE

    for identifier in options.benchmark:
        find_benchmark(identifier)
    monitors: list[AlignmentMonitor] = []
    file = options.output / "alignment.csv"
    before = measured_steps(file) if options.resume else frozenset()

    def watch(network: EncodecMAE, step: int) -> None:
        if step in before:
            return
        if not monitors:
            monitors.append(
                AlignmentMonitor(
                    network,
                    options.benchmark,
                    every=options.every,
                    sample_rate=SAMPLE_RATE,
                    layers={f"layer_{block}": f"read_outs.{block}" for block in range(blocks)},
                    csv_file=file,
                )
            )
        monitors[0].step(step)

    return watch


if __name__ == "__main__":
    sys.exit(main())
