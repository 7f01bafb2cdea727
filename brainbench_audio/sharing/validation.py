"""Whether a folder of results can be trusted: its form, its names, and numbers that look wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.version import InvalidVersion, Version

from brainbench_audio.errors import BrainbenchError, DataError
from brainbench_audio.provenance import DISTRIBUTION, package_version
from brainbench_audio.registry.lookup import find_benchmark
from brainbench_audio.scores.score import CHANCE, REACHABLE
from brainbench_audio.scores.store import StoredScore
from brainbench_audio.sharing.declared import (
    MODELS,
    installed_card,
    place_of_card,
    plain_model,
    read_card,
)
from brainbench_audio.sharing.folder import is_inside, records
from brainbench_audio.sharing.record import place_of, read_record


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file.

    Attributes
    ----------
    place : str
        Of the file, below the folder.
    told : str
    serious : bool
        The file is of no use; False: its numbers look odd, and somebody should look at them.
    """

    place: str
    told: str
    serious: bool


def validate(folder: Path) -> tuple[int, list[Problem]]:
    """Return how many records a folder has, and what is wrong with them.

    Raises
    ------
    DataError
        It is no folder of results.
    """
    entries: dict[str, StoredScore] = {}
    found: list[Problem] = []
    number = 0
    for path in records(folder):
        number += 1
        place = path.relative_to(folder).as_posix()
        try:
            entries[place] = read_record(path)
        except DataError as error:
            found.append(Problem(place, str(error).replace(f"{path} ", "It ", 1), True))
    unknown = {one: _unknown_benchmark(one) for one in {e.benchmark for e in entries.values()}}
    for place, entry in entries.items():
        told_of = [unknown[entry.benchmark], *_wrong(folder, place, entry)]
        found += [Problem(place, told, True) for told in told_of if told]
        found += [Problem(place, told, False) for told in _odd(entry)]
    found += _twice(entries)
    found += _equal(entries)
    found += _cards(folder)
    return number, sorted(found, key=lambda one: (not one.serious, one.place))


def _wrong(folder: Path, place: str, entry: StoredScore) -> Iterator[str]:
    if (expected := str(place_of(entry))) != place:
        yield f"It belongs to {expected}."
    about = entry.summary["provenance"]
    identity = about["identity"]
    if identity["id"] != entry.model:
        yield f"Its identity is that of {identity['id']}, not of {entry.model}."
    if not str(identity.get("fingerprint", "")).startswith(entry.version.version):
        yield "Its version is not the begin of the model's fingerprint."
    card = place_of_card(entry.model)
    if installed_card(entry.version) is None and not is_inside(folder, card):
        yield f"No installed plugin has {plain_model(entry.model)}, and there is no {card}."
    try:
        Version(about["versions"][DISTRIBUTION])
    except InvalidVersion:
        yield f"{about['versions'][DISTRIBUTION]!r} is no version of {DISTRIBUTION}."


def _unknown_benchmark(benchmark: str) -> str:
    try:
        find_benchmark(benchmark)
    except BrainbenchError as error:
        return f"{error} If a plugin of your own has it, it must be installed here."
    return ""


def _odd(entry: StoredScore) -> Iterator[str]:
    summary = entry.summary
    value, ceiling, about = summary["value"], summary["ceiling"], summary["provenance"]
    if ceiling is not None:
        most = ceiling * float(about.get(REACHABLE, 1.0))
        if value > most:
            yield f"The score, {value:.4g}, is above its ceiling, {most:.4g}."
    chance = _mean_of_chance(about)
    if value < chance:
        yield f"The score, {value:.4g}, is below chance, {chance:.4g}."
    interval = summary["interval"]
    if interval and not interval[0] <= value <= interval[1]:
        yield f"The score, {value:.4g}, is outside its interval, {interval[0]} to {interval[1]}."
    if (made := _newer(about)) is not None:
        yield f"{DISTRIBUTION} {made} made it, which is newer than {package_version()}."


def _mean_of_chance(about: Mapping[str, Any]) -> float:
    """Return the mean score of random orders; 0 where they were not tried."""
    return float((about.get(CHANCE) or {}).get("mean", 0.0))


def _newer(about: Mapping[str, Any]) -> Version | None:
    try:
        made, here = Version(about["versions"][DISTRIBUTION]), Version(package_version())
    except InvalidVersion:
        return None
    return made if made > here else None


def _twice(entries: Mapping[str, StoredScore]) -> Iterator[Problem]:
    """Yield records of one result, and names that some disks take for one."""
    by_name: dict[str, list[str]] = defaultdict(list)
    by_result: dict[Any, list[str]] = defaultdict(list)
    for place, entry in entries.items():
        by_name[place.casefold()].append(place)
        by_result[entry.benchmark, entry.version].append(place)
    for places in [*by_result.values(), *by_name.values()]:
        for place in places[1:]:
            yield Problem(place, f"It is the same result as {places[0]}.", True)


def _equal(entries: Mapping[str, StoredScore]) -> Iterator[Problem]:
    """Yield records whose value another network has on the same benchmark, to the last digit."""
    by_value: dict[Any, list[tuple[str, StoredScore]]] = defaultdict(list)
    for place, entry in entries.items():
        by_value[entry.benchmark, entry.summary["value"]].append((place, entry))
    for alike in by_value.values():
        first, one = alike[0]
        for place, entry in alike[1:]:
            if entry.version != one.version:
                told = f"The score is that of {one.model} ({first}), to the last digit."
                yield Problem(place, told, False)


def _cards(folder: Path) -> Iterable[Problem]:
    top = folder / MODELS
    if top.is_symlink() or not top.is_dir():
        return
    for path in sorted(top.iterdir()):
        place = PurePosixPath(MODELS, path.name)
        if path.name == ".gitkeep":
            continue
        try:
            card = read_card(path)
        except DataError as error:
            told = str(error).removeprefix(f"{path}: ").replace(f"{path} ", "It ", 1)
            yield Problem(str(place), told, True)
            continue
        if (expected := place_of_card(card.id)) != place:
            yield Problem(str(place), f"It is the card of {card.id}: call it {expected}.", True)
