"""Downloads: mirrors, checksums, pins. Bytes come by `transfer`, as those of `hub` do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, explained, hash_file, locked
from brainbench_audio.progress import progress_bar
from brainbench_audio.transfer import TransferError, allowed_hosts, ask_size, transfer

# bytes of a file whose size no card tells; and where the server does not tell it either
LARGEST, LARGEST_UNTOLD = 100_000_000_000, 2_000_000_000
_SLACK = 1.25  # sizes on cards are rounded
_FROM, _CONFIRMED = "from ", "confirmed"  # lines of a pin, below the hash


@dataclass(frozen=True)
class Remote:
    """A published file.

    Attributes
    ----------
    name : str
        Path below the folder it is downloaded to.
    urls : tuple of str
        Where it is published; mirrors are tried in order.
    sha256 : str or None
        None trusts the first file, downloaded or put there by hand, and holds later ones to it.
    md5 : str or None
        Of a file whose publisher tells no better checksum: the first one must have it.
    size : int
        Bytes, roughly; a file that is larger by more than a quarter is refused. 0: not known, then
        the limit is `LARGEST`, or `LARGEST_UNTOLD` if the server does not tell it either.
    hosts : tuple of str
        That the addresses may send on to, ``*.example.org`` for all below one; those of GitHub, the
        Hugging Face hub and OSF are known.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str | None = None
    size: int = 0
    hosts: tuple[str, ...] = ()
    md5: str | None = None

    @property
    def limit(self) -> int:
        """The most bytes that are taken."""
        return size_limit(self.size)


@dataclass(frozen=True)
class Pin:
    """What the first download of a file left, to hold later ones to it.

    Attributes
    ----------
    sha256 : str
    source : str
        Its address, of a file on the hub with the commit; empty: somebody put it there.
    confirmed : bool
        Whether somebody compared the hash with one from another source.
    """

    sha256: str
    source: str = ""
    confirmed: bool = False


def size_limit(size: int) -> int:
    """Return the most bytes that are taken of a file that should have so many, 0: not known."""
    return int(size * _SLACK) if size else LARGEST


def fetch(remote: Remote, folder: Path) -> Path:
    """Return the local copy of a published file, downloaded unless it is there and unchanged.

    A part that an interrupted download left (``<name>.partial``) is continued.

    Parameters
    ----------
    remote : Remote
    folder : Path
        Where the file goes, under its name.

    Raises
    ------
    DataError
        No network, no such file, a host that the card does not name, a file too large, or another
        checksum than expected; the download is then removed.
    CacheError
        The folder cannot be written to.
    """
    target = folder / remote.name
    pin = target.with_name(f"{target.name}.sha256")
    with locked(target):
        expected = remote.sha256 or pinned(pin)
        if target.is_file() and expected == hash_file(target):
            return target
        by_hand = expected is None and target.is_file() and has_md5(remote, target)
        if settings.offline() and not by_hand:
            raise DataError(
                f"{target} is missing or damaged and BRAINBENCH_OFFLINE forbids downloads. Put "
                f"{remote.urls[0]} there yourself, or unset BRAINBENCH_OFFLINE."
            )
        if not by_hand:
            _download(remote, target, expected or (remote.md5 and f"md5:{remote.md5}"))
        if remote.sha256 is None:
            write_pin(pin, hash_file(target), "" if by_hand else remote.urls[0])
    return target


