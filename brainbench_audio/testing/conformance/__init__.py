"""The conformance suite: what every plugin is held to, for its author and for the project."""

from brainbench_audio.testing.conformance.check import (
    Check,
    Doubtful,
    Failed,
    NotChecked,
    Outcome,
)
from brainbench_audio.testing.conformance.suite import checks, distribution_of

__all__ = ["Check", "Doubtful", "Failed", "NotChecked", "Outcome", "checks", "distribution_of"]
