"""Brings one published file here: from hosts that are named, encrypted, no larger than expected.

An interrupted transfer leaves ``<file>.partial``, which the next one continues.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from brainbench_audio.progress import stage, transfer_bar

if TYPE_CHECKING:
    import requests

# requests is imported when there is something to transfer
_ATTEMPTS = 3
_TIMEOUT = 30  # seconds without a byte
_SLOWEST, _PATIENCE = 1000, 60  # bytes a second, over so many seconds
_BUSY = (429, 503)
_LONGEST_WAIT = 120  # seconds
_HOPS = 8
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_BLOCK = 1 << 18
# where publishers keep what they publish, and send on to
_REDIRECTS = {
    "github.com": (
        "codeload.github.com",
        "objects.githubusercontent.com",
        "raw.githubusercontent.com",
        "release-assets.githubusercontent.com",
    ),
    "huggingface.co": ("*.huggingface.co", "*.hf.co"),
    "osf.io": ("*.osf.io", "storage.googleapis.com"),
}


class TransferError(Exception):
    """A file did not come, or not as it should; the message says why in a few words."""


class _Refused(TransferError):
    """What a server says or sends is not taken, and trying again would not help."""


def allowed_hosts(urls: Iterable[str], more: Iterable[str] = ()) -> set[str]:
    """Return the hosts that a file may come from: of its addresses, and where they may send on to.

    Parameters
    ----------
    urls : iterable of str
    more : iterable of str
        That the publisher's addresses send on to; ``*.example.org`` for all below one.
    """
    hosts = {str(urlsplit(url).hostname) for url in urls}
    for host in tuple(hosts):
        hosts.update((f"www.{host}", host.removeprefix("www."), *_REDIRECTS.get(host, ())))
    return hosts | set(more)


def ask_size(url: str) -> int | None:
    """Return the bytes of a published file, None where the server does not say.

    Raises
    ------
    TransferError
        No network, or no such file.
    """
    import requests

    headers = {"Accept-Encoding": "identity"}
    try:
        with (
            _session(allowed_hosts([url])) as session,
            session.head(url, headers=headers, allow_redirects=True, timeout=_TIMEOUT) as answer,
        ):
            answer.raise_for_status()
            return _length(answer)
    except requests.RequestException as error:
        raise TransferError(_reason(error)) from error


def transfer(
    url: str,
    target: Path,
    *,
    hosts: Collection[str],
    limit: int,
    untold: int = 0,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> None:
    """Bring a file here, or continue what an interrupted transfer left beside the target.

    Parameters
    ----------
    url : str
    target : Path
    hosts : collection of str
        See `allowed_hosts`.
    limit : int
        Bytes that are taken at most.
    untold : int
        The same where the server tells no length. 0, the default, is for a file whose checksum is
        not known: without a length, an answer that was cut off looks like a whole one.
    headers : mapping of str to str
        Sent along, such as a token; ``Authorization`` only to the host of the address itself.

    Raises
    ------
    TransferError
        Naming what the server did.
    """
    import requests

    name = re.sub(r"[^A-Za-z0-9._-]", "_", url.rsplit("/", 1)[-1])[-80:] or "download"
    part = target.with_name(f"{name}.partial")
    for attempt in range(_ATTEMPTS):
        try:
            with stage("fetch", name):
                _continue(url, part, hosts, headers, limit=limit, untold=untold)
            break
        except _Refused:
            part.unlink(missing_ok=True)
            _tag_file(part).unlink(missing_ok=True)
            raise
        except requests.RequestException as error:
            again = (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            )
            answer = error.response
            wait = None if answer is None else waiting_time(answer.status_code, answer.headers)
            if attempt == _ATTEMPTS - 1 or (wait is None and not isinstance(error, again)):
                raise TransferError(_reason(error)) from error
            time.sleep(wait or 0)
    os.replace(part, target)
    _tag_file(part).unlink(missing_ok=True)


def waiting_time(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which a busy server wants to be asked again.

    None if it is not busy, or for too long. Where it does not say how long, a second.

    Examples
    --------
    >>> waiting_time(429, {"Retry-After": "5"}), waiting_time(429, {}), waiting_time(404, {})
    (5.0, 1.0, None)
    """
    if status not in _BUSY:
        return None
    told = headers.get("Retry-After", "")
    seconds = float(told) if told.isdecimal() else 1.0
    return seconds if seconds <= _LONGEST_WAIT else None


