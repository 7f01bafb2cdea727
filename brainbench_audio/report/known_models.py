"""What is known of models beside their cards: the paper's labels, and what they learned from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from .published_files import shipped_rows
from .results import Result


def learning() -> dict[str, str]:
    """Return what models learned from, by id: ``supervised``, ``self-supervised`` or both.

    Examples
    --------
    >>> learning()["spectrotemporal"]
    'not trained'
    """
    return {row["model"]: row["learning"] for row in shipped_rows("models.csv")}


def paper_labels() -> dict[str, str]:
    """Return what the paper's figures call its models, by id.

    Examples
    --------
    >>> paper_labels()["encodecmae-large"]
    'Mel256→EC (Large)'
    """
    return {row["model"]: row["label"] for row in shipped_rows("models.csv") if row["label"]}


def with_paper_labels(results: Iterable[Result]) -> list[Result]:
    """Return results whose models are called as in the paper; others keep their label.

    What is made of a model, or is an older version of one, keeps the words behind its label.
    """
    labels = paper_labels()
    found = []
    for result in results:
        name = re.split("[@#]", result.model)[0]
        behind = result.model.removeprefix(name).lstrip("@#")
        paper = labels.get(name)
        label = f"{paper} ({behind})" if behind else paper
        found.append(replace(result, label=label) if paper and label else result)
    return found
