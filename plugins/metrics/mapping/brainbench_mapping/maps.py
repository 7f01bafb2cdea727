"""Two linear maps from features to responses, learned from some stimuli, tried on others."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from sklearn.cross_decomposition import PLSRegression

Array = npt.NDArray[np.float64]
# features and responses of learned stimuli, features of others -> responses of these
Map = Callable[[Array, Array, Array], Array]
# as Brain-Score has it
COMPONENTS = 25


def pls(features: Array, responses: Array, others: Array) -> Array:
    """Return responses to others by partial least squares, scikit-learn's `PLSRegression`.

    Parameters
    ----------
    features : float64 array (stimulus, feature)
    responses : float64 array (stimulus, target)
    others : float64 array (other stimulus, feature)

    Returns
    -------
    float64 array (other stimulus, target)

    Notes
    -----
    25 components, or as many as the features have dimensions; nothing is divided by its deviation,
    as in Brain-Score (Schrimpf et al. 2018).
    """
    most = min(COMPONENTS, rank_of(features - features.mean(axis=0)))
    if not most or not np.ptp(responses, axis=0).any():
        return np.tile(responses.mean(axis=0), (len(others), 1))
    with warnings.catch_warnings():
        # responses of few dimensions are explained by fewer components; it stops there
        warnings.filterwarnings("ignore", "y residual is constant")
        warnings.filterwarnings("ignore", "Maximum number of iterations reached")
        with _same_random_state():
            fitted: Any = PLSRegression(most, scale=False).fit(features, responses)
    predicted = np.asarray(fitted.predict(others), dtype=np.float64)
    return predicted.reshape(len(others), -1)


def procrustes(features: Array, responses: Array, others: Array) -> Array:
    r"""Return responses to others by the turned and scaled features that lie closest to responses.

    .. math:: \min_{R, s} \| Y - \bar Y - s (X - \bar X) R \|

    over R with orthonormal rows or columns (Schönemann 1966; with as many features as targets,
    SciPy's `orthogonal_procrustes`). Directions that nothing was learned of are not mapped.

    Parameters
    ----------
    features, responses, others
        See `pls`.

    Returns
    -------
    float64 array (other stimulus, target)
    """
    middle, mean = features.mean(axis=0), responses.mean(axis=0)
    centred, wanted = features - middle, responses - mean
    left, singular, right = scipy.linalg.svd(centred.T @ wanted, full_matrices=False)
    known = singular > singular.max(initial=0.0) * np.finfo(np.float64).eps * max(left.shape[0], 1)
    size = float(np.square(centred).sum())
    if not known.any() or not size:
        return np.tile(mean, (len(others), 1))
    turn = left[:, known] @ right[known]
    scale = float(singular[known].sum()) / size
    return np.asarray(mean + scale * ((others - middle) @ turn))


def rank_of(values: Array) -> int:
    """Return the number of dimensions of a matrix but for rounding."""
    return int(np.linalg.matrix_rank(values)) if values.size else 0


@contextmanager
def _same_random_state() -> Iterator[None]:
    """Put Python's random state back: the first fit imports rich, which draws from it."""
    kept = random.getstate()
    try:
        yield
    finally:
        random.setstate(kept)


MAPS: dict[str, Map] = {"pls": pls, "procrustes": procrustes}
