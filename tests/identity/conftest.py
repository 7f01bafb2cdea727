"""One thing is changed: is the score computed anew? Is it found again when changed back?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from brainbench_audio import load_benchmark, settings
from brainbench_audio.hashing.sources import package_hash
from brainbench_audio.pipeline.run import Run, run

NETWORK = {
    "__init__.py": """
from brainbench_audio.cards import ModelCard, WeightsFile
from brainbench_audio.registry import hookimpl

CARD = ModelCard(
    id="net", family="net", label="Net", parameters=54, layers=("first", "out"), dims=(6, 6),
    sample_rate=8000, licence="MIT", citation="none", training_data="none", source="here",
    packages=("plugin_net",), loader="plugin_net.network:FAMILY",
    weights=(WeightsFile(url="https://example.org/net.pt", size=2000),),
)


@hookimpl
def brainbench_models():
    return [CARD]
""",
    "network.py": """
from pathlib import Path

import torch

from brainbench_audio.activations.family import Configured, Family


class Out(torch.nn.Module):
    def __init__(self, power):
        super().__init__()
        self.power = power

    def forward(self, x):
        from plugin_net import late

        gain = float(Path(__file__).with_name("gain.txt").read_text())
        return torch.sin(gain * late.bend(x)) ** self.power


class Net(torch.nn.Module):
    def __init__(self, power):
        super().__init__()
        self.first = torch.nn.Linear(8, 6)
        self.out = Out(power)

    def forward(self, waves):
        frames = 100 * waves[:, :800].reshape(len(waves), 100, 8)
        found = self.first(frames).relu()
        return self.out(found.square() if self.training else found)


def configure(card, content, *, power=1):
    return Configured(card, {"power": power})


FAMILY = Family(build=lambda card, power: Net(power), configure=configure)
""",
    "late.py": "def bend(x):\n    return x\n",
    "gain.txt": "1.0",
}
Ask = Callable[[], Run]
Differs = Callable[[Ask, Callable[[], object], Callable[[], object]], None]


def _save(path: Path, seed: int) -> Path:
    """Write weights of the network."""
    generator = torch.Generator().manual_seed(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "first.weight": torch.randn(6, 8, generator=generator),
        "first.bias": torch.randn(6, generator=generator),
    }
    torch.save(state, path)
    return path


def _published() -> Path:
    return settings.data_home() / "weights" / "net" / "net.pt"


@pytest.fixture(autouse=True)
def _nothing_survives_a_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the disk would take most of the time of these tests."""
    monkeypatch.setattr("os.fsync", lambda _file: None)


@pytest.fixture
def net(site: Path, install: Callable[..., Path], tiny: Path) -> Path:
    """Install a plugin of one network, with its weights; return the folder of its source."""
    folder = site / "plugin_net"
    folder.mkdir()
    for name, text in NETWORK.items():
        (folder / name).write_text(text)
    install("brainbench-net", "plugin_net")
    _save(_published(), 0)
    return folder


@pytest.fixture
def restart() -> Callable[[], None]:
    """Return a function that forgets the modules of plugins, as a new process would."""

    def forget() -> None:
        from brainbench_audio.registry.discovery import plugins

        plugins.cache_clear()
        for name in [n for n in sys.modules if n.startswith(("plugin_net", "brainbench_tiny"))]:
            del sys.modules[name]
        package_hash(["plugin_net"])  # looks at the files before they are imported, as a start does

    return forget


@pytest.fixture
def differs() -> Differs:
    """Return a function that changes a thing and changes it back, and asks for the score."""

    def check(ask: Ask, change: Callable[[], object], back: Callable[[], object]) -> None:
        first = ask()
        assert not first.cached
        assert not first.unkept
        assert ask().cached
        change()
        other = ask()
        assert not other.cached
        assert other.version != first.version
        assert other.score.value != first.score.value
        back()
        again = ask()
        assert again.cached
        assert (again.version, again.score.value) == (first.version, first.score.value)

    return check


@pytest.fixture
def tiny_score(tiny: Path) -> Callable[..., Run]:
    """Return a function that scores a model on the tiny benchmark."""
    benchmark = load_benchmark("Tiny-match")  # once: it writes its sounds each time

    def ask(model: Any, **options: Any) -> Run:
        return run(model, benchmark, **options)

    return ask


@pytest.fixture
def save() -> Callable[[Path, int], Path]:
    """Return a function that writes weights of the network, others for each seed."""
    return _save


@pytest.fixture
def published(net: Path) -> Path:
    """Return the place of the published weights."""
    return _published()
