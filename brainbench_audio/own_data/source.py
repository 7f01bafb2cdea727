"""A folder of sounds and responses as a data set of a plugin."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from brainbench_audio import settings
from brainbench_audio.archives import opened
from brainbench_audio.assemblies.assembly import align, select, stimulus_names
from brainbench_audio.assemblies.folds import Folds, stratified
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, LoadedDataset, checksum, refuse_subset
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_folder
from brainbench_audio.names import one_form
from brainbench_audio.own_data.blocks import OF_ROWS, stimulus_column, stimulus_name
from brainbench_audio.own_data.layout import RESPONSES, DataFile, beside, response_files
from brainbench_audio.own_data.voxels import read_voxels
from brainbench_audio.stimuli.stimulus_set import StimulusSet
from brainbench_audio.tables import Table, read_table

SOUNDS = "sounds"
_LABELS = ("category", "fold")
_FOLDS = 5
_LARGEST = 1 << 36  # bytes that an archive may unpack to

_Label = TypeVar("_Label", str, int)


class FolderSource(BaseSource):
    """Reads a folder with ``sounds/`` and responses, see docs/how-to/own-data.md.

    It is ``$BRAINBENCH_DATA/<id>``, or what ``brainbench data get <id> --from FOLDER`` copied.
    Subsets are regions.

    Attributes
    ----------
    silence : str or None
        The stimulus that is silence; responses become percent signal change against it.
    selected : bool
        Whether to keep only voxels that respond to sound and repeat.
    """

    silence: ClassVar[str | None] = None
    selected: ClassVar[bool] = False

    def load(self, card: DatasetCard, subset: str | None = None) -> LoadedDataset:
        """Return the data set, or the voxels of a region.

        Raises
        ------
        UnknownId
            There is no such subset.
        DataError
            The folder is not there, or see `read_own_data`.
        """
        refuse_subset(card, subset)
        folder = self.locate(card)
        if folder is None:
            raise DataError(
                f"{card.id} is not here: `brainbench data get {card.id} --from FOLDER` copies a "
                f"folder that you have; or put it into BRAINBENCH_DATA, as {card.id}."
            )
        return read_own_data(folder, card, subset, self.silence, self.selected)

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Copy a folder or an archive below the data home, if it is what the card describes.

        Raises
        ------
        DataError
            There is nothing to copy, it cannot be read, or it has another checksum.
        """
        if source is None:
            raise DataError(
                f"{card.id} is not published: ask for its data ({card.source}), then "
                f"`brainbench data get {card.id} --from FOLDER`."
            )
        target = settings.data_home() / card.id
        scratch = target.with_name(f"{card.id}.unpacked")
        with opened(source, scratch, largest=_LARGEST, sha256=sha256) as given:
            folder = _with_sounds(given)
            data = read_own_data(folder, card, None, self.silence, self.selected)
            found = checksum(data)
            if card.checksum not in (None, found):
                raise DataError(
                    f"{source} holds data with the checksum {found}, the card of {card.id} says "
                    f"{card.checksum}: they are another version, or changed. Nothing was copied."
                )
            if target.exists() and folder.samefile(target):
                return target
            with atomic_folder(target) as temporary:
                hidden = shutil.ignore_patterns(".*")
                shutil.copytree(folder, temporary, ignore=hidden, dirs_exist_ok=True)
                if target.exists():  # an earlier version, or a damaged one
                    shutil.rmtree(target)
        return target

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder of the data, the user's own first; None if there is none."""
        brought = settings.brought_data()
        places = [*([brought] if brought else []), settings.data_home()]
        return next(
            (place / card.id for place in places if (place / card.id / SOUNDS).is_dir()), None
        )


def read_own_data(
    folder: Path,
    card: DatasetCard,
    subset: str | None = None,
    silence: str | None = None,
    selected: bool = False,
) -> LoadedDataset:
    """Read sounds, responses and folds of a folder.

    Stimuli are in the order of ``stimuli.csv``; without it in that of the responses. It, and tables
    of the rows of responses, may give each a ``category`` and a ``fold`` (0, 1, …). Without folds,
    five are stratified by category.

    Parameters
    ----------
    folder : Path
    card : DatasetCard
    subset : str, optional
        A region.
    silence, selected
        See `read_voxels`.

    Raises
    ------
    DataError
        See `read_voxels`; a stimulus has no sound or two, a sound no responses, ``stimuli.csv``
        names other stimuli, or tables give one stimulus two categories or folds, or another none.
    """
    assembly = read_voxels(folder, silence=silence, selected=selected)
    path = beside(DataFile(folder / RESPONSES, {}, ""), "stimuli")
    table = None if path is None else _first_rows(read_table(path), silence)
    names = stimulus_names(assembly)
    if table is not None:
        names = _same_names(table, names)
        assembly = align(assembly, names)
    files = _sound_files(folder / SOUNDS, names, silence)
    tables = [*([] if table is None else [table]), *_tables_of_rows(folder, path, silence)]
    categories = _labels(tables, "category", lambda one: one.text("category"), names)
    if numbers := _labels(tables, "fold", _folds, names):
        first = next(one.name for one in tables if "fold" in one.columns)
        folds = Folds(tuple(names), numbers, f"given in {Path(first).name}")
    else:
        folds = stratified(names, categories or [""] * len(names), min(_FOLDS, len(names)))
    if subset is not None:
        assembly = select(assembly, "region", subset)
    return LoadedDataset(
        card, StimulusSet(card.id, tuple(names), files, categories), assembly, folds
    )


