"""The indexes of the tenants that have searched: brought up to date in slices, and given up when memory is short."""

from collections.abc import Callable

from handlers.embedding.index import Index


class Indexes:
    """One index per tenant, those searched last, within a bound of memory."""

    def __init__(self, make: Callable[[str, int], Index], most_bytes: int) -> None:
        """``make`` gives the empty index of a tenant for vectors of so many dimensions.

        The one that is being searched stays, however large it is.
        """
        self._make = make
        self._most_bytes = most_bytes
        #: By tenant, the one searched longest ago first, and how large each is.
        self._kept: dict[str, Index] = {}
        self._bytes: dict[str, int] = {}
        #: Tenants whose indexes are behind by more than a slice, the one whose turn it is first.
        self._behind: dict[str, None] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        return sum(self._bytes.values())

    def ready(self, tenant: str, dimensions: int) -> Index | None:
        """The tenant's index if it is up to date, maybe after one slice of work; else ``work`` brings it there."""
        if tenant in self._behind:
            return None
        index = self._kept.pop(tenant) if tenant in self._kept else self._make(tenant, dimensions)
        self._kept[tenant] = index
        return index if self._advance(tenant) else None

    def work(self) -> bool:
        """One slice for one of the indexes that are behind, by turns; whether any was."""
        tenant = next(iter(self._behind), None)
        if tenant is None:
            return False
        del self._behind[tenant]
        self._advance(tenant)
        return True

    def _advance(self, tenant: str) -> bool:
        done = self._kept[tenant].advance()
        if not done:
            self._behind[tenant] = None
        self._bytes[tenant] = self._kept[tenant].nbytes
        while self.nbytes > self._most_bytes and len(self._kept) > 1:
            self._give_up(next(each for each in self._kept if each != tenant))
        return done

    def _give_up(self, tenant: str) -> None:
        del self._kept[tenant], self._bytes[tenant]
        self._behind.pop(tenant, None)
