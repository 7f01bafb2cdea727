"""What programs put around a state dict is taken off, if all names then fit, and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from brainbench_audio.activations.family import Family
from brainbench_audio.activations.wrappers import Fit, kind_of, unwrap
from brainbench_audio.cards import WeightsFile
from brainbench_audio.errors import DataError
from brainbench_audio.testing.dummies import dummy_card

State = dict[str, torch.Tensor]
STATE: State = {"conv.weight": torch.arange(6.0), "conv.bias": torch.ones(2)}
FIT = Fit(tuple(STATE), unused=r"head\..+", entries=("encoder",))


def prefixed(prefix: str, state: State = STATE) -> State:
    return {prefix + name: value for name, value in state.items()}


def assert_found(content: dict[str, Any], **expected: Any) -> None:
    found = unwrap(content, FIT)
    assert found.state.keys() == STATE.keys()
    assert all(torch.equal(found.state[name], value) for name, value in STATE.items())
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model.net."])
@pytest.mark.parametrize("entry", ["", "model", "state_dict", "module", "encoder"])
def test_entries_and_prefixes(prefix: str, entry: str) -> None:
    state = prefixed(prefix)
    content = {entry: state, "epoch": 3} if entry else state
    assert_found(content, entry=entry, prefix=prefix, aside=())


def test_an_entry_in_an_entry() -> None:
    assert_found({"model": {"state_dict": STATE, "epoch": 3}}, entry="model.state_dict")


def test_lightning() -> None:
    content = {
        "pytorch-lightning_version": "2.0",
        "hyper_parameters": {"layers": 3},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
        "state_dict": prefixed("model."),
    }
    assert_found(content, entry="state_dict", prefix="model.")


def test_heads_are_left_aside_whatever_is_before_their_names() -> None:
    head = {"head.weight": torch.zeros(7, 7)}
    for content in (prefixed("module.", {**STATE, **head}), {**prefixed("module."), **head}):
        aside = tuple(name for name in content if "head" in name)
        assert_found(content, aside=aside, prefix="module.")


def test_what_is_no_tensor_is_left_aside() -> None:
    assert_found({**STATE, "epoch": 3, "name": "x"}, aside=("epoch", "name"))


def test_a_prefix_stays_unless_all_names_then_fit() -> None:
    for surplus in ("surplus.bias", "module.surplus.bias"):
        found = unwrap({**prefixed("module."), surplus: torch.ones(1)}, FIT)
        assert len(found.state) == 3  # for loading to refuse
    twice = {**prefixed("module."), **STATE}
    assert unwrap(twice, FIT).state.keys() == twice.keys()


def test_old_names_of_norms_only_where_the_new_ones_fit() -> None:
    fit = Fit(("norm.weight", "norm.bias"))
    old = {"norm.gamma": torch.ones(2), "norm.beta": torch.zeros(2)}
    found = unwrap(old, fit).state
    assert torch.equal(found["norm.weight"], old["norm.gamma"])
    assert torch.equal(found["norm.bias"], old["norm.beta"])
    assert unwrap(old, Fit(tuple(old))).state.keys() == old.keys()


@pytest.mark.parametrize("new", [True, False])
def test_both_spellings_of_weight_norm(new: bool) -> None:
    old = ("conv.weight_g", "conv.weight_v")
    parametrized = tuple(f"conv.parametrizations.weight.original{number}" for number in (0, 1))
    ours, theirs = (parametrized, old) if new else (old, parametrized)
    fit = Fit(ours)
    state = unwrap({"model": dict(zip(theirs, STATE.values(), strict=True))}, fit).state
    found = fit.convert(state)
    for name, value in zip(ours, STATE.values(), strict=True):
        assert torch.equal(found[name], value)


def test_the_network_is_taken_beside_its_average() -> None:
    average = {name: value + 1 for name, value in STATE.items()}
    assert_found({"model_ema": average, "model": STATE}, entry="model")
    assert_found({"state_dict_ema": average, "state_dict": STATE}, entry="state_dict")
    both = {**prefixed("model_ema.", average), **prefixed("model.")}
    assert_found(both, prefix="model.", aside=tuple(prefixed("model_ema.")))


def test_an_average_alone_is_not_taken_for_the_network() -> None:
    with pytest.raises(DataError, match="no named tensors"):
        unwrap({"ema": STATE}, FIT)
    content = prefixed("ema_model.")
    assert unwrap(content, FIT).state == {}  # for loading to refuse
    assert kind_of(content).startswith("an average over training")
    swa = {**prefixed("module."), "n_averaged": torch.tensor(3)}
    assert "n_averaged" in unwrap(swa, FIT).state
    assert kind_of(swa).startswith("an average over training")


def test_counters_of_a_code_book_are_no_average() -> None:
    state = {"codebook.ema_count": torch.ones(3)}
    assert unwrap(state, Fit(tuple(state))).state.keys() == state.keys()


def test_two_networks_are_ambiguous_unless_they_are_the_same() -> None:
    other = {name: value + 1 for name, value in STATE.items()}
    assert_found({"model": STATE, "state_dict": dict(STATE)}, entry="model")
    with pytest.raises(DataError, match="two networks that fit, 'model' and 'state_dict'"):
        unwrap({"model": STATE, "state_dict": other}, FIT)
    with pytest.raises(DataError, match="two networks that fit, 'model' and 'the rest'"):
        unwrap({"model": other, **STATE}, FIT)
    assert_found({"encoder": STATE, "model": other}, entry="encoder")


def test_entries_within_themselves_come_to_an_end() -> None:
    content: dict[str, Any] = {"epoch": 3}
    content["model"] = content["state_dict"] = content
    with pytest.raises(DataError, match="no named tensors"):
        unwrap(content, FIT)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"a.lora_A.weight": torch.ones(1)}, "an adapter"),
        ({"state": {"exp_avg": torch.ones(1)}}, "the state of an optimiser"),
        ({"conv.qweight": torch.ones(1)}, "a quantised network"),
        (
            {"pytorch-lightning_version": "2", "state_dict": STATE},
            "a checkpoint of Lightning with 2",
        ),
        ({"cfg": {"x": 1}, "model": STATE}, "a checkpoint of fairseq with 2 tensors"),
        (STATE, "a state dict with 2 tensors (conv.weight, conv.bias)"),
        ({"epoch": 3}, "a checkpoint with 0 tensors"),
    ],
)
def test_kinds(content: dict[str, Any], kind: str) -> None:
    assert kind_of(content).startswith(kind)


def test_a_file_of_another_network_is_told_by_its_names(tmp_path: Path) -> None:
    family = Family(build=lambda _card: torch.nn.Linear(3, 2), read_outs=lambda _card: {})
    card = dummy_card(layers=(), dims=(), weights=(WeightsFile(url="https://example.org/net.pt"),))
    torch.save({"pytorch-lightning_version": "2", "state_dict": STATE}, tmp_path / "net.pt")
    told = r"1 of another shape.* looks like a checkpoint of Lightning with 2 tensors \(conv.weight"
    with pytest.raises(DataError, match=told):
        family(card, tmp_path / "net.pt")
