"""Envelope, spectrum and pitch of a sound as a model of brainbench-audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainbench_audio.registry import hookimpl

if TYPE_CHECKING:
    from brainbench_audio.cards import ModelCard


@hookimpl
def brainbench_models() -> list[ModelCard]:
    """Return the card of the model `lowlevel`."""
    from .cards import CARDS

    return CARDS