def _tables_of_rows(folder: Path, but: Path | None, silence: str | None) -> list[Table]:
    """Return the tables of the rows of responses that label stimuli, each file once."""
    paths = [beside(file, name) for file in response_files(folder) for name in OF_ROWS]
    tables = [read_table(path) for path in dict.fromkeys(paths) if path not in (None, but)]
    return [_first_rows(one, silence) for one in tables if {*_LABELS} & {*one.columns}]


def _labels(
    tables: Sequence[Table],
    column: str,
    read: Callable[[Table], Sequence[_Label]],
    names: Sequence[str],
) -> tuple[_Label, ...]:
    """Return what tables agree to say of each stimulus; nothing where none has the column."""
    labels: dict[str, tuple[_Label, str]] = {}
    having = [table for table in tables if column in table.columns]
    for table in having:
        for name, label in zip(table.text("stimulus"), read(table), strict=True):
            first, where = labels.setdefault(name, (label, table.name))
            if label != first:
                raise DataError(
                    f"{table.name}: the {column} of {name!r} is {label!r}, in {where} it is "
                    f"{first!r}: give one."
                )
    if not having:
        return ()
    if missing := [name for name in names if name not in labels]:
        raise DataError(
            f"{having[0].name} gives no {column} to {missing[0]!r} ({len(missing)} such): add it, "
            f"or put all of them into stimuli.csv."
        )
    return tuple(labels[name][0] for name in names)


def _first_rows(table: Table, silence: str | None) -> Table:
    """Return the first row of each stimulus but silence; a table of trials names some again."""
    rows: dict[str, dict[str, str]] = {}
    for number, (name, row) in enumerate(zip(stimulus_column(table), table.rows, strict=True)):
        if name == silence:
            continue
        first = rows.setdefault(name, row)
        for column in _LABELS:
            if first.get(column) != row.get(column):
                raise DataError(
                    f"{table.name}, row {number + 1}: the {column} of {name!r} is {row[column]!r}, "
                    f"before it was {first[column]!r}: give one."
                )
    kept = tuple({**row, "stimulus": name} for name, row in rows.items())
    columns = tuple(dict.fromkeys(("stimulus", *table.columns)))
    return Table(table.name, columns, kept, table.separator)


def _same_names(table: Table, measured: Sequence[str]) -> list[str]:
    named = [row["stimulus"] for row in table.rows]
    # made once: many thousands of sounds are looked up in them
    of_table, of_responses = set(named), set(measured)
    if missing := [name for name in named if name not in of_responses]:
        raise DataError(
            f"{table.name} has {missing[0]!r} ({len(missing)} such), which has no responses: "
            f"correct the name, or remove its row."
        )
    if more := [name for name in measured if name not in of_table]:
        raise DataError(
            f"{table.name} has no row for {more[0]!r} ({len(more)} missing), which has responses: "
            f"add it."
        )
    return named


def _folds(table: Table) -> tuple[int, ...]:
    numbers = table.numbers(["fold"])[:, 0].tolist()
    for row, number in enumerate(numbers):
        if not number.is_integer():  # NaN is none either
            raise DataError(
                f"{table.name}: the fold of {table.rows[row]['stimulus']!r} is "
                f"{table.rows[row]['fold']!r}, expected a number such as 0."
            )
    return tuple(map(int, numbers))


def _sound_files(folder: Path, names: Sequence[str], silence: str | None) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing: put the sounds there, named like the stimuli.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        name = stimulus_name(one_form(path.name))
        if name in found:
            raise DataError(
                f"{path} and {found[name].name} are both the sound of {name!r}: keep one of them."
            )
        found[name] = path
    if missing := [name for name in names if name not in found]:
        raise DataError(
            f"{folder} has no sound for {missing[0]!r} ({len(missing)} missing): add "
            f"{missing[0]}.wav, or name the stimulus as the file is named."
        )
    if more := sorted(found.keys() - {*names, silence}):
        raise DataError(
            f"{found[more[0]]} has no responses ({len(more)} such): name it as the stimulus is "
            f"named, or move it out of {folder.name}/."
        )
    return tuple(found[name] for name in names)


def _with_sounds(folder: Path) -> Path:
    """Return the folder that has sounds: this one, or the only one in it, as archives have."""
    inner = [path for path in folder.iterdir() if path.is_dir() and path.name[:1] != "."]
    if not (folder / SOUNDS).is_dir() and len(inner) == 1:
        return inner[0]
    return folder
