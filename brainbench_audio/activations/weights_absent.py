"""What is said of weights that are not here: all that a person needs to get them."""

from __future__ import annotations

from collections.abc import Sequence

from brainbench_audio.activations import weights_places as places
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.files import size_in_words
from brainbench_audio.hub import SCHEME, web_address


def absent(card: ModelCard, files: Sequence[WeightsFile], reason: str) -> str:
    """Return the error for weights that are not here.

    Parameters
    ----------
    card : ModelCard
    files : sequence of WeightsFile
        Those of the card's that are lacking.
    reason : str
        Why they were not fetched.

    Returns
    -------
    str
        Lines: for each file its name, size and hash, its addresses and its place; the commands that
        fetch it and that install a copy.
    """
    lines = [f"The weights of {card.id} are not here: {reason}"]
    for published in files:
        lines.append(f"  file: {places.file_name(published)} ({described(published)})")
        lines += [f"  address: {address}" for address in addresses(published)]
        if published.member:
            lines.append(f"  member: {published.member}")
        if published.by_hand:
            lines.append(f"  by hand: {published.by_hand}.")
        lines.append(f"  place: {places.place_of(card, published)}")
        lines += [f"  found, but another file: {other}" for other in _others(card, published)]
    what = "FILE" if len(card.weights) == 1 else "FOLDER"
    if not all(published.by_hand for published in files):
        lines.append(f"  fetch: brainbench weights get {card.id}")
    lines += [
        f"  install a copy: brainbench weights add {card.id} {what}",
        f"  or give one: --weights {card.id}={what}, load_model({card.id!r}, weights={what})",
    ]
    return "\n".join(lines)


def described(published: WeightsFile) -> str:
    """Return size, hash and revision of a published file in words, as far as they are known."""
    size = size_in_words(published.size) if published.size else "size not known"
    if published.sha256:
        return f"{size}, SHA-256 {published.sha256}"
    moves = published.url.startswith(SCHEME) and "@" not in published.url
    commit = "; no commit known: main, pinned at the first download" if moves else ""
    return f"{size}, no SHA-256 published{commit}"


def addresses(published: WeightsFile) -> list[str]:
    """Return the addresses of a published file as a browser takes them, the revision in them."""
    return [
        web_address(url) if url.startswith(SCHEME) else url
        for url in (published.url, *published.mirrors)
    ]


def _others(card: ModelCard, published: WeightsFile) -> list[str]:
    return [str(path) for path in dict.fromkeys(places.candidates(card, published))]
