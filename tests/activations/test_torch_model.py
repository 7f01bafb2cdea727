"""`TorchModel`: read-outs, pooling, batches, refusals."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pytest
import torch

from brainbench_audio.activations.lazy import as_lazy
from brainbench_audio.activations.object_state import name_of
from brainbench_audio.activations.read_outs import Pooling, mean_over_time
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.cards import ModelCard
from brainbench_audio.devices import choose_device
from brainbench_audio.errors import ContractError, ShortSound
from brainbench_audio.interfaces import ModelWithCard
from brainbench_audio.testing.dummies import dummy_card


class Network(torch.nn.Module):
    """Frames of 10 samples, two linear layers, an in-place ReLU, and a part that never runs."""

    def __init__(self, normalised: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(10, 4)
        self.relu = torch.nn.ReLU(inplace=True)
        self.norm = torch.nn.BatchNorm1d(4) if normalised else torch.nn.Identity()
        self.blocks = torch.nn.ModuleList([torch.nn.Linear(4, 3)])
        self.gru = torch.nn.GRU(3, 2, batch_first=True)
        self.unused = torch.nn.Linear(2, 2)
        self.sizes: list[int] = []

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(waveforms))
        frames = waveforms.unfold(1, 10, 10)
        hidden = self.relu(self.first(frames))
        hidden = self.norm(hidden.transpose(1, 2)).transpose(1, 2) if self.training else hidden
        output, _ = self.gru(self.blocks[0](hidden))
        return output.mean(dim=1)


READ_OUTS = {"linear": "first", "block 0": "blocks.0", "gru": "gru", "pooled": ""}


def card(**changes: Any) -> ModelCard:
    return dummy_card(**{"layers": tuple(READ_OUTS), "dims": (4, 3, 2, 2), **changes})


def model(**changes: Any) -> TorchModel:
    options: dict[str, Any] = {"fingerprint": 1, "device": "cpu", **changes}
    network = options.pop("network", None) or Network()
    read_outs = options.pop("read_outs", READ_OUTS)
    return TorchModel(options.pop("card", None) or card(), network, read_outs, **options)


def sounds(*lengths: int) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.uniform(-1, 1, length).astype(np.float32) for length in lengths]


def last_frame(output: torch.Tensor) -> torch.Tensor:
    return output[:, -1] if output.dim() == 3 else output


class Pools:
    def last(self, output: torch.Tensor) -> torch.Tensor:
        return last_frame(output)


def test_layers_are_the_outputs_of_the_named_modules() -> None:
    network = Network()
    (waveform,) = sounds(95)
    found = model(network=network).activations([waveform])
    assert list(found) == list(READ_OUTS)
    with torch.no_grad():
        frames = torch.as_tensor(waveform[:90]).reshape(1, 9, 10)
        first = network.first(frames)
        block = network.blocks[0](torch.relu(first))
        gru, _ = network.gru(block)
    # the ReLU behind it works in place and must not reach back into the read-out
    assert (found["linear"] < 0).any()
    expected = {"linear": first, "block 0": block, "gru": gru, "pooled": gru}
    for layer, output in expected.items():
        assert found[layer].dtype == np.float32
        np.testing.assert_allclose(found[layer], output.mean(dim=1).numpy(), rtol=1e-5, atol=1e-6)


def test_some_layers_in_the_order_asked_for() -> None:
    whole = model().activations(sounds(50, 50))
    some = model().activations(sounds(50, 50), layers=["gru", "linear"])
    assert list(some) == ["gru", "linear"]
    for layer, values in some.items():
        np.testing.assert_array_equal(values, whole[layer])


def test_a_sound_does_not_depend_on_its_neighbours() -> None:
    waveforms = sounds(100, 50, 100, 70, *[100] * 30, 50)
    together = model().activations(waveforms)
    for index in (0, 1, 2, 3, 20, 33, 34):
        alone = model().activations([waveforms[index]])
        for layer, values in together.items():
            assert values.shape[0] == len(waveforms)
            np.testing.assert_allclose(values[index], alone[layer][0], rtol=1e-5, atol=1e-6)


def test_clips_of_one_length_share_batches() -> None:
    network = Network()
    model(network=network).activations(sounds(*[100, 50] * 12))
    assert sum(network.sizes) == 24
    assert len(network.sizes) < 12


def test_the_network_is_in_eval_mode_and_left_without_hooks() -> None:
    network = Network(normalised=True).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    model(network=network).activations(sounds(50, 50))
    assert not network.training
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name])
    assert not any(module._forward_hooks for module in network.modules())


def test_pooling_for_all_layers_or_one_a_layer() -> None:
    network = Network()
    (waveform,) = sounds(50)
    means = model(network=network).activations([waveform])
    lasts = model(network=network, pooling=last_frame).activations([waveform])
    mixed = dict.fromkeys(READ_OUTS, mean_over_time) | {"gru": last_frame}
    found = model(network=network, pooling=mixed).activations([waveform])
    np.testing.assert_array_equal(found["gru"], lasts["gru"])
    np.testing.assert_array_equal(found["linear"], means["linear"])
    assert not np.array_equal(lasts["gru"], means["gru"])


def test_mean_over_time() -> None:
    output = torch.arange(24.0).reshape(2, 3, 4)
    torch.testing.assert_close(mean_over_time(output), output.mean(dim=1))
    assert mean_over_time(output[:, 0]) is not None
    torch.testing.assert_close(mean_over_time(output[:, 0]), output[:, 0])


def test_what_pooling_leaves_is_made_flat() -> None:
    frames = model(
        card=card(layers=("linear",), dims=(5 * 4,)),
        read_outs={"linear": "first"},
        pooling=lambda output: output,
    )
    assert frames.activations(sounds(50))["linear"].shape == (1, 5 * 4)


@pytest.mark.parametrize(
    ("pooling", "shape"),
    [(lambda output: output, r"\(2, 20\)"), (lambda output: output.mean(dim=0), r"\(5, 4\)")],
)
def test_other_dims_than_on_the_card(pooling: Pooling, shape: str) -> None:
    pools = dict.fromkeys(READ_OUTS, mean_over_time) | {"linear": pooling}
    told = rf"net-work: layer 'linear' has shape {shape} .* expected \(2, 4\)"
    with pytest.raises(ContractError, match=told):
        model(pooling=pools).activations(sounds(50, 50))
    assert list(model(pooling=pools).activations(sounds(50), layers=["gru"])) == ["gru"]


def test_a_card_without_dims_promises_none_and_half_of_them_are_refused() -> None:
    assert model(card=card(dims=())).activations(sounds(50))["linear"].shape == (1, 4)
    with pytest.raises(ContractError, match="`dims` has 3 numbers for 4 layers"):
        model(card=card(dims=(4, 3, 2))).activations(sounds(50))


def test_a_sound_that_is_too_short() -> None:
    short = model(card=card(shortest=20))
    told = (
        r"Sound 2 has 19 samples \(0\.002375 s\), too few for net-work: it tells sounds apart from "
        r"20 samples on \(0\.0025 s at 8000 Hz\)\. Leave the sound out, or pad it yourself\."
    )
    with pytest.raises(ShortSound, match=told) as refused:
        short.activations(sounds(20, 50, 19, 3))
    assert refused.value.index == 2
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    assert short.network.sizes == []
    assert short.activations(sounds(20))["gru"].shape == (1, 2)


def test_an_empty_sound_is_refused_unless_the_card_takes_it() -> None:
    with pytest.raises(ShortSound, match="Sound 0 has 0 samples"):
        model().activations(sounds(0))
    lenient = model(card=card(shortest=0), pooling=lambda output: output.sum(dim=1))
    with pytest.raises(RuntimeError):  # it is let through to the network, which needs 10 samples
        lenient.activations(sounds(0))


def test_an_unknown_layer() -> None:
    with pytest.raises(ContractError, match=r"net-work has no layer 'conv', only linear, block 0"):
        model().activations(sounds(50), layers=["conv"])


def test_a_layer_the_network_does_not_reach() -> None:
    lost = model(card=card(layers=("lost",), dims=(2,)), read_outs={"lost": "unused"})
    with pytest.raises(ContractError, match="never ran layer 'lost'"):
        lost.activations(sounds(50))
    assert not any(module._forward_hooks for module in lost.network.modules())


def test_only_mono() -> None:
    stereo = np.zeros((2, 50), np.float32)
    with pytest.raises(ContractError, match=r"Sound 1 has shape \(2, 50\): models take mono"):
        model().activations([*sounds(50), stereo])


def test_device() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    with pytest.raises(ContractError, match=r"'tpu' is not available here: choose auto, .*cpu"):
        choose_device("tpu")
    for name, there in (
        ("cuda", torch.cuda.is_available()),
        ("mps", torch.backends.mps.is_available()),
    ):
        if not there:
            with pytest.raises(ContractError, match=f"'{name}' is not available"):
                model(device=name)


def mean_and_log(log: TextIO, output: torch.Tensor) -> torch.Tensor:
    log.write("heard")
    return mean_over_time(output)


def fingerprint(**changes: Any) -> Any:
    return as_lazy(model(**changes)).identity.fingerprint


def test_the_fingerprint_covers_weights_read_outs_and_pooling() -> None:
    same = [fingerprint(), fingerprint()]
    assert same[0] == same[1]
    others: Sequence[Any] = [
        fingerprint(fingerprint=2),
        fingerprint(dtype="bfloat16"),
        fingerprint(dtype="float16"),
        fingerprint(pooling=last_frame),
        fingerprint(pooling=dict.fromkeys(READ_OUTS, mean_over_time) | {"gru": last_frame}),
        fingerprint(pooling=functools.partial(torch.mean, dim=1)),
        fingerprint(pooling=Pools().last),
    ]
    for other in others:
        assert other is not None
        assert other != same[0]


def test_what_a_pooling_function_keeps_to_itself_counts() -> None:
    def every(steps: int) -> Pooling:
        return lambda output: output[:, ::steps].mean(dim=1) if output.dim() == 3 else output

    assert fingerprint(pooling=every(2)) == fingerprint(pooling=every(2))
    assert fingerprint(pooling=every(2)) != fingerprint(pooling=every(3))


def test_what_cannot_be_hashed_is_not_kept(tmp_path: Path) -> None:
    assert fingerprint(fingerprint=None) is None
    with (tmp_path / "log").open("w") as log:
        pooling = functools.partial(mean_and_log, log)
        identity = as_lazy(model(pooling=pooling)).identity
    assert identity.fingerprint is None
    assert "attribute _pooling cannot be hashed" in identity.unkept


def test_it_keeps_the_protocol() -> None:
    assert isinstance(model(), ModelWithCard)
    assert name_of(model()) == "net-work"
    assert model().layers == tuple(READ_OUTS)
    assert model().sample_rate == 8000


class Twice(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.relu = torch.nn.Linear(10, 4), torch.nn.Linear(4, 3), torch.nn.ReLU()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.relu(self.b(self.relu(self.a(waveforms.unfold(1, 10, 10)))))
        return hidden


def test_a_module_that_runs_twice_has_two_outputs_and_the_read_out_says_which() -> None:
    about = card(layers=("one", "two"), dims=(4, 3))
    (waveform,) = sounds(50)
    chosen = model(network=Twice(), card=about, read_outs={"one": "relu#1", "two": "relu#2"})
    found = chosen.activations([waveform])
    assert (found["one"].shape, found["two"].shape) == ((1, 4), (1, 3))
    unclear = model(network=Twice(), card=about, read_outs={"one": "a", "two": "relu"})
    assert list(unclear.activations([waveform], layers=["one"])) == ["one"]
    with pytest.raises(ContractError, match=r"'relu', read out as layer 'two', runs 2 .* relu#2"):
        unclear.activations([waveform])
    third = model(network=Twice(), card=about, read_outs={"one": "relu#3", "two": "relu#2"})
    with pytest.raises(ContractError, match=r"never ran layer 'one'.*'relu#3'"):
        third.activations([waveform])


def test_sounds_of_other_lengths_have_the_same_features() -> None:
    flat = model(
        card=card(layers=("linear",), dims=()),
        read_outs={"linear": "first"},
        pooling=lambda output: output.flatten(1),
    )
    assert flat.activations(sounds(50, 50))["linear"].shape == (2, 20)
    with pytest.raises(ContractError, match=r"read out at 'first', has 20 or 28 features"):
        flat.activations(sounds(50, 70))


def test_every_layer_of_the_card_has_a_read_out() -> None:
    with pytest.raises(ContractError, match=r"read_outs linear, gru.*add a read-out of 'block 0'"):
        model(read_outs={"linear": "first", "gru": "gru"})
