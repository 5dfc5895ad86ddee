"""Programs that draw pictures for whoever asks: the gateway starts them, so it needs no media library, and no worker.

A process runs few at once, of all kinds together. Each bounds its own memory and processor time; the wall clock is
bounded here.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from broker.errors import NotFound, TaskBrokerError, Unavailable
from broker.media.storage import Storage, StoredObject

#: Pictures that one process draws at once.
AT_ONCE = 2
_places = BoundedSemaphore(AT_ONCE)
#: Threads and arenas gain nothing here, and reserve address space.
_FRUGAL = {"MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1"}
#: Bytes of what a program has said that go into the log.
_TAIL = 500


class NothingToShow(TaskBrokerError):
    """This video shows nothing yet; ask again once its status is completed."""

    code, status = "nothing_to_show", 409


def kept(storage: Storage, key: str) -> StoredObject | None:
    """A picture that was drawn before, if there is one under this key."""
    try:
        return storage.stat(key)
    except NotFound:
        return None


@contextmanager
def turn(patience: float) -> Iterator[None]:
    """One of the places for drawing; ``patience``: seconds that it is waited for. Raises ``Unavailable``."""
    if not _places.acquire(timeout=patience):
        raise Unavailable("Too many pictures are being drawn right now; try again shortly.", retry_after=1)
    try:
        yield
    finally:
        _places.release()


def run(program: str, *arguments: str, seconds: float, fed: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """How the program, a module, has ended that was fed these bytes. Raises ``Unavailable`` after so many seconds."""
    argv = [sys.executable, "-P", "-m", program, *arguments]
    env = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **_FRUGAL}
    try:
        return subprocess.run(argv, input=fed, capture_output=True, timeout=seconds, env=env, cwd="/", check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise undrawn() from error


def undrawn() -> Unavailable:
    """What is said where it is not known that another try fails, too."""
    return Unavailable("The picture cannot be drawn right now; try again later.", retry_after=5)


def complaint(ended: "subprocess.CompletedProcess[bytes]") -> RuntimeError:
    """What the program has said about its failure, for the log."""
    said = ended.stderr.decode(errors="replace")[-_TAIL:]
    return RuntimeError(said or f"it ended with status {ended.returncode}")
