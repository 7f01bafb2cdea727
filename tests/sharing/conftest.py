"""A stored score that says all that a record must."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.files import hash_json
from brainbench_audio.provenance import DISTRIBUTION


@pytest.fixture
def scored(keep: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that stores a score as the pipeline does."""

    def write(
        model: str, benchmark: str, value: float, source: str = "brainbench-tiny", **fields: Any
    ) -> Path:
        fingerprint = hash_json([model, source, fields.pop("weights", "first")])
        about = {
            "identity": {
                "id": model,
                "source": source,
                "version": fingerprint[:8],
                "fingerprint": fingerprint,
            },
            "versions": {DISTRIBUTION: "0.1.0"},
            **fields.pop("provenance", {}),
        }
        key = hash_json([fingerprint, benchmark])
        return keep(model, benchmark, value, key=key, provenance=about, **fields)

    return write
