"""From what is asked for to a model whose identity is known, without loading it if that can be.

What loading a model taught is remembered, under all that decides it: source, options, versions of
what its plugin needs, and the bytes of its weights files.

    $BRAINBENCH_HOME/cache/identities/<key>.json
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

from brainbench_audio import revisions, settings
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.lazy import LazyModel, as_lazy
from brainbench_audio.activations.weights_files import local_weights
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, CacheError
from brainbench_audio.files import atomic_file, hash_json
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hashing.sources import package_hash, tree_hash
from brainbench_audio.interfaces import Model
from brainbench_audio.names import from_home
from brainbench_audio.pipeline.loading import Loadable
from brainbench_audio.pipeline.loading_models import check_version, load_identified, model_asked_for
from brainbench_audio.registry.ids import BenchmarkId, ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.identities import record_version

# options that are no part of what is remembered: the weights count by their content
_ASIDE = {"device", "weights", "trust_remote_code"}
_NOT_KNOWN = "not known"
_SHA256 = re.compile("[0-9a-f]{64}")


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
        return learned(wanted, lambda: load_identified(wanted.id, wanted.options))

    model = None
    if (identity := known_identity(wanted)) is None:
        model, identity = load()
    record_identity(identity)
    return LazyModel(identity, load, model).of_layers(wanted.layers)


def given_model(benchmark: str) -> LazyModel | None:
    """Return the model that a benchmark's id names to compare others with; None if it names none.

    Raises
    ------
    BrainbenchError
        See `load_model`.
    """
    given = BenchmarkId.parse(benchmark).given
    return identified(Loadable(given)) if given else None


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
    place = _place_of(asked, options, contents)
    if place is None or (place.contents is None and not guess):
        return None
    try:
        content = json.loads(place.file.read_text(encoding="utf-8"))
        identity = Identity.from_json(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    # a loader of a plugin's own may read what nobody knows
    if identity.files is None and not guess:
        return None
    if any(
        not _is_there(path, sha256, place, contents)
        for path, sha256 in (identity.files or {}).items()
    ):
        return None
    check_version(asked, identity)
    return identity


def _is_there(path: str, sha256: str, place: _Place, contents: Sequence[str] | None) -> bool:
    """Return whether a file that a model was made from is what it was."""
    if sha256 in (place.contents or ()):  # part of what it is remembered under
        return True
    if not Path(path).is_file():
        return contents is not None
    return hash_files([Path(path)]) == [sha256]


def learned(
    wanted: Loadable,
    load: Callable[[], tuple[Model, Identity]],
    contents: Sequence[str] | None = None,
) -> tuple[Model, Identity]:
    """Load a model, and remember what that taught, unless a file was replaced meanwhile."""
    asked, options = model_asked_for(wanted.id, wanted.options)
    before = _place_of(asked, options, contents)
    model, identity = load()
    after = _place_of(asked, options, contents)
    if identity.kept and before is not None and after is not None:
        # files that were not here before were checked when they were fetched
        same = before.contents in (None, after.contents) and after.code == identity.code["hash"]
        hashes = [content for content in after.contents or () if _SHA256.fullmatch(content)]
        if same and (identity.files is None or set(hashes) <= set(identity.files.values())):
            # it only saves time
            with suppress(CacheError), atomic_file(after.file) as temporary:
                temporary.write_text(json.dumps(identity.as_json()), encoding="utf-8")
    return model, identity


class _Place(NamedTuple):
    """Where it is remembered what an id with options means; and what decided the place."""

    file: Path
    code: str
    contents: Sequence[str] | None


def _place_of(
    asked: ModelId, options: Mapping[str, Any], contents: Sequence[str] | None
) -> _Place | None:
    """Return where it is remembered what an id with options means; None if it cannot be."""
    others = {name: value for name, value in options.items() if name not in _ASIDE}
    if others.get("dtype", "float32") != "float32":  # then the device decides, too
        others["device"] = _device(options.get("device", "auto"))
    weights = options.get("weights")
    if contents is None and isinstance(weights, str) and not from_home(weights).exists():
        others["weights"] = weights  # a name that the loader knows
    if asked.file is None:
        entry = find_model(asked)
        source, code = entry.distribution, package_hash(entry.card.packages)
        if contents is None:
            contents = _weights_hashes(entry.card, asked, weights)
    elif asked.file.is_file():
        source, code = str(asked.file), tree_hash(asked.file)
        if contents is None:
            contents = _given_hashes(weights)
    else:
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
    return _Place(settings.cache_home() / "identities" / f"{key}.json", code, contents)


def _device(asked: Any) -> Any:
    if asked != "auto":
        return asked
    from brainbench_audio.devices import choose_device  # imports torch

    return choose_device("auto").type


def _weights_hashes(card: ModelCard, asked: ModelId, weights: Any) -> list[str] | None:
    """Return the hashes of the files a model's weights would be read from, None if not known."""
    if card.scheme or asked.scheme or (asked.control == "untrained" and weights is None):
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
