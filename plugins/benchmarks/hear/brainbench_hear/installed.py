"""Tasks on this machine: found, downloaded, or installed from a folder or an archive.

A task is looked for in ``$BRAINBENCH_DATA/hear/tasks/`` and below the data home, in
``hear/tasks/``. The archive of a task is deleted when it has been unpacked; its checksum stays.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from brainbench_audio import settings
from brainbench_audio.archives import check_complete, opened
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource
from brainbench_audio.download import Remote, fetch, remote_size
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_folder, explained, locked
from brainbench_audio.progress import progress_bar
from brainbench_audio.temporaries import temporary_path
from brainbench_hear.cards import TASKS, Published
from brainbench_hear.sounds import complete_rates
from brainbench_hear.task import METADATA, read_task

_PLACE = Path("hear", "tasks")
_LARGEST = 1 << 38  # bytes; the largest published task unpacks to less than a tenth of that
_LARGEST_CLIP = 1 << 27  # bytes: twelve minutes at 48 kHz
_OTHER_FILES = 10_000  # labels, splits
_DEPTH = 4  # folders above a task folder, as in hear-2021.0.6/tasks/<task>


class InstalledTasks(BaseSource):
    """Finds, sizes up and installs tasks; what loads them is its subclass."""

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder that holds a task, the user's own first; None if there is none.

        Of several tasks (``subset=None``) it is the folder they are installed in, if all are there.

        Raises
        ------
        DataError
            There are several versions of the task, none of them the published one.
        """
        if subset is None and card.subsets:
            found = {self.locate(card, name) for name in card.subsets}
            parents = {folder.parent for folder in found if folder is not None}
            return parents.pop() if None not in found and len(parents) == 1 else None
        if subset is None and not _remote(card):
            own = Path(card.source).expanduser()
            return own if (own / METADATA).is_file() else None
        brought = settings.brought_data()
        for parent in (*([brought / _PLACE] if brought else []), _home()):
            if (folder := _named(parent, card, subset)) is not None:
                return folder
        return None

    def task_folder(self, card: DatasetCard, subset: str | None) -> Path:
        """Return the folder that holds a task.

        Raises
        ------
        DataError
            It is not here. Nothing is downloaded: some tasks are larger than many disks.
        """
        folder = self.locate(card, subset)
        if folder is None:
            name = f"{card.id}.{subset}" if subset else card.id
            raise DataError(
                f"{name} is not here: `brainbench data get {name}` fetches it, with --from PATH "
                f"out of a folder or archive of your own. BRAINBENCH_DATA=FOLDER finds it in "
                f"FOLDER/{_PLACE}/."
            )
        return folder

    def sizes(self, card: DatasetCard, subset: str | None = None) -> dict[str, int | None]:
        """Return the bytes of each archive that is still to be downloaded, None where nobody says.

        Raises
        ------
        DataError
            No network.
        """
        found = {}
        for name in _chosen(card, subset):
            if not (_installed(card, name) / METADATA).is_file():
                remote = _archive(card, name)
                found[remote.name] = remote_size(remote.urls[0])
        return found

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Install a task, or all tasks of a card, below the data home; return the folder.

        ``source`` is a task folder, a folder that holds some, or an archive; of all tasks, those
        that are in it are installed. Without it, those not yet here are downloaded; without
        ``sha256``, that of the first download is pinned.
        """
        chosen = _chosen(card, subset)
        if source is not None:
            places = _install(card, chosen, source, sha256, every=subset is not None)
        elif sha256 is not None and len(chosen) > 1:
            raise DataError(f"{card.id} has {len(chosen)} archives: give --sha256 for one task.")
        else:
            places = [_fetched(card, name, sha256) for name in chosen]
        return places[0] if subset is not None or not card.subsets else _home()


def _fetched(card: DatasetCard, subset: str | None, sha256: str | None) -> Path:
    target = _installed(card, subset)
    if not (target / METADATA).is_file():
        remote = _archive(card, subset, sha256)
        archive = fetch(remote, settings.data_home() / "hear" / "archives")
        _install(card, [subset], archive, None, every=True)
        archive.unlink()
    return target


def _install(
    card: DatasetCard,
    chosen: Sequence[str | None],
    given: Path,
    sha256: str | None,
    *,
    every: bool,
) -> list[Path]:
    """Install the tasks wanted that are in a folder or an archive: each whole or not at all."""
    scratch = _home().parent / f"{given.name}.unpacked"  # on the tasks' disk: they can be moved
    limits = {
        "largest": min(_LARGEST, card.stimuli * _LARGEST_CLIP),
        "members": 2 * card.stimuli + _OTHER_FILES,
    }
    with opened(given, scratch, _visible, sha256=sha256, **limits) as folder:
        place = _copied if folder == given else _moved
        return _put(card, chosen, folder, place, every=every)


def _put(
    card: DatasetCard,
    chosen: Sequence[str | None],
    given: Path,
    place: Callable[[Path, Path], None],
    *,
    every: bool,
) -> list[Path]:
    there = list(_task_folders(given))
    found = {name: _matching(card, name, there) for name in chosen}
    lacking = [name for name, folder in found.items() if folder is None]
    if len(lacking) == len(chosen) or (lacking and every):
        names = ", ".join(folder.name for folder in there) or "no task folder"
        raise DataError(
            f"{given} does not hold {_installed(card, lacking[0]).name}; it holds {names}."
        )
    placed = []
    for name, folder in found.items():
        if folder is not None:
            complete_rates(read_task(folder))
            target = _installed(card, name)
            with locked(target):
                place(folder, target)
            placed.append(target)
    return placed


def _copied(folder: Path, target: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    if target.is_dir() and target.samefile(folder):
        return
    sizes = {PurePosixPath(file.relative_to(folder)): file.stat().st_size for file in files}
    with (
        explained(target),
        progress_bar(len(files), f"copying {folder.name}", "file") as bar,
        temporary_path(target.parent) as new,
    ):
        with atomic_folder(new) as temporary:
            for file in files:
                copy = temporary / file.relative_to(folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
                bar.update()
            check_complete(temporary, sizes)
        _moved(new, target)


def _moved(folder: Path, target: Path) -> None:
    """Move a folder on one disk, in the place of an older one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_path(target.parent) as old:
        if target.exists():
            target.rename(old)
        folder.rename(target)


