"""Vectors in growing blocks, which a search compares with its query exactly, and the graphs of those that have some."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index import graphs as linking
from handlers.embedding.index.graphs import Graphs, Saved
from handlers.embedding.index.products import Query, coded
from handlers.embedding.index.snapshots import Contents, Kept, Layout, Snapshot, digests
from handlers.embedding.unit import finite

_FIRST_ROWS = 16
_END = object()
#: Rows of a block, some megabytes: what has to be copied at once when a block grows, or when it is mostly removed rows.
_BLOCK_ROWS = 8192
#: Bytes that an entity costs beside its rows: its id and what finds it (measured).
_ENTITY_BYTES = 150


def made_of() -> dict[str, Any]:
    """What must be equal for a snapshot to be of use."""
    return {"form": 1, "block": _BLOCK_ROWS, **linking.made_of()}


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
        #: By entity, the same of what may yet come, and by block, what its rows are known by.
        self._reserved: dict[str, int] = {}
        self._digests: dict[int, NDArray[np.uint64]] = {}
        #: Of what is reserved, that which links it.
        self._saved: list[Snapshot] = []
        self._adopting: Iterator[None] | None = None

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
        if self._reserved:
            ids, counts, rows, shown = self._fill(ids, counts, rows, shown)
            if not ids:
                return
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
        if not self._digests:
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
            if layout.number in self._blocks:
                continue
            self._blocks[layout.number] = Block.reserved(self.dimensions, layout)
            self._digests[layout.number] = layout.digests
            self._made = max(self._made, layout.number + 1)  # it does not grow
            for place, entity_id in enumerate(layout.ids):
                if entity_id:
                    self._give_away(entity_id)
                    self._reserved[entity_id] = layout.number * _BLOCK_ROWS + place
        self._saved.append(saved)

    def settle(self) -> None:
        """Nobody is waited for any more."""
        for entity_id in list(self._reserved):
            self._give_away(entity_id)
        reserved, self._digests = self._digests, {}
        for number in reserved:
            self._tidy(number)

    def _give_away(self, entity_id: str) -> None:
        """The place that is reserved for an entity, if any is."""
        if (at := self._reserved.pop(entity_id, None)) is not None:
            number, place = divmod(at, _BLOCK_ROWS)
            self._blocks[number].remove(place)

    def _fill(
        self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any], shown: NDArray[np.bool_]
    ) -> tuple[list[str], list[int], NDArray[Any], NDArray[np.bool_]]:
        """Puts what is as it was where it was; answers the rest, as ``add`` takes it."""
        made, many = digests(finite(rows.astype(np.float16))), np.array(counts)
        first, rest = np.cumsum(many) - many, np.ones(len(ids), np.bool_)
        by_block: dict[int, list[tuple[int, int]]] = {}
        for entity, entity_id in enumerate(ids):
            if entity_id in self._reserved:
                number, place = divmod(self._reserved[entity_id], _BLOCK_ROWS)
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
                self._place_of[ids[entity]] = self._reserved.pop(ids[entity])
                rest[entity] = False
        left = np.flatnonzero(rest).tolist()
        for entity in left:
            self._give_away(ids[entity])
        kept = np.repeat(rest, many)
        return [ids[each] for each in left], [counts[each] for each in left], rows[kept], shown[kept]

    def link(self) -> bool:
        """A slice of work on its graphs, some milliseconds; whether there was any.

        What was saved is taken first.
        """
        if self.graphs is None:
            return False
        if self._adopting is None and self._saved:
            self._adopting = self._adopt(self.graphs, self._saved.pop())
        if self._adopting is None:
            return self.graphs.work(self._blocks, self._made)
        if next(self._adopting, _END) is _END:
            self._adopting = None
        return True

    def _adopt(self, graphs: Graphs, saved: Snapshot) -> Iterator[None]:
        numbers = frozenset(each.number for each in saved.layouts)
        try:
            taken = yield from graphs.adopt(Saved(saved.name, numbers), saved.links(), self._blocks)
        except Exception:  # whatever a damaged file has numpy, zipfile and usearch raise
            taken = False
        if not taken:
            saved.discard()

    def keep(self, kind: str, kept: Kept, *, calm: bool, refresh: bool) -> bool:
        """Has a part of its graphs written that should be; whether there was one.

        That is one that no more will come into or, when it is ``calm``, has come into; and, for a ``refresh``, one from
        which something was removed since, and one whose file is not there.
        """
        graphs = self.graphs
        if graphs is None or self._saved or self._adopting:
            return False
        for part in graphs.parts:
            numbers, removed = graphs.whole(part), part.removed
            due = numbers != part.saved.numbers and (calm or graphs.full(part))
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

    def place_of(self, entity_id: str) -> tuple[int, int]:
        """The number of the block that an entity is in, and its place there."""
        return divmod(self._place_of[entity_id], _BLOCK_ROWS)


def _short(kind: str) -> str:
    return hashlib.sha256(kind.encode()).hexdigest()[:8]


def _put(array: NDArray[Any], used: int, new: NDArray[Any]) -> NDArray[Any]:
    """``array`` with ``new`` behind the part in use; where it is full, a copy twice as long, up to a block's rows."""
    needed = used + len(new)
    if needed > len(array):
        grown = np.empty_like(array, shape=(max(needed, min(2 * len(array), _BLOCK_ROWS)), *array.shape[1:]))
        grown[:used] = array[:used]
        array = grown
    array[used:needed] = new
    return array
