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
    labels : int64 tensor (clip,)

    Returns
    -------
    float32 tensor (network,), float32 tensor (network, label, clip)
    """
    logarithm = F.log_softmax(logits, dim=1)
    clips = torch.arange(len(labels), device=labels.device)
    loss = -logarithm[:, labels, clips].mean(dim=1)
    gradient = logarithm.exp_()
    gradient[:, labels, clips] -= 1
    return loss, gradient.div_(len(labels))


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``mean(log(1 + e^z) - y z)`` and its gradient, for clips with any number of labels.

    Parameters
    ----------
    logits : float32 tensor (network, label, clip)
    labels : float32 tensor (clip, label)
        0 or 1.

    Returns
    -------
    float32 tensor (network,), float32 tensor (network, label, clip)
    """
    known = labels.mT
    # softplus() turns linear at 20, which is exact in float32
    loss = (F.softplus(logits) - known * logits).mean(dim=(1, 2))
    return loss, torch.sigmoid(logits).sub_(known).div_(known.numel())
