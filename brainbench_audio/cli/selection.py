"""Options that choose among results, shared by the verbs that read them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from brainbench_audio.cli.table import tell
from brainbench_audio.errors import AmbiguousId, DataError, UnknownId

if TYPE_CHECKING:
    from brainbench_audio.registry.ids import ModelId
    from brainbench_audio.registry.lookup import Kind
    from brainbench_audio.report.results import Published, Result
    from brainbench_audio.report.versions import Current

Names = str | Sequence[str]
_FEWEST_DIGITS = 4


def add_selection(parser: argparse.ArgumentParser, kinds: Sequence[Kind]) -> None:
    """Add ``--model`` and ``--benchmark``."""
    for kind in kinds:
        parser.add_argument(
            f"--{kind}",
            f"-{kind[0]}",
            nargs="+",
            default=[],
            metavar="ID",
            help=f"{kind}s, globs allowed (default: all with a score)",
        )


def read_results(published: Published = "none") -> list[Result]:
    """Return all results, those of older versions of models too."""
    from brainbench_audio.report.results import all_results

    return all_results(published, _current(), older=True)


def read_files() -> list[Result]:
    """Return a result for each file of the store: of all versions, and with all options."""
    from brainbench_audio.report.results import stored_files

    return stored_files(_current())


def _current() -> Current:
    """Return what says which version of a model is current."""
    from brainbench_audio.pipeline.current import current_version

    return current_version


def parsed(text: str) -> ModelId:
    """Return a model as it was written, taken apart; what cannot be taken apart may be a glob."""
    from brainbench_audio.registry.ids import ModelId

    try:
        return ModelId.parse(text)
    except UnknownId:
        return ModelId(name=text)


def matched(wanted: ModelId, results: Iterable[Result]) -> list[Result]:
    """Return the results of the models that an id, a glob or a name stands for, all versions."""
    results = list(results)
    if (file := wanted.absolute().file) is not None:
        of_file = [one for one in results if one.source and Path(one.source).resolve() == file]
        found = [one for one in of_file if fnmatchcase(one.id, wanted.label)]
        # else it may be a name from a table, which only ends like the file's path
        if found or file.is_file():
            return found
    text = str(replace(wanted, version=None))
    if found := [one for one in results if text in (one.name, one.id or one.model)]:
        return found
    return [
        one
        for one in results
        if fnmatchcase(one.id or one.model, text)
        or (wanted.distribution == one.source and fnmatchcase(one.id, wanted.label))
    ]


def chosen_models(patterns: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Return the names of the rows that patterns stand for, in their order, each once.

    Parameters
    ----------
    patterns : sequence of str
        Models as `brainbench score` takes them (ids, globs, ``distribution:id``, a file and a
        class), and the names that tables print; ``#`` and a version or a tag behind them. Without
        it, the current version.
    results : sequence of Result
        Of all versions.

    Raises
    ------
    UnknownId
        A pattern matches nothing, and no plugin has an id like that; or it matches two versions.
    DataError
        A plugin has it, but it has no score, or none of the version that is current.
    """
    chosen: dict[str, None] = {}
    for text in patterns:
        found = _with_version(text, results)
        rows = [one.model for one in found if one.current or parsed(text).version]
        if not rows:
            raise DataError(
                f"{text} has changed since it was scored: none of its scores is current. Score it "
                f"again, or say which version: {_listed(found)}."
            )
        chosen |= dict.fromkeys(rows)
    return list(chosen)


