"""Hashes of package files, and imports that are older than their files."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.errors import PluginLoadError
from brainbench_audio.hashing import package_files
from brainbench_audio.hashing.imported_code import is_as_imported, process_start
from brainbench_audio.hashing.sources import check_imported, imported, package_hash

STALE = "has changed since this process imported it: restart Python"


@pytest.fixture
def package(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # processes that a test starts run the core that is tested here
    core = Path(package_files.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(core)]))
    folder = site / "plugin_hashed"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "network.py").write_text("WIDTH = 3\n\ndef run(x):\n    return x * WIDTH\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "table.json").write_text("[1]")
    return folder


def age(folder: Path) -> None:
    """Let all files be older than this process."""
    for file in folder.rglob("*"):
        os.utime(file, (1e9, 1e9))


@pytest.mark.parametrize("name", ["network.py", "table.json", "inner/__init__.py", "inner/new.npz"])
def test_all_files_of_a_package_count(package: Path, name: str) -> None:
    first = package_hash(["plugin_hashed"])
    assert package_hash(["plugin_hashed"]) == first
    assert "plugin_hashed" not in sys.modules
    (package / name).write_bytes(b"# new")
    assert package_hash(["plugin_hashed"]) != first


@pytest.mark.parametrize(
    "name", ["__pycache__/a.pyc", "network.pyi", "network.py~", ".network.py.swp", ".idea/a.xml"]
)
def test_leftovers_do_not_count(package: Path, name: str) -> None:
    first = package_hash(["plugin_hashed"])
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_bytes(b"left over")
    assert package_hash(["plugin_hashed"]) == first


def test_a_renamed_file_and_the_order_of_packages(package: Path) -> None:
    (package.parent / "plugin_single.py").write_text("a = 1\n")
    first = package_hash(["plugin_hashed", "plugin_single"])
    assert package_hash(["plugin_single", "plugin_hashed"]) != first
    (package / "table.json").rename(package / "list.json")
    assert package_hash(["plugin_hashed", "plugin_single"]) != first


def test_the_same_package_elsewhere_has_the_same_hash(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = package_hash(["plugin_hashed"])
    other = tmp_path / "other"
    other.mkdir()
    package.rename(other / "plugin_hashed")
    monkeypatch.syspath_prepend(str(other))
    assert package_hash(["plugin_hashed"]) == first


def test_files_are_read_once(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_files, "_SETTLED", -(10**18))
    first = package_hash(["plugin_hashed"])
    read: list[Path] = []
    original = package_files.hash_file
    monkeypatch.setattr(
        package_files, "hash_file", lambda file: read.append(file) or original(file)
    )
    assert package_hash(["plugin_hashed"]) == first
    assert read == []
    (package / "network.py").write_text("WIDTH = 4\n")
    assert package_hash(["plugin_hashed"]) != first
    assert read == [package / "network.py"]


def test_a_change_that_keeps_size_and_time(package: Path) -> None:
    first = package_hash(["plugin_hashed"])
    file = package / "network.py"
    status = file.stat()
    file.write_text(file.read_text().replace("3", "4"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert package_hash(["plugin_hashed"]) != first


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.sub"])
def test_a_package_that_is_not_installed(name: str) -> None:
    with pytest.raises(PluginLoadError, match=rf"Package {name}.*not installed"):
        package_hash([name])


def test_an_edit_after_the_import_is_refused_until_it_is_undone(package: Path) -> None:
    network = importlib.import_module("plugin_hashed.network")
    check_imported(["plugin_hashed"])
    before = (package / "network.py").read_text()
    (package / "network.py").write_text(before.replace("WIDTH = 3", "WIDTH = 4"))
    with pytest.raises(PluginLoadError, match=rf"network\.py {STALE}"):
        check_imported(["plugin_hashed"])
    (package / "network.py").write_text(before)
    check_imported(["plugin_hashed"])
    (package / "network.py").unlink()
    with pytest.raises(PluginLoadError, match=rf"network\.py {STALE}"):
        check_imported(["plugin_hashed"])
    assert network.WIDTH == 3


def test_a_new_import_is_no_longer_stale(package: Path) -> None:
    importlib.import_module("plugin_hashed.network")
    check_imported(["plugin_hashed"])
    (package / "network.py").write_text("WIDTH = 44444\n")
    with pytest.raises(PluginLoadError):
        check_imported(["plugin_hashed"])
    del sys.modules["plugin_hashed.network"]
    check_imported(["plugin_hashed"])
    assert importlib.import_module("plugin_hashed.network").WIDTH == 44444
    check_imported(["plugin_hashed"])


def test_an_edit_of_a_module_that_is_not_imported_is_fine(package: Path) -> None:
    importlib.import_module("plugin_hashed")
    check_imported(["plugin_hashed"])
    (package / "network.py").write_text("WIDTH = 4\n")
    check_imported(["plugin_hashed"])


def test_data_may_have_been_read_at_the_import(package: Path) -> None:
    importlib.import_module("plugin_hashed")
    check_imported(["plugin_hashed"])
    (package / "new.json").write_text("[1]")
    check_imported(["plugin_hashed"])
    (package / "table.json").write_text("[2]")
    with pytest.raises(PluginLoadError, match=rf"table\.json {STALE}"):
        check_imported(["plugin_hashed"])


def test_an_import_between_two_looks(package: Path) -> None:
    """What was imported could be the old file or the new one."""
    package_hash(["plugin_hashed"])
    importlib.import_module("plugin_hashed.network")
    (package / "network.py").write_text("WIDTH = 4\n")
    with pytest.raises(PluginLoadError, match=rf"network\.py {STALE}"):
        check_imported(["plugin_hashed"])


STRANGER = """
import sys, pathlib
import plugin_hashed.network
file = pathlib.Path(plugin_hashed.network.__file__)
text = file.read_text()
file.write_text({edited})
from brainbench_audio.errors import PluginLoadError
from brainbench_audio.hashing.sources import check_imported
try:
    check_imported(["plugin_hashed"])
