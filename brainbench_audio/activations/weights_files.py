"""Where the weights files of a model are, and how they get there; nothing here imports torch."""

from __future__ import annotations

import logging
import os
import tarfile
from collections.abc import Sequence
from importlib import metadata
from os import PathLike
from pathlib import Path, PurePosixPath

from brainbench_audio import hub, settings
from brainbench_audio.activations import weights_places as places
from brainbench_audio.activations.shards import shards
from brainbench_audio.activations.weights_absent import absent
from brainbench_audio.archives import unpack
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.download import Remote, fetch, size_limit, write_pin
from brainbench_audio.errors import CacheError, ContractError, DataError
from brainbench_audio.files import hash_file, locked
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hub import SCHEME, HubPath
from brainbench_audio.names import as_on_disk, from_home

_log = logging.getLogger(__name__)
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
        It is no path or leads to no weights, or an installed file is not the published one.
    """
    if weights is not None:
        if not isinstance(weights, str | PathLike):
            raise DataError(
                f"Weights of {card.id} are given as {type(weights).__name__}, expected a path of a "
                f"file or folder, or a mapping of names to tensors: weights=model.state_dict()."
            )
        return _given(card, as_on_disk(from_home(weights)))
    paths = [local_file(card, published) for published in card.weights]
    there = [path for path in paths if path is not None]
    return there if len(there) == len(paths) else None


def local_file(card: ModelCard, published: WeightsFile) -> Path | None:
    """Return one of a card's files if it is here and, as far as can be told, the published one."""
    if published.installed and (path := _installed(card, published)):
        return path
    found = (path for path in places.candidates(card, published))
    return next((path for path in found if _is_accepted(card, published, path)), None)


def fetch_weights(card: ModelCard, index: int = 0) -> Path:
    """Return the local copy of one of a card's weights files, fetched on first use.

    Raises
    ------
    ContractError
        The card names no weights.
    DataError
        The file cannot be had; the message says what to put where, see `weights_absent`.
    """
    if not card.weights:
        raise ContractError(f"Model {card.id} has no published weights to fetch.")
    published = card.weights[index]
    first = not is_known(published) and places.pin_of(card, published) is None
    path = local_file(card, published)
    try:
        if path is None and published.member:
            path = _from_archive(card, published)
        elif path is None:
            path = _fetched(card, published)
    except DataError as error:
        lacking = [one for one in card.weights if one is published or not local_file(card, one)]
        raise DataError(absent(card, lacking, str(error))) from error
    if first:
        _pin_first(card, published, path)
    return path


def is_known(published: WeightsFile) -> bool:
    """Return whether the hash of a model's own file is published; of an archive, it is not."""
    return published.sha256 is not None and not published.member


def weights_below(card: ModelCard, folder: Path) -> Path | None:
    """Return what to give as ``weights`` to read a card's files out of a folder of many models'.

    Parameters
    ----------
    card : ModelCard
    folder : Path
        Laid out as a folder ``weights``, see `weights_places`.

    Returns
    -------
    Path or None
        A file, or for several files their folder; None if they are not all there.
    """
    files = [next(places.candidates(card, one, [folder]), None) for one in card.weights]
    found = [file for file in files if file is not None]
    if not found or len(found) < len(files) or len({file.parent for file in found}) > 1:
        return None
    return found[0] if len(found) == 1 else found[0].parent


def _given(card: ModelCard, path: Path) -> list[Path]:
    """Return the files that somebody's own path stands for."""
    names = [places.file_name(published) for published in card.weights]
    members = [PurePosixPath(file.member) for file in card.weights if file.member]
    if path.is_dir() and members:
        paths = [places.below(path, member, card) for member in members]
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
            raise DataError(
                f"{file} is an archive. Unpack it and give the folder, or install it and leave "
                f"weights out: brainbench weights add {card.id} {file}"
            )
    return paths


