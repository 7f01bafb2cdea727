"""What every card has to say, before anything is loaded."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import fields

from brainbench_audio.cards import PROPERTIES, DatasetCard, MetricCard, ModelCard
from brainbench_audio.errors import BrainbenchError
from brainbench_audio.provenance import source_folder
from brainbench_audio.registry.discovery import Card
from brainbench_audio.registry.ids import FROM
from brainbench_audio.registry.lookup import data_source, load_attribute
from brainbench_audio.testing.conformance.check import Check, Doubtful, require

_ID = {
    ModelCard: r"[a-z0-9][a-z0-9.-]*|[a-z]+:\*",
    DatasetCard: r"[A-Za-z0-9_]+",
    MetricCard: r"[a-z0-9_]+",
}
_ENTRY = re.compile(r"@\w+\{[^\s,{}]+,.*\}\s*\Z", re.DOTALL)
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|fill in)\b")
_HEX = re.compile(r"[0-9a-f]{64}")
_LOADERS = ("loader", "data", "reference", "memory")
_WORDS = {ModelCard: "model", DatasetCard: "data set", MetricCard: "metric"}


def subject(card: Card) -> str:
    """Return what to call a card's thing, e.g. ``"model vggish"``."""
    return f"{_WORDS[type(card)]} {card.id}"


def card_checks(card: Card, package: str) -> Iterator[Check]:
    """Yield the checks of one card of the plugin whose import package is given."""
    name = subject(card)
    yield Check(name, "card is complete", lambda: _complete(card))
    yield Check(name, "citation is BibTeX", lambda: _citation(card))
    yield Check(name, "loader and sources exist", lambda: _sources(card, package))
    if isinstance(card, ModelCard):
        yield Check(name, "layers and weights on the card", lambda: _model(card))
    if isinstance(card, MetricCard):
        yield Check(name, "properties are known", lambda: _properties(card))


def _complete(card: Card) -> None:
    pattern = _ID[type(card)]
    require(
        re.fullmatch(pattern, card.id),
        f"The id {card.id!r} does not match {pattern}: other signs mean something else in ids.",
    )
    for field in fields(card):
        value = getattr(card, field.name)
        if isinstance(value, str):
            require(value.strip(), f"`{field.name}` is empty: fill it in.")
            found = _UNFINISHED.search(value)
            require(not found, f"`{field.name}` still says {found and found[0]!r}: fill it in.")
        elif value is None:
            require(field.default is None, f"`{field.name}` is None: fill it in.")


def _citation(card: Card) -> None:
    text = card.citation.strip()
    require(
        _ENTRY.match(text) and text.count("{") == text.count("}"),
        "`citation` is no BibTeX entry: write @article{key, title = {…}, author = {…}, …} with as "
        "many { as }.",
    )
    for name in ("title", "year"):
        require(
            re.search(rf"\b{name}\s*=", text) or text.lower().startswith("@misc"),
            f"`citation` has no {name}.",
        )


def _sources(card: Card, package: str) -> None:
    require(
        any(name.partition(".")[0] == package for name in card.packages),
        f"`packages` is {card.packages}: it has to name {package!r}, so that scores are made anew "
        f"when its source changes.",
    )
    for name in card.packages:
        source_folder(name)
    loaders = [getattr(card, name, None) for name in _LOADERS]
    for path in filter(None, loaders):
        module, _, attribute = str(path).partition(":")
        require(attribute, f"{path!r} is not of the form 'module:function'.")
        require(importlib.util.find_spec(module), f"{path!r}: there is no module {module}.")
        try:
            found = load_attribute(str(path))
        except BrainbenchError as error:
            # what a model needs may be missing here; importing it is checked with the model
            raise Doubtful(str(error)) from error
        require(callable(found), f"{path!r} is no function.")
    if isinstance(card, DatasetCard):
        data_source(card)


def _model(card: ModelCard) -> None:
    if card.scheme:
        require(card.weights == (), "A scheme's card has no weights of its own: leave them out.")
        return
    require(card.layers, "`layers` is empty: name what can be read out, in the order of sound.")
    require(len(set(card.layers)) == len(card.layers), "`layers` names one twice.")
    require(
        len(card.dims) == len(card.layers) and all(dim > 0 for dim in card.dims),
        f"`dims` has {len(card.dims)} numbers for {len(card.layers)} layers: one each, above 0.",
    )
    require(card.sample_rate > 0, "`sample_rate` is not above 0.")
    for file in card.weights:
        require(
            file.url.startswith(("https://", "hf://")),
            f"Weights at {file.url!r}: only https:// and hf:// are fetched.",
        )
        require(
            file.sha256 is None or _HEX.fullmatch(file.sha256),
            f"The sha256 of {file.url} is not 64 hex digits.",
        )
    unhashed = [file.url for file in card.weights if file.sha256 is None]
    if unhashed:
        raise Doubtful(
            f"{len(unhashed)} weights files have no sha256, the first is {unhashed[0]}: the first "
            f"download is trusted. Give the hash on the card if you know it."
        )


def _properties(card: MetricCard) -> None:
    told = card.properties.union(*card.variant_properties.values())
    unknown = sorted(told - set(PROPERTIES))
    require(not unknown, f"`properties` names {unknown}: choose from {', '.join(PROPERTIES)}.")
    require(
        set(card.requires) <= {None, *card.variants} and None in card.requires,
        "`requires` has a key that is no variant, or lacks None for the plain metric.",
    )
    require(
        card.given <= {None, *card.variants},
        "`given` names what is no variant.",
    )
    for name in ("variant_properties", "variant_units", "variant_largest"):
        require(
            set(getattr(card, name)) <= set(card.variants),
            f"`{name}` has a key that is no variant.",
        )
    # ids are taken apart without a card: `-from=` alone names data, and no model
    require(
        card.second <= {FROM} & {*card.variants} and FROM not in card.given,
        f"`second` may hold {FROM!r}, if that is a variant, and nothing else; `given` may not.",
    )
