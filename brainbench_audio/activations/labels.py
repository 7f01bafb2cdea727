"""What a file of weights says of itself: refused if it is that of a sibling of the model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.registry.lookup import registered

_KEYS = frozenset({"arch", "id", "label", "model", "model_id", "model_name", "name", "variant"})
_DEEPEST = 3


def refuse_sibling(card: ModelCard, content: Mapping[Any, Any], hashes: Collection[str]) -> None:
    """Refuse the published file of another model of the family, or one labelled as such.

    Siblings often have one architecture, so names and shapes cannot tell them apart.

    Parameters
    ----------
    card : ModelCard
    content : mapping
        What is in the file. Labels are short texts under names such as ``model_name``.
    hashes : collection of str
        SHA-256 of the files.

    Raises
    ------
    DataError
        It is, or is labelled, another model's.
    """
    family = [one.card for one in registered(ModelCard) if one.card.family == card.family]
    own = {file.sha256 for file in card.weights}
    for sibling in family:
        for file in sibling.weights:
            if file.sha256 in hashes and file.sha256 not in own:
                raise DataError(
                    f"This is the published file of {sibling.id}, not of {card.id} (SHA-256 "
                    f"{file.sha256}): load it as {sibling.id}."
                )
    meant = _meant(family)
    for key, text in _labels(content, _DEEPEST):
        other = meant.get(_plain(text), card.id)
        if other != card.id:
            raise DataError(
                f"The file says that it is of {other} ({key}: {text!r}), not of {card.id}: load it "
                f"as {other}, or give the file of {card.id}."
            )


def _meant(family: Collection[ModelCard]) -> dict[str, str]:
    """Return the models that labels stand for: by id, label and file, where that is one's own."""
    names = [
        (_plain(name), card.id)
        for card in family
        for name in {card.id, card.label, *(_stem(file.url) for file in card.weights)}
    ]
    of_one = Counter(name for name, _ in set(names))
    return {name: identifier for name, identifier in names if of_one[name] == 1}


def _labels(content: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        if isinstance(value, str) and key in _KEYS:
            yield key, value
        elif isinstance(value, Mapping) and depth > 1:
            yield from _labels(value, depth - 1)


def _stem(url: str) -> str:
    return PurePosixPath(re.split("[@?]", url.rpartition("/")[2])[0]).stem


def _plain(name: str) -> str:
    return re.sub(r"[\s_]+", "-", name.strip().lower())
