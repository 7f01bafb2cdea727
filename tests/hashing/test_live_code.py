"""Hashes of objects in memory: what decides a result changes them, and nothing else does."""

from __future__ import annotations

import builtins
import enum
import functools
import hashlib
import os
import re
import subprocess
import sys
import time
import types
import weakref
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from brainbench_audio.hashing.live_code import Unhashable, hash_object

SCALE = 2.0
UNUSED = 1


def module(source: str, name: str = "loose_module", **names: Any) -> types.ModuleType:
    """Return a module of somebody's own, run from text as a notebook does."""
    made = types.ModuleType(name)
    vars(made).update(names)
    exec(compile(source, f"<{name}>", "exec", dont_inherit=True), vars(made))
    return made


def pooling(source: str, name: str = "pool") -> Callable[..., Any]:
    return getattr(module(source), name)  # type: ignore[no-any-return]


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Options:
    window: int = 3
    names: list[str] = field(default_factory=list)


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        if value is not None:
            self.value = value


class Numbers(list[int]):
    pass


Pair = namedtuple("Pair", "left right")

DIFFERENT: list[Any] = [
    *(None, True, 1, 1.0, "1", b"1", 0.0, -0.0, complex(1), "", b"", bytearray(), ..., 10**5000),
    *("\ud800", [], (), {}, set(), frozenset(), [1], (1,), {1}, frozenset({1}), [[1]], [1, 1]),
    *({"a": 1}, {"a": 2}, {1: "a"}, {"b": 1}, OrderedDict(a=1), Counter("a"), deque([1])),
    *(defaultdict(list), defaultdict(int), Pair(1, 2), Pair(2, 1), Numbers([1]), Numbers()),
    *(
        np.zeros(2),
        np.zeros(2, "f4"),
        np.zeros((2, 1)),
        np.zeros((0, 2)),
        np.ones(2),
        np.float32(0),
    ),
    *(
        np.array(["a"]),
        np.array([None, "a"]),
        np.array([None, "b"]),
        np.dtype("f4"),
        np.dtype("f8"),
    ),
    *(np.datetime64("2020"), np.random.default_rng(1), np.random.default_rng(2), np.add, np.exp),
    *(torch.zeros(2), torch.ones(2), torch.nn.Parameter(torch.ones(2)), torch.ones(2).bfloat16()),
    *(torch.ones(2, 1), torch.tensor(1.0), torch.ones(0), torch.float32, torch.bfloat16),
    *(torch.device("cpu"), torch.device("cuda"), torch.Size([2]), Color.RED, Color.BLUE, Color),
    *(Options(), Options(4), Options(names=["a"]), Options, Slotted(1), Slotted(2), Slotted()),
    *(Path("a"), Path("b"), re.compile("a"), re.compile("a", re.I), range(3), slice(1, 2)),
    *(
        functools.partial(F.relu),
        functools.partial(F.gelu),
        functools.partial(F.relu, inplace=True),
    ),
    *(len, max, [].append, [1].append, F.relu, F.gelu, torch.relu, F.max_pool1d, torch, np),
    *(list[int], int | None, types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
    *(torch.nn.Linear, torch.nn.Conv1d, torch.ops.aten.relu, torch.ops.aten.relu.default),
    *(property(len), staticmethod(len), classmethod(len), Slotted.value, str.upper),  # type: ignore[arg-type]
]


def test_different_values_have_different_hashes() -> None:
    hashes = [hash_object(value) for value in DIFFERENT]
    twins = [(DIFFERENT[hashes.index(h)], v) for h, v in zip(hashes, DIFFERENT, strict=True)]
    assert [pair for pair in twins if pair[0] is not pair[1]] == []


def test_equal_values_have_equal_hashes() -> None:
    assert hash_object({"a": 1, "b": (2, 3)}) == hash_object({"b": (2, 3), "a": 1})
    assert hash_object({"a", "b", "c"}) == hash_object({"c", "b", "a"})
    assert hash_object(Options(5, ["x"])) == hash_object(Options(5, ["x"]))
    array = np.arange(12.0).reshape(3, 4)
    assert hash_object(array[:, ::2]) == hash_object(array[:, ::2].copy())
    assert hash_object(np.asfortranarray(array)) == hash_object(array)
    tensor = torch.arange(12.0).reshape(3, 4)
    assert hash_object(tensor.T) == hash_object(tensor.T.contiguous())
    assert hash_object(tensor, "first") == hash_object(tensor.clone(), "second")
    assert hash_object(tensor.requires_grad_()) == hash_object(tensor.detach())


def test_hashes_are_the_same_in_every_process() -> None:
    source = (
        "import functools, math\n"
        "STAGES = {math.exp, round, frozenset({'a', 'b'}), 'c', 'd'}\n"
        "class Net:\n"
        "    def __init__(self):\n"
        "        self.itself = [self]\n"
        "        self.parts = {Net, Other, make(1), make(2)}\n"
        "    @functools.lru_cache\n"
        "    def forward(self, x): return [stage(x) for stage in STAGES]\n"
        "class Other: pass\n"
        "def make(size): return functools.partial(lambda x: x[:size])\n"
        "value = [Net(), Net.forward, make(3)]\n"
    )
    here = hash_object(module(source).value)
    imported = "from brainbench_audio.hashing.live_code import hash_object"
    code = f"{source}\n{imported}\nprint(hash_object(value))"
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert run.stdout.strip() == here


def test_the_number_that_torch_gives_a_hook_does_not_count() -> None:
    first, second = network(), network()
    first.register_forward_hook(print)
    second.register_forward_hook(print).remove()
    second.register_forward_hook(print)
    assert hash_object(first) == hash_object(second)


ONE_OTHER = [
    ("K = $\ndef pool(x): return x * K", "1", "2"),
    ("K = $\ndef pool(x): return (lambda y: y * K)(x)", "1", "2"),
    ("def pool(x, k=$): return x * k", "1", "2"),
    ("def pool(x, *, k=$): return x * k", "1", "2"),
    ("def pool(x): return x * $", "1.0", "1"),
    ("def pool(x): return x * $", "0.0", "-0.0"),
    ("def pool(x): return x.$(1)", "mean", "max"),
    ("def pool($): return x - y", "x, y", "y, x"),
    ("def pool(x): return [i + $ for i in x]", "1", "2"),
    ("def pool(x): return x in {1, $}", "2", "3"),
    ("$\ndef pool(x): return max(x)", "", "max = min"),
    ("def pool(x):\n try: return 1/x\n except $: return 0", "ValueError", "TypeError"),
    ("def make(k): return lambda x: x * k\npool = make($)", "1", "2"),
    ("def deep(x): return x + $\ndef pool(x): return deep(x)", "1", "2"),
    ("S = {$}\ndef pool(x): return [s(x) for s in S]", "'a': abs, 'b': hex", "'b': hex, 'a': abs"),
    ("class P:\n def __init__(s): s.k = $\n def m(s, x): return s.k * x\npool = P().m", "1", "2"),
    ("class B:\n def m(s, x): return $\nclass P(B): pass\npool = P().m", "x", "-x"),
    ("class pool:\n $ = 1", "k", "l"),
    ("class pool:\n k = $", "1", "2"),
    ("class pool:\n @property\n def k(s): return $", "1", "2"),
    ("class pool:\n @staticmethod\n def k(): return $", "1", "2"),
    ("class pool:\n @classmethod\n def k(c): return $", "1", "2"),
    ("class M(type):\n a = $\nclass pool(metaclass=M): pass", "1", "2"),
    ("import torch\n@torch.no_grad()\ndef pool(x): return $", "x", "-x"),
    ("import functools\n@functools.lru_cache\ndef pool(x): return $", "x", "-x"),
    ("def pool(x): return x\npool.k = $", "1", "2"),
    ("import $ as m\ndef pool(x): return m.exp(x)", "math", "cmath"),
    ("def pool(x):\n import $ as m\n return m.exp(x)", "math", "cmath"),
    ("import torch as t\ndef pool(x): return t.$(x)", "relu", "tanh"),
    ("import enum\nclass E(enum.Enum):\n A = $\ndef pool(x): return E.A", "1", "2"),
]


@pytest.mark.parametrize(("source", "one", "other"), ONE_OTHER)
def test_what_decides_a_function_changes_its_hash(source: str, one: str, other: str) -> None:
    first, again, second = (pooling(source.replace("$", value)) for value in (one, one, other))
    assert hash_object(first) == hash_object(again)
    assert hash_object(first) != hash_object(second)


def test_lambdas_of_an_installed_library() -> None:
    place = {"__name__": "torch.nn.activations"}
    first, second = (eval(f"lambda x: x + {k}", dict(place)) for k in (1, 2))
    assert hash_object(first) != hash_object(second)


def test_lambdas_of_one_line() -> None:
    first, second, third = (lambda x: x + 1), (lambda x: x + 2), (lambda x: x + 1)
    assert hash_object(first) != hash_object(second)
    assert hash_object(first) == hash_object(third)


@pytest.mark.parametrize(
    "other",
    [
        "from __future__ import annotations\nK = 1\ndef pool(x: Unknown): return x * K",
        "\n\n\nK = 1\n\ndef pool(x):\n\n    return x * K\n",
        "unused = 3\nK = 1\ndef pool(x): return x * K",
        "K = 1\ndef another(x): return x\ndef pool(x): return (x * K)  # a comment",
        "import torch\nK = 1\ndef pool(x: float) -> float: return x * K",
    ],
)
def test_what_decides_nothing_changes_nothing(other: str) -> None:
    first = module("K = 1\ndef pool(x): return x * K")
    second = module(other, name="another_module", __file__="/somewhere/else.py")
    assert hash_object(first.pool) == hash_object(second.pool)


def test_a_global_that_is_changed_later() -> None:
    own = module("K = 1\nUNUSED = 1\ndef pool(x): return x * K\nclass P:\n def m(s): return K")
    before = hash_object(own.pool), hash_object(own.P())
    own.UNUSED = 2
    assert (hash_object(own.pool), hash_object(own.P())) == before
    own.K = 2
    assert hash_object(own.pool) != before[0]
    assert hash_object(own.P()) != before[1]


def test_functions_of_another_own_module(monkeypatch: pytest.MonkeyPatch) -> None:
    helpers = module("K = 1\ndef scale(x): return x * K\ndef other(x): return x", "own_helpers")
    monkeypatch.setitem(sys.modules, "own_helpers", helpers)
    sources = [
        "import own_helpers\ndef pool(x): return own_helpers.scale(x)",
        "from own_helpers import scale\ndef pool(x): return scale(x)",
        "def pool(x):\n import own_helpers\n return own_helpers.scale(x)",
        "def pool(x):\n from own_helpers import scale\n return scale(x)",
        "import own_helpers as h\ndef make(h=h): return lambda x: h.scale(x)\npool = make()",
        "import own_helpers\ndef pool(x): return getattr(own_helpers, 'sca' + 'le')(x)",
        "import own_helpers\nclass P:\n def __init__(self): self.h = own_helpers\npool = P()",
    ]
    pools = [pooling(source) for source in sources]
    before = [hash_object(pool) for pool in pools]
    assert [hash_object(pool) for pool in pools] == before
    helpers.K = 2
    after = [hash_object(pool) for pool in pools]
    assert all(old != new for old, new in zip(before, after, strict=True))
    helpers.other = len
    assert [hash_object(pool) for pool in pools[:5]] == after[:5]


def test_functions_that_call_each_other() -> None:
    source = (
        "def even(x): return x == 0 or odd(x - 1)\n"
        "def odd(x): return x != {} and even(x - 1)\n"
        "def pool(x): return even(x)\n"
    )
    one, other = pooling(source.format(0)), pooling(source.format(1))
    assert hash_object(one) == hash_object(pooling(source.format(0))) != hash_object(other)


def test_objects_that_hold_themselves() -> None:
    def ring(*values: int) -> list[Any]:
        nodes = [types.SimpleNamespace(value=value) for value in values]
        for node, following in zip(nodes, nodes[1:] + nodes[:1], strict=True):
            node.next = following
        return nodes

    assert hash_object(ring(1, 2, 3)) == hash_object(ring(1, 2, 3))
    assert hash_object(ring(1, 2, 3)) != hash_object(ring(1, 2, 4))
    loop: list[Any] = [1]
    loop.append(loop)
    assert hash_object(loop) != hash_object([1, [1]])
    # equal parts that point to different wholes
    first, second = types.SimpleNamespace(name="first"), types.SimpleNamespace(name="second")
    first.part, second.part = types.SimpleNamespace(of=first), types.SimpleNamespace(of=second)
    straight = hash_object([first, second])
    second.part = first.part
    assert hash_object([first, second]) != straight


def test_a_monkeypatched_method() -> None:
    own = module("class P:\n def m(self, x): return x\n")
    before = hash_object(own.P())
    own.P.m = lambda self, x: x + 1
    patched = hash_object(own.P())
    assert patched != before
    instance = own.P()
    instance.m = lambda x: x + 2
    assert hash_object(instance) not in (before, patched)


def test_a_method_of_a_library_that_the_user_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    network = torch.nn.Sequential(torch.nn.ReLU())
    use = module("import torch.nn.functional as F\ndef pool(x): return F.silu(x)").pool
    before, used = hash_object(network), hash_object(use)
    monkeypatch.setitem(sys.modules, "loose_module", module("def forward(self, x): return -x"))
    monkeypatch.setattr(torch.nn.ReLU, "forward", sys.modules["loose_module"].forward)
    monkeypatch.setattr(F, "silu", sys.modules["loose_module"].forward)
    assert hash_object(network) != before
    assert hash_object(use) != used


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
        self.activation = F.relu
        self.register_buffer("window", torch.ones(3), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.body(x))


def network() -> Network:
    torch.manual_seed(0)
    return Network().eval()


def _shared_memory(net: Network) -> None:
    net.body[0].weight.detach().numpy()[0, 0] += 1e-3


def _data(net: Network) -> None:
    net.body[0].weight.data[0, 0] += 1e-3


def _activation(net: Network) -> None:
    net.activation = F.gelu


def _reorder(net: Network) -> None:
    net.body._modules = dict(reversed(net.body._modules.items()))


@pytest.mark.parametrize(
    "change",
    [
        _shared_memory,
        _data,
        _activation,
        _reorder,
        lambda net: net.train(),
        lambda net: net.body[1].train(),
        lambda net: net.half(),
        lambda net: net.window.mul_(2),
        lambda net: net.body[1].running_mean.add_(1),
        lambda net: net.body.append(torch.nn.ReLU()),
        lambda net: net.body.register_forward_hook(lambda m, i, o: o * 2),
        lambda net: net.register_forward_pre_hook(lambda m, i: i),
        lambda net: net.register_forward_hook(lambda m, i, o: o, always_call=True),
        lambda net: setattr(net.body[1], "eps", 1.0),
        lambda net: setattr(net, "forward", lambda x: x),
        lambda net: setattr(net, "__class__", type("Network", (Network,), {"k": 1})),
        lambda net: torch.nn.utils.parametrize.register_parametrization(
            net.body[0], "weight", torch.nn.Tanh()
        ),
    ],
)
def test_a_network_that_is_changed_in_memory(change: Callable[[Network], Any]) -> None:
    net = network()
    before = hash_object(net)
    assert hash_object(network()) == before
    net(torch.zeros(1, 4))
    assert hash_object(net) == before
    change(net)
    assert hash_object(net) != before


def test_hooks_that_are_taken_away_again() -> None:
    net = network()
    before = hash_object(net)
    handle = net.register_forward_hook(lambda m, i, o: o * 2)
    handle.remove()
    assert hash_object(net) == before


def test_what_makes_a_network_faster_does_not_count() -> None:
    net, compiled = network(), network()
    compiled._compiled_call_impl = compiled.forward  # as `compile()` sets it, in no time
    assert hash_object(compiled) == hash_object(net)


def test_a_hook_for_all_networks() -> None:
    net = network()
    before = hash_object(net)
    handle = torch.nn.modules.module.register_module_forward_hook(lambda m, i, o: o * 2)
    try:
        assert hash_object(net) != before
    finally:
        handle.remove()


def _generator() -> Any:
    yield 1


class Holder:
    def __init__(self, helper: Any) -> None:
        self.helper = helper


@pytest.mark.parametrize(
    ("helper", "reason"),
    [
        (_generator(), "is a generator"),
        (iter([1]), "is an iterator"),
        (np.frompyfunc(lambda x: x + 1, 1, 1), "is a numpy.ufunc that no module has by name"),
        (memoryview(b""), "is a builtins.memoryview, whose content cannot be read"),
        (torch.ones(2, device="meta"), "is a tensor without numbers"),
        (torch.ones(2).to_sparse(), "is a tensor without numbers"),
    ],
)
def test_what_cannot_be_hashed_is_named(helper: Any, reason: str) -> None:
    with pytest.raises(Unhashable, match=rf"^`net\.helper` {reason}"):
        hash_object(Holder(helper), "net")
    with pytest.raises(Unhashable, match=rf"^`\[1\]\['a'\]\.helper` {reason}"):
        hash_object([0, {"a": Holder(helper)}])


def test_an_open_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        own = module("def pool(x): return LOG.write(x)", LOG=file)
        with pytest.raises(Unhashable, match=r"^`loose_module\.LOG` is an open file"):
            hash_object(own.pool, "pooling")


@pytest.mark.parametrize(
    "call", ["eval(x)", "exec(x)", "globals()['K']", "importlib.import_module(x)"]
)
def test_code_that_is_only_known_when_it_runs(call: str) -> None:
    own = pooling(f"import importlib\ndef pool(x): return {call}")
    with pytest.raises(Unhashable, match=r"`pool` uses .* is not known"):
        hash_object(own)
    hash_object(pooling("def pool(net): return net.eval()"))


@pytest.mark.parametrize("call", ["sys.modules['own_helpers']", "o.__dict__['scale']"])
def test_modules_as_dictionaries(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    helpers = module("def scale(x): return x", "own_helpers")
    monkeypatch.setitem(sys.modules, "own_helpers", helpers)
    own = pooling(f"import sys, own_helpers as o\ndef pool(x): return {call}(x)")
    if "sys" in call:
        with pytest.raises(Unhashable, match=r"sys\.modules"):
            hash_object(own)
    else:
        before = hash_object(own)
        helpers.scale = len
        assert hash_object(own) != before


def test_a_module_imported_by_a_name_in_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    helpers = module("def scale(x): return x", "own_helpers")
    monkeypatch.setitem(sys.modules, "own_helpers", helpers)
    own = pooling(
        "from importlib import import_module\nNAME = 'own_helpers'\n"
        "def pool(x): return import_module(NAME).scale(x)"
    )
    before = hash_object(own)
    helpers.scale = len
    assert hash_object(own) != before


def test_a_builtin_that_the_user_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    own = pooling("def pool(x): return max(x)")
    before = hash_object(own)
    monkeypatch.setitem(sys.modules, "loose_module", module("def least(x): return min(x)"))
    monkeypatch.setattr(builtins, "max", sys.modules["loose_module"].least)
    assert hash_object(own) != before


def test_a_module_that_makes_its_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    helpers = module("def __getattr__(name): return 1", "own_helpers")
    monkeypatch.setitem(sys.modules, "own_helpers", helpers)
    own = pooling("import own_helpers\ndef pool(x): return own_helpers.scale")
    before = hash_object(own)
    helpers.__getattr__ = lambda name: 2
    assert hash_object(own) != before


def test_a_tensor_of_an_own_class() -> None:
    source = "import torch\nclass T(torch.Tensor):\n def mean(self): return $"
    one, other = (module(source.replace("$", value)).T([1.0]) for value in "12")
    assert hash_object(one) != hash_object(other)


def test_hooks_that_note_outputs_down() -> None:
    """Transformers adds some in the first forward pass, and they stay."""
    net = network()
    before = hash_object(net)
    hook = module("def hook(m, i, o): pass", "transformers.utils.output_capturing").hook
    net.body[0].register_forward_hook(hook)
    net._output_capturing_hooks_installed = True
    assert hash_object(net) == before
    net.body[0].register_forward_hook(module("def hook(m, i, o): pass").hook)
    assert hash_object(net) != before


@pytest.mark.slow
def test_a_network_of_transformers_that_has_run() -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 8}
    options = transformers.Wav2Vec2Config(
        **sizes, num_attention_heads=2, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2
    )
    net = transformers.Wav2Vec2Model(options).eval()
    before = hash_object(net)
    with torch.inference_mode():
        net(torch.zeros(1, 1000), output_hidden_states=True)
    assert hash_object(net) == before


def test_compiled_code_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import math

    use = module("from math import exp\ndef pool(x): return exp(x)")
    own = types.ModuleType("math")
    own.__file__ = "/home/somebody/math.so"
    hash_object(use.pool)
    monkeypatch.setitem(sys.modules, "math", own)
    with pytest.raises(Unhashable, match=r"`loose_module\.exp` is compiled code"):
        hash_object(use.pool)
    assert use.exp is math.exp


def test_an_import_that_has_not_happened_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_lazy.py").write_text("def scale(x): return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    own = pooling("def pool(x):\n from own_lazy import scale\n return scale(x)")
    with pytest.raises(Unhashable, match="imports own_lazy only when it is called"):
        hash_object(own)
    optional = "def pool(x):\n try: import no_such_package\n except ImportError: return x"
    hash_object(pooling(optional))


def test_endless_nesting() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(Unhashable, match="nested too deeply"):
        hash_object(deep)


def test_long_chains_of_functions() -> None:
    lines = ["def f0(x): return x"]
    lines += [f"def f{n}(x): return f{n - 1}(x)" for n in range(1, 1500)]
    assert hash_object(pooling("\n".join(lines), "f1499"))


def test_nothing_is_kept_alive() -> None:
    net = network()
    alive = weakref.ref(net.body[0].weight)
    hash_object(net)
    del net
    assert alive() is None


def test_a_large_network_takes_one_pass() -> None:
    net = torch.nn.Linear(2000, 4000)
    weights = memoryview(net.weight.detach().reshape(-1).view(torch.uint8).numpy())

    def seconds(work: Callable[[], Any]) -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    best = min(seconds(lambda: hashlib.sha256(weights).digest()) for _ in range(3))
    assert min(seconds(lambda: hash_object([net, net])) for _ in range(3)) < 3 * best + 0.05
