"""Classifiers of the published networks: loaded with the rest, but part of no layer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

WORDS = 794
Heads = int | Mapping[str, int]

ALL_HEADS: Mapping[str, int] = {
    "signal/word_int": WORDS,
    "signal/speaker_int": 433,
    "noise/labels_binary_via_int": 517,
}


def make_heads(features: int, heads: Heads) -> nn.Module:
    """Return one linear classifier, or a named one for each task.

    Parameters
    ----------
    features : int
        That a classifier sees.
    heads : int or mapping of str to int
        Classes; a mapping for several tasks.
    """
    if isinstance(heads, int):
        return nn.Linear(features, heads)
    return nn.ModuleDict({task: nn.Linear(features, classes) for task, classes in heads.items()})
