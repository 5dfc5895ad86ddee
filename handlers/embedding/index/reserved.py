"""Places in blocks for entities that had them when a snapshot was written, until each is read from the store again."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.block import Block, joined, parted
from handlers.embedding.index.snapshots import Layout, digests
from handlers.embedding.unit import finite


class Rest(NamedTuple):
    """Entities for which nothing was reserved, as ``Matrix.add`` takes them."""

    ids: Sequence[str]
    counts: Sequence[int]
    rows: NDArray[Any]
    shown: NDArray[np.bool_]


class Reserved:
    """What is reserved in the blocks of one matrix."""

    def __init__(self, blocks: dict[int, Block]) -> None:
        self._blocks = blocks
        #: By entity, the number of a block and a place in there, ``joined``; by block, what its rows are known by.
        self._places: dict[str, int] = {}
        self._digests: dict[int, NDArray[np.uint64]] = {}

    def __len__(self) -> int:
        """Entities that are waited for."""
        return len(self._places)

    @property
    def unsettled(self) -> bool:
        """Whether blocks may be mostly empty places, because more is going to come into them."""
        return bool(self._digests)

    def reserve(self, dimensions: int, layout: Layout) -> None:
        """Makes a block of empty places for the entities of ``layout``, unless there is one of its number."""
        if layout.number in self._blocks:
            return
        self._blocks[layout.number] = Block.reserved(dimensions, layout)
        self._digests[layout.number] = layout.digests
        for place, entity_id in enumerate(layout.ids):
            if entity_id:
                self._give_away(entity_id)
                self._places[entity_id] = joined(layout.number, place)

    def settle(self) -> list[int]:
        """Gives up what is left; answers the numbers of the blocks."""
        for entity_id in list(self._places):
            self._give_away(entity_id)
        numbers, self._digests = list(self._digests), {}
        return numbers

    def _give_away(self, entity_id: str) -> None:
        """The place that is reserved for an entity, if any is."""
        if (at := self._places.pop(entity_id, None)) is not None:
            number, place = parted(at)
            self._blocks[number].remove(place)

    def fill(
        self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any], shown: NDArray[np.bool_]
    ) -> tuple[dict[str, int], Rest]:
        """Puts what is as it was where it was; answers where, and all that was not."""
        made, many = digests(finite(rows.astype(np.float16))), np.array(counts)
        first, rest = np.cumsum(many) - many, np.ones(len(ids), np.bool_)
        placed: dict[str, int] = {}
        by_block: dict[int, list[tuple[int, int]]] = {}
        for entity, entity_id in enumerate(ids):
            if entity_id in self._places:
                number, place = parted(self._places[entity_id])
                by_block.setdefault(number, []).append((entity, place))
        for number, pairs in by_block.items():
            block, (entities, places) = self._blocks[number], np.array(pairs).T
            fit = block.rows_of(places)[1] == many[entities]
            where, each = block.rows_of(places := places[fit])
            if not len(places):
                continue
            entities, ends = entities[fit], np.cumsum(each)
            mine = np.arange(ends[-1]) + np.repeat(first[entities] - ends + each, each)
            equal = (self._digests[number][where] == made[mine]) & (block.shown(where) == shown[mine])
            same = np.logical_and.reduceat(equal, ends - each)
            if same.any():
                block.fill(places[same], rows[mine[np.repeat(same, each)]])
            for entity in entities[same].tolist():
                placed[ids[entity]] = self._places.pop(ids[entity])
                rest[entity] = False
        left = np.flatnonzero(rest).tolist()
        for entity in left:
            self._give_away(ids[entity])
        kept = np.repeat(rest, many)
        return placed, Rest([ids[each] for each in left], [counts[each] for each in left], rows[kept], shown[kept])
