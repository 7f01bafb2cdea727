"""Results of a folder that a group keeps, see `sharing.folder`, as reports show them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from brainbench_audio.cards import ModelCard
from brainbench_audio.sharing.declared import place_of_card, read_card
from brainbench_audio.sharing.folder import is_inside, read_folder

from .results import Result, stored_files, with_components
from .versions import find_card, with_words


def folder_results(folder: Path) -> tuple[list[Result], dict[str, ModelCard]]:
    """Return the results of a folder, and cards of those models that no installed plugin has.

    Of each model the version that was scored last is current.

    Returns
    -------
    list of Result
        By benchmark and model, with those of components.
    dict of str to ModelCard
        By the id of the model with its control or step.

    Raises
    ------
    DataError
        There is no folder of results, or a file in it is of no use.
    """
    entries = read_folder(folder)
    cards = {}
    for entry in entries:
        place = place_of_card(entry.model)
        if find_card(entry.version.id, entry.version.source) is None and is_inside(folder, place):
            cards[entry.model] = read_card(folder / place)
    results = stored_files(lambda identifier, source: "", entries)
    return with_components([_labelled(one, cards.get(one.id)) for one in results]), cards


def _labelled(result: Result, card: ModelCard | None) -> Result:
    """Return a result under the name and the family on its declared card."""
    if card is None:
        return result
    label = with_words(card.label, result.model, result.id)
    return replace(result, label=label, family=card.family)
