"""The shortest sound that a network tells from another, where no arithmetic on its card says it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch

from brainbench_audio.errors import ContractError
from brainbench_audio.machine import is_out_of_memory

Hearing = Callable[[torch.Tensor], Sequence[torch.Tensor]]
_LEAST = 3e-6
"""What differs by less, in standard deviations of a layer, is rounding."""


def told_apart(outputs: Sequence[torch.Tensor]) -> bool:
    """Return whether no two of three sounds give the same in any output (3, …), and all is finite.

    Examples
    --------
    >>> told_apart([torch.tensor([[1.0, 2.0], [1.0, 2.5], [3.0, 2.5]])])
    True
    >>> told_apart([torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 2.5]])])
    False
    """
    for output in outputs:
        rows = output.float().flatten(1)
        apart = (rows - rows.roll(1, dims=0)).abs().amax(dim=1) > _LEAST * rows.std()
        if not rows.isfinite().all() or not apart.all():
            return False
    return True


def find_shortest(hear: Hearing, name: str, *, start: int = 1, longest: int = 16_000) -> int:
    """Return the fewest samples from which a network tells noises apart.

    Doubles the length until they differ, then bisects: only short sounds are heard. So it takes for
    granted that what tells sounds of one length apart does so with longer ones.

    Parameters
    ----------
    hear : callable
        Takes sounds (3, sample), returns the layers, (3, feature). An error of any kind means that
        it cannot take sounds of this length.
    name : str
        For the message.
    start : int
        Samples below which it is known that sounds are not told apart.
    longest : int
        Samples at which the search ends.

    Raises
    ------
    ContractError
        Even the longest noises give the same, or something that is not finite.

    Examples
    --------
    >>> find_shortest(lambda sounds: [sounds.unfold(1, 400, 160).mean(dim=2)], "frames")
    400
    """
    fails, works = start - 1, start
    while not works_with(hear, works):
        if works >= longest:
            raise ContractError(
                f"{name} gives the same activations for noises of {longest} samples, or such "
                f"that are not finite: its weights are damaged, or it does not hear."
            )
        fails, works = works, min(2 * works, longest)
    while works - fails > 1:
        middle = (fails + works) // 2
        if works_with(hear, middle):
            works = middle
        else:
            fails = middle
    return works


def works_with(hear: Hearing, samples: int) -> bool:
    """Return whether noises of some length are told apart; see `find_shortest`.

    Three: where only the sign of a sound is left, two of them are the same.
    """
    noises = 0.1 * torch.randn(3, samples, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # means over nothing, divisions by zero
            return told_apart(hear(noises))
    except Exception as error:  # every library and architecture has errors of its own
        if is_out_of_memory(error):
            raise
        return False
