"""The vectors of one tenant in memory, a matrix per kind of media, kept up to date with the store."""

import heapq
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.media.vectors import Embedding, VectorStore
from handlers.embedding.matrix import Matrix

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """An entity and the cosine of its best part; in order of similarity."""

    similarity: float
    entity_type: str
    entity_id: str


class Index:
    """All vectors that a tenant has by one model."""

    def __init__(self, store: VectorStore, tenant: str, model: str, dimensions: int) -> None:
        """Empty until ``refresh``."""
        self._store = store
        self._tenant, self._model = tenant, model
        self._dimensions = dimensions
        self._version = -1
        self._matrices: dict[str, Matrix] = {}
        self._kind_of: dict[str, str] = {}

    def refresh(self) -> None:
        """Reads what changed since the last call, or everything when that was too long ago."""
        changes = None
        if self._version >= 0:
            changes = self._store.changes(self._tenant, self._model, self._version)
        if changes is None:
            self._read_all()
            return
        for entity_id in changes.deleted:
            self._remove(entity_id)
        for embedding in changes.put:
            self._put(embedding)
        self._version = changes.version

    def best(self, query: NDArray[np.float32], kind: str | None, few: int) -> Iterator[Match]:
        """Every entity of a kind (``None``: of all), best first; the first ``few`` are cheap to get."""
        kinds = [each for each in self._matrices if kind in (None, each)]
        return heapq.merge(*(self._matches(each, query, few) for each in kinds), reverse=True)

    def _matches(self, kind: str, query: NDArray[np.float32], few: int) -> Iterator[Match]:
        for similarity, entity_id in self._matrices[kind].best(query, few):
            yield Match(similarity, kind, entity_id)

    def _read_all(self) -> None:
        self._version = self._store.version(self._tenant, self._model)  # first: later changes are then read again
        self._matrices, self._kind_of = {}, {}
        for embedding in self._store.all(self._tenant, self._model):
            self._put(embedding)

    def _put(self, embedding: Embedding) -> None:
        self._remove(embedding.entity_id)
        if any(len(part) != 2 * self._dimensions for part in embedding.parts):
            log.warning("the vectors of %s are not of this model's length and are left out", embedding.entity_id)
            return
        rows = np.frombuffer(b"".join(embedding.parts), "<f2").reshape(-1, self._dimensions)
        kind = self._kind_of[embedding.entity_id] = embedding.entity_type
        if kind not in self._matrices:
            self._matrices[kind] = Matrix(self._dimensions)
        self._matrices[kind].add(embedding.entity_id, rows)

    def _remove(self, entity_id: str) -> None:
        kind = self._kind_of.pop(entity_id, None)
        if kind is not None:
            self._matrices[kind].remove(entity_id)
