"""What tests of brainbench-audio and its plugins share, as a plugin of pytest.

A plugin's ``pyproject.toml`` loads it, so that its tests run wherever the plugin is::

    [tool.pytest.ini_options]
    addopts = "--import-mode=importlib -p brainbench_audio.testing.pytest_plugin -m 'not slow'"

A test with the mark ``gpu`` is skipped where torch sees no CUDA device.

Every test has a home of its own and no network (`isolated`). Real data and references are asked for
as the fixtures `data_folder` and `parity_folder`, a folder for all processes of a run as
`run_folder`, a network with made-up weights by the mark
``standin("model id")`` and the fixtures `standin` and `standin_weights`. A test that takes the
fixture ``conformance`` runs once for each check of the distributions that ``--brainbench-check``
names; `hold` fails or skips it with what the check says.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from brainbench_audio.provenance import source_folder

# the process that only hands out tests to others, with xdist, needs neither these nor torch
if TYPE_CHECKING:
    from torch import Tensor

    from brainbench_audio.activations.torch_model import TorchModel
    from brainbench_audio.testing.conformance import Check

pytest.register_assert_rewrite(
    "brainbench_audio.testing.behaviour", "brainbench_audio.testing.references"
)
_MARKERS = (
    "slow: minutes rather than seconds; `make test-all` runs them",
    "data: needs real data, see BRAINBENCH_DATA in the README",
    "network: needs the network",
    "gpu: needs an NVIDIA GPU; `make test-gpu` runs these alone",
    "standin(model): gives the fixtures `standin` and `standin_weights` this model",
)
_CHECKOUT = source_folder("brainbench_audio").parent
# read before `isolated` takes the first away
_DATA = Path(os.environ.get("BRAINBENCH_DATA") or _CHECKOUT.parent / "shared" / "data")
_PARITY = Path(os.environ.get("BRAINBENCH_PARITY") or _DATA.parent / "parity")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the distributions."""
    parser.addoption(
        "--brainbench-check",
        action="append",
        default=[],
        metavar="DISTRIBUTION",
        help="hold this plugin to the conformance suite (may be given again)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare marks; a busy machine is no reason for a test of hypothesis to fail."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    if find_spec("hypothesis"):
        from hypothesis import settings

        settings.register_profile("untimed", deadline=None)
        settings.load_profile("untimed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU: torch sees no CUDA device here")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the fixture `conformance` every check of the distributions that were named."""
    if "conformance" not in metafunc.fixturenames:
        return
    from brainbench_audio.testing.conformance import checks

    names = metafunc.config.getoption("--brainbench-check")
    metafunc.parametrize("conformance", checks(*names), ids=str)


def hold(check: Check) -> None:
    """Run a check inside a test: fail or skip with what it says."""
    outcome = check.outcome()
    if outcome.state == "failed":
        pytest.fail(outcome.message, pytrace=False)
    if outcome.state == "not checked":
        pytest.skip(outcome.message)


@pytest.fixture(autouse=True)
def isolated(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep caches, results and settings of the person who runs the tests out of them."""
    if "conformance" in request.fixturenames:  # checks data sets where the person has them
        return
    monkeypatch.setenv("BRAINBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRAINBENCH_OFFLINE", "1")
    monkeypatch.delenv("BRAINBENCH_DATA", raising=False)
    monkeypatch.delenv("BRAINBENCH_STRICT", raising=False)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of a run share, for what takes long to make."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of real data, or skip."""
    if not _DATA.is_dir():
        pytest.skip(f"no real data: {_DATA} does not exist, set BRAINBENCH_DATA")
    monkeypatch.setenv("BRAINBENCH_DATA", str(_DATA))
    return _DATA


@pytest.fixture
def parity_folder() -> Path:
    """Return the folder of reference activations to natural sounds, or skip."""
    if not _PARITY.is_dir():
        pytest.skip(f"no natural-sound references: {_PARITY} does not exist, set BRAINBENCH_PARITY")
    return _PARITY


@pytest.fixture
def standin_weights(request: pytest.FixtureRequest) -> dict[str, Tensor]:
    """Return the stand-in weights, under published names, of the model that the mark names."""
    return dict(_weights(_marked(request)))


@pytest.fixture
def standin(request: pytest.FixtureRequest) -> TorchModel:
    """Return the model that the mark names, on the CPU, with stand-in weights."""
    return _model(_marked(request))


def _marked(request: pytest.FixtureRequest) -> str:
    mark = request.node.get_closest_marker("standin")
    if mark is None:
        pytest.fail(f"{request.node.nodeid} has no mark standin(model)", pytrace=False)
    return str(mark.args[0])


# drawing takes seconds, and some hundred MB: tests of one family follow each other
@lru_cache(maxsize=2)
def _weights(name: str) -> dict[str, Tensor]:
    import torch

    from brainbench_audio.testing.standin import standin_weights

    arrays = standin_weights(name)
    # names that share an array share a tensor, as they do in published files
    tensors = {id(array): torch.from_numpy(array) for array in arrays.values()}
    return {key: tensors[id(array)] for key, array in arrays.items()}


@lru_cache(maxsize=2)
def _model(name: str) -> TorchModel:
    from brainbench_audio.testing.standin import standin_model

    return standin_model(name, _weights(name))
