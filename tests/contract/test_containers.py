"""Weights of every family in every container: the same parameters, or a reason why not.

Files are small and networks have no values: each tensor is one number, seen in its full shape.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from brainbench_audio.activations import family as families
from brainbench_audio.activations.family import Family
from brainbench_audio.activations.torch_model import TorchModel
from brainbench_audio.activations.weights import load_strictly
from brainbench_audio.cards import ModelCard
from brainbench_audio.errors import DataError
from brainbench_audio.registry.lookup import find_model
from brainbench_audio.testing.references import read_manifests

State = dict[str, torch.Tensor]
MANIFESTS = read_manifests()
QUICK = ("metricgan", "zerospeech2020")
OTHERS = (
    *("ast", "beats-iter1", "cochcnn9-word", "cochresnet50-word", "crepe-tiny", "dasheng-base"),
    *("dcase2020", "deepspeech2", "encodecmae-small", "resemblyzer", "s2t", "sepformer"),
    *("vggish", "wav2vec2"),
)
NAMES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]


class Loaded:
    """Loads files of a model; ``state`` is what its network would have got."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.card: ModelCard = find_model(name).card
        module, _, attribute = self.card.loader.partition(":")
        family: Family = getattr(import_module(module), attribute)
        networks: dict[str, torch.nn.Module] = {}

        def build(card: ModelCard, **arguments: Any) -> torch.nn.Module:
            if not networks:
                with torch.device("meta"):
                    networks[name] = family.build(card, **arguments)
            return networks[name]

        self.family = replace(family, build=build)
        self.state: State = {}
        # a network on "meta" takes no values and cannot be moved
        monkeypatch.setattr(families, "load_strictly", self._load)
        monkeypatch.setattr(TorchModel, "place", lambda *_: None)
        self.published = self._published(name)
        self(self.published)
        self.expected = dict(self.state)

    def __call__(self, weights: Path | Mapping[str, Any] | None) -> TorchModel:
        return self.family(self.card, weights)

    def _published(self, name: str) -> State:
        if name in MANIFESTS:
            manifest = MANIFESTS[name]
            left_out = manifest["not_filled"]
            used = manifest.get("used_prefix", "")
            shapes = {x: y for x, y in manifest["state_dict"].items() if x not in left_out}
            shapes = {x: y for x, y in shapes.items() if x.startswith(used)}
        else:
            own = self.family.build(self.card).state_dict()
            shapes = {x: list(y.shape) for x, y in own.items()}
        return {
            key: torch.tensor(float(number % 2000) / 8).expand(shape)
            for number, (key, shape) in enumerate(shapes.items())
        }

    def _load(self, network: torch.nn.Module, state: State, where: str, kind: str = "") -> None:
        meta = {name: tensor.to("meta") for name, tensor in state.items()}
        load_strictly(_Named(network), meta, where, kind)  # type: ignore[arg-type]
        self.state = state


