"""Where bodies are kept until they are whole: how much of memory, of the disk and of the connections who may hold."""

import os
import tempfile
from contextlib import ExitStack

from gateway.server.limits import Limits
from gateway.server.refusal import Refusal
from gateway.shares import Shares

#: A body of unknown length takes so much of the disk at a time.
STEP = 16 * 1024 * 1024
_RETRY_AFTER = 10


class Stores:
    """What the bodies of one process share."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.memory = Shares(limits.memory_total)
        self.disk = Shares(_free)
        self.bodies = Shares(limits.connections // 2)


class Holding:
    """What one body has of it, given back by ``release``."""

    def __init__(self, stores: Stores, limits: Limits, owner: str) -> None:
        """A place for a body of this owner's. Raises ``Refusal``."""
        self._stores, self._limits, self._owner = stores, limits, owner
        self._given_back = ExitStack()
        self._on_disk = 0
        self._take(stores.bodies, 1)

    def in_memory(self) -> bool:
        """Takes what a body in memory may need at most, or answers ``False``."""
        size = self._limits.memory_bytes
        if not self._stores.memory.take(self._owner, size):
            return False
        self._given_back.callback(self._stores.memory.give_back, self._owner, size)
        return True

    def on_disk(self, size: int) -> None:
        """Holds room for so many bytes altogether. Raises ``Refusal``."""
        if size > self._on_disk:
            more = size - self._on_disk
            self._take(self._stores.disk, more)
            self._on_disk = size

    def release(self) -> None:
        """May be repeated."""
        self._given_back.close()

    def _take(self, shares: Shares, amount: int) -> None:
        if not shares.take(self._owner, amount):
            self.release()
            message = "There is no room for another upload of yours now; try again later."
            raise Refusal(503, message, code="crowded", retry_after=_RETRY_AFTER)
        self._given_back.callback(shares.give_back, self._owner, amount)


def _free() -> int:
    """Bytes of the disk for temporary files; half, as the application makes a copy of what it is sent."""
    found = os.statvfs(tempfile.gettempdir())
    return found.f_bavail * found.f_frsize // 2
