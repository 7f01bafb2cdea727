"""Downloads: checksums, resuming, mirrors, progress bar. Only `hub` has a network, too."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, explained, hash_file, locked
from brainbench_audio.progress import progress_bar

if TYPE_CHECKING:
    import requests

# libraries that only a download needs are imported when there is one
_ATTEMPTS = 3
_TIMEOUT = 30  # seconds without a byte
_BLOCK = 1 << 18


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
    """

    name: str
    urls: tuple[str, ...]
    sha256: str | None = None


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
        No network, no such file, or another checksum than expected; the download is then removed.
    CacheError
        The folder cannot be written to.
    """
    target = folder / remote.name
    pin = target.with_name(f"{target.name}.sha256")
    with locked(target):
        expected = remote.sha256 or pinned(pin)
        if target.is_file() and expected == hash_file(target):
            return target
        by_hand = expected is None and target.is_file()
        if settings.offline() and not by_hand:
            raise DataError(
                f"{target} is missing or damaged and BRAINBENCH_OFFLINE forbids downloads. Put "
                f"{remote.urls[0]} there yourself, or unset BRAINBENCH_OFFLINE."
            )
        if not by_hand:
            _download(remote, target, expected)
        if remote.sha256 is None:
            write_pin(pin, hash_file(target))
    return target


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
    import requests

    if settings.offline():
        raise DataError(f"BRAINBENCH_OFFLINE forbids asking for the size of {url}.")
    try:
        headers = {"Accept-Encoding": "identity"}
        with requests.head(url, headers=headers, allow_redirects=True, timeout=_TIMEOUT) as answer:
            answer.raise_for_status()
            length = answer.headers.get("Content-Length", "")
    except requests.RequestException as error:
        raise DataError(f"Cannot ask for the size of {url}: {_reason(error)}.") from error
    return int(length) if length.isdecimal() else None


def pinned(pin: Path) -> str | None:
    """Return the checksum that the first download left, None if there was none.

    Raises
    ------
    DataError
        The pin is damaged: trusting the next download would be trusting anybody.
    """
    if not pin.is_file():
        return None
    try:
        text = pin.read_bytes().decode("ascii", "replace").strip()
    except OSError as error:
        raise DataError(f"{pin} cannot be read: {error.strerror}.") from error
    if not re.fullmatch("[0-9a-f]{64}", text):
        raise DataError(
            f"{pin} is damaged: it should hold the SHA-256 of the first download. Delete it to "
            f"trust the next one."
        )
    return text


def write_pin(pin: Path, sha256: str) -> None:
    """Keep the checksum of a first download, to hold later ones to it."""
    with atomic_file(pin) as temporary:
        temporary.write_text(sha256, encoding="ascii")


def _download(remote: Remote, target: Path, expected: str | None) -> None:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # it would announce every file, our bar does already
    problems = []
    for url in remote.urls:
        try:
            with explained(target):
                pooch.retrieve(
                    url, expected, target.name, target.parent, downloader=_resuming_downloader
                )
            return
        except requests.RequestException as error:
            problems.append(f"{url}: {_reason(error)}")
        except ValueError as error:  # pooch's word for another checksum
            raise DataError(_mismatch(url, target, expected, str(error))) from error
    raise DataError(
        f"Cannot download {target.name} ({'; '.join(problems)}). Nothing was installed; run the "
        f"command again to continue, or put the file at {target} yourself."
    )


def _resuming_downloader(url: str, output_file: Any, _pooch: Any) -> None:
    """Download ``url``; pooch then checks ``output_file`` and gives it its name."""
    import requests

    output = Path(output_file)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", url.rsplit("/", 1)[-1])[-80:] or "download"
    partial = output.with_name(f"{name}.partial")
    for attempt in range(_ATTEMPTS):
        try:
            _continue(url, partial)
            break
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ):
            if attempt == _ATTEMPTS - 1:
                raise
    os.replace(partial, output)
    _tag_file(partial).unlink(missing_ok=True)


def _reason(error: requests.RequestException) -> str:
    """Return what went wrong in a few words; requests itself takes several lines."""
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer"
    if isinstance(error, requests.ConnectionError) and "resolve" in str(error).lower():
        return "no connection to the internet"
    return str(error)


def _continue(url: str, partial: Path) -> None:
    """Append to a partial file what it still lacks."""
    import requests

    have = partial.stat().st_size if partial.exists() else 0
    tag = _tag_file(partial)
    headers = {"Accept-Encoding": "identity"}
    if have and tag.exists():
        # without If-Range the rest of a newer file would be glued to the start of an older one
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="utf-8")}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink()
            raise requests.ConnectionError(f"{url} is shorter than the part at hand")
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0
        _remember(response, tag)
        length = have + int(response.headers.get("Content-Length", 0))
        bar = progress_bar(length, partial.stem, "B", unit_scale=True, initial=have)
        with bar, partial.open("ab" if have else "wb") as file:
            for block in response.iter_content(_BLOCK):
                file.write(block)
                bar.update(len(block))
    if "Content-Length" in response.headers and partial.stat().st_size != length:
        raise requests.ConnectionError(f"{url} ended after {partial.stat().st_size} of {length} B")


def _remember(response: requests.Response, tag: Path) -> None:
    """Keep the mark by which the server knows this version of the file."""
    mark = response.headers.get("ETag", "")
    if mark and not mark.startswith("W/"):
        tag.write_text(mark, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _tag_file(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.tag")


def _mismatch(url: str, target: Path, expected: str | None, told: str) -> str:
    got = re.findall(r"[0-9a-f]{64}", told)
    return (
        f"{url} is not the file it should be: expected SHA-256 {expected}, got "
        f"{got[-1] if got else told}. The download was removed and {target} not installed. The "
        f"file changed at its source or on the way: try again, or ask who publishes it."
    )
