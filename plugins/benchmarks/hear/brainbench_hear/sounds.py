"""Finds the sounds of a task: which sample rates are complete, and which is heard."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from brainbench_audio.errors import DataError
from brainbench_audio.names import one_form
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_hear.task import Task


def stimulus_set(task: Task) -> StimulusSet:
    """Return the clips of a task as stimuli.

    A model hears the folder of its own sample rate if that is complete, else the highest complete
    one, resampled. Files that no split names are left out.

    Raises
    ------
    DataError
        No sample rate has all the files that the splits name.
    """
    found = complete_rates(task)
    highest = max(found)
    return StimulusSet(
        name=task.metadata.name,
        names=tuple(clip.name for clip in task.clips),
        files=found[highest],
        sample_rate=highest,
        recordings={rate: files for rate, files in found.items() if rate != highest},
        silence=True,
    )


def complete_rates(task: Task) -> dict[int, tuple[Path, ...]]:
    """Return for each sample rate (Hz) that has a file for every clip these files, in order.

    Raises
    ------
    DataError
        There is none.
    """
    rates = sample_rates(task.folder)
    if not rates:
        raise DataError(
            f"{task.folder} has no sounds: they are expected in folders named by their sample "
            f"rate, such as 48000/{task.clips[0].name}."
        )
    found = {}
    lacking = {}
    for rate in rates:
        files = tuple(task.folder / str(rate) / clip.split / clip.file for clip in task.clips)
        missing = _missing(files)
        if missing:
            lacking[rate] = missing
        else:
            found[rate] = files
    if not found:
        rate = min(lacking, key=lambda rate: (len(lacking[rate]), -rate))
        missing = lacking[rate]
        split = missing[0].relative_to(task.folder / str(rate)).parts[0]
        raise DataError(
            f"{task.folder / f'{split}.json'} names sounds that are not there: {rate}/ lacks "
            f"{len(missing)} of {len(task.clips)} files, the first is {missing[0]}. Fetch the task "
            f"again, or take them out of the label files."
        )
    return found


def sample_rates(folder: Path) -> list[int]:
    """Return the sample rates (Hz) that a task folder has folders for, in ascending order."""
    return sorted(
        int(path.name) for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()
    )


def _missing(files: Iterable[Path]) -> list[Path]:
    """Return the files that do not exist, listing each folder once."""
    listed: dict[Path, set[str]] = {}
    missing = []
    for file in files:
        if file.parent not in listed:
            folder = file.parent
            there = folder.iterdir() if folder.is_dir() else []
            listed[folder] = {one_form(path.name) for path in there}
        if one_form(file.name) not in listed[file.parent]:
            missing.append(file)
    return missing
