"""Vectors in growing blocks, which a search compares with its query exactly, and the graphs of those that have some."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.block import Block, joined, parted
from handlers.embedding.index.graphs import Graphs
from handlers.embedding.index.linking import Linking
from handlers.embedding.index.reserved import Reserved
from handlers.embedding.index.snapshots import Snapshot


class Matrix:
    """The rows of any number of entities."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._made = 0
        self._blocks: dict[int, Block] = {}
        #: The number of its block and its place in there, ``joined``.
        self._place_of: dict[str, int] = {}
        self._reserved = Reserved(self._blocks)
        #: What makes and keeps graphs of its full blocks.
        self.linking = Linking(self._blocks)

    def __len__(self) -> int:
        return len(self._place_of)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        linked = 0 if self.graphs is None else self.graphs.nbytes
        return linked + sum(block.nbytes for block in self._blocks.values())

    @property
    def rows(self) -> int:
        """How many there are of all entities."""
        return sum(block.live_count for block in self._blocks.values())

    @property
    def blocks(self) -> Mapping[int, Block]:
        """All that there are, by their numbers."""
        return self._blocks

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._place_of

    def place_of(self, entity_id: str) -> tuple[int, int]:
        """The number of the block that an entity is in, and its place there."""
        return parted(self._place_of[entity_id])

    def add(self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any], shown: NDArray[np.bool_]) -> None:
        """Takes entities that are not in the matrix, some hundred at most.

        ``rows``, (sum of ``counts``, dimensions), has those of one entity side by side, at least one of each; ``shown``
        says of each whether it is of a picture.
        """
        if len(self._reserved):
            placed, (ids, counts, rows, shown) = self._reserved.fill(ids, counts, rows, shown)
            self._place_of |= placed
            if not ids:
                return
        block = self._blocks.get(self._made)
        if block is None or not block.fits(len(rows)):
            self._made += 1
            block = self._blocks[self._made] = Block(self.dimensions)
        for entity_id, place in zip(ids, block.add(ids, counts, rows, shown), strict=True):
            self._place_of[entity_id] = joined(self._made, place)

    def remove(self, entity_id: str) -> None:
        """Forgets an entity that is in the matrix."""
        number, place = self.place_of(entity_id)
        del self._place_of[entity_id]
        rows = self._blocks[number].remove(place)
        if self.graphs is not None:
            self.graphs.remove(number, rows)
        if not self._reserved.unsettled:
            self._tidy(number)

    def _tidy(self, number: int) -> None:
        """Gives up a block that is mostly removed rows; the others go into another one."""
        block = self._blocks[number]
        if block.wasteful:
            del self._blocks[number]
            if self.graphs is not None:
                self.graphs.drop(number, len(block.shown()))
            if not block.empty:
                self.add(*block.live())

    def reserve(self, saved: Snapshot) -> None:
        """Keeps the places of what was saved for its entities, which are going to be added before ``settle``."""
        for layout in saved.layouts:
            self._reserved.reserve(self.dimensions, layout)
            self._made = max(self._made, layout.number + 1)  # it does not grow
        self.linking.take(saved)

    def settle(self) -> None:
        """Nobody is waited for any more."""
        for number in self._reserved.settle():
            self._tidy(number)

    @property
    def graphs(self) -> Graphs | None:
        """Of its full blocks, if they are to have any."""
        return self.linking.graphs

    def begin_linking(self) -> None:
        """From now on it is to have graphs."""
        self.linking.graphs = Graphs(self.dimensions)

    def link(self) -> bool:
        """A slice of work on its graphs, some milliseconds; whether there was any."""
        return self.linking.work(self._made)