def chosen_versions(patterns: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Return rows as `chosen_models` does, but of all versions where no ``#`` says which."""
    found = (one for text in patterns for one in _with_version(text, results))
    return list(dict.fromkeys(one.model for one in found))


def named_models(text: str, results: Sequence[Result]) -> list[str]:
    """Return the names of the rows that a pattern stands for.

    A pattern without any score comes back, for whoever looks its score up to say what is missing.

    Raises
    ------
    UnknownId, DataError
        See `chosen_models`.
    """
    return chosen_models([text], results) if matched(parsed(text), results) else [text]


def one_model(text: str, results: Sequence[Result]) -> str:
    """Return the name of the only row that a pattern stands for, see `named_models`.

    Raises
    ------
    UnknownId
        There are several.
    """
    rows = named_models(text, results)
    if len(rows) > 1:
        raise AmbiguousId(f"{text} is {len(rows)} models, this takes one: say {' or '.join(rows)}.")
    return rows[0]


def steps_of(model: str, results: Iterable[Result]) -> list[Result]:
    """Return the results of all steps of one training, in their current versions.

    Raises
    ------
    AmbiguousId
        Several models have steps.
    """
    wanted = parsed(model)
    found = [
        one
        for one in results
        if one.current
        and (step := parsed(one.id).step) is not None
        and matched(wanted.of_step(step), [one])
    ]
    if len({one.source for one in found}) > 1:
        places = " or ".join(sorted({f"{one.source}:{wanted.name}" for one in found}))
        raise AmbiguousId(f"{model} is more than one model, this takes one: say {places}.")
    return found


def chosen_benchmarks(patterns: Iterable[str], scored: Iterable[str]) -> list[str]:
    """Return the benchmarks among those with a score that patterns name, in their order.

    Raises
    ------
    UnknownId, DataError
        See `chosen_models`.
    """
    known = sorted(set(scored))
    chosen: dict[str, None] = {}
    for pattern in map(_whole, patterns):
        matched = [pattern] if pattern in known else []
        matched = matched or [one for one in known if fnmatchcase(one, pattern)]
        if not matched:
            raise _unscored(pattern, "benchmark", known)
        chosen |= dict.fromkeys(matched)
    return list(chosen)


def listed(names: Names) -> list[str]:
    """Return one name or several as a list."""
    return [names] if isinstance(names, str) else list(names)


def named_benchmarks(patterns: Names, results: Sequence[Result]) -> list[str]:
    """Return the ids that are asked for; globs stand for those with a score."""
    from brainbench_audio.registry.ids import is_pattern

    found: list[str] = []
    for pattern in listed(patterns):
        if is_pattern(pattern):
            found += chosen_benchmarks([pattern], (one.benchmark for one in results))
        else:
            found.append(_whole(pattern))
    return list(dict.fromkeys(found))


def _whole(benchmark: str) -> str:
    """Return an id with the whole path of the file that it may name, as scores have it."""
    from brainbench_audio.registry.ids import BenchmarkId

    wanted = BenchmarkId.parse(benchmark)
    return benchmark if wanted.absolute() == wanted else str(wanted.absolute())


def chosen_results(
    results: Sequence[Result], models: Sequence[str], benchmarks: Sequence[str]
) -> list[Result]:
    """Return the results of chosen models and benchmarks; an empty choice takes all current ones.

    Says on stderr how many scores of older versions are not among them.

    Raises
    ------
    UnknownId, DataError
        See `chosen_models`; DataError also if nothing is left.
    """
    rows = chosen_models(models, results)
    columns = chosen_benchmarks(benchmarks, (one.benchmark for one in results))
    asked = [one for one in results if not benchmarks or one.benchmark in columns]
    found = [one for one in asked if (one.model in rows if models else one.current)]
    alike = asked if not models else []
    for wanted in map(parsed, models):
        alike += [] if wanted.version else matched(wanted, asked)
    tell_older(one for one in alike if not one.current and one.model not in rows)
    if not found:
        raise DataError(
            "There are no scores"
            + (" of these models on these benchmarks." if results else " yet.")
            + " This makes some: brainbench score --model ID --benchmark ID"
        )
    return found


def tell_older(results: Iterable[Result]) -> None:
    """Say on stderr that some stored scores of older versions are not shown."""
    from brainbench_audio.report.results import not_shown

    if line := not_shown(results):
        tell(f"brainbench: {line}")


def tell_twins(results: Iterable[Result]) -> None:
    """Say on stderr which models count twice, as far as their scores tell."""
    from brainbench_audio.report.twins import twins

    for one, other, common in twins(results):
        benchmarks = "the benchmark" if common == 1 else f"all {common} benchmarks"
        tell(
            f"brainbench: {one} and {other} score the same on {benchmarks} that both have: are "
            f"they one network under two names?"
        )


def _with_version(text: str, results: Sequence[Result]) -> list[Result]:
    """Return the results that a pattern matches, of the version behind its ``#`` if there is one.

    A model's only one counts that has this tag, or that starts with these digits.
    """
    from brainbench_audio.scores.identities import UNKNOWN, tags_of

    wanted = parsed(text)
    found = matched(wanted, results)
    if not found:
        names = {name for one in results for name in (one.name, one.id) if name}
        raise _unscored(text, "model", names)
    version = wanted.version
    if version is None:
        return found
    if tagged := [one for one in found if tags_of(one.id, one.source).get(version) == one.version]:
        return tagged
    digits = re.fullmatch(rf"[0-9a-f]{{{_FEWEST_DIGITS},}}", version) or version == UNKNOWN
    fits = [one for one in found if digits and one.version.startswith(version)]
    if len({(one.source, one.version) for one in fits}) > 1:
        raise AmbiguousId(f"{text} fits more than one version: say {_listed(fits)}.")
    if not fits:
        raise UnknownId(
            f"{text} is no version with a score. Behind the # stands a tag, or {_FEWEST_DIGITS} "
            f"digits or more of a version: {_listed(found)}."
        )
    return fits


def _listed(results: Iterable[Result]) -> str:
    """Return each version, with the day on which it was scored last."""
    days: dict[str, str] = {}
    for one in results:
        name = f"{one.name}#{one.version}"
        days[name] = max(one.created[:10], days.get(name, ""))
    return " or ".join(f"{name} ({day or 'date not known'})" for name, day in days.items())


def _unscored(pattern: str, kind: Kind, scored: Iterable[str]) -> Exception:
    from brainbench_audio.registry.ids import unknown
    from brainbench_audio.registry.lookup import list_ids

    installed = list_ids(kind)
    wanted = parsed(pattern)
    file = wanted.absolute().file
    is_file = file is not None and file.is_file()
    if is_file or any(fnmatchcase(one, wanted.name) for one in installed):
        other = {"model": "--benchmark ID", "benchmark": "--model ID"}.get(kind, "")
        return DataError(
            f"There is no score for the {kind} {pattern}. This makes one: "
            f"brainbench score --{kind} {pattern} {other}"
        )
    return unknown(pattern, kind, sorted({*scored, *installed}))