def _session(hosts: Collection[str]) -> requests.Session:
    """Return what asks these hosts only, and once it was encrypted, encrypted ones only."""
    import requests

    class Session(requests.Session):
        encrypted = False

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            # as it will be understood when connecting: two parsers may see two hosts in an address
            address = str(requests.Request("GET", request.url).prepare().url)
            scheme, host = urlsplit(address).scheme, str(urlsplit(address).hostname)
            if self.encrypted and scheme != "https":
                raise _Refused(f"it sends on to {address}, which is not encrypted")
            if not any(fnmatchcase(host, allowed) for allowed in hosts):
                raise _Refused(f"it sends on to {host}, which is not among the hosts of this file")
            self.encrypted = scheme == "https"
            request.url = address
            return super().send(request, **options)

    session = Session()
    session.max_redirects = _HOPS
    return session


def _continue(
    url: str,
    part: Path,
    hosts: Collection[str],
    more: Mapping[str, str],
    *,
    limit: int,
    untold: int,
) -> None:
    """Append to a partial file what it still lacks."""
    import requests

    have = part.stat().st_size if part.exists() else 0
    tag = _tag_file(part)
    headers = {**more, "Accept-Encoding": "identity"}
    if have and tag.exists():
        # without If-Range the rest of a newer file would be glued to the start of an older one
        headers |= {"Range": f"bytes={have}-", "If-Range": tag.read_text(encoding="utf-8")}
    with (
        _session(hosts) as session,
        session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response,
    ):
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            raise requests.ConnectionError(f"{url} is shorter than the part at hand")
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise requests.ConnectionError(f"{url} sends another part than it was asked for")
        _remember(response, tag)
        length = _length(response)
        if not length and not untold:
            raise _Refused(
                f"it tells {'no length' if length is None else 'a length of 0'}, and no SHA-256 is "
                f"known, so nobody could say whether the file is whole"
            )
        limit = untold if length is None else limit
        _check_size(have + (length or 0), limit)
        _append(response, part, have, length, limit)
    if length is not None and part.stat().st_size != have + length:
        raise requests.ConnectionError(
            f"{url} ended after {part.stat().st_size} of {have + length} B"
        )


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it arrives: whole blocks where it comes fast, less where it drips."""
    import requests
    import urllib3

    try:
        while block := response.raw.read1(_BLOCK, decode_content=True):
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def _append(
    response: requests.Response, part: Path, have: int, length: int | None, limit: int
) -> None:
    bar = transfer_bar(have + (length or 0), part.stem, have)
    import requests

    # a server that lets a byte drip now and then never times out
    began, arrived = time.monotonic(), 0
    with bar as advance, part.open("ab" if have else "wb") as file:
        for block in _blocks(response):
            have, arrived = have + len(block), arrived + len(block)
            _check_size(have, limit)
            file.write(block)
            advance(len(block))
            if (spent := time.monotonic() - began) > _PATIENCE:
                if arrived < _SLOWEST * spent:
                    raise requests.ConnectionError(f"only {arrived} B came in {spent:.0f} s")
                began, arrived = time.monotonic(), 0


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise _Refused(
            f"it has {size / 1e6:,.1f} MB or more, and {limit / 1e6:,.1f} MB are the most that is "
            f"taken of this file"
        )


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _remember(response: requests.Response, tag: Path) -> None:
    """Keep the mark by which the server knows this version of the file."""
    mark = response.headers.get("ETag", "")
    if mark and not mark.startswith("W/"):
        tag.write_text(mark, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _tag_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _reason(error: requests.RequestException) -> str:
    """Return what went wrong in a few words; requests itself takes several lines."""
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer"
    if isinstance(error, requests.ConnectionError) and "resolve" in str(error).lower():
        return "no connection to the internet"
    return str(error)
