"""What is published: which listener heard which story, and every file with its checksum.

OpenNeuro ds003020, snapshot 3.1.0. Sizes, MD5 and versions of files on S3 are those that its
git-annex repository tells, https://github.com/OpenNeuroDatasets/ds003020.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

from brainbench_audio.download import Remote
from brainbench_audio.errors import UnknownId
from brainbench_audio.published_folder import openneuro

SNAPSHOT = "3.1.0"
FOLDER = "ds003020"
RESPONSES = "derivative/preprocessed_data"
SOUNDS = "stimuli"
TEXTGRIDS = "derivative/TextGrids"

# heard in every session but the first, by UTS01 to UTS03 in ten sessions, by the others in five
TEST = "wheretheressmoke"
# the five sessions that every listener took part in, as in the authors' em_data/sess_to_story.json
SESSIONS = (
    ("alternateithicatom", "souls", "avatar", "legacy", "odetostepfather"),
    ("undertheinfluence", "howtodraw", "myfirstdaywiththeyankees", "naked", "life"),
    ("stagefright", "tildeath", "fromboyhoodtofatherhood", "sloth", "exorcism"),
    (
        *("haveyoumethimyet", "adollshouse", "inamoment", "theclosetthatateeverything"),
        *("adventuresinsayingyes", "buck"),
    ),
    ("swimmingwithastronauts", "thatthingonmyarm", "eyespy", "itsabox", "hangtime"),
)
SHARED = (*(story for session in SESSIONS for story in session), TEST)
# of the paper, which are the whole; UTS09 came later
PAPER = tuple(f"UTS{number:02d}" for number in range(1, 9))
LISTENERS = (*PAPER, "UTS09")
# heard more than the five sessions
LONG = ("UTS01", "UTS02", "UTS03", "UTS09")
_ALL = "_all"
SUBSETS = tuple(name.lower() for name in (*LISTENERS, *(each + _ALL for each in LONG)))


@cache
def registry() -> dict[str, Remote]:
    """Return all files that are read, by their path in the data set."""
    text = files("brainbench_lebel2023").joinpath("registry.csv").read_text(encoding="utf-8")
    return openneuro(FOLDER, text)


def chosen(subset: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the listeners and the stories of the whole (None) or a subset, test story last.

    The 27 stories stay together, whether or not a listener heard all of them: then models hear them
    once for all listeners.

    Raises
    ------
    UnknownId
        There is no such subset.
    """
    if subset is None:
        return PAPER, SHARED
    if subset not in SUBSETS:
        raise UnknownId(f"LeBel2023 has no subset {subset!r}, only {', '.join(SUBSETS)}.")
    listener = subset.removesuffix(_ALL).upper()
    if not subset.endswith(_ALL):
        return (listener,), SHARED
    others = sorted({path.rpartition("/")[2].partition(".")[0] for path in registry()})
    training = [*SHARED[:-1], *(story for story in others if story not in SHARED)]
    return (listener,), heard(listener, (*training, TEST))


def heard(listener: str, stories: Iterable[str]) -> tuple[str, ...]:
    """Return those of some stories that a listener's responses are published to."""
    return tuple(story for story in stories if response_path(listener, story) in registry())


def below(folder: Path, path: str) -> Path:
    """Return where a published file is in a copy of the data set.

    Later snapshots, and so new clones, have ``derivatives`` in place of ``derivative``.
    """
    file = folder / path
    return file if file.is_file() else folder / path.replace("derivative/", "derivatives/", 1)


def response_path(listener: str, story: str) -> str:
    """Return where the responses of a listener to a story are."""
    return f"{RESPONSES}/{listener}/{story}.hf5"


def sound_path(story: str) -> str:
    """Return where a story is."""
    return f"{SOUNDS}/{story}.wav"


def textgrid_path(story: str) -> str:
    """Return where it is written which words and phones of a story are spoken when."""
    return f"{TEXTGRIDS}/{story}.TextGrid"


def remotes(listeners: Sequence[str], stories: Sequence[str]) -> list[Remote]:
    """Return the files of some listeners and stories, sounds first, then words."""
    paths = [sound_path(story) for story in stories]
    paths += [textgrid_path(story) for story in stories]
    for listener in listeners:
        paths += [response_path(listener, story) for story in heard(listener, stories)]
    return [registry()[path] for path in paths]
