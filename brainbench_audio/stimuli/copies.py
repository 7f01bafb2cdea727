"""Sounds that are there twice, under two names."""

from __future__ import annotations

from collections.abc import Sequence


def copied_sounds(names: Sequence[str], hashes: Sequence[str], folds: Sequence[int]) -> str:
    """Return a sentence, without its full stop, on files with the same content; or nothing.

    Parameters
    ----------
    names, hashes : sequence of str
        Of each sound; SHA-256 of its file.
    folds : sequence of int
        Of each sound.
    """
    first: dict[str, int] = {}
    copies = [
        (place, first[content])
        for place, content in enumerate(hashes)
        if first.setdefault(content, place) != place
    ]
    if not copies:
        return ""
    apart = sum(folds[place] != folds[original] for place, original in copies)
    leaked = f", and {apart} lie in another fold, so what is fitted is tested on what it knows"
    return (
        f"{len(copies)} of {len(names)} sounds are copies of others, the first is "
        f"{names[copies[0][0]]}, the same file as {names[copies[0][1]]}; each counts as a sound of "
        f"its own{leaked if apart else ''}: leave copies out if the data are yours"
    )
