"""Representational similarity as a loss. Experimental: nobody has shown that training on it helps.

The distances are those of the metric `rsa`; with ``soft-rank`` the loss tends to one minus its
value as the temperature goes to zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brainbench_audio.errors import ContractError

Method = Literal["pearson", "soft-rank"]
_BAND_ENTRIES = 1 << 20  # of the matrix of comparisons that are held at once: 4 MB in float32


def rsa_loss(
    features: Tensor,
    target_rdm: Tensor,
    *,
    method: Method = "pearson",
    temperature: float = 0.05,
    zscore: bool = True,
) -> Tensor:
    r"""Return how little the distances between stimuli agree with given ones.

    .. math:: 1 - \mathrm{Pearson}(f(d), g(t))

    over pairs of stimuli, with distances d of the features and t of the target. For ``pearson`` f
    and g are the identity, for ``soft-rank`` f gives soft ranks (`soft_ranks`) and g ranks, so that
    this is one minus Spearman's rho for a temperature near zero.

    Parameters
    ----------
    features : Tensor
        (stimulus, feature), at least 3 stimuli and 2 features; a layer's activations, averaged
        over time.
    target_rdm : Tensor
        (pair,), the upper triangle row by row, or (stimulus, stimulus); e.g. what
        `correlation_distances` gives of the responses. No gradient flows into it.
    method : ``"pearson"`` or ``"soft-rank"``
    temperature : float
        Of the soft ranks, in units of the correlation distance, which lies in [0, 2].
    zscore : bool
        Z-score each feature over the stimuli first, as the metric does. In a batch these are the
        batch's statistics.

    Returns
    -------
    Tensor
        Scalar in [0, 2]; 0 for perfect agreement, 1 for none.

    Raises
    ------
    ContractError
        Shapes that do not fit, a target that is no finite, symmetric matrix of distances, an
        unknown method, or a temperature that is not positive.

    Notes
    -----
    Distances and loss of "Better audio representations are more brain-like", section 4.4. The
    metric refuses stimuli with equal values in all features; here they have distance 1 and no
    gradient, because a training should not stop there. ``soft-rank`` compares all pairs with all
    pairs: time is quadratic in pairs, memory is bounded.

    Examples
    --------
    >>> features = torch.tensor([[1.0, 2.0, 4.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])
    >>> float(rsa_loss(features, correlation_distances(features)).round(decimals=5)) + 0.0
    0.0
    """
    if method not in ("pearson", "soft-rank"):
        raise ContractError(f"There is no method {method!r}: choose pearson or soft-rank.")
    distances = correlation_distances(features, zscore=zscore)
    target = _pairs(target_rdm.detach(), len(features))
    if not bool(torch.isfinite(target).all()):
        raise ContractError(
            "The target holds distances that are NaN or infinite: leave these stimuli out."
        )
    if method == "soft-rank":
        # ranked as given: a lower precision could tie what differs
        distances, target = soft_ranks(distances, temperature), _ranks(target)
    return 1 - _pearson(distances, target.to(distances))


def correlation_distances(features: Tensor, *, zscore: bool = True) -> Tensor:
    r"""Return the correlation distance of each pair of stimuli, differentiable.

    .. math:: d_{ab} = 1 - \mathrm{Pearson}(z_a, z_b)

    over features; z is z-scored over stimuli if ``zscore``.

    Parameters
    ----------
    features : Tensor
        (stimulus, feature), at least 3 stimuli and 2 features.
    zscore : bool

    Returns
    -------
    Tensor
        (pair,), the upper triangle row by row.

    Raises
    ------
    ContractError
        Another shape.

    Examples
    --------
    >>> rows = torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])
    >>> correlation_distances(rows, zscore=False).round(decimals=4).tolist()
    [2.0, 0.5, 1.5]
    """
    if features.ndim != 2 or features.shape[0] < 3 or features.shape[1] < 2:
        raise ContractError(
            f"Features have shape {tuple(features.shape)}, expected (stimulus, feature) with at "
            f"least 3 stimuli and 2 features: average over time first."
        )
    rows = _standardised(features) if zscore else features
    means = rows.mean(dim=1, keepdim=True)
    rows = rows - means
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    # what is left of equal values is rounding, and must not be blown up to unit length
    flat = norms <= torch.finfo(rows.dtype).eps * rows.shape[1] ** 0.5 * means.abs()
    rows = torch.where(flat, 0.0, rows / torch.where(flat, 1.0, norms))
    one, other = torch.triu_indices(len(rows), len(rows), offset=1, device=rows.device)
    distances: Tensor = 1 - (rows @ rows.T)[one, other]
    return distances


def soft_ranks(values: Tensor, temperature: float) -> Tensor:
    r"""Return ranks from 1 that are differentiable in the values.

    .. math:: r_i = 1/2 + \sum_j \sigma((v_i - v_j) / \tau)

    As the temperature goes to 0 these become average ranks, ties included.

    Parameters
    ----------
    values : Tensor
        (value,).
    temperature : float
        In the unit of the values.

    Returns
    -------
    Tensor
        (value,).

    Raises
    ------
    ContractError
        A temperature that is not positive.

    Notes
    -----
    A band of the matrix of all comparisons exists at a time, and again in the backward pass.
    There is no second derivative.

    Examples
    --------
    >>> soft_ranks(torch.tensor([0.3, 0.1, 0.3, 0.9]), 1e-3).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    if not temperature > 0:
        raise ContractError(f"A temperature has to be positive, got {temperature}.")
    ranks: Tensor = _SoftRanks.apply(values, temperature)
    return ranks


