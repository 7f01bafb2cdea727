"""Which network made a score: a model and its version, which one is current, tags for people.

<results>/identities/<hash of id and source>.json        the version that was resolved last
<results>/identities/<hash of id and source>.tags.json   names that people gave to versions
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from brainbench_audio import settings
from brainbench_audio.errors import DataError
from brainbench_audio.files import atomic_file, hash_json, locked

DIGITS = 8
UNKNOWN = "unknown"
_FOLDER = "identities"
_TAG = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VERSION = re.compile(r"[0-9a-fA-F]{8}")


class ModelVersion(NamedTuple):
    """What a row of a report is about: one version of one model.

    Attributes
    ----------
    id : str
        As people write it, without where it is from: ``beats-iter1@permuted``, ``MyCNN``.
    source : str
        A distribution, the absolute path of a file or a module; empty where nobody knows.
    version : str
        8 hex digits, or ``unknown``.
    """

    id: str
    source: str
    version: str

    @property
    def model(self) -> tuple[str, str]:
        """Id and source, which all versions of a model share."""
        return self.id, self.source


def version_of(provenance: Mapping[str, Any], identifier: str) -> ModelVersion:
    """Return which network a score's provenance names.

    Parameters
    ----------
    provenance : mapping
        Scores of older releases have no ``identity``: their source is unknown, and their version is
        made from what was hashed into the key of their activations.
    identifier : str
        Of the model, where there is no ``identity``.
    """
    if known := _identified(provenance.get("identity")):
        return known
    try:
        activations = provenance["activations"]
        made = hash_json([activations["fingerprint"], activations["source"]])[:DIGITS]
    except (KeyError, TypeError):
        made = UNKNOWN
    return ModelVersion(identifier, "", made)


def record_version(identity: Mapping[str, Any]) -> None:
    """Remember that a model has this version now; a file that says so already stays as it is.

    Parameters
    ----------
    identity : mapping
        ``id``, ``source``, ``version`` and whatever else JSON can hold.

    Raises
    ------
    DataError
        One of the three is missing or no text.
    CacheError
        The file cannot be written.
    """
    row = _identified(identity)
    if row is None:
        needed = ", ".join(ModelVersion._fields)
        raise DataError(f"An identity needs {needed} as text, this one is {dict(identity)}.")
    _replace(_file(*row.model), dict(identity))


def recorded(identifier: str, source: str) -> dict[str, Any]:
    """Return what was recorded of a model when it was resolved last; empty: nothing."""
    content = _read(_file(identifier, source))
    known = _identified(content)
    return content if known and known.model == (identifier, source) else {}


def recorded_version(identifier: str, source: str) -> str:
    """Return the version that a model had when it was resolved last; empty: nobody knows."""
    return str(recorded(identifier, source).get("version", ""))


def tags_of(identifier: str, source: str) -> dict[str, str]:
    """Return the version behind each tag of a model, the newest tag last."""
    tags = _read(_tag_file(identifier, source)).get("tags")
    if not isinstance(tags, dict):
        return {}
    return {tag: version for tag, version in tags.items() if isinstance(version, str)}


def tag_of(row: ModelVersion) -> str | None:
    """Return the newest tag of a version; None if it has none."""
    tags = [tag for tag, version in tags_of(*row.model).items() if version == row.version]
    return tags[-1] if tags else None


def add_tag(row: ModelVersion, tag: str, scored: Collection[str]) -> None:
    """Give a version a name to be called by, ``my-cnn#before-finetuning``.

    Parameters
    ----------
    row : ModelVersion
    tag : str
    scored : collection of str
        Versions of the model with a score; tags of others are free.

    Raises
    ------
    DataError
        The name would be taken for a version, or another version of the model has it.
    """
    if not _TAG.fullmatch(tag) or _VERSION.fullmatch(tag) or tag == UNKNOWN:
        raise DataError(
            f"A tag is up to 64 letters, digits, dots, hyphens and underscores, and no 8 hex "
            f"digits, which are a version: {tag!r} is not."
        )
    file = _tag_file(*row.model)
    with locked(file):
        tags = tags_of(*row.model)
        if tags.get(tag, row.version) != row.version and tags[tag] in scored:
            raise DataError(
                f"The tag {tag} is that of another version, {row.id}#{tags[tag]}: choose another, "
                f"or take it back first: brainbench results tag '{row.id}#{tag}' --remove"
            )
        tags.pop(tag, None)  # the newest one is the last
        _keep_tags(file, row, {**tags, tag: row.version})


def remove_tag(row: ModelVersion, tag: str) -> None:
    """Take a tag back.

    Raises
    ------
    DataError
        The version does not have it.
    """
    file = _tag_file(*row.model)
    with locked(file):
        tags = tags_of(*row.model)
        if tags.get(tag) != row.version:
            raise DataError(f"{row.id}#{row.version} has no tag {tag}.")
        _keep_tags(file, row, {name: version for name, version in tags.items() if name != tag})


def _keep_tags(file: Path, row: ModelVersion, tags: dict[str, str]) -> None:
    _replace(file, {"id": row.id, "source": row.source, "tags": tags})


def _file(identifier: str, source: str) -> Path:
    return settings.results_home() / _FOLDER / f"{hash_json([identifier, source])}.json"


def _tag_file(identifier: str, source: str) -> Path:
    return _file(identifier, source).with_suffix(".tags.json")


def _identified(content: Any) -> ModelVersion | None:
    """Return what an identity names; None if it is none."""
    if not isinstance(content, Mapping):
        return None
    found = [content.get(name) for name in ModelVersion._fields]
    return ModelVersion(*map(str, found)) if all(isinstance(x, str) for x in found) else None


def _read(file: Path) -> dict[str, Any]:
    """Return what a file holds; nothing for one that is missing or damaged."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _replace(file: Path, content: dict[str, Any]) -> None:
    # as text: the order of tags counts
    if json.dumps(_read(file)) != json.dumps(content):
        with atomic_file(file) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
