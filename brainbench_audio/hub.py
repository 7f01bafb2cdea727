"""Repositories of the Hugging Face hub. Files come by `transfer`, what is asked by its client."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path
from typing import Any

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import explained
from brainbench_audio.progress import stage
from brainbench_audio.transfer import TransferError, allowed_hosts, transfer, waiting_time

SCHEME = "hf://"
_WAITS = 2  # for a hub that is busy


@dataclass(frozen=True)
class HubPath:
    """What ``hf://owner/name/path[@revision]`` names; without a revision the newest.

    Attributes
    ----------
    repository : str
        ``owner/name``.
    path : str
        Within the repository; empty where the address ends before it.
    revision : str or None
    """

    repository: str
    path: str
    revision: str | None = None

    @classmethod
    def parse(cls, url: str) -> HubPath:
        """Return the parts of an address."""
        location, _, revision = url.removeprefix(SCHEME).partition("@")
        owner, name, path = (*location.split("/", 2), "", "")[:3]
        return cls(f"{owner}/{name}", path, revision or None)


@dataclass(frozen=True)
class HubFile:
    """A file in a repository of the Hugging Face hub, at one commit.

    Attributes
    ----------
    url : str
        ``hf://owner/name/path@commit``.
    path : str
        Within the repository.
    size : int
        Bytes.
    sha256 : str or None
        Of its content, where the hub tells it: of every large file.
    """

    url: str
    path: str
    size: int
    sha256: str | None


def list_files(pattern: str) -> list[HubFile]:
    """Return the files of a hub repository that a pattern matches, sorted by path.

    Parameters
    ----------
    pattern : str
        ``hf://owner/name/path[@revision]``; the path may hold ``* ? []``, where ``*`` does not
        match a slash.

    Raises
    ------
    DataError
        No network, no such repository, or nothing that matches.
    """
    place = HubPath.parse(pattern)
    if not place.path:
        raise DataError(f"{pattern} names no files: write it as hf://owner/name/folder/*.ckpt.")
    if settings.offline():
        raise DataError(f"BRAINBENCH_OFFLINE forbids asking the hub for {pattern}.")
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    repository, wanted = place.repository, place.path.split("/")
    folder = "/".join(takewhile(lambda part: not set("*?[") & set(part), wanted[:-1]))
    try:
        commit = HfApi().repo_info(repository, revision=place.revision).sha
        tree = HfApi().list_repo_tree(repository, folder or None, recursive=True, revision=commit)
        files = [entry for entry in tree if isinstance(entry, RepoFile)]
    except Exception as error:  # its network client, and so its errors, differ between versions
        raise DataError(
            f"Cannot list {repository} on the Hugging Face hub: {error}. Check name and network, "
            f"or download the files and give their folder."
        ) from error
    found = [
        HubFile(
            f"{SCHEME}{repository}/{file.path}@{commit}",
            file.path,
            file.size,
            file.lfs.sha256 if file.lfs else None,
        )
        for file in files
        if _matches(file.path.split("/"), wanted)
    ]
    if not found:
        raise DataError(f"None of the {len(files)} files in {repository}/{folder} is {pattern}.")
    return sorted(found, key=lambda file: file.path)


def web_address(url: str) -> str:
    """Return ``hf://…`` as a browser takes it.

    Examples
    --------
    >>> web_address("hf://owner/name/folder/net.pt@v2")
    'https://huggingface.co/owner/name/resolve/v2/folder/net.pt'
    """
    place = HubPath.parse(url)
    revision = place.revision or "main"
    return f"https://huggingface.co/{place.repository}/resolve/{revision}/{place.path}"


def fetch_file(place: HubPath, target: Path, limit: int) -> HubFile:
    """Bring a file here, or continue what an interrupted call left beside it.

    The client of the hub says where a file is and who may have it; its own download starts anew
    where it was interrupted.

    Parameters
    ----------
    place : HubPath
        Without a revision: of the commit that the hub calls main now.
    target : Path
        A file that is there is replaced.
    limit : int
        Bytes that are taken at most.

    Returns
    -------
    HubFile
        What the hub tells of it, at its commit.

    Raises
    ------
    DataError
        It cannot be had.
    """
    from huggingface_hub import constants, get_token, hf_hub_url

    named = web_address(f"{SCHEME}{place.repository}/{place.path}@{place.revision or 'main'}")
    try:
        about = _about(place)
    except Exception as error:  # its network client, and so its errors, differ between versions
        raise DataError(f"Cannot fetch {named}: {_reason(error, place.repository)}.") from error
    if (size := about.size or 0) > limit:
        raise DataError(
            f"{named} has {size / 1e6:,.1f} MB, and {limit / 1e6:,.1f} MB are the most that is "
            f"taken of this file."
        )
    commit = about.commit_hash or place.revision or "main"
    token = get_token()
    # the hub says where its storage is; a mirror may send on to the hub's own
    hosts = allowed_hosts([constants.ENDPOINT, about.location, "https://huggingface.co"])
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with explained(target):
            transfer(
                hf_hub_url(place.repository, place.path, revision=commit),
                target,
                hosts=hosts,
                limit=limit,
                headers={"Authorization": f"Bearer {token}"} if token else {},
            )
    except TransferError as error:
        raise DataError(
            f"Cannot fetch {named}: {error}. Run the command again to continue."
        ) from error
    sha256 = about.etag if re.fullmatch("[0-9a-f]{64}", about.etag or "") else None
    url = f"{SCHEME}{place.repository}/{place.path}@{commit}"
    return HubFile(url, place.path, size, sha256)


def _about(place: HubPath) -> Any:
    """Return what the hub tells of a file; where it is busy, it is asked again when it says."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    url = huggingface_hub.hf_hub_url(place.repository, place.path, revision=place.revision)
    for wait in range(_WAITS + 1):
        try:
            return huggingface_hub.get_hf_file_metadata(url)
        except HfHubHTTPError as error:
            # the client's own retries go on for long where there is no network
            seconds = waiting_time(error.response.status_code, error.response.headers)
            if seconds is None or wait == _WAITS:
                raise
            time.sleep(seconds)
    raise AssertionError("the last attempt returns or raises")


def _reason(error: Exception, repository: str) -> str:
    """Return in a few words why a file did not come; the client takes several lines."""
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if isinstance(error, GatedRepoError):
        return (
            f"it is given to those only who accepted its terms: accept them on "
            f"https://huggingface.co/{repository}, and log in here with `hf auth login`"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids downloads"
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # type: ignore[assignment]  # it says only that there is no copy
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".:")


def fetch_snapshot(
    repository: str, revision: str | None, patterns: Sequence[str], cache: Path
) -> Path:
    """Return a folder with the files of a repository that match; it is named after the commit.

    Raises
    ------
    DataError
        They cannot be had.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    offline = settings.offline()
    try:
        with stage("fetch", repository):
            return Path(
                huggingface_hub.snapshot_download(
                    repository,
                    revision=revision,
                    allow_patterns=list(patterns),
                    cache_dir=cache,
                    local_files_only=offline,
                )
            )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = "BRAINBENCH_OFFLINE forbids downloads"
        if not offline:
            reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"Cannot fetch {repository}{f' at {revision}' if revision else ''} from the Hugging "
            f"Face hub: {reason}."
        ) from error


def _matches(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
