"""Which network an id means depends on the precision, and below float32 on the device as well."""

from __future__ import annotations

import pytest
import torch

from brainbench_audio import devices
from brainbench_audio.pipeline.identifying import identified, known_identity
from brainbench_audio.pipeline.loading import Loadable

MODEL = "metricgan@untrained"


def known(**options: str) -> str | None:
    identity = known_identity(Loadable(MODEL, options))
    return None if identity is None else identity.digest


def test_what_was_learned_in_half_precision_is_of_one_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exact = identified(Loadable(MODEL, {"device": "cpu"})).identity.digest
    assert known() == known(device="cuda") == exact
    half = identified(Loadable(MODEL, {"device": "cpu", "dtype": "bfloat16"})).identity.digest
    assert half != exact
    assert known(dtype="bfloat16", device="cuda") is None
    for first, expected in (("cpu", half), ("cuda", None)):
        device = torch.device(first)
        monkeypatch.setattr(devices, "choose_device", lambda _name, device=device: device)
        assert known(dtype="bfloat16") == known(dtype="bfloat16", device="auto") == expected
