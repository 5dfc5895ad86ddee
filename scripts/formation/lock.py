"""One formation per ``DATA_DIR``, by locks that the kernel lets go when their last holder is gone."""

import fcntl
import os
import time
from pathlib import Path

from scripts.formation.watcher import GRACE


class AlreadyRunning(Exception):
    """Another run uses this folder; the message says which."""


def take(path: Path, description: str) -> int:
    """Locks ``path`` for this run, with ``description`` in it. Raises ``AlreadyRunning`` with that of the holder."""
    descriptor = open_lock(path)
    if not try_lock(descriptor):
        holder = os.pread(descriptor, 1000, 0).decode()
        os.close(descriptor)
        raise AlreadyRunning(f"{path.parent} is in use: {holder}. Use that, or set DATA_DIR and PORT for a second one.")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, description.encode(), 0)
    return descriptor


def take_over(path: Path) -> int:
    """Locks ``path`` for this run's watcher, after that of a killed run has ended what it was to end."""
    descriptor = open_lock(path)
    deadline = time.monotonic() + GRACE + 2
    while not try_lock(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            raise AlreadyRunning(f"{path.parent} is in use: the processes of a killed run do not end.")
        time.sleep(0.05)
    return descriptor


def open_lock(path: Path) -> int:
    """A descriptor of the lock file, not inherited unless passed on."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int) -> bool:
    """Whether the file is now locked through this descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
