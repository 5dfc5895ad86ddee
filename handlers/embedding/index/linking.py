"""The graphs of a matrix in files: taken from what an earlier process has kept, and kept for the next one."""

import hashlib
from collections.abc import Generator, Mapping
from typing import Any

from handlers.embedding.index import block, graph
from handlers.embedding.index.block import Block
from handlers.embedding.index.graphs import Graphs, Saved
from handlers.embedding.index.snapshots import Contents, Kept, Snapshot

_END = object()


def made_of() -> dict[str, Any]:
    """What must be equal for a snapshot to be of use."""
    return {"form": 1, **block.made_of(), **graph.made_of()}


class Linking:
    """The work on those of some blocks, from which others are removed as they go."""

    def __init__(self, blocks: Mapping[int, Block]) -> None:
        #: If there are to be any.
        self.graphs: Graphs | None = None
        self._blocks = blocks
        #: What was saved and has yet to be looked at.
        self._saved: list[Snapshot] = []
        self._adopting: Generator[None, None, None] | None = None

    def take(self, saved: Snapshot) -> None:
        """What links blocks whose places are kept."""
        self._saved.append(saved)

    def work(self, growing: int) -> bool:
        """A slice of it, some milliseconds; whether there was any. The block ``growing`` waits until it is full.

        What was saved is taken first.
        """
        if self.graphs is None:
            return False
        if self._adopting is None and self._saved:
            self._adopting = self._adopt(self.graphs, self._saved.pop())
        if self._adopting is None:
            return self.graphs.work(self._blocks, growing)
        if next(self._adopting, _END) is _END:
            self._adopting = None
        return True

    def _adopt(self, graphs: Graphs, saved: Snapshot) -> Generator[None, None, None]:
        numbers = frozenset(each.number for each in saved.layouts)
        try:
            taken = yield from graphs.adopt(Saved(saved.name, numbers), saved.links(), self._blocks)
        except Exception:  # whatever a damaged file has numpy, zipfile and usearch raise
            taken = False
        if not taken:
            saved.discard()

    def keep(self, kind: str, kept: Kept, *, calm: bool, refresh: bool) -> bool:
        """Has a part of the graphs written that should be; whether there was one.

        That is one that no more will come into or, when it is ``calm``, has come into; and, for a ``refresh``, one from
        which something was removed since, and one whose file is not there.
        """
        if self.graphs is None or self._saved or self._adopting:
            return False
        for part in self.graphs.parts:
            numbers, removed = self.graphs.whole(part), part.removed
            due = numbers != part.saved.numbers and (calm or self.graphs.full(part))
            if refresh and not due:
                due = removed != part.saved.removed or not kept.has(part.saved.name)
            if numbers and due:
                layouts, rows = zip(*(self._blocks[each].layout(each) for each in sorted(numbers)), strict=True)
                part.saved = Saved(f"{_short(kind)}-{min(numbers):08}", numbers, removed)
                kept.write(part.saved.name, Contents(kind, [*layouts], [*rows], [each.links() for each in part.graphs]))
                return True
        return False

    def kept(self) -> set[str]:
        """Names of what was written or may yet be of use."""
        if self.graphs is None:
            return set()
        return {part.saved.name for part in self.graphs.parts} | {saved.name for saved in self._saved}


def _short(kind: str) -> str:
    return hashlib.sha256(kind.encode()).hexdigest()[:8]
