"""Principal components of a layer, learned from training clips a piece at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from brainbench_audio.errors import DataError

from .embeddings import largest_of

_PIECE = 4096


def principal_components(
    name: str,
    values: npt.NDArray[np.floating[Any]],
    train: npt.NDArray[np.int64],
    components: int,
    piece: int = _PIECE,
) -> npt.NDArray[np.float32]:
    """Return a layer's principal components, as learned from the training clips.

    Exact as long as the training clips fit in one piece; else each piece updates what the ones
    before it have left (`sklearn.decomposition.IncrementalPCA`), and memory holds one piece.

    Parameters
    ----------
    name : str
        Of the layer, for the error.
    values : float array (clip, feature)
    train : int64 array (clip,)
        Places of the training clips.
    components : int
        At most the number of features and of training clips.
    piece : int
        Clips of a piece, at least; never fewer than twice the components.

    Returns
    -------
    float32 array (clip, component)

    Raises
    ------
    DataError
        There are fewer than two training clips, or the layer is as `largest_of` says.
    """
    from sklearn.decomposition import IncrementalPCA

    if len(train) < 2:
        raise DataError(
            f"{len(train)} training clips are too few for the principal components that layers of "
            f"different size need: at least 2."
        )
    largest_of(name, values)
    pieces = np.array_split(train, max(1, len(train) // max(piece, 2 * components)))
    model = IncrementalPCA(n_components=components)
    for rows in pieces:
        part = values[rows].astype(np.float32)
        # a layer that is constant over these clips has no variance to have a share of
        with np.errstate(invalid="ignore"):
            model.partial_fit(part, check_input=False)
    reduced = np.empty((len(values), components), dtype=np.float32)
    for start in range(0, len(values), piece):
        part = values[start : start + piece].astype(np.float32)
        reduced[start : start + piece] = model.transform(part)
    return reduced
