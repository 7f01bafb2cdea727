"""Where the weights files of a model are, and how they get there; nothing here imports torch."""

from __future__ import annotations

import tarfile
from importlib import metadata
from pathlib import Path, PurePosixPath

from brainbench_audio import hub, settings
from brainbench_audio.activations.shards import shards
from brainbench_audio.archives import unpack
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.download import Remote, fetch, pinned, write_pin
from brainbench_audio.errors import ContractError, DataError
from brainbench_audio.files import locked
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hub import SCHEME, HubPath
from brainbench_audio.names import as_on_disk

_LARGEST = 8_000_000_000  # bytes of one model's file in an archive; larger is a mistake


def local_weights(card: ModelCard, weights: str | Path | None = None) -> list[Path] | None:
    """Return the local files that a model would be loaded from now; nothing is fetched.

    Parameters
    ----------
    card : ModelCard
        Its own ``id``, without a control.
    weights : None or path
        None: the published files, in the order of the card. A path: a local copy of the file, or
        the folder that holds it; of several files, the path of any stands for their folder. For a
        file that was cut into shards, their index or the folder that holds it.

    Returns
    -------
    list of Path or None
        Empty for a card without weights. None if a published file must be fetched first, because
        it is not here or is damaged.

    Raises
    ------
    DataError
        The path leads to no weights, or an installed file is not the published one.
    """
    if weights is not None:
        return _given(card, as_on_disk(Path(weights).expanduser()))
    paths = [_local(card, published) for published in card.weights]
    there = [path for path in paths if path is not None]
    return there if len(there) == len(paths) else None


def fetch_weights(card: ModelCard, index: int = 0) -> Path:
    """Return the local copy of one of a card's weights files, fetched on first use.

    Raises
    ------
    ContractError
        The card names no weights.
    DataError
        The file cannot be had; the message says where to put it.
    """
    if not card.weights:
        raise ContractError(f"Model {card.id} has no published weights to fetch.")
    published = card.weights[index]
    if path := _local(card, published):
        _pin_first(card, published, path)
        return path
    try:
        if published.by_hand:
            target = _folder(card, published) / _name(published)
            raise DataError(f"{target} does not exist. {published.by_hand} and put it there.")
        if published.url.startswith(SCHEME):
            return _fetch_from_hub(card, published)
        remote = Remote(
            _name(published), (published.url,), published.sha256, published.size, published.hosts
        )
        path = fetch(remote, _folder(card, published))
        return _unpacked(card, published, path) if published.member else path
    except DataError as error:
        what = "FILE" if len(card.weights) == 1 else "FOLDER"
        raise DataError(
            f"{error} Or give a local copy: --weights {what}, "
            f"load_model({card.id!r}, weights={what})."
        ) from error


def _given(card: ModelCard, path: Path) -> list[Path]:
    """Return the files that somebody's own path stands for."""
    names = [_name(published) for published in card.weights]
    members = [PurePosixPath(file.member) for file in card.weights if file.member]
    if path.is_dir() and members:
        paths = [_below(path, member, card) for member in members]
    elif len(names) == 1 and not (path / names[0]).is_file() and (cut := shards(path)):
        paths = cut
    elif path.is_dir() and names:
        paths = [path / name for name in names]
    elif len(names) > 1 and path.name in names:
        paths = [path.parent / name for name in names]
    else:
        paths = [path]
    for file in paths:
        if not file.is_file():
            raise DataError(
                f"Weights file {file} does not exist. Give the path of a local copy of the "
                f"weights of {card.id}: --weights FILE, weights=FILE."
            )
        if members and tarfile.is_tarfile(file):
            target = _folder(card, card.weights[0]) / names[0]
            raise DataError(
                f"{file} is an archive. Unpack it and give the folder, or put it at {target} and "
                f"leave weights out."
            )
    return paths


