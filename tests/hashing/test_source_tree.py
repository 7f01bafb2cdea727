"""Model files with all that they import: what counts, and what is executed."""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brainbench_audio.errors import DataError
from brainbench_audio.hashing import sources, tree_import
from brainbench_audio.hashing.live_code import hash_object
from brainbench_audio.hashing.source_tree import read_tree
from brainbench_audio.hashing.sources import load_tree, tree_hash


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Leave modules and search path as they were."""
    modules, path = dict(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


def write(folder: Path, **files: str) -> Path:
    """Write files, ``__`` in a name standing for a slash; return the model file."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py".replace("init.py", "__init__.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "model.py"


def names(file: Path) -> list[str]:
    return [path.relative_to(file.parent).as_posix() for path in read_tree(file).files.values()]


def test_everything_that_is_imported_counts(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        model="import numpy, os, torch\nimport helpers\nfrom parts.deep import layer\n"
        "class Model:\n    def activations(self):\n        import late\n"
        "def other():\n    importlib.import_module('named')\n",
        helpers="from parent import Base\nimport model",
        parent="class Base: pass",
        late="from . import later",
        later="",
        named="",
        unused="",
        parts__init="",
        parts__deep__init="from .. import common\nfrom .inner import run",
        parts__deep__layer="",
        parts__deep__inner="def run(): from ...too import far",
        parts__common="",
        parts__other="",
    )
    (tmp_path / "parts" / "table.csv").write_text("1")
    (tmp_path / "parts" / "data").mkdir()
    (tmp_path / "parts" / "data" / "table.csv").write_text("1")
    (tmp_path / "loose.csv").write_text("1")
    assert sorted(names(file)) == sorted(
        [
            *("model.py", "helpers.py", "parent.py", "late.py", "later.py", "named.py"),
            *("parts/__init__.py", "parts/common.py", "parts/table.csv", "parts/data/table.csv"),
            *("parts/deep/__init__.py", "parts/deep/layer.py", "parts/deep/inner.py"),
        ]
    )
    assert names(file)[0] == "model.py"


@pytest.mark.parametrize(
    "name", ["model.py", "helpers.py", "parent.py", "late.py", "parts/__init__.py", "parts/t.csv"]
)
def test_a_change_of_any_of_them_changes_the_hash(tmp_path: Path, name: str) -> None:
    file = write(
        tmp_path,
        model="from helpers import K\nimport parts\ndef lazily(): import late",
        helpers="from parent import K",
        parent="K = 1",
        late="",
        parts__init="",
        unused="",
    )
    (tmp_path / "parts" / "t.csv").write_text("1")
    first = tree_hash(file)
    (tmp_path / "unused.py").write_text("# changed")
    (tmp_path / "notes.txt").write_text("changed")
    assert tree_hash(file) == first
    with (tmp_path / name).open("a") as opened:
        opened.write("# changed")
    assert tree_hash(file) != first


def test_a_moved_folder_keeps_the_hash_and_a_renamed_file_does_not(tmp_path: Path) -> None:
    file = write(tmp_path / "here", model="import helpers", helpers="")
    first = tree_hash(file)
    (tmp_path / "here").rename(tmp_path / "there")
    assert tree_hash(tmp_path / "there" / "model.py") == first
    (tmp_path / "there" / "model.py").rename(tmp_path / "there" / "net.py")
    assert tree_hash(tmp_path / "there" / "net.py") != first


def test_loose_modules_on_the_search_path_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "model", model="import plugin_library.part\nimport plugin_loose")
    library = tmp_path / "library"
    write(library, plugin_library__init="", plugin_library__part="K = 1", plugin_loose="K = 1")
    monkeypatch.syspath_prepend(str(library))
    first = tree_hash(file)
    module, loaded = load_tree(file)
    assert loaded == first
    assert module.plugin_library.part.K == module.plugin_loose.K == 1
    assert sys.modules["plugin_library"] is module.plugin_library
    assert load_tree(file)[0].plugin_library is module.plugin_library
    (library / "plugin_library" / "part.py").write_text("K = 2")
    assert tree_hash(file) != first
    assert load_tree(file)[0].plugin_library.part.K == 2
    (library / "plugin_loose.py").write_text("K = 3")
    assert load_tree(file)[0].plugin_loose.K == 3


