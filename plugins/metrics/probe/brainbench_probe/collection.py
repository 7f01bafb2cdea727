"""Layers, read one at a time, brought to one size and stored for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import ContractError

from .embeddings import Embeddings
from .reduction import principal_components
from .task import Split

Features = npt.NDArray[np.floating[Any]]
Layers = Mapping[str, Features]


def collect(
    layers: Layers,
    names: Sequence[str],
    rounds: Sequence[Split],
    *,
    clips: int,
    in_memory: int,
    stack: ExitStack,
) -> list[Embeddings]:
    """Return the embeddings for each round of training and testing.

    Layers of one size are read once, and all rounds share them. Where sizes differ, which is known
    only after reading, each layer is read once more and brought to the smallest size (or to the
    number of training clips, if that is smaller) by principal components of each round's training
    clips.

    Parameters
    ----------
    layers : mapping of str to array (clip, feature)
    names : sequence of str
        Which of them.
    rounds : sequence of Split
    clips : int
    in_memory : int
        Bytes of embeddings that may be in memory.
    stack : ExitStack
        Closes the embeddings.

    Raises
    ------
    ContractError
        A layer is not (clip, feature) with as many rows as there are clips.
    DataError
        A layer is not finite or too large, or there are too few training clips for principal
        components.
    """
    sizes: list[int] = []
    with ExitStack() as opened:
        shared: Embeddings | None = None
        for place, name in enumerate(names):
            values = _checked(layers, name, clips)
            sizes.append(values.shape[1])
            if shared is None:
                shared = opened.enter_context(Embeddings(clips, len(names), sizes[0], in_memory))
            if sizes[place] == sizes[0]:
                shared.fill(place, name, values)
        if shared is not None and len(set(sizes)) == 1:
            stack.push(opened.pop_all())
            return [shared] * len(rounds)
    found = [
        stack.enter_context(
            Embeddings(
                clips,
                len(names),
                min(*sizes, len(split.train)),
                in_memory // len(rounds),
            )
        )
        for split in rounds
    ]
    for place, name in enumerate(names):
        values = _checked(layers, name, clips)
        for split, reduced in zip(rounds, found, strict=True):
            reduced.fill(
                place, name, principal_components(name, values, split.train, reduced.features)
            )
    return found


def _checked(layers: Layers, name: str, clips: int) -> Features:
    values = np.asarray(layers[name])
    if values.ndim != 2 or len(values) != clips or not values.shape[1]:
        raise ContractError(
            f"Layer {name!r} must be (stimulus, feature) with {clips} rows, as the task; got shape "
            f"{values.shape}."
        )
    return values if np.issubdtype(values.dtype, np.floating) else values.astype(np.float64)
