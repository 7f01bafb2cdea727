"""Published files without a network: put where a download would have left them."""

from __future__ import annotations

from pathlib import Path

from brainbench_audio.activations.weights_places import place_of
from brainbench_audio.cards import ModelCard


def put_in_place(card: ModelCard, file: Path, index: int = 0) -> Path:
    """Link a file to where an earlier download of a card's weights would have left it.

    Parameters
    ----------
    card : ModelCard
    file : Path
        Stands for the published one; not checked.
    index : int
        Of the card's weights files.

    Returns
    -------
    Path
        The link.
    """
    place = place_of(card, card.weights[index])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(file)
    return place