class _Named:
    """A network of which names and shapes can be asked, and that takes no values."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.state_dict = network.state_dict

    def load_state_dict(self, state: State, strict: bool) -> None:
        assert strict
        assert state.keys() == self.state_dict().keys()


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: value for name, value in state.items()}


def lightning(state: State) -> dict[str, Any]:
    return {
        "pytorch-lightning_version": "2.0",
        "hyper_parameters": {"rate": 0.1},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
        "state_dict": prefixed(state, "model."),
    }


def respelled(state: State) -> State:
    """Return a state dict in the other spelling of weight norm, and the old one of norms."""
    pairs = {
        "weight_g": "parametrizations.weight.original0",
        "weight_v": "parametrizations.weight.original1",
    }
    found = {}
    for name, value in state.items():
        both = [*pairs.items(), *((other, one) for one, other in pairs.items())]
        new = [name.removesuffix(one) + other for one, other in both if name.endswith(one)]
        found[new[0] if new else name] = value
    return found


def old_norms(state: State) -> State:
    """Return a state dict in which norms of transformers are named as in TensorFlow."""
    return {
        f"{name.rpartition('.')[0]}.{'gamma' if name.endswith('weight') else 'beta'}"
        if "norm" in name.lower() and name.rpartition(".")[2] in ("weight", "bias")
        else name: value
        for name, value in state.items()
    }


def cast(state: State, dtype: torch.dtype) -> State:
    return {
        name: value[(0,) * value.dim()].to(dtype).expand(value.shape)
        for name, value in state.items()
    }


def raised(state: State) -> State:
    return {name: value + 1 for name, value in list(state.items())[:1]}


CONTAINERS: dict[str, Callable[[State], Any]] = {
    "plain": dict,
    "model": lambda state: {"model": state, "epoch": 3},
    "state_dict": lambda state: {"state_dict": state, "optimizer": {"state": {}}},
    "module": lambda state: {"module": state},
    "Lightning": lightning,
    "DDP": lambda state: prefixed(state, "module."),
    "compile": lambda state: {"model": prefixed(state, "_orig_mod.")},
    "DDP and compile": lambda state: {"state_dict": prefixed(state, "module._orig_mod.")},
    "net.": lambda state: {"state_dict": prefixed(state, "net.")},
    "EMA beside": lambda state: {"model_ema": raised(state), "model": state},
    "fairseq": lambda state: {"args": None, "cfg": None, "model": state},
    "weight norm": respelled,
    "old norms": old_norms,
}


def assert_same(loaded: Loaded, container: str) -> None:
    assert loaded.state.keys() == loaded.expected.keys(), container
    for name, tensor in loaded.expected.items():
        ours = loaded.state[name]
        assert ours.shape == tensor.shape, (container, name)
        # the numbers of a tensor are one, but for NaN in missing positions
        assert float(ours.flatten()[0]) == float(tensor.flatten()[0]), (container, name)


@pytest.mark.parametrize("name", NAMES)
def test_containers_of_torch(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, path = Loaded(name, monkeypatch), tmp_path / "weights.pt"
    for container, wrap in CONTAINERS.items():
        for new in (True, False):
            torch.save(wrap(loaded.published), path, _use_new_zipfile_serialization=new)
            loaded(path)
            assert_same(loaded, f"{container}, {'new' if new else 'old'} format")
    # objects that torch refuses are passed over where the format allows it
    torch.save({"args": argparse.Namespace(arch="x"), "model": loaded.published}, path)
    loaded(path)
    assert_same(loaded, "fairseq with a Namespace")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_exact(
    name: str, dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, path = Loaded(name, monkeypatch), tmp_path / "weights.pt"
    half = cast(loaded.published, dtype)
    loaded(cast(half, torch.float32))
    loaded.expected = dict(loaded.state)
    torch.save({"model": half}, path)
    loaded(path)
    assert_same(loaded, str(dtype))


# safetensors has no views, so these files are as large as the published ones
@pytest.mark.parametrize("name", NAMES)
def test_safetensors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(name, monkeypatch)
    whole = {key: value.contiguous() for key, value in loaded.published.items()}
    for prefix in ("", "module."):
        path = tmp_path / "model.safetensors"
        safetensors.torch.save_file(prefixed(whole, prefix), path)
        loaded(path)
        assert_same(loaded, f"safetensors {prefix}")
        path.unlink()
    names = list(whole)
    parts = {f"model-0000{part}-of-00002.safetensors": names[part - 1 :: 2] for part in (1, 2)}
    for file, inside in parts.items():
        safetensors.torch.save_file({key: whole[key] for key in inside}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    named = {key: file for file, inside in parts.items() for key in inside}
    index.write_text(json.dumps({"weight_map": named}))
    if len(loaded.card.weights) == 1:
        loaded(index)
        assert_same(loaded, "sharded")
    for file in parts:
        (tmp_path / file).unlink()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_loaded_from_where_the_error_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = Loaded(name, monkeypatch)
    files = [replace(file, installed="", sha256=None) for file in loaded.card.weights]
    loaded.card = replace(loaded.card, weights=tuple(files))
    with pytest.raises(DataError) as raised:
        loaded(None)
    places = [Path(place) for place in re.findall(r"place: (.*)", str(raised.value))]
    assert len(places) == len(files)
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        # of several files each holds the part that is named after it
        part = f"{place.stem}." if len(places) > 1 else ""
        names = {key.removeprefix(part): key for key in loaded.published if key.startswith(part)}
        state = {short: loaded.published[key] for short, key in names.items()}
        if place.suffix == ".safetensors":
            safetensors.torch.save_file({x: y.contiguous() for x, y in state.items()}, place)
        else:
            torch.save(state, place)
    model = loaded(None)
    assert_same(loaded, "published")
    assert model.files == tuple(places)
    assert set(model.provenance["weights"]["files"]) == {place.name for place in places}


# an entry of what feeds no layer, such as the classifier of a network that was fine-tuned
HEADS = {
    "ast": "module.v.head.weight",
    "beats-iter1": "predictor.weight",
    "dasheng-base": "outputlayer.1.weight",
    "deepspeech2": "fc.0.module.1.weight",
    "resemblyzer": "similarity_weight",
    "s2t": "lm_head.weight",
    "vggish": "pproc.pca_means",
    "wav2vec2": "lm_head.weight",
    "zerospeech2020": "codebook.embedding",
}


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in HEADS],
)
def test_heads_may_lack_or_have_any_shape(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, path, head = Loaded(name, monkeypatch), tmp_path / "weights.pt", HEADS[name]
    module = head.rpartition(".")[0].removesuffix(".1") or head
    without = {key: x for key, x in loaded.published.items() if not key.startswith(module)}
    for state in (without, {**without, head: torch.ones(3, 1, 5)}):
        torch.save(state, path)
        model = loaded(path)
        assert_same(loaded, str(len(state)))
        assert (head in model.provenance["weights"].get("left_aside", ())) == (head in state)


def broken(state: State, value: Any) -> State:
    name = list(state)[len(state) // 2]
    return {**state, name: value(state[name])}


REFUSED: dict[str, tuple[Callable[[State], Any], str]] = {
    "EMA alone": (lambda state: {"model_ema": state}, r"no named tensors.*model_ema"),
    "EMA names alone": (lambda state: prefixed(state, "ema."), r"an average over training"),
    "one missing": (lambda state: dict(list(state.items())[1:]), r"missing: \S+"),
    "one more": (
        lambda state: {**state, "surplus.bias": torch.ones(1)},
        r"1 unexpected: \S*surplus",
    ),
    "a shape": (
        lambda state: broken(state, lambda _: torch.ones(3, 1, 4, 1, 5)),
        r"of another shape: \S+ \(.*instead of|too few for",
    ),
    "NaN": (
        lambda state: broken(state, lambda x: torch.tensor(torch.nan).expand(x.shape)),
        r"have NaN or infinity",
    ),
    "whole numbers": (
        lambda state: cast(state, torch.int8),
        r"of another kind of number: \S+ torch.int8",
    ),
    "float8": (
        lambda state: cast(state, torch.float8_e4m3fn),
        r"of another kind of number: \S+ torch.float8",
    ),
    "another model": (lambda _: {"conv.weight": torch.ones(3)}, r"looks like a state dict with 1 "),
    "an optimiser": (lambda _: {"state": {"exp_avg": torch.ones(3)}}, r"no named tensors"),
    "objects in the old format": (dict, r"holds a argparse\.Namespace.*state_dict\(\) alone"),
}


OWN_WORDS = {
    ("sepformer", "EMA names alone"): "which are three files",
    ("sepformer", "another model"): "which are three files",
}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused_says_why(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, path = Loaded(name, monkeypatch), tmp_path / "weights.pt"
    for container, (wrap, told) in REFUSED.items():
        content, new = wrap(loaded.published), "old format" not in container
        content = content if new else {"args": argparse.Namespace(), "model": content}
        torch.save(content, path, _use_new_zipfile_serialization=new)
        with pytest.raises(DataError, match=OWN_WORDS.get((name, container), told)) as error:
            loaded(path)
        assert str(path) in str(error.value), container
