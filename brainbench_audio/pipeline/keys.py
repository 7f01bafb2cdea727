"""The keys of a pair: what decides its activations and its score, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from brainbench_audio.activations.extraction import activation_fields
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.store import activations_key
from brainbench_audio.files import hash_json
from brainbench_audio.scores.store import score_stem


@dataclass(frozen=True, kw_only=True)
class PairKeys:
    """What decides one score, and where it is kept.

    Attributes
    ----------
    identity : Identity
        Of the model.
    heard : str
        Fingerprint of the sounds, as the model hears them.
    benchmark : str
        Id.
    inputs : mapping or None
        Fingerprint of the benchmark; None: it has none, and the score is not kept.
    """

    identity: Identity
    heard: str
    benchmark: str
    inputs: Mapping[str, Any] | None

    @cached_property
    def activations(self) -> str | None:
        """Key of the activations of all layers; None if nobody can tell what decides them."""
        if not self.identity.kept:
            return None
        return activations_key(activation_fields(self.identity, self.heard), self.identity.layers)

    @cached_property
    def score(self) -> str | None:
        """Key of the score; None if something that decides it is not known.

        Where the model comes from counts: equal files in two folders are two models.
        """
        if self.activations is None or self.inputs is None:
            return None
        place = [self.identity.id, self.identity.source]
        return hash_json([self.activations, dict(self.inputs), place])

    @property
    def stem(self) -> Path | None:
        """Where the score is kept, see `scores.store.score_stem`; None: nowhere."""
        if self.score is None:
            return None
        return score_stem(self.benchmark, self.identity.id, self.score)
