"""Vectors in one growing matrix, searched exactly: a product over 100,000 of them takes milliseconds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST_ROWS = 64


class Matrix:
    """Rows in the order of their arrival, those of one entity side by side.

    Removed rows stay, never answered, until they outnumber the others.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._clear()

    def _clear(self) -> None:
        self._rows = np.empty((_FIRST_ROWS, self._dimensions), np.float32)
        self._used = 0
        self._live = 0
        #: Of each entity that ever came: its id and its first row; an entity is known by its place in these.
        self._ids: list[str] = []
        self._starts = np.empty(_FIRST_ROWS, np.intp)
        self._place_of: dict[str, int] = {}
        self._removed: list[int] = []

    def add(self, entity_id: str, rows: NDArray[Any]) -> None:
        """Takes the rows of an entity that is not in the matrix."""
        end = self._used + len(rows)
        self._rows = _with_room(self._rows, self._used, end)
        self._starts = _with_room(self._starts, len(self._ids), len(self._ids) + 1)
        self._rows[self._used : end] = rows
        self._starts[len(self._ids)] = self._used
        self._place_of[entity_id] = len(self._ids)
        self._ids.append(entity_id)
        self._used = end
        self._live += len(rows)

    def remove(self, entity_id: str) -> None:
        """Forgets an entity that is in the matrix."""
        place = self._place_of.pop(entity_id)
        self._removed.append(place)
        self._live -= len(self._rows_at(place))
        if 2 * self._live < self._used:
            self._compact()

    def best(self, query: NDArray[np.float32], few: int) -> Iterator[tuple[float, str]]:
        """(cosine of its best row, id) of every entity, best first; the first ``few`` are cheap to get."""
        if not self._place_of:
            return
        rows = self._rows[: self._used] @ query
        scores = np.maximum.reduceat(rows, self._starts[: len(self._ids)])
        scores[self._removed] = -np.inf
        for place in _descending(scores, few):
            if np.isfinite(scores[place]):
                yield float(scores[place]), self._ids[place]

    def _rows_at(self, place: int) -> NDArray[np.float32]:
        end = self._starts[place + 1] if place + 1 < len(self._ids) else self._used
        return self._rows[self._starts[place] : end]

    def _compact(self) -> None:
        live = [(entity_id, self._rows_at(place)) for entity_id, place in self._place_of.items()]
        self._clear()
        for entity_id, rows in live:
            self.add(entity_id, rows)


def _with_room(array: NDArray[Any], used: int, needed: int) -> NDArray[Any]:
    """``array``, or a copy at least twice as long of the part in use."""
    if needed <= len(array):
        return array
    grown = np.empty((max(needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[:used] = array[:used]
    return grown


def _descending(scores: NDArray[np.float32], few: int) -> Iterator[np.intp]:
    """All indexes from the highest score down. Nothing is sorted but the first few, unless more are taken."""
    head = np.argpartition(-scores, few)[:few] if few < len(scores) else np.arange(len(scores))
    yield from head[np.argsort(-scores[head])]
    rest = np.setdiff1d(np.arange(len(scores)), head)
    yield from rest[np.argsort(-scores[rest])]
