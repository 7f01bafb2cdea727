"""A model file of somebody's own, with all that it imports and reads, as one piece of source.

Imports are found in the text, so those inside functions count too. A module is looked for in the
model file's own folder first, then where Python looks; what is installed doesn't count. Data are
the files inside packages, and those beside a module that a text in it names, suffix included.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from brainbench_audio.errors import DataError
from brainbench_audio.files import hash_json
from brainbench_audio.hashing.own_code import BY_NAME, is_installed
from brainbench_audio.hashing.package_files import counted_files, hash_again
from brainbench_audio.names import from_home

_LONGEST = 200  # characters of a path


@dataclass
class Source:
    """A module of a tree.

    Attributes
    ----------
    file : Path or None
        None: a folder without `__init__.py`.
    folders : tuple of str
        Where the modules inside it lie; empty unless it is a package.
    content : bytes or None
        Of a Python file, as it was read once.
    named : tuple of Path
        Data beside it that it names.
    """

    file: Path | None
    folders: tuple[str, ...] = ()
    content: bytes | None = None
    named: tuple[Path, ...] = ()


@dataclass
class SourceTree:
    """A model file and what it imports.

    Attributes
    ----------
    root : Path
        The model file's folder.
    main : str
        Name of the model file as a module.
    own : dict of str to Source
        Modules in the root, by the names they are imported by.
    others : dict of str to Source
        Modules from elsewhere that are not installed.
    """

    root: Path
    main: str
    own: dict[str, Source] = field(default_factory=dict)
    others: dict[str, Source] = field(default_factory=dict)

    @property
    def files(self) -> dict[str, Path]:
        """All files that count, by a name that stays when the folder is moved."""
        files: dict[str, Path] = {}
        for name, source in (*self.own.items(), *self.others.items()):
            if source.file is None:
                continue
            data = (*source.named, *(_data_files(source) if source.folders else ()))
            for file in (source.file, *data):
                if file.is_relative_to(self.root):
                    files[file.relative_to(self.root).as_posix()] = file
                else:
                    files[f"{name}/{file.relative_to(source.file.parent).as_posix()}"] = file
        return files

    def read_late(self) -> dict[Path, str]:
        """Return the SHA-256 of the files that are read when code runs: data, others' modules."""
        executed = {source.file for source in self.own.values() if source.content is not None}
        files = [file for file in self.files.values() if file not in executed]
        return {file: hash_again(file).sha256 for file in files}

    def hash(self) -> str:
        """Return one SHA-256 over all files; over Python files as they were read for the tree.

        Raises
        ------
        DataError
            A file has been deleted meanwhile, or cannot be read.
        """
        sources = (*self.own.values(), *self.others.values())
        read = {source.file: source.content for source in sources if source.content is not None}
        parts = []
        for label, file in sorted(self.files.items()):
            if file in read:
                parts.append((label, hashlib.sha256(read[file]).hexdigest()))
                continue
            try:
                parts.append((label, hash_again(file).sha256))
            except FileNotFoundError as error:
                raise DataError(f"{file} was deleted while it was read: try again.") from error
        return hash_json([self.main, parts])


def read_tree(file: Path) -> SourceTree:
    """Read a model file and all that it imports; nothing is imported.

    Raises
    ------
    DataError
        The file does not exist or one of the files is no Python.
    """
    file = from_home(file).absolute()
    if not file.is_file():
        raise DataError(f"Model file {file} does not exist: give it as PATH.py:ClassName.")
    PathFinder.invalidate_caches()  # it may know an older listing of a folder
    main = re.sub(r"\W", "_", file.stem)
    beside = PathFinder.find_spec(main, [str(file.parent)])
    if beside is not None and beside.origin != str(file):  # a package of this name
        main += "_file"
    tree = SourceTree(file.parent, main)
    tree.own[main] = Source(file, (), _read(file))
    waiting = [(main, tree.own)]
    for name, group in waiting:  # grows meanwhile
        source = group[name]
        source.named = tuple(_named_files(source))
        package = name if source.folders else name.rpartition(".")[0]
        for wanted in _imports(source, package):
            parts = wanted.split(".")
            for length in range(1, len(parts) + 1):
                part = ".".join(parts[:length])
                if part in group or part in tree.others:
                    continue
                placed = _add(tree, part, group is tree.own)
                if placed is None:
                    break
                waiting.append((part, placed))
    return tree


