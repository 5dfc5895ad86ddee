"""Objects that grow: bytes that come in pieces over hours, through one process after another."""

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

#: What a store has to know to go on, as JSON has it. Whoever writes keeps it, and hands over the newest.
State = dict[str, Any]
#: Asked right before something is written; raises what is to keep a writer from that.
Still = Callable[[], object]


class Resumable(Protocol):
    """Nobody sees such an object before it is complete.

    One writer at a time is the caller's to see to. A writer that was taken for dead and comes back does no harm as long
    as its ``State`` is not kept, and whoever goes on without it has said so (``beside``). Raises ``Unavailable``,
    ``StorageFull``, and ``NotFound`` for what was never begun, or is complete or removed.
    """

    def begin(self, key: str) -> State:
        """An object of no bytes yet that is to be stored as ``key``."""

    def beside(self, state: State, writers: int, size: int) -> State:
        """Goes on from ``state`` while so many other writers may do so too, with so many bytes in all."""

    def append(
        self, key: str, state: State, source: BinaryIO, offset: int, size: int, total: int, still: Still = bool
    ) -> State:
        """Adds ``size`` bytes of ``source`` behind the first ``offset`` bytes; they are kept when this returns.

        ``total`` is how many bytes the object will have, or may have at most.
        """

    def complete(self, key: str, state: State, size: int, still: Still = bool) -> None:
        """Makes an object of the first ``size`` bytes."""

    def remove(self, key: str, state: State) -> None:
        """Ends it, as far as it is there."""
