"""Vectors in growing blocks, which a search compares with its query exactly, and the graphs of those that have some."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.graphs import Graphs
from handlers.embedding.products import Query, coded
from handlers.embedding.unit import finite

_FIRST_ROWS = 16
#: Rows of a block, some megabytes: what has to be copied at once when a block grows, or when it is mostly removed rows.
_BLOCK_ROWS = 8192
#: Bytes that an entity costs beside its rows: its id and what finds it (measured).
_ENTITY_BYTES = 150


class Block:
    """Rows in the order of their arrival, those of one entity side by side. Removed rows stay, never answered."""

    def __init__(self, dimensions: int) -> None:
        self._rows = np.empty((_FIRST_ROWS, dimensions), np.float16)
        #: The same in bytes, and what one of each row's is worth.
        self._codes = np.empty((_FIRST_ROWS, dimensions), np.uint8)
        self._steps = np.empty(_FIRST_ROWS, np.float32)
        #: Of each row, whether it is of a picture.
        self._shown = np.empty(_FIRST_ROWS, np.bool_)
        self._used = self._removed_rows = 0
        #: The largest L2 norm of a row, and of what one has lost in bytes.
        self.longest = self.lost = 0.0
        #: Of each entity that ever came: its id and its first row; an entity is known by its place in these.
        self._ids: list[str] = []
        self._starts = np.empty(_FIRST_ROWS, np.intp)
        self._removed: list[int] = []

    @classmethod
    def gathered(cls, dimensions: int, parts: "Sequence[tuple[Block, NDArray[np.intp]]]") -> "Block":
        """The entities at some places of some blocks, none of them removed, side by side."""
        made = cls(dimensions)
        counts: list[NDArray[np.intp]] = []
        rows: list[tuple[Block, NDArray[np.intp]]] = []
        for block, places in parts:
            of_these, many = block.rows_of(places)
            rows.append((block, of_these))
            counts.append(many)
            made._ids.extend(block._ids[place] for place in places.tolist())
        if not rows:
            return made
        for name in ("_rows", "_codes", "_steps", "_shown"):
            setattr(made, name, np.concatenate([getattr(block, name)[each] for block, each in rows]))
        together = np.concatenate(counts)
        made._starts, made._used = np.cumsum(together) - together, int(together.sum())
        made.longest = max(block.longest for block, _ in rows)
        made.lost = max(block.lost for block, _ in rows)
        return made

    def __len__(self) -> int:
        """Entities that ever came."""
        return len(self._ids)

    @property
    def live_count(self) -> int:
        """Rows that were not removed."""
        return self._used - self._removed_rows

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        arrays = (self._rows, self._codes, self._steps, self._shown, self._starts)
        return sum(each.nbytes for each in arrays) + _ENTITY_BYTES * len(self._ids)

    @property
    def wasteful(self) -> bool:
        """Removed rows outnumber the others."""
        return 2 * self._removed_rows > self._used

    @property
    def empty(self) -> bool:
        """Nothing is left in it."""
        return self._removed_rows == self._used

    def fits(self, count: int) -> bool:
        """Whether there is room for so many rows, which in an empty block there always is."""
        return not self._used or self._used + count <= _BLOCK_ROWS

    def add(self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any], shown: NDArray[np.bool_]) -> range:
        """Takes entities with so many rows each, side by side in ``rows``, and answers their places.

        A row that is not finite counts as one of zeros.
        """
        first, start, end = len(self._ids), self._used, self._used + len(rows)
        taken = finite(rows.astype(np.float16))
        codes, steps, lengths, lost = coded(taken)
        self._rows = _put(self._rows, start, taken)
        self._codes = _put(self._codes, start, codes)
        self._steps = _put(self._steps, start, steps)
        self._shown = _put(self._shown, start, shown)
        self._starts = _put(self._starts, first, start + np.cumsum([0, *counts[:-1]]))
        self.longest = max(self.longest, float(lengths.max()))
        self.lost = max(self.lost, float(lost.max()))
        self._ids.extend(ids)
        self._used = end
        return range(first, len(self._ids))

    def remove(self, place: int) -> range:
        """Forgets the entity at a place; answers its rows."""
        rows = range(int(self._starts[place]), self._end(place))
        self._removed.append(place)
        self._removed_rows += len(rows)
        return rows

    def live(self) -> tuple[list[str], list[int], NDArray[Any], NDArray[np.bool_]]:
        """What is left, as ``add`` takes it."""
        places = np.setdiff1d(np.arange(len(self._ids)), self._removed)
        rows, counts = self.rows_of(places)
        return [self._ids[place] for place in places], counts.tolist(), self._rows[rows], self._shown[rows]

    def live_rows(self, rows: range) -> NDArray[np.intp]:
        """Those among these that are there, and were not removed."""
        some = np.arange(rows.start, min(rows.stop, self._used))
        return some[np.isin(self.places_of(some), self._removed, invert=True)] if self._removed else some

    def places_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """(rows,), where the entity of each is."""
        if len(self._ids) == self._used:
            return rows
        return np.searchsorted(self._starts[: len(self._ids)], rows, "right") - 1

    def codes_of(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """(rows, dimensions), each by a step of its own; 128 for zero."""
        return self._codes[rows]

    def id_at(self, place: int) -> str:
        """The entity at a place."""
        return self._ids[place]

    def fast(self, query: Query) -> NDArray[np.float32]:
        """(rows,), the cosine of each row, within ``query.uncertainty(longest, lost)``."""
        return query.fast(self._codes[: self._used], self._steps[: self._used])

    def exact(self, rows: NDArray[np.intp], query: Query) -> NDArray[np.float64]:
        """(rows,), the cosines of some rows."""
        return query.exact(self._rows[rows])

    def shown(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.bool_]:
        """Of each of some rows, else of all, whether it is of a picture."""
        return self._shown[: self._used] if rows is None else self._shown[rows]

    def best_of_each(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(entities that ever came,), the best of its rows' scores; -inf for removed ones."""
        alone = len(scores) == len(self._ids)
        best = scores.copy() if alone else np.maximum.reduceat(scores, self._starts[: len(self._ids)])
        best[self._removed] = -np.inf
        return best

    def rows_of(self, places: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which rows the entities at some places have, those of one side by side, and how many each has."""
        starts = self._starts[places]
        ends = np.append(self._starts[1 : len(self._ids)], self._used)[places]
        counts = ends - starts
        return np.repeat(ends - np.cumsum(counts), counts) + np.arange(counts.sum()), counts

    def _end(self, place: int) -> int:
        return int(self._starts[place + 1]) if place + 1 < len(self._ids) else self._used


class Matrix:
    """The rows of any number of entities."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        #: Of its full blocks, if they are to have any.
        self.graphs: Graphs | None = None
        self._made = 0
        self._blocks: dict[int, Block] = {}
        #: Number of its block times what a block holds at most, and its place in there.
        self._place_of: dict[str, int] = {}

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
    def blocks(self) -> dict[int, Block]:
        """All that there are, by their numbers."""
        return self._blocks

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._place_of

    def add(self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any], shown: NDArray[np.bool_]) -> None:
        """Takes entities that are not in the matrix, some hundred at most.

        ``rows``, (sum of ``counts``, dimensions), has those of one entity side by side, at least one of each; ``shown``
        says of each whether it is of a picture.
        """
        block = self._blocks.get(self._made)
        if block is None or not block.fits(len(rows)):
            self._made += 1
            block = self._blocks[self._made] = Block(self.dimensions)
        for entity_id, place in zip(ids, block.add(ids, counts, rows, shown), strict=True):
            self._place_of[entity_id] = self._made * _BLOCK_ROWS + place

    def remove(self, entity_id: str) -> None:
        """Forgets an entity that is in the matrix."""
        number, place = self.place_of(entity_id)
        del self._place_of[entity_id]
        block = self._blocks[number]
        rows = block.remove(place)
        if self.graphs is not None:
            self.graphs.remove(number, rows)
        if block.wasteful:
            del self._blocks[number]
            if self.graphs is not None:
                self.graphs.drop(number, len(block.shown()))
            if not block.empty:
                self.add(*block.live())

    def link(self) -> bool:
        """A slice of work on its graphs, some milliseconds; whether there was any."""
        return self.graphs is not None and self.graphs.work(self._blocks, self._made)

    def place_of(self, entity_id: str) -> tuple[int, int]:
        """The number of the block that an entity is in, and its place there."""
        return divmod(self._place_of[entity_id], _BLOCK_ROWS)


def _put(array: NDArray[Any], used: int, new: NDArray[Any]) -> NDArray[Any]:
    """``array`` with ``new`` behind the part in use; where it is full, a copy twice as long, up to a block's rows."""
    needed = used + len(new)
    if needed > len(array):
        grown = np.empty((max(needed, min(2 * len(array), _BLOCK_ROWS)), *array.shape[1:]), array.dtype)
        grown[:used] = array[:used]
        array = grown
    array[used:needed] = new
    return array
