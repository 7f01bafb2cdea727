"""What is known of a model whose plugin nobody else has: a card as JSON beside the results.

models/<model>.json
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import BrainbenchError, DataError, UnknownId
from brainbench_audio.names import printable
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.scores.identities import ModelVersion
from brainbench_audio.scores.store import StoredScore, folder_name

MODELS = "models"
_LARGEST = 1 << 16  # bytes
_LONGEST = 10_000  # signs of one text
# what a reader must be told; a citation may be missing, as of a model that is not published
_NEEDED = ("id", "label", "family", "licence", "training_data", "source")
_TEXTS = (*_NEEDED, "citation")
_NUMBERS = ("parameters", "sample_rate")


def plain_model(identifier: str) -> str:
    """Return the id of the model itself: without control and step."""
    try:
        return str(ModelId.parse(identifier).plain)
    except UnknownId:  # an id of somebody's own
        return identifier


def place_of_card(identifier: str) -> PurePosixPath:
    """Return where the card of a model is kept below the folder of results."""
    return PurePosixPath(MODELS, f"{folder_name(plain_model(identifier))}.json")


def installed_card(version: ModelVersion) -> ModelCard | None:
    """Return the card of a model from its plugin; None where that is not installed."""
    place = f"{version.source}:" if version.source else ""
    try:
        return find_model(f"{place}{version.id}").card
    except BrainbenchError:
        return None


def card_text(entry: StoredScore) -> str:
    """Return the card of a scored model as JSON; what nobody knows is empty, to be filled in."""
    card = installed_card(entry.version)
    heard = entry.summary["provenance"].get("activations", {})
    layers = card.layers if card and card.layers else heard.get("layers", ())
    known = {name: getattr(card, name) if card else "" for name in _TEXTS}
    name = plain_model(entry.model)
    told = {
        **known,
        "id": name,
        "label": (card.label if card and not card.scheme else "") or name,
        "parameters": card.parameters if card else 0,
        "sample_rate": (card.sample_rate if card else 0) or heard.get("sample_rate", 0),
        "layers": list(layers),
    }
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def read_card(path: Path) -> ModelCard:
    """Read a declared card.

    Raises
    ------
    DataError
        It is missing, a link, too large, no card, or something in it is not filled in.
    """
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path} is no file.")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        told = json.loads(content.decode("utf-8")) if len(content) <= _LARGEST else None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is no card of a model: {error}.") from error
    if not isinstance(told, dict):
        raise DataError(f"{path} is no card of a model, or larger than {_LARGEST} bytes.")
    if wrong := _wrong(told):
        raise DataError(f"{path}: {'; '.join(wrong)}.")
    return ModelCard(
        **{name: told.get(name, "") for name in _TEXTS},
        **{name: told.get(name, 0) for name in _NUMBERS},
        layers=tuple(told.get("layers", ())),
        dims=(),
        packages=(),
        loader="",
    )


def _wrong(told: Mapping[str, Any]) -> list[str]:
    found = [f"{name} is no text" for name in _TEXTS if not _is_text(told.get(name, ""))]
    empty = [name for name in _NEEDED if _is_text(told.get(name, "")) and not told.get(name)]
    if empty:
        found.append(f"{', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty: fill it in")
    found += [
        f"{name} is no number"
        for name in _NUMBERS
        if type(told.get(name, 0)) is not int or told.get(name, 0) < 0
    ]
    layers = told.get("layers", [])
    if not isinstance(layers, list) or not all(map(_is_text, layers)):
        found.append("layers is no list of names")
    if strange := sorted(set(told) - {*_TEXTS, *_NUMBERS, "layers"}):
        found.append(f"{printable(strange[0])} is nothing that a card has")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST
