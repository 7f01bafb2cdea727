"""Files of import packages: which count, what they hold, and which are newer than their import."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from brainbench_audio.files import hash_file
from brainbench_audio.hash_cache import hash_files
from brainbench_audio.hashing.imported_code import is_as_imported, process_start
from brainbench_audio.provenance import source_folder

_SETTLED = 2_000_000_000  # nanoseconds: a later change may fall on the same tick of the clock
_LARGE = 1 << 20  # bytes
_LEFTOVERS = (".pyc", ".pyo", ".pyi", "~", ".swp", ".swo", ".orig", ".rej", ".tmp")


class FileHash(NamedTuple):
    mark: tuple[int, ...]
    sha256: str
    settled: bool


class _Import(NamedTuple):
    module: ModuleType
    spec: Any  # `importlib.reload` makes a new one
    sha256: str | None  # None: not what the file held


@dataclass
class Package:
    """What is known of a package in this process."""

    name: str
    folder: Path
    files: dict[str, FileHash] = field(default_factory=dict)
    imports: dict[str, _Import] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)  # as they were when it was imported

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file, by its path in the folder."""
        return {label: file.sha256 for label, file in self.files.items()}

    def read_since(self, then: Mapping[str, str], *, data_only: bool) -> Path | None:
        """Return a file that may have been read with other content than it had some time ago.

        Of modules, what counts is what they were imported from.
        """
        read = {**then, **_data(self.files)}
        read |= {label: "" for label in _data_labels(then) if label not in self.files}
        for each in () if data_only else list(self.imports.values()):
            label = Path(str(each.module.__file__)).relative_to(self.folder).as_posix()
            read[label] = each.sha256 or ""
        changed = [label for label in read if read[label] != then.get(label)]
        return self.folder / changed[0] if changed else None


_packages: dict[tuple[str, Path], Package] = {}
_files: dict[Path, FileHash] = {}
_lock = threading.RLock()


def look_at(name: str) -> tuple[Package, Path | None]:
    """Bring what is known of a package up to date.

    Returns
    -------
    Package
    Path or None
        A file that has changed since this process imported it.

    Raises
    ------
    PluginLoadError
        It is not installed.
    """
    folder = source_folder(name)
    with _lock:
        known = _packages.get((name, folder))
        package = known or _packages.setdefault((name, folder), Package(name, folder))
        before, package.files = package.files, {}
        for file in counted_files(folder):
            with suppress(FileNotFoundError):  # deleted meanwhile
                package.files[file.relative_to(folder).as_posix()] = hash_again(file)
        return package, _changed(package, before if known else None)


def counted_files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that may decide what a package does; or the file itself."""
    if not folder.is_dir():
        yield folder
        return
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and name[0] != "."]
        for name in names:
            if name[0] not in ".#" and not name.endswith(_LEFTOVERS):
                yield Path(parent, name)


def hash_again(file: Path) -> FileHash:
    """Hash a file, or remember its hash if its mark is the one it had when it was last read."""
    started, mark = time.time_ns(), _mark(file)
    known = _files.get(file)
    if known is not None and known.settled and known.mark == mark:
        return known
    # other processes remember hashes of large ones, such as weights
    sha256 = hash_file(file) if mark[0] < _LARGE else hash_files([file])[0]
    settled = started - max(mark[1:3]) >= _SETTLED and _mark(file) == mark
    _files[file] = FileHash(mark, sha256, settled)
    return _files[file]


def _mark(file: Path) -> tuple[int, ...]:
    status = file.stat()
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_size, *times, status.st_ino, status.st_dev)


def _changed(package: Package, before: Mapping[str, FileHash] | None) -> Path | None:
    """Return a file that has changed since it was imported.

    Parameters
    ----------
    before : mapping, optional
        Files at the last look; None at the first one.
    """
    # thousands of names, many times a score; another thread may import meanwhile
    names = [name for name in list(sys.modules) if name.startswith(package.name)]
    modules = {
        name: module
        for name in names
        if is_within(name, package.name) and (module := sys.modules.get(name)) is not None
    }
    package.imports = {name: i for name, i in package.imports.items() if name in modules}
    changed = None
    for name, module in modules.items():
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not Path(file).is_relative_to(package.folder):
            continue
        label = Path(file).relative_to(package.folder).as_posix()
        entry = package.imports.get(name)
        if entry is None or entry.module is not module or entry.spec is not module.__spec__:
            if not package.imports:
                package.data = _data(package.files if before is None else before)
            entry = _Import(module, module.__spec__, _at_import(package, module, label, before))
            package.imports[name] = entry
        if entry.sha256 is None or _sha256(package.files, label) != entry.sha256:
            changed = changed or Path(file)
    if package.imports:
        for label, sha256 in package.data.items():
            if _sha256(package.files, label) != sha256:
                changed = changed or package.folder / label
    return changed


def _at_import(
    package: Package, module: ModuleType, label: str, before: Mapping[str, FileHash] | None
) -> str | None:
    """Return the hash of the file that a module was just seen to be imported from, if known."""
    file = package.files.get(label)
    if file is None:
        return None
    if before is not None and label in before:
        # it was imported since the last look: of what the file held then, or of something between
        return file.sha256 if before[label].sha256 == file.sha256 else None
    if max(file.mark[1:3]) < process_start() * 1e9 - _SETTLED:
        return file.sha256
    content = Path(str(module.__file__)).read_bytes()
    return file.sha256 if is_as_imported(module, content) else None


def _data(files: Mapping[str, FileHash]) -> dict[str, str]:
    return {label: files[label].sha256 for label in _data_labels(files)}


def _data_labels(files: Iterable[str]) -> list[str]:
    # a module that is no package has the name "." in itself
    return [label for label in files if label != "." and not label.endswith(".py")]


def _sha256(files: Mapping[str, FileHash], label: str) -> str | None:
    return files[label].sha256 if label in files else None


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
