"""How owners share what there is too little of: places, or bytes."""

import threading
from collections import Counter
from collections.abc import Callable


class Shares:
    """An amount of which each owner may take more as long as it then has no more than it leaves.

    The rule is that of dynamic thresholds (Choudhury and Hahne, IEEE/ACM Trans. Netw. 6 (2), 1998, with alpha = 1): one
    owner alone gets half, two get a third each, and whoever comes to a share that others press on still finds some.
    """

    def __init__(self, total: int | Callable[[], int]) -> None:
        """``total`` is asked anew each time if it can be called."""
        self._total = total if callable(total) else lambda: total
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._taken = 0

    def take(self, owner: str, amount: int = 1) -> bool:
        """Takes it, or answers ``False``."""
        with self._lock:
            if self._held[owner] + amount > self._total() - self._taken - amount + 1:
                return False
            self._held[owner] += amount
            self._taken += amount
            return True

    def give_back(self, owner: str, amount: int = 1) -> None:
        """Ends the holding of what was taken."""
        with self._lock:
            self._taken -= amount
            self._held[owner] -= amount
            if self._held[owner] <= 0:
                del self._held[owner]

    def held(self, owner: str) -> int:
        """How much this owner has."""
        with self._lock:
            return self._held.get(owner, 0)

    @property
    def taken(self) -> int:
        """How much all have."""
        return self._taken
