"""The rows of reports: one version of one model each, what it is called, and whether it is current.

Names are as short as they can be: the id; with the end of a path or the distribution before it
where two models share the id; with ``#`` and a tag or a version behind it unless it is current.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, UnknownId
from brainbench_audio.registry.ids import ModelId, without_version
from brainbench_audio.scores.identities import ModelVersion, tag_of
from brainbench_audio.scores.store import StoredScore

# from id and source to the version that is current; None: the model has changed since it was
# scored, so none is; empty: nobody knows, so it is the version that was scored last
Current = Callable[[str, str], str | None]
Model = tuple[str, str]


@dataclass(frozen=True)
class Row:
    """What one version of a model is called.

    Attributes
    ----------
    name : str
        Different for each row.
    label, family : str
        From the model's card, with the version behind the label; the name and ``""`` where no
        installed plugin has the model.
    current : bool
    """

    name: str
    label: str
    family: str
    current: bool


def rows_of(entries: Collection[StoredScore], current: Current) -> dict[ModelVersion, Row]:
    """Return the row of each version that has a stored score."""
    # the newest score of a version is what is known of a model that no plugin describes
    ordered = sorted(entries, key=lambda entry: entry.age)
    versions = {entry.version: entry.summary["provenance"] for entry in ordered}
    places = _places({version.model for version in versions})
    now = _current_versions(entries, current)
    rows = {}
    for version, provenance in versions.items():
        mark = ""
        if now[version.model] != version.version:
            # scores of an unknown source may share the id and a tag with others, but no version
            tag = tag_of(version) if version.source or now[version.model] else None
            mark = f"#{tag or version.version}"
        rows[version] = _row(version, places[version.model], mark, provenance)
    return rows


def find_card(identifier: str, source: str = "") -> ModelCard | None:
    """Return the card of a model, with or without ``@``; None where no installed plugin has it."""
    from brainbench_audio.registry.lookup import find_model

    try:
        return find_model(f"{source}:{identifier}" if source else identifier).card
    except BrainbenchError:  # nobody has to keep a plugin for the sake of its old results
        return None


def known_card(identifier: str, source: str, provenance: Mapping[str, Any]) -> ModelCard | None:
    """Return the card of a model; where no installed plugin has it, what its score was told."""
    if card := find_card(identifier, source):
        return card
    cards = provenance.get("cards")
    told = cards.get("model") if isinstance(cards, Mapping) else None
    if not isinstance(told, Mapping):
        return None
    # a stored file may hold anything
    texts = {name: one for name, one in told.items() if isinstance(one, str)}
    counts = {name: one for name, one in told.items() if isinstance(one, int)}
    layers = told.get("layers")
    return ModelCard(
        id=identifier,
        family=texts.get("family", ""),
        label=texts.get("label", ""),
        parameters=counts.get("parameters", 0),
        layers=tuple(map(str, layers)) if isinstance(layers, list | tuple) else (),
        dims=(),
        sample_rate=counts.get("sample_rate", 0),
        licence=texts.get("licence", ""),
        citation="",
        training_data=texts.get("training_data", ""),
        source=texts.get("source", ""),
        packages=(),
        loader="",
    )


def _row(version: ModelVersion, place: str, mark: str, provenance: Mapping[str, Any]) -> Row:
    name = (f"{place}:" if place else "") + version.id + mark
    card = known_card(version.id, version.source, provenance)
    if card is None:
        return Row(name, name, "", not mark)
    # the label of a scheme's card is that of all its models
    label = card.label if card.layers and card.label else parsed_model(version.id).name
    return Row(name, with_words(label, name, version.id), card.family, not mark)


def with_words(label: str, name: str, identifier: str = "") -> str:
    """Return a model's label with the words that tell this row of it from others behind it.

    Parameters
    ----------
    label : str
        Of the model without any control.
    name : str
        Of the row, see the module.
    identifier : str
        The id within this name; empty: all before its version.

    Examples
    --------
    >>> with_words("BEATs", "beats-iter1@step=10#1a2b")
    'BEATs (step=10, #1a2b)'
    >>> with_words("Mine", "lab/nets.py:mine", "mine")
    'Mine (lab/nets.py)'
    """
    plain = without_version(name)
    identifier = identifier or plain
    place = plain.removesuffix(identifier).removesuffix(":")
    words = (parsed_model(identifier).variant[1:], place, name.removeprefix(plain))
    known = ", ".join(filter(None, words))
    return f"{label} ({known})" if known else label


def _current_versions(entries: Iterable[StoredScore], current: Current) -> dict[Model, str | None]:
    """Return the current version of each model; None where none is.

    Nobody can tell whether scores of an unknown source are of the model that has a source now, so
    they are not current beside it.
    """
    last: dict[Model, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.age):
        last[entry.version.model] = entry.version.version
    known = {identifier for identifier, source in last if source}
    found: dict[Model, str | None] = {}
    for (identifier, source), version in last.items():
        if source:
            now = current(identifier, source)
            found[identifier, source] = version if now == "" else now
        else:
            found[identifier, source] = None if identifier in known else version
    return found


def _places(models: Iterable[Model]) -> dict[Model, str]:
    """Return what stands before the id of each model: nothing where no other model shares it.

    A model's controls and steps share its id, too, so that all of them are called alike.
    """
    groups: dict[str, set[str]] = {}
    for identifier, source in models:
        groups.setdefault(parsed_model(identifier).name, set()).add(source)
    return {
        (identifier, source): _place(source, groups[parsed_model(identifier).name] - {""})
        for identifier, source in models
    }


def parsed_model(identifier: str) -> ModelId:
    """Return the parts of a stored id; one that cannot be taken apart is a name."""
    try:
        return ModelId.parse(identifier)
    except UnknownId:  # an id of somebody's own
        return ModelId(name=identifier)


def _place(source: str, sources: Collection[str]) -> str:
    if not source or len(sources) < 2:
        return ""
    parts = PurePath(source).parts
    others = [PurePath(other).parts for other in sources if other != source]
    for length in range(1, len(parts)):
        if all(other[-length:] != parts[-length:] for other in others):
            return "/".join(parts[-length:])
    return source


def described(identifier: str) -> tuple[str, str]:
    """Return label and family of a model that nobody says the source or version of."""
    row = _row(ModelVersion(identifier, "", ""), "", "", {})
    return row.label, row.family