def _visible(path: PurePosixPath) -> bool:
    return path.name[:1] != "."


def _task_folders(folder: Path) -> Iterator[Path]:
    """Yield the task folders in a folder, which may be one itself; none is searched further."""
    for place, folders, files in os.walk(folder):
        if METADATA in files:
            yield Path(place)
            folders.clear()
        elif len(Path(place).relative_to(folder).parts) >= _DEPTH:
            folders.clear()
        folders.sort()


def _matching(card: DatasetCard, subset: str | None, there: Sequence[Path]) -> Path | None:
    """Return the folder that holds a task: the one of its name, else the only one that can be.

    It may be of another version, but not of another size, see `Published.versions`.
    """
    published = _published(card, subset)
    if published is None:
        fitting = list(there)
    else:
        exact = [folder for folder in there if folder.name == published.folder]
        fitting = exact or [
            folder
            for folder in there
            if folder.name == published.task_name or folder.match(published.versions)
        ]
    if len(fitting) > 1:
        raise DataError(f"{' and '.join(map(str, fitting))} are both there: say which one.")
    return fitting[0] if fitting else None


def _named(parent: Path, card: DatasetCard, subset: str | None) -> Path | None:
    published = _published(card, subset)
    if published is None:
        folder = parent / card.id
        return folder if (folder / METADATA).is_file() else None
    exact = [parent / published.folder, parent / published.task_name]
    for folder in exact:
        if (folder / METADATA).is_file():
            return folder
    versions = sorted(parent.glob(published.versions))
    found = [path for path in versions if (path / METADATA).is_file()]
    if len(found) > 1:
        raise DataError(f"{' and '.join(map(str, found))} are both there: leave one.")
    return found[0] if found else None


def _chosen(card: DatasetCard, subset: str | None) -> list[str | None]:
    return [subset] if subset is not None or not card.subsets else list(card.subsets)


def _installed(card: DatasetCard, subset: str | None) -> Path:
    published = _published(card, subset)
    return _home() / (card.id if published is None else published.folder)


def _archive(card: DatasetCard, subset: str | None, sha256: str | None = None) -> Remote:
    published = _published(card, subset)
    url = card.source if published is None else published.url
    return Remote(url.partition("?")[0].rpartition("/")[2], (url,), sha256)


def _published(card: DatasetCard, subset: str | None) -> Published | None:
    """Return which of the published tasks is meant; None for a task of another plugin."""
    return TASKS[subset] if subset is not None and card.subsets else None


def _remote(card: DatasetCard) -> bool:
    return card.source.startswith(("https://", "http://"))


def _home() -> Path:
    return settings.data_home() / _PLACE
