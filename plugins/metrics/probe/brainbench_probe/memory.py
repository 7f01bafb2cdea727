"""How much is held and trained at a time, so that the arrays of the metric stay below a limit.

The layer that is being read, and libraries, come on top.
"""

from __future__ import annotations

from collections.abc import Sequence

from brainbench_audio.errors import DataError
from brainbench_audio.machine import available_memory

from .settings import Protocol, Setting

_SINGLE = 4
# value, two moments of Adam, the best state so far
_COPIES = 4


_DEFAULT = 3_000_000_000


def default_limit() -> int:
    """Return the bytes that are taken where no limit is given: 3 GB, or half of what is free.

    More would hardly be faster: a file that fits in memory is read from memory anyway.
    """
    return min(_DEFAULT, available_memory() // 2)


def embeddings_bytes(limit: int | None) -> int:
    """Return the bytes of embeddings that may be in memory; what is larger goes to a file.

    Half of the limit.
    """
    return int(default_limit() if limit is None else limit) // 2


def trained_together(
    settings: Sequence[Setting],
    protocol: Protocol,
    *,
    folds: int,
    layers: int,
    features: int,
    labels: int,
    validation: int,
    limit: int | None,
) -> int:
    """Return how many networks may be trained together in the other half of the limit.

    Parameters
    ----------
    settings : sequence of Setting
        Of all networks.
    protocol : Protocol
    folds : int
        One, or as many as there are networks.
    layers, features, labels, validation : int
        How many there are; ``validation``: clips that are validated on.
    limit : int or None
        Bytes; None: see `default_limit`, but at least one network.

    Raises
    ------
    DataError
        The limit is too low for a single network.
    """
    units, clips = protocol.hidden_units, protocol.batch_size + 1
    depth = max(setting.hidden_layers for setting in settings)
    weights = units * (features + labels + (depth - 1) * units)
    # embeddings of a minibatch in half and single precision; activations, masks and gradients
    fixed = clips * (layers * features * 3 // 2 + (3 * depth + 2) * units) + 2 * weights
    each = _COPIES * weights + clips * features + 2 * validation * labels
    allowed = default_limit() if limit is None else int(limit)
    numbers = allowed // 2 // _SINGLE
    # settings of one fold share a minibatch, and have their activations one after the other
    together = (numbers - fixed) // each if folds == 1 else numbers // (fixed + each)
    if limit is None:
        together = max(1, together)
    if together < 1:
        least = 2 * _SINGLE * (fixed + each)
        raise DataError(
            f"Training one setting takes max_memory of {least / 1e6:.0f} MB at least, and it is "
            f"{allowed / 1e6:.0f} MB: allow that much."
        )
    return min(len(settings), together)
