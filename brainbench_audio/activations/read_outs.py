"""Layers of a network: the outputs of its modules, pooled over time, kept while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import ContractError

Pooling = Callable[[torch.Tensor], torch.Tensor]


def mean_over_time(output: torch.Tensor) -> torch.Tensor:
    """Return the mean over axis 1 of (batch, time, feature); (batch, feature) stays as it is."""
    return output.mean(dim=1) if output.dim() == 3 else output


def module_of(network: torch.nn.Module, read_out: str) -> torch.nn.Module:
    """Return the module of a read-out, ``name`` or ``name#2``.

    Raises
    ------
    AttributeError
        The network has none of that name.
    """
    return network.get_submodule(read_out.partition("#")[0])


@contextmanager
def reading_out(
    model: str,
    network: torch.nn.Module,
    read_outs: Mapping[str, str],
    pools: Mapping[str, Pooling],
    outputs: dict[str, torch.Tensor],
) -> Iterator[None]:
    """Keep the layers of a network that runs within a block.

    Parameters
    ----------
    model : str
        For the message.
    network : torch.nn.Module
    read_outs, pools : mapping
        By layer, see `TorchModel`.
    outputs : dict of str to Tensor
        Takes each layer, (clip, feature).

    Raises
    ------
    ContractError
        A module ran several times, and the read-out does not say which output it is.
    """
    calls: Counter[str] = Counter()
    wanted = {layer: read_out.partition("#")[2] for layer, read_out in read_outs.items()}

    def keep(layer: str) -> Callable[[torch.nn.Module, Any, Any], None]:
        def hook(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
            calls[layer] += 1
            if wanted[layer] not in ("", str(calls[layer])):
                return
            value = output[0] if isinstance(output, tuple) else output
            # a copy, because a later in-place operation may still change the output
            outputs[layer] = pools[layer](value).flatten(1).clone()

        return hook

    handles = [
        module_of(network, read_out).register_forward_hook(keep(layer))
        for layer, read_out in read_outs.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    for layer, name in read_outs.items():
        if calls[layer] > 1 and not wanted[layer]:
            raise ContractError(
                f"Model {model}: {name!r}, read out as layer {layer!r}, runs {calls[layer]} times "
                f"in a forward pass, so it has as many outputs. Say which one: {name}#1 to "
                f"{name}#{calls[layer]}."
            )


def refuse_width(card: ModelCard, layer: str, clips: int, output: torch.Tensor) -> None:
    """Refuse a layer that is not (clip, feature) as the card has it, if it has dims.

    Raises
    ------
    ContractError
        Its shape is another one, or the card has not one number of features for each layer.
    """
    if card.dims and len(card.dims) != len(card.layers):
        raise ContractError(
            f"Model {card.id}: `dims` has {len(card.dims)} numbers for {len(card.layers)} layers. "
            f"Give one each."
        )
    features = dict(zip(card.layers, card.dims, strict=False)).get(layer)
    expected = (clips, output.shape[1] if features is None else features)
    if tuple(output.shape) != expected:
        raise ContractError(
            f"Model {card.id}: layer {layer!r} has shape {tuple(output.shape)} after pooling, "
            f"expected {expected}. Correct its read-out, its pooling, or `dims` on the card."
        )
