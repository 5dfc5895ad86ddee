"""The vectors of one tenant in memory, a matrix per kind of media, kept up to date with the store."""

import heapq
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from broker.media.vectors import Embedding, VectorStore
from handlers.embedding.matrix import Matrix

log = logging.getLogger(__name__)

#: Media files, and bytes of their vectors, that are read at once: milliseconds.
_SLICE, _SLICE_BYTES = 500, 400_000
#: Bytes of an index without vectors.
_EMPTY_BYTES = 2000


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """An entity and the cosine of its best part; in order of similarity."""

    similarity: float
    entity_type: str
    entity_id: str


class Index:
    """All vectors that a tenant has by one model."""

    def __init__(self, store: VectorStore, tenant: str, model: str, dimensions: int) -> None:
        """Empty until ``advance``."""
        self._store = store
        self._tenant, self._model = tenant, model
        self._dimensions = dimensions
        self._clear()

    def _clear(self) -> None:
        #: Of the store, as far as it was read; ``None`` as long as not even the beginning was.
        self._version: str | None = None
        #: What is left of the first reading, which nothing can be said of before it has ended.
        self._unread: Iterator[Embedding] | None = None
        self._matrices: dict[str, Matrix] = {}
        self._left_out: set[str] = set()

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        return _EMPTY_BYTES + sum(matrix.nbytes for matrix in self._matrices.values())

    def advance(self) -> bool:
        """One slice of the work that leads up to date, some milliseconds long; whether it was the last.

        What no longer fits to the store begins anew, as does a reading that was cut off: half an index would answer
        half of the media for ever.
        """
        return self._read_on() and self._catch_up()

    def best(self, query: NDArray[np.float32], kind: str | None, few: int) -> Iterator[Match]:
        """Every entity of a kind (``None``: of all), best first; the first ``few`` are cheap to get."""
        kinds = [each for each in self._matrices if kind in (None, each)]
        return heapq.merge(*(self._matches(each, query, few) for each in kinds), reverse=True)

    def _matches(self, kind: str, query: NDArray[np.float32], few: int) -> Iterator[Match]:
        for similarity, entity_id in self._matrices[kind].best(query, few):
            yield Match(similarity, kind, entity_id)

    def _read_on(self) -> bool:
        """A slice of the first reading; whether that is over."""
        if self._version is None:
            self._version = self._store.version(self._tenant, self._model)  # first: later changes are then read again
            self._unread = self._store.all(self._tenant, self._model)
        if self._unread is None:
            return True
        page: list[Embedding] = []
        size = 0
        for each in self._unread:
            page.append(each)
            size += sum(map(len, each.parts))
            if len(page) == _SLICE or size >= _SLICE_BYTES:
                break
        else:
            self._unread = None
        self._put(page)
        return self._unread is None

    def _catch_up(self) -> bool:
        """A slice of what changed since; whether nothing is left."""
        assert self._version is not None
        changes = self._store.changes(self._tenant, self._model, self._version)
        if changes is None:
            self._clear()
            return False
        for entity_id in changes.deleted:
            self._remove(entity_id)
        self._put(changes.put)
        self._version = changes.version
        if changes.complete and changes.total != self._known():  # cut off, or the server began anew
            self._clear()
            return False
        return changes.complete

    def _known(self) -> int:
        return len(self._left_out) + sum(map(len, self._matrices.values()))

    def _put(self, embeddings: Iterable[Embedding]) -> None:
        by_kind: dict[str, list[Embedding]] = {}
        for each in {each.entity_id: each for each in embeddings}.values():
            self._remove(each.entity_id)
            if each.parts and len(each.parts[0]) == 2 * self._dimensions:
                by_kind.setdefault(each.entity_type, []).append(each)
            else:
                log.warning("the vectors of %s are not of this model's length and are left out", each.entity_id)
                self._left_out.add(each.entity_id)
        for kind, group in by_kind.items():
            if kind not in self._matrices:
                self._matrices[kind] = Matrix(self._dimensions)
            data = b"".join(chain.from_iterable(each.parts for each in group))
            rows = np.frombuffer(data, "<f2").reshape(-1, self._dimensions)
            self._matrices[kind].add([each.entity_id for each in group], [len(each.parts) for each in group], rows)

    def _remove(self, entity_id: str) -> None:
        self._left_out.discard(entity_id)
        for matrix in self._matrices.values():
            if entity_id in matrix:
                matrix.remove(entity_id)
