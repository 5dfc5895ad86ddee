"""Goes on with what follows from the ends of tasks, where it was too much for the scripts that ended them."""

from broker.engine.transitions import Transitions

#: Seconds between two looks.
_EVERY = 0.1


class Settle:
    name = "settle"

    def __init__(self, store: Transitions) -> None:
        self._store = store

    def tick(self) -> float:
        return 0.0 if self._store.settle() else _EVERY
