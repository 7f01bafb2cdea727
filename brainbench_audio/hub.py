"""Repositories of the Hugging Face hub: beside `download` the only module with a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import takewhile
from pathlib import Path

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.progress import stage

SCHEME = "hf://"


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


def cached_file(place: HubPath, cache: Path) -> Path | None:
    """Return a file that was fetched before, or None."""
    import huggingface_hub

    path = huggingface_hub.try_to_load_from_cache(
        place.repository, place.path, cache_dir=cache, revision=place.revision
    )
    return Path(path) if isinstance(path, str) else None


def fetch_file(place: HubPath, cache: Path) -> Path:
    """Return the local copy of a file, fetched into a cache unless it is there.

    Raises
    ------
    DataError
        It cannot be had.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        with stage("fetch", place.path):
            return Path(
                huggingface_hub.hf_hub_download(
                    place.repository,
                    place.path,
                    revision=place.revision,
                    cache_dir=cache,
                    local_files_only=settings.offline(),
                )
            )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DataError(
            f"Cannot fetch {place.path} of {place.repository} from the Hugging Face hub: {error}"
        ) from error


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
