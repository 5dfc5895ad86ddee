"""The indexes of the tenants that have searched: brought up to date in slices, and given up when memory is short."""

import time
from collections.abc import Callable, Container

from handlers.embedding.index.index import Index

#: A tenant and a generation of its vectors.
Key = tuple[str, str]
#: Seconds for which a generation stays in memory that its tenant's searches do not need: they may soon again.
_UNUSED = 60.0


class Indexes:
    """One index per tenant and generation, those searched last, within a bound of memory."""

    def __init__(self, make: Callable[[str, str, int], Index], most_bytes: int) -> None:
        """``make`` gives the empty index of a tenant and generation for vectors of so many dimensions.

        Those of the tenant that is searching stay, however large they are.
        """
        self._make = make
        self._most_bytes = most_bytes
        #: The one searched longest ago first, and how large each is.
        self._kept: dict[Key, Index] = {}
        self._bytes: dict[Key, int] = {}
        #: When each was last asked for.
        self._asked: dict[Key, float] = {}
        #: Those that are behind by more than a slice, the one whose turn it is first.
        self._behind: dict[Key, None] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        return sum(self._bytes.values())

    def ready(self, tenant: str, model: str, dimensions: int) -> Index | None:
        """The tenant's index if it is up to date, maybe after one slice of work; else ``work`` brings it there."""
        key = tenant, model
        self._asked[key] = time.monotonic()
        if key in self._behind:
            return None
        index = self._kept.pop(key) if key in self._kept else self._make(tenant, model, dimensions)
        self._kept[key] = index
        return index if self._advance(key) else None

    def is_awaited(self, tenant: str, model: str) -> bool:
        """Whether this index, which is asked for, is still for ``work`` to bring up to date."""
        key = tenant, model
        if key not in self._behind:
            return False
        self._asked[key] = time.monotonic()
        self._kept[key] = self._kept.pop(key)
        return True

    def left(self, tenant: str, model: str) -> float:
        """Seconds until its first reading is over, if all goes on as so far; 0 where it is."""
        return self._kept[tenant, model].left if (tenant, model) in self._kept else 0.0

    def is_new(self, tenant: str, model: str) -> bool:
        """Whether not even the beginning of an index was read to its end."""
        return self._kept[tenant, model].is_new

    def give_up_unused(self, tenant: str, used: Container[str]) -> None:
        """Gives up the tenant's generations that are not searched any more."""
        since = time.monotonic() - _UNUSED
        others = [each for each in self._kept if each[0] == tenant and each[1] not in used]
        for key in others:
            if self._asked[key] < since:
                self._give_up(key)

    def work(self) -> bool:
        """One slice for one of the indexes that are behind, by turns, else of the graphs of one; whether any was."""
        key = next(iter(self._behind), None)
        if key is None:
            return self._link()
        del self._behind[key]
        self._advance(key)
        return True

    def _advance(self, key: Key) -> bool:
        done = self._kept[key].advance()
        if not done:
            self._behind[key] = None
        self._bound(key)
        return done

    def _link(self) -> bool:
        """For who has searched last first; for others while there is room, which one slice may exceed."""
        last = next(reversed(self._kept), None)
        for key, index in reversed(list(self._kept.items())):
            if (key == last or self.nbytes < self._most_bytes) and index.link():
                self._bound(key)
                return True
        return False

    def _bound(self, key: Key) -> None:
        """This one has changed; others leave while all are too large."""
        self._bytes[key] = self._kept[key].nbytes
        while self.nbytes > self._most_bytes and (others := [each for each in self._kept if each[0] != key[0]]):
            self._give_up(others[0])

    def _give_up(self, key: Key) -> None:
        del self._kept[key], self._bytes[key], self._asked[key]
        self._behind.pop(key, None)
