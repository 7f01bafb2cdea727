"""Hashes the sources behind a result: packages, and model files with all that they import.

Code that a process has imported doesn't follow its file: results of the old code must not be stored
under the hash of the new file. So what was imported is compared with its file, and a model file is
executed from the very bytes that were hashed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from brainbench_audio.errors import DataError, PluginLoadError
from brainbench_audio.files import hash_json
from brainbench_audio.hashing.package_files import hash_again, is_within, look_at
from brainbench_audio.hashing.source_tree import SourceTree, read_tree
from brainbench_audio.hashing.tree_import import execute

_Loaded = TypeVar("_Loaded")
# what each hash stood for, as far as it may be read later than it was hashed: see `check_unchanged`
_packages: dict[str, list[dict[str, str]]] = {}
_trees: dict[tuple[str, str], dict[Path, str]] = {}


def package_hash(packages: Iterable[str]) -> str:
    """Return one SHA-256 over all files of some import packages, none of them imported.

    Compiled files, type stubs and what editors leave behind don't count.

    Raises
    ------
    PluginLoadError
        A package is not installed.
    """
    looks = [look_at(name)[0] for name in packages]
    files = [[(label, look.files[label].sha256) for label in sorted(look.files)] for look in looks]
    content = hash_json(files)
    if content not in _packages:
        _packages[content] = [look.hashes() for look in looks]
    return content


def check_unchanged(code: Mapping[str, Any], *, data_only: bool = False) -> None:
    """Check that what a model has read of its source since it was loaded is what was hashed then.

    An edit of a module that is in memory does no harm. One that is imported late, or data that are
    read late, would make results that are kept under the hash of other source.

    Parameters
    ----------
    code : mapping
        `Identity.code`; nothing is known of an empty one.
    data_only : bool
        Leave modules aside: none has run since.

    Raises
    ------
    PluginLoadError
        Naming a file that has changed.
    """
    content = str(code.get("hash", ""))
    changed = None
    if packages := code.get("packages"):
        if package_hash(packages) != content:
            looks = [look_at(name)[0] for name in packages]
            for look, then in zip(looks, _packages.get(content) or [{}] * len(looks), strict=True):
                changed = changed or look.read_since(then, data_only=data_only)
    else:
        for file, sha256 in _trees.get((str(code.get("tree")), content), {}).items():
            if not file.is_file() or hash_again(file).sha256 != sha256:
                changed = changed or file
    if changed is not None:
        raise PluginLoadError(
            f"{changed} has changed since it was loaded with the model or metric, which may read "
            f"it late: load it again; of a plugin, restart Python, the notebook's kernel or the "
            f"workers. What a model writes itself belongs elsewhere."
        )


def check_imported(packages: Iterable[str]) -> None:
    """Check that what this process has imported of some packages is what their files hold.

    Raises
    ------
    PluginLoadError
        A file has changed since it was imported, or a package is not installed.
    """
    for name in packages:
        changed = look_at(name)[1]
        if changed is not None:
            raise PluginLoadError(
                f"{changed} has changed since this process imported it: restart Python, the "
                f"notebook's kernel or the workers."
            )


def imported(packages: Iterable[str], load: Callable[[], _Loaded]) -> tuple[_Loaded, str]:
    """Import something from packages; return it and the hash of the files it was made from.

    Parameters
    ----------
    packages : iterable of str
    load : callable
        Imports. Called a second time, with the packages' new modules forgotten, where a file
        changed meanwhile.

    Raises
    ------
    PluginLoadError
        A file changed both times, or what was imported before has changed.
    """
    names = list(packages)
    check_imported(names)
    for _attempt in range(2):
        before, modules = package_hash(names), set(sys.modules)
        loaded = load()
        if package_hash(names) == before:
            check_imported(names)
            return loaded, before
        new = set(sys.modules) - modules
        _forget(module for module in new if any(is_within(module, name) for name in names))
    raise PluginLoadError(
        f"The files of {', '.join(names)} change while they are imported: wait until they have "
        f"been written, then try again."
    )


def tree_hash(file: Path) -> str:
    """Return one SHA-256 over a model file, the modules that it imports and their packages' data.

    Modules count if they lie in the file's own folder or are found elsewhere without being
    installed; imports inside functions count too. It stays the same when the folder is moved.

    Raises
    ------
    DataError
        The file does not exist, or one of the files is no Python.
    """
    return read_tree(file).hash()


def load_tree(file: Path) -> tuple[ModuleType, str]:
    """Import a model file anew, with its own modules; return it and the hash of its tree.

    Raises
    ------
    DataError
        The file does not exist, one of the files is no Python, or they keep changing.
    Exception
        Whatever the file raises while it is imported.
    """
    for _attempt in range(3):
        tree = read_tree(file)
        content = tree.hash()
        _forget_stale(tree)
        module = execute(tree)
        # not the same tree: the file may have added a folder to `sys.path`
        if read_tree(file).hash() == content:
            _trees[str(file), content] = tree.read_late()
            return module, content
    raise DataError(
        f"{file}, or a file it imports, changes while it is imported: wait until they have been "
        f"written, then try again."
    )


def _forget_stale(tree: SourceTree) -> None:
    """Let Python import again what it imported from other files or from older content."""
    for name in {name.partition(".")[0] for name in tree.others}:
        module, file = sys.modules.get(name), tree.others[name].file
        if module is None:
            continue
        if file is None or getattr(module, "__file__", None) != str(file) or look_at(name)[1]:
            _forget([inner for inner in sys.modules if is_within(inner, name)])


def _forget(modules: Iterable[str]) -> None:
    """Let Python import modules again from their sources.

    Python takes its bytecode for that of a file of the same size and second, as one that was edited
    right after it was imported is.
    """
    for name in modules:
        cached = getattr(sys.modules.pop(name), "__cached__", None)
        if cached:
            with suppress(OSError):
                Path(cached).unlink()
