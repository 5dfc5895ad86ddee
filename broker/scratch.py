"""Folders for large files that one run needs, and the end of those whose makers have died.

A folder is locked (flock(2)) for as long as it is in use. The kernel releases the lock when the process that holds it
dies of whatever, so an unlocked one is nobody's, and whoever comes by removes it.
"""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "mindia-scratch-"
#: How often it is tried to remove a folder in which a program writes on its last steps, and the pause between.
_ATTEMPTS, _PAUSE = 50, 0.01


class Scratch:
    """An empty folder of this process."""

    def __init__(self) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if _locked(self._lock) is not False and _same(self._lock, self.path):
                return
            os.close(self._lock)  # somebody took it for an abandoned one, just before it was locked

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        _remove(self.path)
        os.close(self._lock)


def sweep() -> None:
    """Remove the folders that are not in use any more. Never raises for what cannot be removed now."""
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX):
                with suppress(OSError):
                    _sweep(Path(entry.path))


def _sweep(path: Path) -> None:
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(lock).st_uid == os.geteuid() and _locked(lock):
            _remove(path)
    finally:
        os.close(lock)


def _locked(folder: int) -> bool | None:
    """Whether it is ours now; ``None`` on a file system without locks, where folders of the dead stay."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _same(folder: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(folder), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path) -> None:
    for _ in range(_ATTEMPTS):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(_PAUSE)
