"""Under which names and in which folders the weights of a model lie; nothing here reads them.

    <root>/<model id>/<file name>    of any model
    <root>/<file name>               where no other model's file has that name

The roots, in this order, are ``weights`` in ``$BRAINBENCH_DATA`` and in the data home. Downloads go
to the first of the two places in the home, beside a pin: the hash of the first download.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from brainbench_audio import settings
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.download import Pin, read_pin
from brainbench_audio.errors import DataError
from brainbench_audio.hub import SCHEME, HubPath
from brainbench_audio.registry.lookup import registered


def home() -> Path:
    """Return the folder below which weights are downloaded."""
    return settings.data_home() / "weights"


def roots() -> list[Path]:
    """Return the folders in which weights are looked for, in order."""
    brought = settings.brought_data()
    return [*([brought / "weights"] if brought else []), home()]


def file_name(published: WeightsFile) -> str:
    """Return the name of a published file, which may be an archive.

    Examples
    --------
    >>> file_name(WeightsFile(url="hf://owner/name/folder/net.pt@v2"))
    'net.pt'
    """
    if published.url.startswith(SCHEME):
        return HubPath.parse(published.url).path.rpartition("/")[2]
    return published.url.rsplit("/", 1)[-1].partition("?")[0]


def own_name(published: WeightsFile) -> str:
    """Return the name of the file that holds one model's weights: the member of an archive."""
    return PurePosixPath(published.member).name if published.member else file_name(published)


def member_of(published: WeightsFile) -> PurePosixPath:
    """Return the path of a model's file in the archive it is published in."""
    return PurePosixPath(published.member)


def place_of(card: ModelCard, published: WeightsFile) -> Path:
    """Return where a model's own file belongs in the home."""
    return home() / _folder(card, published) / own_name(published)


def download_of(card: ModelCard, published: WeightsFile) -> Path:
    """Return where the published file is downloaded to; an archive's place is one for all."""
    return home() / (published.folder or card.id) / file_name(published)


def candidates(
    card: ModelCard, published: WeightsFile, folders: Sequence[Path] | None = None
) -> Iterator[Path]:
    """Yield the existing files that may be a model's own, in the order in which they are taken.

    Parameters
    ----------
    card : ModelCard
    published : WeightsFile
        One of the card's.
    folders : sequence of Path, optional
        Instead of `roots`.
    """
    name = own_name(published)
    for root in roots() if folders is None else folders:
        places = [root / _folder(card, published) / name]
        if published.member:
            member = PurePosixPath(published.member)
            for folder in (root / published.folder / card.id, root / published.folder, root):
                places += [*_unpacked(folder, member)]
        elif (root / name).is_file() and not _is_shared(card, name):
            places.append(root / name)
        yield from (place for place in places if place.is_file())


def below(folder: Path, member: PurePosixPath, card: ModelCard) -> Path:
    """Return a member of an archive in a folder, however much of the archive's paths it has.

    Raises
    ------
    DataError
        It is not there.
    """
    for path in _unpacked(folder, member):
        if path.is_file():
            return path
    raise DataError(f"{folder} does not hold {member}, the checkpoint of {card.id}.")


def archives(card: ModelCard, published: WeightsFile) -> list[Path]:
    """Return the local archives out of which a model's file can be taken."""
    name = file_name(published)
    places = [place for root in roots() for place in (root / published.folder / name, root / name)]
    return [place for place in dict.fromkeys(places) if place.is_file()]


def pin_file(card: ModelCard, published: WeightsFile) -> Path:
    """Return the file that remembers the hash of a model's own file, and where it came from."""
    place = place_of(card, published)
    return place.with_name(f"{place.name}.sha256")


def pin_of(card: ModelCard, published: WeightsFile) -> Pin | None:
    """Return what the first download of a file left; None if there was none.

    A pin of another address or revision than the card names now is returned, too: see `is_current`.
    """
    return read_pin(pin_file(card, published))


def is_current(pin: Pin, published: WeightsFile) -> bool:
    """Return whether a pin is that of the address and revision that a card names.

    Of a card without a revision it is, whatever commit the first download had. So is one of a file
    that somebody installed.
    """
    if not pin.source or pin.source in (published.url, *published.mirrors):
        return True
    if not (published.url.startswith(SCHEME) and pin.source.startswith(SCHEME)):
        return False
    was, named = HubPath.parse(pin.source), HubPath.parse(published.url)
    same = (was.repository, was.path) == (named.repository, named.path)
    return same and named.revision in (None, was.revision)


def _folder(card: ModelCard, published: WeightsFile) -> str:
    return card.id if published.member else published.folder or card.id


def _unpacked(folder: Path, member: PurePosixPath) -> Iterator[Path]:
    # the bare file name would fit any model
    for start in range(len(member.parts) - 1):
        yield folder.joinpath(*member.parts[start:])


def _is_shared(card: ModelCard, name: str) -> bool:
    """Whether another model has a file of this name, such as ``model.safetensors``."""
    others = (entry.card for entry in registered(ModelCard) if entry.card.id != card.id)
    return any(own_name(file) == name for other in others for file in other.weights)
