"""LeBel2023 on this machine: found, fetched or installed, and loaded."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.assemblies.continuous import folds_of_runs
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, LoadedDataset, refuse_checksum
from brainbench_audio.download import Remote, fetch_all, has_md5
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file
from brainbench_audio.progress import progress_bar
from brainbench_audio.stimuli.continuous import ContinuousStimuli
from brainbench_lebel2023.published import FOLDER, below, chosen, remotes, sound_path
from brainbench_lebel2023.responses import read_responses


class Stories(BaseSource):
    """Gets and loads the stories and the responses of the listeners of a subset."""

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Load the responses of one listener, or of the eight of the paper.

        Raises
        ------
        DataError
            The files are not here, damaged or not as published, or do not fit into memory.
        UnknownId
            There is no such subset.
        """
        listeners, stories = chosen(subset)
        folder = _present(card, subset)
        assembly = read_responses(folder, listeners, stories)
        sounds = {story: folder / sound_path(story) for story in stories}
        stimuli = ContinuousStimuli.of_runs(card.id, sounds)
        return LoadedDataset(card, stimuli, assembly, folds_of_runs(assembly))

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder that holds all files of a subset, the user's own first, or None."""
        wanted = remotes(*chosen(subset))
        return next((place for place in _places() if not _lacking(place, wanted)), None)

    def sizes(self, card: DatasetCard, subset: str | None = None) -> dict[str, int | None]:
        """Return the bytes of each folder's files that are not in the data home."""
        target = settings.data_home() / FOLDER
        missing = [each for each in remotes(*chosen(subset)) if not (target / each.name).is_file()]
        found: dict[str, int | None] = {}
        for folder, files in groupby(missing, key=lambda each: each.name.rpartition("/")[0]):
            sizes = [each.size for each in files]
            found[f"{folder}, {len(sizes)} files"] = sum(sizes)
        return found

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Install the files of a subset below the data home, and return the folder.

        ``source`` is a folder in the published layout, such as a clone by DataLad; its files must
        be the published ones.
        """
        refuse_checksum(card, sha256)
        target = settings.data_home() / FOLDER
        wanted = remotes(*chosen(subset))
        if source is None:
            fetch_all(wanted, target, card.id)
        else:
            inner = source / FOLDER
            _install(inner if inner.is_dir() else source, wanted, target)
        return target


def _present(card: DatasetCard, subset: str | None) -> Path:
    wanted = remotes(*chosen(subset))
    name = f"{card.id}.{subset}" if subset else card.id
    lacking = {place: _lacking(place, wanted) for place in _places()}
    for place, missing in lacking.items():
        if not missing:
            return place
    for place, missing in lacking.items():
        if len(missing) < len(wanted):
            raise DataError(
                f"{place} lacks {len(missing)} of {len(wanted)} files of {name}, the first is "
                f"{missing[0]}: complete the folder (a clone by DataLad with `datalad get`), or "
                f"have `brainbench data get {name}` fetch all into the data home."
            )
    raise DataError(
        f"{name} is not here: `brainbench data get {name}` fetches it, with --from FOLDER out of a "
        f"copy of your own. BRAINBENCH_DATA=FOLDER finds it in FOLDER/{FOLDER}/."
    )


def _places() -> list[Path]:
    """Return the folders that may hold the data set, the user's own first."""
    brought = settings.brought_data()
    return [*([brought / FOLDER] if brought else []), settings.data_home() / FOLDER]


def _lacking(folder: Path, wanted: Sequence[Remote]) -> list[str]:
    return [each.name for each in wanted if not below(folder, each.name).is_file()]


def _install(source: Path, wanted: Sequence[Remote], target: Path) -> None:
    """Copy published files, once all are known to be there and to be the published ones."""
    if missing := _lacking(source, wanted):
        raise DataError(
            f"{source} lacks {len(missing)} of {len(wanted)} files, the first is {missing[0]}: "
            f"complete the folder, in a clone by DataLad with `datalad get`."
        )
    with progress_bar(len(wanted), "checking and copying", "file") as bar:
        for each in wanted:
            file = below(source, each.name)
            if not has_md5(each, file):
                raise DataError(
                    f"{file} has not the MD5 {each.md5} of the published file: get it again. To "
                    f"use it as it is, set BRAINBENCH_DATA to a folder that has {source} as "
                    f"{FOLDER}."
                )
            if not (target / each.name).is_file() or not file.samefile(target / each.name):
                with atomic_file(target / each.name) as temporary:
                    shutil.copyfile(file, temporary)
            bar.update()
