"""From what is asked for to a model whose identity is known, without loading it if that can be.

What loading a model taught is remembered, under all that decides it: source, options, versions of
what its plugin needs, and the bytes of its weights files.

    $BRAINBENCH_HOME/cache/identities/<key>.json
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from brainbench_audio import revisions, settings
from brainbench_audio.activations.identity import Identity, LazyModel, as_lazy
from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, CacheError
from brainbench_audio.files import atomic_file, hash_json
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hashing.sources import package_hash, tree_hash
from brainbench_audio.interfaces import Model
from brainbench_audio.pipeline.loading import (
    Loadable,
    check_version,
    load_identified,
    model_asked_for,
)
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.identities import record_version

# options that are no part of what is remembered: the weights count by their content
_ASIDE = {"device", "weights", "trust_remote_code"}
_NOT_KNOWN = "not known"


def identified(wanted: Loadable | Model) -> LazyModel:
    """Return a model whose identity is known.

    Parameters
    ----------
    wanted : Loadable or Model
        An id with options, loaded only if what it means was never learned before; or an object.

    Raises
    ------
    BrainbenchError
        See `load_model`.
    """
    if not isinstance(wanted, Loadable):
        return as_lazy(wanted)

    def load() -> tuple[Model, Identity]:
        model, identity = load_identified(wanted.id, wanted.options)
        remember(wanted, model, identity)
        return model, identity

    model = None
    if (identity := known_identity(wanted)) is None:
        model, identity = load()
    record_identity(identity)
    return LazyModel(identity, load, model)


def record_identity(identity: Identity) -> None:
    """Remember that an identity is what its id means, as somebody asks for it now."""
    if identity.kept:
        with suppress(CacheError):  # it can be scored all the same
            record_version({**identity.record, "code": dict(identity.code)})


def known_identity(
    wanted: Loadable, contents: Sequence[str] | None = None, *, guess: bool = False
) -> Identity | None:
    """Return which network an id means now, without loading it; None where only that would tell.

    Parameters
    ----------
    wanted : Loadable
    contents : sequence of str, optional
        What the weights files are known by, where they are not at hand; else they are hashed.
    guess : bool
        Return what was learned last of a model that does not say which files it is made from.

    Raises
    ------
    UnknownId
        No plugin has the id, or it is another version now.
    """
    asked, options = model_asked_for(wanted.id, wanted.options)
    file = _file_of(asked, options, contents, guess=guess)
    if file is None:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        identity = Identity.from_json(content["identity"])
        files = {Path(path): sha256 for path, sha256 in content["files"].items()}
        if not (guess or content["exact"]) or any(not path.is_file() for path in files):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if asked.scheme and dict(zip(files, hash_files(list(files)), strict=True)) != files:
        return None
    check_version(asked, identity)
    return identity


def remember(
    wanted: Loadable, model: Model, identity: Identity, contents: Sequence[str] | None = None
) -> None:
    """Keep what loading taught; it holds if the model says which files it was made from."""
    files = getattr(model, "files", None)
    asked, options = model_asked_for(wanted.id, wanted.options)
    if not identity.kept or (file := _file_of(asked, options, contents, guess=True)) is None:
        return
    hashes = dict(zip(map(str, files or ()), hash_files(list(files or ())), strict=True))
    content = {
        "identity": identity.as_json(),
        # a loader of a plugin's own may read what nobody knows, unless it was told what to read
        "exact": files is not None or (not asked.scheme and "weights" in options),
        "files": hashes if asked.scheme else {},
    }
    try:
        with atomic_file(file) as temporary:
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except CacheError:  # it only saves time
        return


def _file_of(
    asked: ModelId, options: Mapping[str, Any], contents: Sequence[str] | None, *, guess: bool
) -> Path | None:
    """Return where it is remembered what an id with options means; None if it cannot be."""
    others = {name: value for name, value in options.items() if name not in _ASIDE}
    if asked.file is None:
        entry = find_model(asked)
        source, code = entry.distribution, package_hash(entry.card.packages)
        if contents is None:
            contents = _weights_hashes(entry.card, asked, options.get("weights"))
    elif not asked.file.is_file():  # whoever loads it says so
        return None
    else:
        source, code = str(asked.file), tree_hash(asked.file)
        if contents is None:
            contents = _given_hashes(options.get("weights"))
    if contents is None and not guess:
        return None
    try:
        key = hash_json(
            [
                [asked.label, source, code],
                others,
                _NOT_KNOWN if contents is None else list(contents),
                revisions.ACTIVATIONS,
                _versions(source),
            ]
        )
    except (TypeError, ValueError):  # an option that is no plain data
        return None
    return settings.cache_home() / "identities" / f"{key}.json"


def _weights_hashes(card: ModelCard, asked: ModelId, weights: Any) -> list[str] | None:
    """Return the hashes of the files a model's weights would be read from, None if not known."""
    if asked.control == "untrained" or card.scheme or asked.scheme:
        return []
    if isinstance(weights, Mapping):
        return None
    try:
        paths = local_weights(card, weights)
        return None if paths is None else hash_files(paths)
    except (BrainbenchError, OSError):  # whoever loads it says what is wrong
        return None


def _given_hashes(weights: Any) -> list[str] | None:
    """Return the hash of the file that a model of one's own is told to read, None if it is none."""
    if not isinstance(weights, str | Path) or not Path(weights).is_file():
        return None
    return hash_files([Path(weights)])


@cache
def _versions(distribution: str) -> dict[str, str]:
    """Return the versions of Python and of what a plugin needs directly."""
    versions = {"python": platform.python_version()}
    try:
        required = metadata.requires(distribution) or []
    except (metadata.PackageNotFoundError, ValueError):
        return versions
    for line in required:
        name = Requirement(line).name
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