except PluginLoadError as error:
    print("refused:", error)
else:
    print("fine")
"""


@pytest.mark.parametrize(
    ("edited", "answer"),
    [
        ("text", "fine"),
        ("text + '# a comment'", "fine"),
        ("text.replace('x * WIDTH', 'x + WIDTH')", "refused"),
        ("text.replace('WIDTH = 3', 'WIDTH = 4')", "refused"),
    ],
)
def test_an_edit_before_the_first_look(
    package: Path, python: Callable[..., Any], edited: str, answer: str
) -> None:
    """A notebook imports a plugin, its author edits it, and then the first score is asked for."""
    age(package)
    run = python(STRANGER.format(edited=edited))
    assert run.stdout.startswith(answer), run.stdout + run.stderr


def test_a_forked_worker_is_as_old_as_its_parent(package: Path, python: Callable[..., Any]) -> None:
    code = STRANGER.format(edited="text.replace('x * WIDTH', 'x + WIDTH')")
    imports, _, rest = code.partition("file = ")
    worker = f"""{imports}
import os, time
file = {rest.partition("from brainbench")[0]}
time.sleep(2.1)
if os.fork() == 0:
    exec({"from brainbench" + rest.partition("from brainbench")[2]!r})
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
    run = python(worker)
    assert run.stdout.startswith("refused"), run.stdout + run.stderr


def test_the_start_of_this_process() -> None:
    assert time.time() - 24 * 3600 < process_start() <= time.time()