class _SoftRanks(torch.autograd.Function):
    """Goes through the matrix of comparisons in bands of rows, so that memory is bounded."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, temperature: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.temperature = temperature
        bands = [band.sum(dim=1) for _, band in _comparisons(values, temperature)]
        return torch.cat(bands) + 0.5

    @staticmethod
    @once_differentiable  # type: ignore[misc,untyped-decorator,unused-ignore]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (values,) = ctx.saved_tensors
        found = torch.empty_like(values)
        for rows, slope in _comparisons(values, ctx.temperature):
            slope.mul_(1 - slope)
            # what a value adds to its own rank, less what it takes from those of the others
            found[rows] = gradient[rows] * slope.sum(dim=1) - slope @ gradient
        return found / ctx.temperature, None


def _comparisons(values: Tensor, temperature: float) -> Iterator[tuple[slice, Tensor]]:
    """Yield bands of rows i, columns j, of the sigmoid of (v_i - v_j) / temperature.

    All lie in one place of memory, because fresh ones would leave holes in it.
    """
    step = max(1, _BAND_ENTRIES // max(len(values), 1))
    place = values.new_empty(min(step, len(values)), len(values))
    for start in range(0, len(values), step):
        rows = slice(start, start + step)
        some = values[rows, None]
        band = torch.sub(some, values[None, :], out=place[: len(some)])
        yield rows, band.div_(temperature).sigmoid_()


def _ranks(values: Tensor) -> Tensor:
    """Return average ranks from 1."""
    _, group, counts = torch.unique(values, return_inverse=True, return_counts=True)
    ranks: Tensor = counts.cumsum(0) - (counts - 1) / 2
    return ranks[group]


def _standardised(features: Tensor) -> Tensor:
    """Return features with mean 0 and deviation 1 over stimuli; those that are constant are 0."""
    constant = features.amax(dim=0) == features.amin(dim=0)
    centred = features - features.mean(dim=0)
    # of any unit; in single precision squares below 1e-38 would be zero
    largest = torch.where(constant, 1.0, centred.abs().amax(dim=0)).detach()
    centred = centred / largest
    # the root has no slope at 0, and 0 times that would be no number
    variance = torch.where(constant, 1.0, centred.square().mean(dim=0))
    return torch.where(constant, 0.0, centred / variance.sqrt())


def _pairs(rdm: Tensor, stimuli: int) -> Tensor:
    """Return the upper triangle of an RDM that is given as such or as a square matrix."""
    if rdm.shape == (stimuli, stimuli):
        # of what was computed in half precision, too
        rounding = 1e-2 * float(rdm.abs().nan_to_num().max())
        if float(rdm.diagonal().abs().max()) > rounding:
            raise ContractError(
                "The target has numbers other than 0 on its diagonal, so they are no distances: "
                "give 1 - similarity."
            )
        if not torch.allclose(rdm, rdm.T, rtol=0, atol=rounding, equal_nan=True):
            raise ContractError(
                "The target is not symmetric: fill both triangles, or give pairs of the upper one."
            )
        one, other = torch.triu_indices(stimuli, stimuli, offset=1, device=rdm.device)
        return rdm[one, other]
    if rdm.shape == (stimuli * (stimuli - 1) // 2,):
        return rdm
    raise ContractError(
        f"The target has shape {tuple(rdm.shape)}, expected ({stimuli}, {stimuli}) or "
        f"({stimuli * (stimuli - 1) // 2},) for {stimuli} stimuli."
    )


def _pearson(first: Tensor, second: Tensor) -> Tensor:
    first, second = first - first.mean(), second - second.mean()
    norms = torch.linalg.vector_norm(first) * torch.linalg.vector_norm(second)
    correlation: Tensor = (first * second).sum() / norms.clamp_min(torch.finfo(first.dtype).tiny)
    return correlation
