"""What a data set's plugin builds on: a loaded data set, and the base of what loads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from brainbench_audio.errors import ContractError, DataError, UnknownId

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from brainbench_audio.assemblies.folds import Folds
    from brainbench_audio.cards import DatasetCard
    from brainbench_audio.interfaces import Dataset
    from brainbench_audio.stimuli.stimulus_set import StimulusSet


@dataclass(frozen=True)
class LoadedDataset:
    """A data set in memory, see `interfaces.Dataset`.

    Attributes
    ----------
    card : DatasetCard
    stimuli : StimulusSet
    assembly : xr.DataArray
        ``stimulus`` x (``voxel`` | ``component`` | ``label``) [x ``session``].
    folds : Folds
    """

    card: DatasetCard
    stimuli: StimulusSet
    assembly: xr.DataArray
    folds: Folds


class BaseSource(ABC):
    """A `interfaces.DataSource` of data that lie in their plugin's package.

    `load` is to be written. Data that are downloaded override `fetch` and `locate`, too, and
    `sizes` where they are large; a format that users have folders in overrides `read_folder`.
    """

    @abstractmethod
    def load(self, card: DatasetCard, subset: str | None = None) -> Dataset:
        """Return the data set or a subset."""

    def fetch(
        self,
        card: DatasetCard,
        subset: str | None = None,
        source: Path | None = None,
        sha256: str | None = None,
    ) -> Path:
        """Raise ContractError: there is nothing to fetch."""
        raise ContractError(
            f"Data set {card.id} has nothing to download, and its card does not say so: its plugin "
            f"should write `downloaded=False` there, or override `fetch` in {card.data}."
        )

    def locate(self, card: DatasetCard, subset: str | None = None) -> Path | None:
        """Return None: the data have no folder of their own."""
        return None

    def sizes(self, card: DatasetCard, subset: str | None = None) -> dict[str, int | None]:
        """Return nothing: what is to be downloaded is small."""
        return {}

    def read_folder(self, card: DatasetCard, folder: Path) -> tuple[str, Dataset]:
        """Raise ContractError: folders of the user's own are not read."""
        raise ContractError(
            f"Data set {card.id} takes no folder of your own: leave `folder` out to score its own "
            f"data."
        )


def refuse_subset(card: DatasetCard, subset: str | None) -> None:
    """Raise UnknownId if the card has no such subset; None is the whole data set."""
    if subset not in (None, *card.subsets):
        raise UnknownId(
            f"{card.id} has no subset {subset!r}, only {', '.join(card.subsets) or 'all'}."
        )


def refuse_checksum(card: DatasetCard, sha256: str | None) -> None:
    """Raise DataError if a checksum is demanded of data that come without an archive."""
    if sha256 is not None:
        raise DataError(f"{card.id} has no archive of its own to hold to --sha256: leave it out.")


def checksum(data: Dataset) -> str:
    """Return one SHA-256 over all sounds and responses of a data set, for its card."""
    # plugins import this module for their cards, which are to stay light
    from brainbench_audio.assemblies.assembly import content_hash
    from brainbench_audio.files import hash_json

    return hash_json([data.stimuli.fingerprint, content_hash(data.assembly)])
