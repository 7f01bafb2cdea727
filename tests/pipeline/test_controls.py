"""Controls: a model's architecture without what it has learned, under an id of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brainbench_audio import load_model
from brainbench_audio.activations.extraction import plan_extraction
from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.errors import ContractError, UnknownId
from brainbench_audio.registry.ids import ModelId
from brainbench_audio.registry.lookup import expand, find_model
from brainbench_audio.testing import dummy_stimuli

MODEL = "metricgan"
SOUND = np.random.default_rng(0).standard_normal(8000).astype(np.float32)


def heard(**options: int) -> np.ndarray:
    model = load_model(f"{MODEL}@untrained", **options)
    return next(iter(model.activations([SOUND]).values()))


def test_an_untrained_control_is_seeded() -> None:
    np.testing.assert_array_equal(heard(), heard())
    assert not np.allclose(heard(), heard(seed=1))


def test_a_control_has_an_id_and_a_key_of_its_own(tmp_path: Path) -> None:
    stimuli = dummy_stimuli(tmp_path, 3)
    models = [load_model(f"{MODEL}@untrained", seed=seed) for seed in (0, 1)]
    assert models[0].card.id == f"{MODEL}@untrained"
    plans = [plan_extraction(as_lazy(model).identity, stimuli) for model in models]
    assert plans[0].key != plans[1].key


def test_globs_reach_controls() -> None:
    assert expand(["metric*@permuted"], "model") == [f"{MODEL}@permuted"]
    parsed = ModelId.parse(f"{MODEL}@permuted")
    assert (parsed.name, parsed.control) == (MODEL, "permuted")
    assert find_model(f"{MODEL}@permuted").card.id == MODEL


def test_another_control_is_unknown() -> None:
    with pytest.raises(UnknownId, match="Did you mean metricgan@permuted"):
        load_model(f"{MODEL}@permutted")


def test_a_model_without_weights_has_no_control() -> None:
    with pytest.raises(ContractError, match="spectrotemporal"):
        load_model("spectrotemporal@untrained")
