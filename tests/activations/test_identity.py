"""What a model says of itself, before it is heard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from brainbench_audio.activations.identity import described
from brainbench_audio.activations.lazy import identify_object
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.dummies import DummyModel


def saying(**facts: Any) -> Any:
    """Return a model with attributes of its own."""
    return type("Saying", (DummyModel,), facts)()


@pytest.mark.parametrize("rate", [8000, 8000.0, np.int64(8000), np.float32(8000)])
def test_sample_rates_are_whole_numbers(rate: Any) -> None:
    identity = described(saying(sample_rate=rate), "own", "here")
    assert identity.sample_rate == 8000
    assert type(identity.sample_rate) is int


@pytest.mark.parametrize(
    "rate", [True, 0, -16000, 999, 7999.5, 1e9, float("nan"), float("inf"), "8000", None, 8000j]
)
def test_what_is_no_sample_rate_is_refused(rate: Any) -> None:
    with pytest.raises(ContractError, match=r"Model own has sample rate .* a whole number of Hz"):
        described(saying(sample_rate=rate), "own", "here")


@pytest.mark.parametrize(
    "layers",
    ["bands", (), None, ("bands", "bands"), ("bands", 3), ("bands", ""), (("a", "b"),), {"a"}, 3],
)
def test_layers_have_names_no_two_alike(layers: Any) -> None:
    with pytest.raises(ContractError, match=r"Model own has layers .* names, no two alike"):
        described(saying(layers=layers), "own", "here")


def test_names_may_come_in_any_sequence() -> None:
    assert described(saying(layers=np.array(["a", "b"])), "own", "here").layers == ("a", "b")


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ContractError, match=r"DummyModel is a class: give a model, DummyModel\("):
        identify_object(DummyModel)  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="object is no model: it has no layers, sample_rate, a"):
        identify_object(object())  # type: ignore[arg-type]
