"""What is known of models beside their cards: the paper's labels, and what they learned from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .published_files import shipped_rows
from .results import Result
from .versions import parsed_model, with_words


def learning() -> dict[str, str]:
    """Return what models learned from, by id: ``supervised``, ``self-supervised`` or both.

    Examples
    --------
    >>> learning()["spectrotemporal"]
    'not trained'
    """
    return known("learning")


def known(fact: str) -> dict[str, str]:
    """Return a fact about models where it is known, by id: a column of the table.

    Examples
    --------
    >>> known("hours")["wav2vec2"], known("data")["wav2vec2"]
    ('960', 'speech')
    """
    return {row["model"]: row[fact] for row in shipped_rows("models.csv") if row[fact]}


def paper_labels() -> dict[str, str]:
    """Return what the paper's figures call its models, by id.

    Examples
    --------
    >>> paper_labels()["encodecmae-large"]
    'Mel256→EC (Large)'
    """
    return known("label")


def with_paper_labels(results: Iterable[Result]) -> list[Result]:
    """Return results whose models are called as in the paper; others keep their label.

    What is made of a model, an older version of one, or one of two that share an id keeps the words
    behind its label.
    """
    labels = paper_labels()
    found = []
    for result in results:
        identifier = result.id or result.name
        paper = labels.get(parsed_model(identifier).name)
        label = with_words(paper, result.model, identifier) if paper else result.label
        found.append(replace(result, label=label))
    return found