def test_a_module_of_the_same_name_from_elsewhere_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere, plugin_loose="K = 'elsewhere'")
    with monkeypatch.context() as context:
        context.syspath_prepend(str(elsewhere))
        importlib.import_module("plugin_loose")
    library = tmp_path / "library"
    write(library, plugin_loose="K = 'library'")
    monkeypatch.syspath_prepend(str(library))
    file = write(tmp_path / "model", model="from plugin_loose import K")
    assert load_tree(file)[0].K == "library"


def test_a_changed_sibling_is_executed_anew(tmp_path: Path) -> None:
    """Same size, same second: Python's own cache of bytecode would give the old one."""
    file = write(tmp_path, model="from helpers import K", helpers="K = 1")
    first, hashed = load_tree(file)
    os.utime(tmp_path / "helpers.py", (1e9, 1e9))
    again, same = load_tree(file)
    assert (again.K, same) == (1, hashed)
    assert again is not first
    (tmp_path / "helpers.py").write_text("K = 2")
    os.utime(tmp_path / "helpers.py", (1e9, 1e9))
    changed, other = load_tree(file)
    assert (first.K, changed.K) == (1, 2)
    assert other == tree_hash(file) != hashed


def test_two_folders_with_equal_names(tmp_path: Path) -> None:
    model = (
        "import helpers\nfrom parts.inner import NAME as DEEP\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Model:\n    size: int = 1\n"
        "    def activations(self):\n        import helpers, late\n"
        "        from parts import more\n        return helpers.NAME, late.NAME, more.NAME\n"
    )
    loaded = {}
    for name in ("a", "b"):
        text = f"NAME = {name!r}"
        loaded[name] = load_tree(
            write(
                tmp_path / name,
                model=model,
                helpers=text,
                late=text,
                parts__init=text,
                parts__inner=text,
                parts__more=text,
            )
        )[0]
    for name in ("a", "b", "a"):
        assert loaded[name].helpers.NAME == loaded[name].DEEP == name
        assert loaded[name].Model().activations() == (name, name, name)
    assert not {"helpers", "parts", "late", "model"} & set(sys.modules)


def test_a_late_import_is_of_what_was_hashed(tmp_path: Path) -> None:
    file = write(
        tmp_path, model="def activations():\n    import late\n    return late.K", late="K = 1"
    )
    module, _ = load_tree(file)
    (tmp_path / "late.py").write_text("K = 2")
    assert module.activations() == 1
    (tmp_path / "late.py").unlink()
    assert module.activations() == 1


@pytest.mark.parametrize(
    "text",
    [
        "import os, sys\nsys.path.insert(0, os.path.dirname(__file__))\nimport helpers as h",
        "import helpers as h",
        "from . import helpers as h",
        "from .helpers import K\nimport helpers as h",
        "import importlib\nh = importlib.import_module('.helpers', __package__)",
        "try:\n    import no_such_module\nexcept ImportError:\n    import helpers as h",
        "h = __import__('helpers')",
    ],
)
def test_ways_to_import_a_sibling(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, model=text, helpers="K = 1")
    assert load_tree(file)[0].h.K == 1
    if "insert" in text:
        assert str(tmp_path) in sys.path


def test_a_folder_that_the_file_adds_to_the_search_path(tmp_path: Path) -> None:
    text = (
        f"import sys\nsys.path.insert(0, {str(tmp_path / 'library')!r})\nfrom plugin_loose import K"
    )
    file = write(tmp_path / "model", model=text)
    write(tmp_path / "library", plugin_loose="K = 1")
    first, hashed = load_tree(file)
    (tmp_path / "library" / "plugin_loose.py").write_text("K = 2")
    second, other = load_tree(file)
    assert (first.K, second.K) == (1, 2)
    assert hashed != other


def test_packages_that_import_themselves(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        model="import parts.a, parts.b as b\nK = parts.a.K + b.K",
        parts__init="from .a import K\nimport parts",
        parts__a="import parts.b\nK = 1",
        parts__b="from parts import a\nK = 2\ndef get(): return a.K + parts.a.K\nimport parts",
    )
    module, _ = load_tree(file)
    assert module.K == 3
    assert module.b.get() == 2
    assert Path(module.parts.__file__) == tmp_path / "parts" / "__init__.py"