def _is_accepted(card: ModelCard, published: WeightsFile, path: Path) -> bool:
    """Whether a file is the published one, or the one that was downloaded or installed first."""
    if is_known(published):
        return hash_files([path])[0] == published.sha256
    pin = places.pin_of(card, published)
    if pin is None:
        return True
    return places.is_current(pin, published) and hash_files([path])[0] == pin.sha256


def _pin_first(card: ModelCard, published: WeightsFile, path: Path) -> None:
    """Hold later files to one that nobody vouches for, and say that nobody does."""
    sha256 = hash_files([path])[0]
    if places.pin_of(card, published) is None:  # a download has left one
        source = published.url if published.member else ""
        try:
            write_pin(places.pin_file(card, published), sha256, source)
        except CacheError as error:  # the files of others can be read all the same
            _log.warning("Later files of %s will not be held to this one: %s", card.id, error)
    _log.warning(
        "%s is taken unverified as %s: no SHA-256 is published. It has %s. If another source "
        "confirms that: brainbench weights verify %s --sha256 HASH",
        *(path, card.id, sha256, card.id),
    )


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


def _from_archive(card: ModelCard, published: WeightsFile) -> Path:
    """Return a model's file out of an archive of several, which is fetched if need be."""
    known = [
        path
        for path in places.archives(card, published)
        if published.sha256 in (None, hash_files([path])[0])
    ]
    archive = known[0] if known else _fetched(card, published)
    return unpack_member(card, published, archive)


def unpack_member(card: ModelCard, published: WeightsFile, archive: Path) -> Path:
    """Take one model's file out of an archive, into the home, and return it.

    Raises
    ------
    DataError
        It is not in there, or the archive is damaged.
    """
    folder, member = places.home() / published.folder / card.id, PurePosixPath(published.member)
    with locked(folder):
        if not folder.is_dir():  # another process may have been faster
            end = member.parts[-3:]
            unpack(archive, folder, lambda name: name.parts[-3:] == end, largest=_LARGEST)
    return places.below(folder, member, card)


def _fetched(card: ModelCard, published: WeightsFile) -> Path:
    """Bring a published file here, an archive whole."""
    target = places.download_of(card, published)
    if published.by_hand:
        raise DataError("no program can fetch them.")
    if settings.offline():
        raise DataError("BRAINBENCH_OFFLINE forbids downloads.")
    urls: Sequence[str] = (published.url, *published.mirrors)
    if published.url.startswith(SCHEME):
        try:
            return _from_hub(card, published, target)
        except DataError:
            if not published.mirrors:
                raise
            urls = published.mirrors
    pin = places.pin_of(card, published)
    if pin is not None and not places.is_current(pin, published):
        places.pin_file(card, published).unlink(missing_ok=True)
    remote = Remote(target.name, tuple(urls), published.sha256, published.size, published.hosts)
    return fetch(remote, target.parent)


def _from_hub(card: ModelCard, published: WeightsFile, target: Path) -> Path:
    """Fetch a file at the card's revision, or at the commit that the first download had."""
    pin = places.pin_of(card, published)
    if pin is not None and not places.is_current(pin, published):
        pin = None
    again = pin is not None and pin.source.startswith(SCHEME)
    url = pin.source if pin is not None and again else published.url
    fetched = target.with_name(f".{target.name}.fetched")
    with locked(target):
        remote = hub.fetch_file(HubPath.parse(url), fetched, size_limit(published.size))
        sha256 = hash_file(fetched)
        expected = published.sha256 or (pin.sha256 if pin else remote.sha256)
        if expected and sha256 != expected:
            fetched.unlink()
            raise DataError(
                f"{url} is not the file it should be: expected SHA-256 {expected}, got {sha256}. "
                f"The download was removed. The file changed at its source or on the way: try "
                f"again, or ask who publishes it."
            )
        os.replace(fetched, target)
        if pin is None and not published.sha256:
            write_pin(places.pin_file(card, published), sha256, remote.url)
    return target
