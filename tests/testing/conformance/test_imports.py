"""What loading may change in a process: nothing but what a library of everybody's sets."""

from __future__ import annotations

import pytest

from brainbench_audio.testing.conformance.check import Failed
from brainbench_audio.testing.conformance.imports import unchanged


def test_what_threadpoolctl_sets_is_nobody_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KMP_DUPLICATE_LIB_OK", raising=False)
    unchanged(lambda: monkeypatch.setenv("KMP_DUPLICATE_LIB_OK", "True"))
    with pytest.raises(Failed, match="environment variables"):
        unchanged(lambda: monkeypatch.setenv("OF_A_PLUGIN", "1"))
