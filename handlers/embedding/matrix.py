"""Vectors in growing blocks, searched exactly: a product over 100,000 of them takes milliseconds."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST_ROWS = 16
#: Rows of a block, some megabytes: what has to be copied at once when a block grows, or when it is mostly removed rows.
_BLOCK_ROWS = 8192
#: Bytes that an entity costs beside its rows: its id and what finds it (measured).
_ENTITY_BYTES = 150


class Block:
    """Rows in the order of their arrival, those of one entity side by side. Removed rows stay, never answered."""

    def __init__(self, dimensions: int) -> None:
        self._rows = np.empty((_FIRST_ROWS, dimensions), np.float32)
        self._used = self._removed_rows = 0
        #: Of each entity that ever came: its id and its first row; an entity is known by its place in these.
        self._ids: list[str] = []
        self._starts = np.empty(_FIRST_ROWS, np.intp)
        self._removed: list[int] = []

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        return self._rows.nbytes + self._starts.nbytes + _ENTITY_BYTES * len(self._ids)

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

    def add(self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any]) -> range:
        """Takes entities with so many rows each, side by side in ``rows``, and answers their places."""
        first, end = len(self._ids), self._used + len(rows)
        self._rows = _with_room(self._rows, self._used, end)
        self._starts = _with_room(self._starts, first, first + len(ids))
        self._rows[self._used : end] = rows
        self._starts[first : first + len(ids)] = self._used + np.cumsum([0, *counts[:-1]])
        self._ids.extend(ids)
        self._used = end
        return range(first, len(self._ids))

    def remove(self, place: int) -> None:
        """Forgets the entity at a place."""
        self._removed.append(place)
        self._removed_rows += len(self._rows_at(place))

    def live(self) -> tuple[list[str], list[int], NDArray[np.float32]]:
        """What is left, as ``add`` takes it."""
        places = sorted(set(range(len(self._ids))) - set(self._removed))
        rows = [self._rows_at(place) for place in places]
        return [self._ids[place] for place in places], list(map(len, rows)), np.concatenate(rows)

    def id_at(self, place: int) -> str:
        """The entity at a place."""
        return self._ids[place]

    def scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """(entities that ever came,), the cosine of the best row of each; -inf for removed ones."""
        scores = np.maximum.reduceat(self._rows[: self._used] @ query, self._starts[: len(self._ids)])
        scores[self._removed] = -np.inf
        scores[np.isnan(scores)] = -np.inf
        return scores

    def similarity(self, place: int, query: NDArray[np.float32]) -> float:
        """The cosine of the best row of the entity at a place."""
        cosine = float((self._rows_at(place) @ query).max())
        return cosine if np.isfinite(cosine) else -1.0

    def _rows_at(self, place: int) -> NDArray[np.float32]:
        end = self._starts[place + 1] if place + 1 < len(self._ids) else self._used
        return self._rows[self._starts[place] : end]


class Matrix:
    """The rows of any number of entities."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._made = 0
        self._blocks: dict[int, Block] = {}
        #: Number of its block times what a block holds at most, and its place in there.
        self._place_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._place_of)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        return sum(block.nbytes for block in self._blocks.values())

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._place_of

    def add(self, ids: Sequence[str], counts: Sequence[int], rows: NDArray[Any]) -> None:
        """Takes entities that are not in the matrix, some hundred at most.

        ``rows``, (sum of ``counts``, dimensions), has those of one entity side by side, at least one of each.
        """
        block = self._blocks.get(self._made)
        if block is None or not block.fits(len(rows)):
            self._made += 1
            block = self._blocks[self._made] = Block(self._dimensions)
        for entity_id, place in zip(ids, block.add(ids, counts, rows), strict=True):
            self._place_of[entity_id] = self._made * _BLOCK_ROWS + place

    def remove(self, entity_id: str) -> None:
        """Forgets an entity that is in the matrix."""
        number, place = divmod(self._place_of.pop(entity_id), _BLOCK_ROWS)
        block = self._blocks[number]
        block.remove(place)
        if block.wasteful:
            del self._blocks[number]
            if not block.empty:
                self.add(*block.live())

    def similarity(self, entity_id: str, query: NDArray[np.float32]) -> float:
        """The cosine of the best row of an entity that is in the matrix."""
        number, place = divmod(self._place_of[entity_id], _BLOCK_ROWS)
        return self._blocks[number].similarity(place, query)

    def best(self, query: NDArray[np.float32], few: int) -> Iterator[tuple[float, str]]:
        """(cosine of its best row, id) of every entity, best first; the first ``few`` are cheap to get."""
        blocks = list(self._blocks.values())
        if not blocks:
            return
        scores = [block.scores(query) for block in blocks]
        starts = np.cumsum([0, *map(len, scores)])
        for score, at in _descending(np.concatenate(scores), few):
            number = int(np.searchsorted(starts, at, "right")) - 1
            yield score, blocks[number].id_at(at - int(starts[number]))


def _with_room(array: NDArray[Any], used: int, needed: int) -> NDArray[Any]:
    """``array``, or a copy at least twice as long of the part in use."""
    if needed <= len(array):
        return array
    grown = np.empty((max(needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[:used] = array[:used]
    return grown


def _descending(scores: NDArray[np.float32], few: int) -> Iterator[tuple[float, int]]:
    """(score, index) of all finite scores from the highest down, which takes them out of ``scores``.

    Nothing is sorted but the first few and, as long as more are taken, twice as many as the time before.
    """
    while True:
        few = min(few, len(scores))
        head = np.argpartition(scores, len(scores) - few)[len(scores) - few :]
        head = head[np.argsort(-scores[head])]
        found = scores[head].tolist()
        scores[head] = -np.inf
        for score, at in zip(found, head.tolist(), strict=True):
            if score == -np.inf:
                return
            yield score, at
        if few == len(scores):
            return
        few *= 2
