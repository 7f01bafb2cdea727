"""What is published: who heard which language, and every file with its checksum.

OpenNeuro ds003643, snapshot 2.0.7. Sizes, MD5 and versions of files on S3 are those that its
git-annex repository tells, https://github.com/OpenNeuroDatasets/ds003643; numbers of volumes are
those of its README.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from brainbench_audio.download import Remote
from brainbench_audio.errors import UnknownId
from brainbench_audio.published_folder import openneuro

SNAPSHOT = "2.0.7"
FOLDER = "ds003643"
SECTIONS = 9
ENGLISH, FRENCH = "EN", "FR"
_RESPONSES = re.compile(r"derivatives/sub-((?:EN|FR)\d+)/")


@dataclass(frozen=True)
class Language:
    """A recording of the book.

    Attributes
    ----------
    sound : str
        Path of a section's sound, with its ``{number}``.
    volumes : tuple of int
        Of the files of each section, which begin with the sound.
    """

    sound: str
    volumes: tuple[int, ...]


# The Chinese ones are left out: the README tells of four volumes that raw runs have and
# preprocessed ones have not, in one place at their start and in another at their end.
LANGUAGES = {
    ENGLISH: Language(
        "stimuli/task-lppEN_section-{number}.wav",
        (282, 298, 340, 303, 265, 343, 325, 292, 368),
    ),
    FRENCH: Language(
        "stimuli/task-lppFR_section_{number}.wav",
        (309, 326, 354, 315, 293, 378, 332, 294, 336),
    ),
}


@cache
def registry() -> dict[str, Remote]:
    """Return all files that are read, by their path in the data set."""
    text = files("brainbench_littleprince").joinpath("registry.csv").read_text(encoding="utf-8")
    return openneuro(FOLDER, text)


@cache
def runs() -> Mapping[str, tuple[str, ...]]:
    """Return the paths of each listener's responses, in the order of the sections.

    Numbers of runs differ from listener to listener, and their order is that of the sections.
    """
    found = defaultdict(list)
    for path in sorted(registry()):
        if match := _RESPONSES.match(path):
            found[match[1]].append(path)
    return {listener: tuple(paths) for listener, paths in found.items()}


def speaking(language: str) -> tuple[str, ...]:
    """Return the listeners of a language."""
    return tuple(listener for listener in runs() if listener.startswith(language))


SUBSETS = (*(listener.lower() for listener in runs()), FRENCH.lower())


def chosen(subset: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the language and the listeners of the whole (None) or a subset.

    Raises
    ------
    UnknownId
        There is no such subset.
    """
    if subset is None:
        return ENGLISH, speaking(ENGLISH)
    if subset not in SUBSETS:
        raise UnknownId(f"LittlePrince has no subset {subset!r}, only {', '.join(SUBSETS)}.")
    language = subset[:2].upper()
    return language, speaking(language) if subset == FRENCH.lower() else (subset.upper(),)


def sound_paths(language: str) -> dict[str, str]:
    """Return where each section's sound is; sections are ``EN-1`` to ``EN-9``, or ``FR-…``."""
    sound = LANGUAGES[language].sound
    numbers = range(1, len(LANGUAGES[language].volumes) + 1)
    return {f"{language}-{number}": sound.format(number=number) for number in numbers}


def remotes(language: str, listeners: Sequence[str]) -> list[Remote]:
    """Return the files of some listeners, sounds first."""
    paths = [*sound_paths(language).values()]
    for listener in listeners:
        paths += runs()[listener]
    return [registry()[path] for path in paths]
