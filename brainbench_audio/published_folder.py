"""Data sets that are published as a folder of files, each with its size, MD5 and version."""

from __future__ import annotations

import csv
import shutil
from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.cards import DatasetCard
from brainbench_audio.data_source import BaseSource, refuse_checksum
from brainbench_audio.download import Remote, fetch_all, has_md5
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file
from brainbench_audio.progress import progress_bar


class PublishedFolder(BaseSource):
    """A `data_source.BaseSource` of files that keep their published names and places.

    They are looked for below ``BRAINBENCH_DATA`` and below the data home, and downloaded to the
    latter. `load`, `folder` and `wanted` are to be written.

    Attributes
    ----------
    folder : str
        Name of the folder, such as the accession number at OpenNeuro.
    """

    folder: str

    @abstractmethod
    def wanted(self, card: DatasetCard, subset: str | None) -> list[Remote]:
        """Return the files of a subset; their names are paths in the folder."""

    def below(self, folder: Path, path: str) -> Path:
        """Return where a published file lies in a copy of the folder."""
        return folder / path

    def present(self, card: DatasetCard, subset: str | None) -> Path:
        """Return the folder that holds all files of a subset.

        Raises
        ------
        DataError
            Files are missing; it names the first.
        """
        wanted = self.wanted(card, subset)
        name = f"{card.id}.{subset}" if subset else card.id
        lacking = {place: self._lacking(place, wanted) for place in self._places()}
        for place, missing in lacking.items():
            if not missing:
                return place
        for place, missing in lacking.items():
            if len(missing) < len(wanted):
                raise DataError(
                    f"{place} lacks {len(missing)} of {len(wanted)} files of {name}, the first is "
                    f"{missing[0]}: complete the folder (a clone by DataLad with `datalad get`), "
                    f"or have `brainbench data get {name}` fetch all into the data home."
                )
        raise DataError(
            f"{name} is not here: `brainbench data get {name}` fetches it, with --from FOLDER out "
            f"of a copy of your own. BRAINBENCH_DATA=FOLDER finds it in FOLDER/{self.folder}/."
        )

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return the folder that holds all files of a subset, the user's own first, or None."""
        wanted = self.wanted(card, subset)
        return next((place for place in self._places() if not self._lacking(place, wanted)), None)

    def sizes(self, card: DatasetCard, subset: str | None = None) -> dict[str, int | None]:
        """Return the bytes of each folder's files that are not in the data home."""
        target = settings.data_home() / self.folder
        missing = [each for each in self.wanted(card, subset) if not (target / each.name).is_file()]
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
        target = settings.data_home() / self.folder
        wanted = self.wanted(card, subset)
        if source is None:
            fetch_all(wanted, target, card.id)
        else:
            inner = source / self.folder
            self._install(inner if inner.is_dir() else source, wanted, target)
        return target

    def _places(self) -> list[Path]:
        """Return the folders that may hold the data set, the user's own first."""
        brought = settings.brought_data()
        own = [brought / self.folder] if brought else []
        return [*own, settings.data_home() / self.folder]

    def _lacking(self, folder: Path, wanted: Sequence[Remote]) -> list[str]:
        return [each.name for each in wanted if not self.below(folder, each.name).is_file()]

    def _install(self, source: Path, wanted: Sequence[Remote], target: Path) -> None:
        """Copy published files, once all are known to be there and to be the published ones."""
        if missing := self._lacking(source, wanted):
            raise DataError(
                f"{source} lacks {len(missing)} of {len(wanted)} files, the first is {missing[0]}: "
                f"complete the folder, in a clone by DataLad with `datalad get`."
            )
        with progress_bar(len(wanted), "checking and copying", "file") as bar:
            for each in wanted:
                file = self.below(source, each.name)
                if not has_md5(each, file):
                    raise DataError(
                        f"{file} has not the MD5 {each.md5} of the published file: get it again. "
                        f"To use it as it is, set BRAINBENCH_DATA to a folder that has {source} as "
                        f"{self.folder}."
                    )
                if not (target / each.name).is_file() or not file.samefile(target / each.name):
                    with atomic_file(target / each.name) as temporary:
                        shutil.copyfile(file, temporary)
                bar.update()


def openneuro(accession: str, registry: str) -> dict[str, Remote]:
    """Return the files of a data set at OpenNeuro, by their path in it.

    Parameters
    ----------
    accession : str
        Such as ``ds003020``.
    registry : str
        CSV with the columns ``path``, ``size`` (bytes), ``md5`` and ``version`` (of the file in the
        public bucket), all of which the data set's git-annex repository tells; and ``stored_as``,
        where files were stored under another path before they were renamed.
    """
    bucket = f"https://s3.amazonaws.com/openneuro.org/{accession}"
    return {
        row["path"]: Remote(
            row["path"],
            (f"{bucket}/{row.get('stored_as') or row['path']}?versionId={row['version']}",),
            size=int(row["size"]),
            md5=row["md5"],
        )
        for row in csv.DictReader(registry.splitlines())
    }
