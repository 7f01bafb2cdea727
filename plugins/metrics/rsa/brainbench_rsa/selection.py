"""Choosing a layer on stimuli that the scored entries of the RDM do not contain."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainbench_audio.assemblies.folds import fold_labels
from brainbench_audio.errors import DataError

from .comparison import correlate, standard_ranks, tie_groups
from .rdm import FloatArray, IntArray, pair_indices, stimuli_of

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class FoldPair:
    """Two folds (or one, twice), the entries between them and those that touch neither."""

    folds: tuple[Any, Any]
    block: BoolArray
    training: BoolArray


@dataclass(frozen=True)
class CrossValidation:
    """What the choice of layers gave.

    Attributes
    ----------
    rho
        (subject,), Spearman's rho of the assembled RDM with the subject's.
    chosen
        (fold pair, subject), index of the layer chosen.
    fold_pairs
        (fold pair, 2), labels of the folds of each pair.
    rdms
        (subject, pair), the RDMs assembled from the chosen layers.
    inner
        (fold pair, layer, subject), the correlations layers were chosen by; -inf where undefined.
    """

    rho: FloatArray
    chosen: IntArray
    fold_pairs: NDArray[Any]
    rdms: FloatArray
    inner: FloatArray


def fold_pairs(folds: ArrayLike) -> list[FoldPair]:
    """Return the unordered pairs of folds, each with its masks over RDM entries.

    Parameters
    ----------
    folds
        (stimulus,), the fold of each stimulus.

    Returns
    -------
    list of FoldPair
        Sorted by fold; the blocks part the upper triangle, and no training entry has a stimulus
        of the pair's folds.

    Raises
    ------
    DataError
        If a pair leaves fewer than 3 stimuli to choose a layer on.
    """
    labels = fold_labels(folds)
    names = np.unique(labels)
    first, second = pair_indices(len(labels))
    one, other = labels[first], labels[second]
    pairs = []
    for i, j in combinations_with_replacement(names.tolist(), 2):
        left = int(((labels != i) & (labels != j)).sum())
        if left < 3:
            raise DataError(
                f"Folds {i} and {j} leave {left} of {len(labels)} stimuli to choose a layer on; "
                f"at least 3 are needed. Use 3 or more folds (got {len(names)}), each leaving "
                "3 stimuli outside any two."
            )
        block = ((one == i) & (other == j)) | ((one == j) & (other == i))
        training = (one != i) & (one != j) & (other != i) & (other != j)
        pairs.append(FoldPair((i, j), block, training))
    return pairs


def cross_validate(layers: ArrayLike, subjects: ArrayLike, folds: ArrayLike) -> CrossValidation:
    """Compare RDMs assembled from layers that were chosen on other stimuli.

    For each pair of folds the layer is the one whose RDM has the highest Spearman correlation
    with the subject's over the entries whose two stimuli both lie outside both folds. The entries
    between the two folds are then read from that layer's RDM. The RDM assembled so is compared
    once with the subject's.

    Parameters
    ----------
    layers
        (layer, pair), one RDM a layer.
    subjects
        (subject, pair), one RDM a subject.
    folds
        (stimulus,), the fold of each stimulus.

    Returns
    -------
    CrossValidation
        Correlation, chosen layers and assembled RDMs of each subject.

    Raises
    ------
    DataError
        If folds are no label of each stimulus or too few, or all layers or a subject are
        constant over the entries to choose on.

    Notes
    -----
    "Better audio representations are more brain-like", section 4.4. The released code leaves out
    of the choice only the rows of the one fold and the columns of the other, so that entries with
    a scored stimulus still take part in it and later pairs overwrite entries of earlier ones;
    here no stimulus of a scored entry takes part. Entries from different layers are compared on
    one scale, as released. Equal correlations: the first layer wins.
    """
    layer_rdms = np.atleast_2d(np.asarray(layers, dtype=np.float64))
    subject_rdms = np.atleast_2d(np.asarray(subjects, dtype=np.float64))
    stimuli = stimuli_of(layer_rdms.shape[1])
    folds = fold_labels(folds, stimuli)
    layer_groups, subject_groups = tie_groups(layer_rdms), tie_groups(subject_rdms)
    pairs = fold_pairs(folds)
    inner = np.stack([_inner(layer_groups, subject_groups, pair) for pair in pairs])
    chosen = inner.argmax(axis=1)
    assembled = np.empty_like(subject_rdms)
    for row, pair in enumerate(pairs):
        entries = np.flatnonzero(pair.block)
        assembled[:, entries] = layer_rdms[chosen[row][:, None], entries]
    ranks = standard_ranks(subject_groups)
    found = standard_ranks(tie_groups(assembled))
    rho = np.clip(np.einsum("ij,ij->i", ranks, found), -1.0, 1.0)
    names = np.array([pair.folds for pair in pairs])
    return CrossValidation(rho, chosen, names, assembled, inner)


def _inner(layers: IntArray, subjects: IntArray, pair: FoldPair) -> FloatArray:
    """Return the correlations outside two folds, (layer, subject), -inf where undefined."""
    entries = np.flatnonzero(pair.training)
    rho = correlate(standard_ranks(layers, entries), standard_ranks(subjects, entries))
    defined = ~np.isnan(rho)
    if not defined.any(axis=0).all():
        raise DataError(
            f"Outside folds {pair.folds[0]} and {pair.folds[1]} the RDM of a subject or of every "
            "layer is constant, so no layer can be chosen. Use larger folds or drop the subject."
        )
    return np.where(defined, rho, -np.inf)