def _local(card: ModelCard, published: WeightsFile) -> Path | None:
    """Return the file if it is here and, as far as can be told, the published one."""
    if published.installed and (path := _installed(card, published)):
        return path
    if published.member:
        folder = _folder(card, published) / card.id
        member = PurePosixPath(published.member)
        return _below(folder, member, card) if folder.is_dir() else None
    if published.url.startswith(SCHEME):
        path = hub.cached_file(HubPath.parse(published.url), _folder(card, published) / "hub")
    else:
        path = _folder(card, published) / _name(published)
    if path is None or not path.is_file():
        return None
    expected = published.sha256 or pinned(_pin(card, published))
    return path if expected in (None, hash_files([path])[0]) else None


def _pin_first(card: ModelCard, published: WeightsFile, path: Path) -> None:
    """Hold later downloads to a file that was put in its place by hand."""
    known = published.sha256 or published.by_hand or published.member
    if not known and pinned(_pin(card, published)) is None:
        write_pin(_pin(card, published), hash_files([path])[0])


def _installed(card: ModelCard, published: WeightsFile) -> Path | None:
    """Return the file that is installed with a distribution, or None where that is missing.

    The distribution is not imported: what it needs may not be importable here.
    """
    name, _, location = published.installed.partition(":")
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in files if file.as_posix() == location]
    if not paths or not paths[0].is_file():
        return None
    if published.sha256 and (sha256 := hash_files(paths)[0]) != published.sha256:
        raise DataError(
            f"{paths[0]} is not the file it should be: expected SHA-256 {published.sha256}, got "
            f"{sha256}. Install {name} again, in the version that the plugin asks for, or give a "
            f"file: load_model({card.id!r}, weights=FILE)."
        )
    return paths[0]


def _unpacked(card: ModelCard, published: WeightsFile, archive: Path) -> Path:
    """Take one model's file out of the archive of several."""
    folder, member = _folder(card, published) / card.id, PurePosixPath(published.member)
    with locked(folder):
        if not folder.is_dir():  # another process may have been faster
            end = member.parts[-3:]
            unpack(archive, folder, lambda name: name.parts[-3:] == end, largest=_LARGEST)
    return _below(folder, member, card)


def _below(folder: Path, member: PurePosixPath, card: ModelCard) -> Path:
    """Return a member of an archive in a folder, however much of the archive's paths it has."""
    for start in range(len(member.parts) - 1):  # the bare file name would fit any model
        path = folder.joinpath(*member.parts[start:])
        if path.is_file():
            return path
    raise DataError(f"{folder} does not hold {member}, the checkpoint of {card.id}.")


def _fetch_from_hub(card: ModelCard, published: WeightsFile) -> Path:
    path = hub.fetch_file(HubPath.parse(published.url), _folder(card, published) / "hub")
    pin = _pin(card, published)
    expected, sha256 = published.sha256 or pinned(pin), hash_files([path])[0]
    if expected and sha256 != expected:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise DataError(
            f"{published.url} is not the file it should be: expected SHA-256 {expected}, got "
            f"{sha256}. The download was removed."
        )
    if not expected:
        write_pin(pin, sha256)
    return path


def _folder(card: ModelCard, published: WeightsFile) -> Path:
    return settings.data_home() / "weights" / (published.folder or card.family)


def _pin(card: ModelCard, published: WeightsFile) -> Path:
    """Return the file that remembers the hash of the first download."""
    folder = _folder(card, published)
    if not published.url.startswith(SCHEME):
        return folder / f"{_name(published)}.sha256"
    # one for each revision: another one may well be another file
    place = HubPath.parse(published.url)
    parts = [*place.repository.split("/"), *place.path.split("/"), place.revision or "newest"]
    return folder / "hub" / f"{'--'.join(parts)}.sha256"


def _name(published: WeightsFile) -> str:
    if published.url.startswith(SCHEME):
        return HubPath.parse(published.url).path.rpartition("/")[2]
    return published.url.rsplit("/", 1)[-1].partition("?")[0]
