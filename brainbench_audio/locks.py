"""Locks between processes, on file systems with and without `flock`; no wait is silent."""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import filelock

from brainbench_audio.errors import CacheError

_log = logging.getLogger(__name__)
_ANNOUNCED, _REPEATED = 5.0, 60.0  # seconds until a wait is told, and told again
_OTHER_MACHINE = 3600.0  # seconds until a holder on another machine, which may be dead, is told
_POLL = 0.1
# what file systems without locks say: NFS, Lustre, some FUSE and cluster file systems
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EMLINK}
_FLOCK: dict[int, bool] = {}  # by device, whether it locks files


class Lock:
    """A lock on ``path``: a file ``<path>.lock`` that the system locks.

    Where the file system cannot, or only says so, whoever makes ``<path>.lock.held`` first holds
    the lock; it names process and machine. If that process has died on this machine, the lock is
    taken over; one of another machine is waited for an hour.

    Parameters
    ----------
    path : Path
        What the lock protects.
    timeout : float
        Seconds to wait; negative waits as long as it takes, and says so on the log.
    """

    def __init__(self, path: Path, timeout: float = -1) -> None:
        self.file = Path(f"{path}.lock")
        self._path = path
        self._timeout = timeout
        self._native: filelock.BaseFileLock | None = None
        self._held: Path | None = None

    def acquire(self) -> None:
        """Wait until the lock is free, and take it.

        Raises
        ------
        CacheError
            It was not free in time.
        OSError
            The folder cannot be written to.
        """
        started, told = time.monotonic(), _ANNOUNCED
        take = self._take_native if _has_flock(self._path.parent) else self._take_file
        while not take():
            waited = time.monotonic() - started
            holder = self._holder()
            elsewhere = holder.get("host", platform.node()) != platform.node()
            limit = _OTHER_MACHINE if elsewhere and self._timeout < 0 else self._timeout
            if 0 <= limit <= waited:
                raise CacheError(
                    f"{self._path} has been in use by {_named(holder)} for {waited:.3g} s. Wait "
                    f"for it, or delete {self._lock_file} if no process runs any more."
                )
            if waited >= told:
                told = waited + _REPEATED
                _log.warning(
                    "waiting for %s, which %s holds (%.0f s); delete %s if that does not run",
                    *(self._path, _named(holder), waited, self._lock_file),
                )
            time.sleep(min(_POLL, max(0.0, limit - waited)) if limit >= 0 else _POLL)

    def release(self) -> None:
        """Let go of the lock."""
        if self._native is not None:
            self._native.release()
        if self._held is not None:
            self._held.unlink(missing_ok=True)

    def discard(self) -> None:
        """Let go of a lock that nobody is to take again, and remove its file."""
        with suppress(OSError):  # Windows removes no file that is open
            self.file.unlink(missing_ok=True)
        self.release()

    def is_there(self) -> bool:
        """Tell whether the file of a lock that was taken is still there, so that others see it."""
        return self._held is not None or self.file.exists()

    @property
    def _lock_file(self) -> Path:
        return self._soft if self._soft.exists() else self.file

    @property
    def _soft(self) -> Path:
        return Path(f"{self.file}.held")

    def _take_native(self) -> bool:
        lock = filelock.FileLock(self.file, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            return False
        self._native = lock
        return True

    def _take_file(self) -> bool:
        """Make the file that stands for the lock, if it is not there or its process is dead."""
        unique = Path(f"{self.file}.{uuid.uuid4().hex}")
        unique.write_text(json.dumps(_myself()), encoding="utf-8")
        try:
            taken = self._put(unique) or (self._drop_dead() and self._put(unique))
        finally:
            unique.unlink(missing_ok=True)
        self._held = self._soft if taken else None
        return taken

    def _put(self, unique: Path) -> bool:
        try:
            # a link appears whole and only once, on file systems of a network as well
            os.link(unique, self._soft)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with suppress(FileExistsError), self._soft.open("x", encoding="utf-8") as file:
                file.write(unique.read_text(encoding="utf-8"))
                return True
            return False
        return True

    def _drop_dead(self) -> bool:
        """Remove the lock of a process of this machine that has died; tell whether it had."""
        holder = self._holder()
        if holder.get("host") != platform.node() or _runs(holder):
            return False
        aside = Path(f"{self.file}.{uuid.uuid4().hex}")
        with suppress(OSError):
            self._soft.rename(aside)
            # another process may have taken it over in between: then this is its lock
            if _read(aside) != holder:
                os.link(aside, self._soft)
            aside.unlink(missing_ok=True)
        return True

    def _holder(self) -> dict[str, Any]:
        return _read(self._soft)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _myself() -> dict[str, Any]:
    pid = os.getpid()
    return {"host": platform.node(), "pid": pid, "started": _started(pid)}


def _runs(holder: dict[str, Any]) -> bool:
    """Whether the process that made a lock still runs here, and is no other one of its number."""
    pid = holder.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return _started(pid) == holder.get("started")


def _started(pid: int) -> str | None:
    """Return when a process began, as the system counts it; None where it does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _named(holder: dict[str, Any]) -> str:
    if not holder:
        return "another process"
    return f"another process ({holder.get('pid')} on {holder.get('host')})"


def _has_flock(folder: Path) -> bool:
    device = folder.stat().st_dev
    if device not in _FLOCK:
        _FLOCK[device] = _tried(folder)
    return _FLOCK[device]


def _tried(folder: Path) -> bool:
    """Whether the file system locks files: it must refuse a second lock on one that is locked."""
    try:
        import fcntl
    except ImportError:  # Windows, where filelock has another way
        return True
    exclusively = fcntl.LOCK_EX | fcntl.LOCK_NB
    # a name that is taken for a leftover if this process dies
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".part-") as file:
        try:
            fcntl.flock(file, exclusively)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
        try:
            with Path(file.name).open("rb") as other:
                fcntl.flock(other, exclusively)
        except (BlockingIOError, FileNotFoundError):  # not found: it was taken for a leftover
            return True
    return False
