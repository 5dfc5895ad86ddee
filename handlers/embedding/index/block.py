"""Vectors of entities in one block, in bytes for a comparison that is nearly exact, and as they are for one that is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.products import Query, coded
from handlers.embedding.index.snapshots import Layout
from handlers.embedding.unit import finite

_FIRST_ROWS = 16
#: Rows of a block, some megabytes: what has to be copied at once when a block grows, or when it is mostly removed rows.
_BLOCK_ROWS = 8192
#: Bytes that an entity costs beside its rows: its id and what finds it (measured).
_ENTITY_BYTES = 150


def made_of() -> dict[str, int]:
    """What must be equal for saved blocks to be of use."""
    return {"block": _BLOCK_ROWS}


def joined(number: int, place: int) -> int:
    """Number of a block and place in there as one number, of which there are as many as entities: a pair is larger."""
    return number * _BLOCK_ROWS + place


def parted(at: int) -> tuple[int, int]:
    """As it was before ``joined``."""
    return divmod(at, _BLOCK_ROWS)


class Block:
    """Rows in the order of their arrival, those of one entity side by side. Removed rows stay, never answered."""

    def __init__(self, dimensions: int) -> None:
        self._rows = np.empty((_FIRST_ROWS, dimensions), np.float16)
        #: The same in bytes, as columns; the sum of each row's, and what one of them is worth.
        self._codes = np.empty((_FIRST_ROWS, dimensions), np.int8, order="F")
        self._sums, self._steps = np.empty(_FIRST_ROWS, np.int32), np.empty(_FIRST_ROWS, np.float32)
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
        for name in ("_rows", "_codes", "_sums", "_steps", "_shown"):
            setattr(made, name, np.concatenate([getattr(block, name)[each] for block, each in rows]))
        made._codes = np.asfortranarray(made._codes)
        together = np.concatenate(counts)
        made._starts, made._used = np.cumsum(together) - together, int(together.sum())
        made.longest = max(block.longest for block, _ in rows)
        made.lost = max(block.lost for block, _ in rows)
        return made

    @classmethod
    def reserved(cls, dimensions: int, layout: Layout) -> "Block":
        """With a place for each entity of ``layout``, and nothing in there until ``fill``."""
        made = cls(dimensions)
        made._used = len(layout.shown)
        made._rows = np.empty((made._used, dimensions), np.float16)
        made._codes = np.empty(made._rows.shape, np.int8, order="F")
        made._sums, made._steps = np.zeros(made._used, np.int32), np.zeros(made._used, np.float32)
        made._ids, made._starts, made._shown = layout.ids, layout.starts, layout.shown
        for place, entity_id in enumerate(layout.ids):
            if not entity_id:
                made.remove(place)
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
        arrays = (self._rows, self._codes, self._sums, self._steps, self._shown, self._starts)
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
        taken, codes, sums, steps = self._coded(rows)
        self._rows = _put(self._rows, start, taken)
        self._codes = _put(self._codes, start, codes)
        self._sums = _put(self._sums, start, sums)
        self._steps = _put(self._steps, start, steps)
        self._shown = _put(self._shown, start, shown)
        self._starts = _put(self._starts, first, start + np.cumsum([0, *counts[:-1]]))
        self._ids.extend(ids)
        self._used = end
        return range(first, len(self._ids))

    def fill(self, places: NDArray[np.intp], rows: NDArray[Any]) -> None:
        """Puts rows where they were reserved for the entities at some places."""
        where, _ = self.rows_of(places)
        self._rows[where], self._codes[where], self._sums[where], self._steps[where] = self._coded(rows)

    def _coded(
        self, rows: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.int8], NDArray[np.int32], NDArray[np.float32]]:
        """As they are kept."""
        taken = finite(rows.astype(np.float16))
        codes, sums, steps, lengths, lost = coded(taken)
        self.longest = max(self.longest, float(lengths.max()))
        self.lost = max(self.lost, float(lost.max()))
        return taken, codes, sums, steps

    def layout(self, number: int) -> tuple[Layout, NDArray[np.float16]]:
        """Where its entities are, and its rows, of which there are no digests yet."""
        gone = set(self._removed)
        ids = ["" if place in gone else each for place, each in enumerate(self._ids)]
        starts, shown = self._starts[: len(ids)], self._shown[: self._used]
        return Layout(number, ids, starts, shown, np.empty(0, np.uint64)), self._rows[: self._used]

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

    def codes_of(self, rows: NDArray[np.intp]) -> NDArray[np.int8]:
        """(rows, dimensions), each by a step of its own."""
        return np.ascontiguousarray(self._codes[rows])

    def id_at(self, place: int) -> str:
        """The entity at a place."""
        return self._ids[place]

    def fast(self, query: Query) -> NDArray[np.float32]:
        """(rows,), the cosine of each row, within ``query.uncertainty(longest, lost)``."""
        return query.fast(self._codes, self._sums[: self._used], self._steps[: self._used])

    def values_of(self, rows: NDArray[np.intp]) -> NDArray[np.float16]:
        """(rows, dimensions), as they are."""
        values: NDArray[np.float16] = self._rows[rows]
        return values

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
        if len(self._ids) == self._used:
            return places, np.ones(len(places), np.intp)
        starts = self._starts[places]
        ends = np.append(self._starts[1 : len(self._ids)], self._used)[places]
        counts = ends - starts
        return np.repeat(ends - np.cumsum(counts), counts) + np.arange(counts.sum()), counts

    def _end(self, place: int) -> int:
        return int(self._starts[place + 1]) if place + 1 < len(self._ids) else self._used


def _put(array: NDArray[Any], used: int, new: NDArray[Any]) -> NDArray[Any]:
    """``array`` with ``new`` behind the part in use; where it is full, a copy twice as long, up to a block's rows."""
    needed = used + len(new)
    if needed > len(array):
        grown = np.empty_like(array, shape=(max(needed, min(2 * len(array), _BLOCK_ROWS)), *array.shape[1:]))
        grown[:used] = array[:used]
        array = grown
    array[used:needed] = new
    return array
