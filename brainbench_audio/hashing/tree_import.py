"""Executes a source tree from the bytes that were read, under names that no other tree has.

Two folders may both have a `helpers.py`. Each tree's modules are registered as
``brainbench_file_<hash>.<name>``, and their imports, those inside functions too, go through an
`__import__` of their own that finds the tree's modules first. So nothing depends on `sys.path`, on
what was imported before, or on what the files hold by the time of a late import: but for
``importlib.import_module("helpers")``, which knows no tree and looks where Python does.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from brainbench_audio.files import hash_json
from brainbench_audio.hashing.source_tree import Source, SourceTree

PREFIX = "brainbench_file_"


def execute(tree: SourceTree) -> ModuleType:
    """Execute a tree's model file anew, and return it as a module."""
    content = tree.hash()
    prefix = PREFIX + hash_json([str(tree.root), content])[:16]
    _forget(prefix)
    package = ModuleType(prefix, f"Modules of {tree.root}.")
    package.__path__ = []
    sys.modules[prefix] = package
    _finder.importers[prefix] = _Importer(prefix, content, tree.own)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)  # before the finder that reads the folders of packages
    try:
        return importlib.import_module(f"{prefix}.{tree.main}")
    except BaseException:
        _forget(prefix)
        raise


def _forget(prefix: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == prefix]:
        del sys.modules[name]


class _Importer:
    """The `__import__` of a tree's modules."""

    def __init__(self, prefix: str, tree_hash: str, sources: Mapping[str, Source]) -> None:
        self.prefix = prefix
        self.tree_hash = tree_hash
        self.sources = sources
        self.builtins = {**vars(builtins), "__import__": self}

    def __call__(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or top not in self.sources:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = importlib.import_module(f"{self.prefix}.{name}")
        if not fromlist:
            return sys.modules[f"{self.prefix}.{top}"]
        return builtins.__import__(module.__name__, globals, locals, fromlist, 0)

    def spec(self, fullname: str) -> ModuleSpec | None:
        source = self.sources.get(fullname.partition(".")[2])
        if source is None:
            return None
        if source.file is None:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = list(source.folders)
            return spec
        loader = None
        if source.content is not None:
            loader = _Loader(fullname, source.file, source.content, self.builtins)
        folders = list(source.folders) or None
        return spec_from_file_location(
            fullname, source.file, loader=loader, submodule_search_locations=folders
        )


class _Loader(SourceFileLoader):
    """Executes what was read for the tree, and not a cached file of bytecode."""

    def __init__(self, name: str, file: Path, content: bytes, names: dict[str, Any]) -> None:
        super().__init__(name, str(file))
        self._content = content
        self._builtins = names

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self._content, self.path, "exec", dont_inherit=True)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._builtins
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of all trees; knows no other names."""

    def __init__(self) -> None:
        self.importers: dict[str, _Importer] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        importer = self.importers.get(fullname.partition(".")[0])
        return importer.spec(fullname) if importer else None


_finder = _Finder()
