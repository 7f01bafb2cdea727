"""What a model says of itself, before it is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainbench_audio.activations.identity import described
from brainbench_audio.activations.lazy import identify_object
from brainbench_audio.errors import ContractError
from brainbench_audio.testing.dummies import DummyModel, dummy_card


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


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"card": "my card"}, "has card 'my card', expected a ModelCard"),
        ({"card": dummy_card(dims=(6,))}, "has 2 layers, and its card has `dims` of 1: give each"),
        ({"provenance": "a text"}, "has provenance 'a text', expected names with what JSON can"),
        ({"provenance": [1, 2]}, r"has provenance \[1, 2\], expected names"),
        ({"provenance": {"file": Path("a")}}, "has provenance .* expected names"),
        ({"transient": 3}, "has transient 3, expected names of attributes"),
        ({"transient": (3,)}, r"has transient \(3,\), expected names of attributes"),
    ],
)
def test_what_a_model_says_beside_its_layers_is_checked(facts: Any, told: str) -> None:
    with pytest.raises(ContractError, match=f"Model own {told}"):
        described(saying(fingerprint="given", **facts), "own", "here")
    with pytest.raises(ContractError, match=told):
        identify_object(saying(fingerprint="given", **facts))


def test_provenance_is_plain() -> None:
    given = {"rate": np.float32(0.5), "steps": (1, 2)}
    assert described(saying(provenance=given), "own", "here").provenance == {
        "rate": 0.5,
        "steps": [1, 2],
    }
    assert described(saying(provenance=None), "own", "here").provenance == {}