def _add(tree: SourceTree, name: str, from_own: bool) -> dict[str, Source] | None:
    """Find a module and add it to the tree; return the group it is in, None if it doesn't count."""
    top, _, _ = name.rpartition(".")
    if not top:
        spec = PathFinder.find_spec(name, [str(tree.root)]) if from_own else None
        elsewhere = None if spec is not None and spec.origin else _find(name)
        if elsewhere is not None and (elsewhere.origin or spec is None):
            spec, group = elsewhere, tree.others
        else:
            group = tree.own
    else:
        group = tree.own if from_own and top in tree.own else tree.others
        spec = PathFinder.find_spec(name, list(group[top].folders)) if group[top].folders else None
    if spec is None or name.partition(".")[0] in BY_NAME:
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    if all(place in ("built-in", "frozen") or is_installed(place) for place in places):
        return None
    if not top and group is tree.own and name in sys.stdlib_module_names:
        raise DataError(
            f"{spec.origin} has the name of a module of Python's standard library, so an import of "
            f"{name} may mean either: rename the file."
        )
    file = Path(spec.origin) if spec.origin else None
    content = _read(file) if file is not None and file.suffix == ".py" else None
    group[name] = Source(file, tuple(spec.submodule_search_locations or ()), content)
    return group


def _find(name: str) -> ModuleSpec | None:
    """Find a module where Python looks for it, whatever is imported under its name."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None


def _imports(source: Source, package: str) -> Iterator[str]:
    """Yield the full names of all that a Python file may import, wherever the imports stand."""
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, package)
            # what is imported from a package may be a module of it
            names = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
            yield from (name for name in (base, *names) if name and not name.endswith("*"))
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            named = getattr(node.args[0], "value", None)
            if called in ("import_module", "__import__") and isinstance(named, str):
                level = len(named) - len(named.lstrip("."))
                yield from [name] if (name := _absolute(named[level:], level, package)) else []


def _absolute(name: str, level: int, package: str) -> str:
    """Return the full name of what is imported with some dots before it, as seen from the root."""
    parents = package.split(".") if package and level else []
    return ".".join([*parents[: len(parents) - level + 1], *([name] if name else [])])


def _parsed(source: Source) -> ast.Module:
    try:
        return ast.parse(source.content or b"")
    except SyntaxError as error:
        raise DataError(f"{source.file}, line {error.lineno}: {error.msg}.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"{source.file} is no Python: {error}.") from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from error


def _named_files(source: Source) -> Iterator[Path]:
    """Yield files beside a module, or in a folder there, that texts in the module name."""
    if source.file is None or source.content is None:
        return
    texts = {node.value for node in ast.walk(_parsed(source)) if isinstance(node, ast.Constant)}
    names = [Path(text) for text in texts if isinstance(text, str) and _may_be_name(text)]
    folders = [source.file.parent]
    folders += [folder for name in names if (folder := source.file.parent / name).is_dir()]
    for file in {folder / name for folder in folders for name in names}:
        if file.suffix not in ("", ".py") and file.is_file():
            yield file


def _may_be_name(text: str) -> bool:
    """Return whether a text may be a path below a module's folder."""
    path = Path(text)
    return (
        0 < len(text) <= _LONGEST
        and text.isprintable()
        and ".." not in path.parts
        and (not path.is_absolute() and bool(path.name))
    )


def _data_files(source: Source) -> Iterator[Path]:
    """Yield the files beside a package's modules, but those of packages inside it."""
    assert source.file is not None
    folder = source.file.parent
    for file in counted_files(folder):
        between = [parent for parent in file.parents if parent.is_relative_to(folder)][:-1]
        if file.suffix != ".py" and not any((p / "__init__.py").exists() for p in between):
            yield file
