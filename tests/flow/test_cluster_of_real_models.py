"""Twelve models, four of them real networks and filters, on four benchmarks: cluster and serial."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio import list_ids
from brainbench_audio.scores.score import Score
from brainbench_audio.scores.store import stored_scores

pytest.importorskip("distributed")
pytest.importorskip("cryptography")
REAL = ["spectrotemporal", "crepe-tiny", "crepe-tiny@untrained", "crepe-tiny@permuted"]
BENCHMARKS = [
    f"SimCortex{part}-{metric}" for part in ("", ".primary") for metric in ("ridge", "rsa")
]


def stored() -> dict[tuple[str, str], Score]:
    return {
        (entry.model, entry.benchmark): Score.from_netcdf(entry.path) for entry in stored_scores()
    }


@pytest.mark.slow
def test_equal_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brainbench: Callable[..., Any]
) -> None:
    """One thread in each process: the number of threads changes the last bit of activations."""
    if not set(REAL[:2]) <= set(list_ids("model")) or BENCHMARKS[0] not in list_ids("benchmark"):
        pytest.skip("the plugins spectrotemporal, crepe and simcortex are not all installed")
    dummies = tmp_path / "dummies.py"
    classes = [
        f"class Bands{bands}(DummyModel):\n"
        f"    def __init__(self):\n        super().__init__({bands})\n"
        for bands in range(4, 12)
    ]
    dummies.write_text("\n".join(["from brainbench_audio.testing import DummyModel", *classes]))
    models = [*REAL, *(f"{dummies}:Bands{bands}" for bands in range(4, 12))]
    arguments = ("score", "-m", *models, "-b", *BENCHMARKS, "--bootstrap", "100", "--json")
    found = {}
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    for home, spread in ("serial", ()), ("spread", ("--workers", str(os.cpu_count() or 1))):
        monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / home))
        told = brainbench(*arguments, *spread, **one)
        assert told.returncode == 0, told.stderr
        assert len(json.loads(told.stdout)) == 48
        found[home] = stored()
    assert found["serial"].keys() == found["spread"].keys()
    for pair, score in found["serial"].items():
        other = found["spread"][pair]
        assert (score.value, score.error, score.parts) == (other.value, other.error, other.parts)
        for name in score.raw:
            np.testing.assert_array_equal(score.raw[name].values, other.raw[name].values)
