"""What a run is going to do, worked out before it starts: pairs, shared sounds, what is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.errors import CacheError, DataError, UnknownId
from brainbench_audio.files import atomic_file, explained
from brainbench_audio.pipeline.hearing import Hearing, Workbench
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.run import Failure
from brainbench_audio.pipeline.targets import Target, look_at
from brainbench_audio.provenance import environment
from brainbench_audio.registry.ids import BenchmarkId, ModelId
from brainbench_audio.scores.options import SAME_SCORE

Pair = tuple[Loadable, Loadable]
# options that name data and numbers, no code
_MODEL_OPTIONS = {"device", "dtype", "weights"}
_BENCHMARK_OPTIONS = {*SAME_SCORE, "folder"}


@dataclass(frozen=True)
class Workload:
    """Pairs that can be tried, and those whose benchmark could not be loaded.

    Attributes
    ----------
    pairs : tuple of (Loadable, Target)
        In the order in which they were asked for.
    failures : tuple of Failure
    """

    pairs: tuple[tuple[Loadable, Target], ...]
    failures: tuple[Failure, ...]

    def hearings(self, *, recompute: bool = False, isolate: str | None = None) -> list[Hearing]:
        """Return one piece of work for each model and set of sounds, models together."""
        grouped: dict[str, dict[str, list[tuple[Loadable, Target]]]] = {}
        for model, target in self.pairs:
            grouped.setdefault(model.key, {}).setdefault(target.stimuli, []).append((model, target))
        return [
            Hearing(pairs[0][0], tuple(target for _, target in pairs), recompute, isolate)
            for by_stimuli in grouped.values()
            for pairs in by_stimuli.values()
        ]


def plan_work(bench: Workbench, pairs: Sequence[Pair]) -> Workload:
    """Look at the data of every benchmark once, and at no model but those that ids of these name.

    Errors of a benchmark become a `Failure` of each of its pairs.
    """
    targets: dict[str, Target | Exception] = {}
    for _, benchmark in pairs:
        if benchmark.key not in targets:
            targets[benchmark.key] = _looked_at(bench, benchmark)
    possible, failures = [], []
    for model, benchmark in pairs:
        found = targets[benchmark.key]
        if isinstance(found, Target):
            possible.append((model, found))
        else:
            failures.append(Failure.of(model, benchmark, "benchmark", found))
    return Workload(tuple(possible), tuple(failures))


def _looked_at(bench: Workbench, benchmark: Loadable) -> Target | Exception:
    try:
        return look_at(benchmark, partial(bench.benchmark, benchmark))
    except Exception as error:  # one failing benchmark never stops the others
        return error


def failed_file() -> Path:
    """Return the file that lists what failed in the last run."""
    return settings.cache_home() / "failed.json"


def keep_failed(failures: Iterable[Failure]) -> None:
    """Write the pairs that failed, for ``--retry-failed``; without any, the file goes.

    Raises
    ------
    CacheError
        The cache cannot be written to.
    """
    rows = [
        {
            "model": asdict(failure.model),
            "benchmark": asdict(failure.benchmark),
            "cause": failure.cause,
            "message": failure.message,
        }
        for failure in failures
    ]
    if not rows:
        if failed_file().exists():
            with explained(failed_file()):
                failed_file().unlink(missing_ok=True)
        return
    with atomic_file(failed_file()) as temporary:
        content = {"created": environment()["created"], "pairs": rows}
        temporary.write_text(json.dumps(content, indent=1, default=os.fspath), encoding="utf-8")


def failed_pairs() -> tuple[list[Pair], list[Pair]]:
    """Return the pairs that failed in the last run: those to try again, and those left out.

    Others may be able to write the list, so it starts no code but that of installed plugins: a pair
    with a model from a file or of a scheme (``hf:…``), or with an option that is not known to be
    harmless, is left out.

    Raises
    ------
    DataError
        The list is damaged.
    """
    try:
        rows = json.loads(failed_file().read_text(encoding="utf-8"))["pairs"]
        pairs = [(Loadable(**row["model"]), Loadable(**row["benchmark"])) for row in rows]
        retried = [is_retried(*pair) for pair in pairs]
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise CacheError(f"Cannot read {failed_file()}: {error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{failed_file()} is damaged ({error!r}): delete it and name models and benchmarks."
        ) from error
    judged = list(zip(pairs, retried, strict=True))
    return [pair for pair, again in judged if again], [pair for pair, again in judged if not again]


def is_retried(model: Loadable, benchmark: Loadable) -> bool:
    """Return whether a pair runs no other code than that of plugins, whoever wrote it down."""
    if not {*model.options} <= _MODEL_OPTIONS or not {*benchmark.options} <= _BENCHMARK_OPTIONS:
        return False
    try:
        given = BenchmarkId.parse(benchmark.id).given
        models = [ModelId.parse(each) for each in (model.id, given) if each]
    except UnknownId:
        return False
    return all(each.file is None and each.scheme is None for each in models)
