"""How often things are read: counted, not timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio import hash_cache
from brainbench_audio.hashing import package_files
from brainbench_audio.pipeline import benchmark as composed
from brainbench_audio.pipeline.loading import load_dataset
from brainbench_audio.pipeline.many import score_many
from brainbench_audio.pipeline.run import Run
from brainbench_audio.stimuli import stimulus_set

STORED = """
import builtins, io, sys
from pathlib import Path

opened = []
real = io.open

def spy(file, *arguments, **options):
    opened.append(str(file))
    return real(file, *arguments, **options)

builtins.open = io.open = spy
from brainbench_audio.cli.main import main

status = main(["score", "-m", "net", "-b", "Tiny-match", "--json"])
print([name for name in opened if name.endswith("net.pt")], file=sys.stderr)
print(sorted({"torch", "plugin_net.network"} & set(sys.modules)), file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def counted(net: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """Count which files are hashed and read, and how often responses are."""
    counter: Counter[tuple[str, str]] = Counter()
    made = load_dataset("Tiny").assembly  # made from the sounds, which would count, too
    monkeypatch.setattr("brainbench_audio.testing.dummies._responses", lambda _stimuli: made)

    def spy(module: Any, name: str, kind: str) -> None:
        real = getattr(module, name)

        def call(first: Any, *arguments: Any, **options: Any) -> Any:
            counter[kind, str(first) if isinstance(first, Path) else ""] += 1
            return real(first, *arguments, **options)

        monkeypatch.setattr(module, name, call)

    spy(hash_cache, "hash_file", "read")
    spy(stimulus_set, "hash_file", "read")
    spy(stimulus_set, "read_waveform", "read")
    spy(package_files, "hash_file", "source")
    spy(composed, "content_hash", "responses")
    # what was written just now may change on the same tick, so it would be read again
    monkeypatch.setattr(package_files, "_SETTLED", 0)
    monkeypatch.setattr(hash_cache, "_SETTLED", 0)
    return counter


def test_a_cold_pair(net: Path, published: Path, counted: Counter[tuple[str, str]]) -> None:
    (found,) = score_many(["net"], ["Tiny-match"])
    assert isinstance(found, Run)
    assert not found.cached
    assert counted["responses", ""] == 1
    times = {kind: {} for kind in ("read", "source")}  # type: ignore[var-annotated]
    for (kind, file), number in counted.items():
        if file:
            times[kind][file] = number
    sounds = [number for file, number in times["read"].items() if file.endswith(".wav")]
    assert sounds == [2] * 40  # hashed, and heard
    assert times["read"][str(published)] == 1
    assert set(times["source"].values()) == {1}
    assert {Path(file).name for file in times["source"]} >= {"network.py", "late.py", "gain.txt"}


def test_a_stored_pair(published: Path, counted: Counter[tuple[str, str]]) -> None:
    (found,) = score_many(["net"], ["Tiny-match"])
    assert isinstance(found, Run)
    counted.clear()
    (again,) = score_many(["net"], ["Tiny-match"])
    assert isinstance(again, Run)
    assert again.cached
    assert ("read", str(published)) not in counted
    # nor the sounds, which are as they were
    assert {path for kind, path in counted if kind == "read"} == set()


def test_a_stored_pair_in_a_new_process(
    net: Path, published: Path, python: Callable[..., Any]
) -> None:
    (found,) = score_many(["net"], ["Tiny-match"])
    assert isinstance(found, Run)
    # hashes are remembered of what has not changed for two seconds
    time.sleep(max(0.0, published.stat().st_ctime + 2.1 - time.time()))
    hash_cache.hash_files([published])
    done = python(STORED)
    assert done.returncode == 0, done.stderr
    assert '"cached": true' in done.stdout
    opened, imported = done.stderr.splitlines()[-2:]
    assert opened == "[]"  # the weights were looked at, and not read
    assert imported == "[]"


def test_large_data_of_a_model_file_are_read_once(
    tmp_path: Path, counted: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.bin").write_bytes(bytes(1 << 20))
    (tmp_path / "model.py").write_text(
        "from brainbench_audio.testing import DummyModel\n\n\nclass Net(DummyModel):\n"
        "    weights = 'large.bin'\n"
    )
    for _process in range(2):
        monkeypatch.setattr(package_files, "_files", {})
        (found,) = score_many([f"{tmp_path}/model.py:Net"], ["Tiny-match"])
        assert isinstance(found, Run)
    assert counted["read", str(tmp_path / "large.bin")] == 1
