"""The keys of a pair: what decides its activations and its score, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from brainbench_audio.activations.extraction import plan_extraction
from brainbench_audio.activations.identity import Identity
from brainbench_audio.activations.store import Plan
from brainbench_audio.files import hash_json
from brainbench_audio.scores.store import score_stem
from brainbench_audio.stimuli.stimulus_set import StimulusSet


@dataclass(frozen=True, kw_only=True)
class PairKeys:
    """What decides one score, and where it is kept.

    Attributes
    ----------
    identity : Identity
        Of the model.
    plan : Plan
        Of its activations.
    benchmark : str
        Id.
    inputs : mapping or None
        Fingerprint of the benchmark; None: it has none, and the score is not kept.
    """

    identity: Identity
    plan: Plan
    benchmark: str
    inputs: Mapping[str, Any] | None

    @cached_property
    def key(self) -> str | None:
        """SHA-256 of all of it; None if something is not known.

        Where the model comes from counts: equal files in two folders are two models.
        """
        if not self.identity.kept or self.inputs is None:
            return None
        place = [self.identity.id, self.identity.source]
        return hash_json([self.plan.key, dict(self.inputs), place])

    @property
    def stem(self) -> Path | None:
        """Where the score is kept, see `scores.store.score_stem`; None: nowhere."""
        key = self.key
        return None if key is None else score_stem(self.benchmark, self.identity.id, key)


def pair_keys(
    identity: Identity, stimuli: StimulusSet, benchmark: str, inputs: Mapping[str, Any] | None
) -> PairKeys:
    """Work out the keys of a model on a benchmark.

    Raises
    ------
    ContractError
        The model has no layers.
    DataError
        A sound file is missing.
    """
    plan = plan_extraction(identity, stimuli)
    return PairKeys(identity=identity, plan=plan, benchmark=benchmark, inputs=inputs)
