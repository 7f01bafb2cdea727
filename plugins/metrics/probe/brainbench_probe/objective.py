"""Losses of stacked networks with their gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F

Tensor = torch.Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``-mean log softmax(z)[label]`` and its gradient, for clips with one label each.

    Parameters
    ----------
    logits : float32 tensor (network, label, clip)
    labels : int64 tensor (network, clip)
        Or (1, clip), the same for all networks.

    Returns
    -------
    float32 tensor (network,), float32 tensor (network, label, clip)
    """
    logarithm = F.log_softmax(logits, dim=1)
    networks, clips = (torch.arange(logits.shape[axis], device=labels.device) for axis in (0, 2))
    true = (networks[:, None], labels, clips)
    loss = -logarithm[true].mean(dim=1)
    gradient = logarithm.exp_()
    gradient[true] -= 1
    return loss, gradient.div_(len(clips))


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``mean(log(1 + e^z) - y z)`` and its gradient, for clips with any number of labels.

    Parameters
    ----------
    logits : float32 tensor (network, label, clip)
    labels : float32 tensor (network, label, clip)
        0 or 1; or (1, label, clip), the same for all networks.

    Returns
    -------
    float32 tensor (network,), float32 tensor (network, label, clip)
    """
    # softplus() turns linear at 20, which is exact in float32
    loss = (F.softplus(logits) - labels * logits).mean(dim=(1, 2))
    return loss, torch.sigmoid(logits).sub_(labels).div_(labels[0].numel())