def has_md5(remote: Remote, path: Path) -> bool:
    """Return whether a file has the MD5 that its publisher tells; True where none is told.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    return remote.md5 is None or hash_file(path, "md5") == remote.md5


def fetch_all(remotes: Iterable[Remote], folder: Path, description: str) -> list[Path]:
    """Fetch several files below one folder; see `fetch`."""
    wanted = list(remotes)
    paths = []
    with progress_bar(len(wanted), description, "file") as bar:
        for remote in wanted:
            paths.append(fetch(remote, folder))
            bar.update()
    return paths


def find_folder(name: str, remotes: Iterable[Remote]) -> Path | None:
    """Return the folder that holds all files of a data set, the user's own first, or None.

    Looked for are ``$BRAINBENCH_DATA/<name>`` and ``<name>`` in the data home.
    """
    wanted = list(remotes)
    brought = settings.brought_data()
    places = [*([brought / name] if brought else []), settings.data_home() / name]
    return next((place for place in places if not _lacking(place, wanted)), None)


def fetch_folder(name: str, remotes: Iterable[Remote], description: str) -> Path:
    """Return the folder that holds all files of a data set, see `find_folder`; else download them.

    Raises
    ------
    DataError
        ``BRAINBENCH_DATA`` has a part of the files only, or they cannot be downloaded.
    """
    wanted = list(remotes)
    if found := find_folder(name, wanted):
        return found
    brought = settings.brought_data()
    if brought and (brought / name).is_dir():
        lacking = _lacking(brought / name, wanted)
        raise DataError(
            f"{brought / name} (BRAINBENCH_DATA) lacks {len(lacking)} of {len(wanted)} files, the "
            f"first is {lacking[0]}. Complete the folder, or unset BRAINBENCH_DATA to download it."
        )
    target = settings.data_home() / name
    fetch_all(wanted, target, description)
    return target


def _lacking(folder: Path, wanted: Iterable[Remote]) -> list[str]:
    return [remote.name for remote in wanted if not (folder / remote.name).is_file()]


def remote_size(url: str) -> int | None:
    """Return the bytes of a published file, None where the server does not say.

    Raises
    ------
    DataError
        No network, or no such file.
    """
    if settings.offline():
        raise DataError(f"BRAINBENCH_OFFLINE forbids asking for the size of {url}.")
    try:
        return ask_size(url)
    except TransferError as error:
        raise DataError(f"Cannot ask for the size of {url}: {error}.") from error


def pinned(pin: Path) -> str | None:
    """Return the checksum that the first download left, None if there was none; see `read_pin`."""
    found = read_pin(pin)
    return found.sha256 if found else None


def read_pin(pin: Path) -> Pin | None:
    """Return what the first download left, None if there was none.

    Raises
    ------
    DataError
        The pin is damaged: trusting the next download would be trusting anybody.
    """
    if not pin.is_file():
        return None
    try:
        lines = pin.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    except OSError as error:
        raise DataError(f"{pin} cannot be read: {error.strerror}.") from error
    if not re.fullmatch("[0-9a-f]{64}", lines[0].strip()):
        raise DataError(
            f"{pin} is damaged: it should hold the SHA-256 of the first download. Delete it to "
            f"trust the next one."
        )
    source = next((line.removeprefix(_FROM) for line in lines if line.startswith(_FROM)), "")
    return Pin(lines[0].strip(), source, _CONFIRMED in lines)


def write_pin(pin: Path, sha256: str, source: str = "", *, confirmed: bool = False) -> None:
    """Keep the checksum of a first download, to hold later ones to it; see `Pin`."""
    lines = [sha256, *([_FROM + source] if source else []), *([_CONFIRMED] if confirmed else [])]
    with atomic_file(pin) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _download(remote: Remote, target: Path, expected: str | None) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it would announce every file, our bar does already
    hosts = allowed_hosts(remote.urls, remote.hosts)
    untold = 0
    if expected is not None:
        untold = remote.limit if remote.size else LARGEST_UNTOLD
    problems = []

    def bring(url: str, output: Any, _: Any) -> None:
        """Do what pooch asks for; it then checks the file and gives it its name."""
        transfer(url, Path(output), hosts=hosts, limit=remote.limit, untold=untold)

    for url in remote.urls:
        try:
            with explained(target):
                pooch.retrieve(url, expected, target.name, target.parent, downloader=bring)
            return
        except TransferError as error:
            problems.append(f"{url}: {error}")
        except ValueError as error:  # pooch's word for another checksum
            raise DataError(_mismatch(url, target, expected, str(error))) from error
    raise DataError(
        f"Cannot download {target.name} ({'; '.join(problems)}). Nothing was installed; run the "
        f"command again to continue, or put the file at {target} yourself."
    )


def _mismatch(url: str, target: Path, expected: str | None, told: str) -> str:
    got = re.findall(r"[0-9a-f]{64}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])", told)
    kind, _, digits = (expected or "").rpartition(":")
    return (
        f"{url} is not the file it should be: expected {kind.upper() or 'SHA-256'} {digits}, got "
        f"{got[-1] if got else told}. The download was removed and {target} not installed. The "
        f"file changed at its source or on the way: try again, or ask who publishes it."
    )