SOURCE = """
import functools
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from unittest.mock import call

WIDTH = 3
NAMES = ["a", "b"]
CACHE = {}
COUNT = 0
try:
    FAST = True
except ImportError:
    FAST = False
TABLE = {"mean": lambda x: x + 1}

class Mode(Enum):
    ONE = 1

@dataclass
class Options:
    size: int = 2
    names: list = field(default_factory=list)

    class Inner:
        def deep(self): return 1

class Net(Options):
    depth = 4
    __hidden = 1

    def run(self, x, k=1, *, scale=2.0):
        global COUNT
        COUNT += 1
        CACHE[x] = x
        return x

    @property
    def size_(self): return 1
    @size_.setter
    def size_(self, value): pass
    @staticmethod
    def still(x): return x
    @functools.cached_property
    def late(self): return 5
    def __private(self): return 1

class Size(Enum):
    BASE = 12, 768
    def __new__(cls, depth, width=768):
        self = object.__new__(cls)
        self._value_, self.width = depth, width
        return self

class Rate(float, Enum):
    LOW = 8000

class Text(StrEnum):
    A = "a"

@functools.lru_cache
def cached(x): return x * 2
"""


def made(site: Path, source: str) -> Any:
    (site / "plugin_seen.py").write_text(source)
    importlib.invalidate_caches()
    sys.modules.pop("plugin_seen", None)
    return importlib.import_module("plugin_seen")


def test_a_module_in_use_is_as_its_source(site: Path) -> None:
    module = made(site, SOURCE)
    module.Net().run(1)
    module.cached(1)
    assert is_as_imported(module, SOURCE.encode())
    assert is_as_imported(module, f"# a comment\n\n{SOURCE}\n".encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 3", "WIDTH = 4"),
        ('"a", "b"', '"a", "c"'),
        ("ONE = 1", "ONE = 2"),
        ("size: int = 2", "size: int = 3"),
        ("depth = 4", "depth = 5"),
        ("k=1", "k=2"),
        ("k=1", "k"),
        ("scale=2.0", "scale=2.5"),
        ("return x\n\n    @property", "return -x\n\n    @property"),
        ("def size_(self): return 1", "def size_(self): return 2"),
        ("def still(x): return x", "def still(x): return -x"),
        ("return 5", "return 6"),
        ("def deep(self): return 1", "def deep(self): return 2"),
        ("return x * 2", "return x * 3"),
        ("width=768", "width=512"),
        ('A = "a"', 'A = "b"'),
        ("lambda x: x + 1", "lambda x: x + 2"),
        ("def cached", "def renamed"),
        ("def cached", "def another(x): return x\ndef cached"),
        ("WIDTH = 3", "WIDTH = ("),
    ],
)
def test_a_module_that_is_older_than_its_source(site: Path, old: str, new: str) -> None:
    module = made(site, SOURCE)
    assert old in SOURCE
    assert not is_as_imported(module, SOURCE.replace(old, new).encode())


def test_a_function_that_is_wrapped_in_itself(site: Path) -> None:
    source = "def run(x): return x"
    module = made(site, source)
    module.run.__wrapped__ = module.run
    assert is_as_imported(module, source.encode())


def test_imports_whose_files_change_meanwhile(package: Path) -> None:
    file = package / "network.py"
    text = file.read_text()
    edits = [text.replace("3", "41"), text.replace("3", "5")]

    def load() -> Any:
        module = importlib.import_module("plugin_hashed.network")
        if edits:
            file.write_text(edits.pop(0))
        return module.WIDTH

    with pytest.raises(PluginLoadError, match="change while they are imported"):
        imported(["plugin_hashed"], load)
    edits.append(text.replace("3", "61"))
    width, content = imported(["plugin_hashed"], load)
    assert width == 61
    assert content == package_hash(["plugin_hashed"])
    check_imported(["plugin_hashed"])


def test_an_import_after_an_edit_is_fine(package: Path) -> None:
    first = package_hash(["plugin_hashed"])
    (package / "network.py").write_text("WIDTH = 17\n")
    width, content = imported(
        ["plugin_hashed"], lambda: importlib.import_module("plugin_hashed.network").WIDTH
    )
    assert width == 17
    assert content != first
    (package / "network.py").write_text("WIDTH = 18\n")
    with pytest.raises(PluginLoadError, match=STALE):
        imported(["plugin_hashed"], lambda: None)


def test_the_core_is_as_it_was_imported() -> None:
    check_imported(["brainbench_audio"])