def test_a_folder_without_init_and_a_file_of_another_name(tmp_path: Path) -> None:
    write(tmp_path, space__helpers="K = 4", datasets__local="K = 5")
    file = tmp_path / "my-model.v2.py"
    file.write_text("from space import helpers\nimport datasets.local\nclass Model: pass")
    module, _ = load_tree(file)
    assert module.helpers.K == 4
    assert module.Model.__module__.endswith(".my_model_v2")


def test_a_model_file_beside_a_package_of_its_name(tmp_path: Path) -> None:
    file = write(tmp_path, model="from model.inner import K", model__init="", model__inner="K = 1")
    assert load_tree(file)[0].K == 1
    assert sorted(names(file)) == ["model.py", "model/__init__.py", "model/inner.py"]


def test_objects_of_a_model_file_can_be_pickled_and_inspected(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        model="import helpers\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Model:\n    a: int",
        helpers="class Part:\n    size = 3",
    )
    module, _ = load_tree(file)
    model, part = module.Model(2), module.helpers.Part()
    assert pickle.loads(pickle.dumps(model)) == copy.deepcopy(model) == model
    assert pickle.loads(pickle.dumps(part)).size == 3
    assert inspect.getsource(module.Model).startswith("@dataclass")


@pytest.mark.parametrize(
    ("model", "helpers", "place"),
    [("x = 1\ny = (", "", "model.py, line 2"), ("import helpers", "x =\n", "helpers.py, line 1")],
)
def test_a_syntax_error_is_named(tmp_path: Path, model: str, helpers: str, place: str) -> None:
    file = write(tmp_path, model=model, helpers=helpers)
    for call in (read_tree, tree_hash, load_tree):
        with pytest.raises(DataError, match=place):
            call(file)


@pytest.mark.parametrize("content", [b"x = '\xff'", b"\0"])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.py").write_bytes(content)
    with pytest.raises(DataError, match=r"model\.py"):
        load_tree(tmp_path / "model.py")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.py does not exist"):
        load_tree(tmp_path / "model.py")


def test_a_sibling_named_like_the_standard_library(tmp_path: Path) -> None:
    file = write(tmp_path, model="import queue", queue="")
    with pytest.raises(DataError, match=r"queue\.py has the name of a module of Python's standard"):
        tree_hash(file)


def test_a_file_that_fails_leaves_no_modules(tmp_path: Path) -> None:
    file = write(tmp_path, model="import helpers\n1 / 0", helpers="")
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        load_tree(file)
    assert not [n for n in set(sys.modules) - before if n.startswith(tree_import.PREFIX)]


def test_a_file_that_is_saved_while_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, model="from helpers import K", helpers="K = 0")
    saves = [1, 2]

    def execute(tree: Any) -> Any:
        if saves:
            (tmp_path / "helpers.py").write_text(f"K = {saves.pop(0)}")
        return tree_import.execute(tree)

    monkeypatch.setattr(sources, "execute", execute)
    module, hashed = load_tree(file)
    assert module.K == 2
    assert hashed == tree_hash(file)
    saves += range(3, 9)
    with pytest.raises(DataError, match="changes while it is imported"):
        load_tree(file)


def test_what_a_model_file_imports_late_is_part_of_its_live_hash(tmp_path: Path) -> None:
    text = "def pool(x):\n    import late\n    return late.K * x"
    file = write(tmp_path, model=text, late="K = 1")
    first = hash_object(load_tree(file)[0].pool)
    assert hash_object(load_tree(file)[0].pool) == first
    (tmp_path / "late.py").write_text("K = 2")
    assert hash_object(load_tree(file)[0].pool) != first


def test_live_hashes_do_not_depend_on_where_a_file_lies(tmp_path: Path) -> None:
    text = "import helpers\nclass Model:\n    def run(self): return helpers.K\n"
    models = [
        load_tree(write(tmp_path / name, model=text, helpers="K = 1"))[0].Model() for name in "ab"
    ]
    assert hash_object(models[0]) == hash_object(models[1])
