"""The vectors and words of one tenant in memory, a matrix per kind of media and of vector, kept up to date."""

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.media.parts import LABEL, PICTURE, Part
from broker.media.vectors import Embedding, VectorStore
from handlers.embedding.matrix import Matrix
from handlers.embedding.names import name_words
from handlers.embedding.relevance import Calibration
from handlers.embedding.words import Words

log = logging.getLogger(__name__)

#: Media files, and bytes of vectors, that are read at once: some 12 ms of CPU. Larger slices are no faster in all.
_SLICE, _SLICE_BYTES = 100, 100_000
#: Bytes of an index without vectors, and what a file costs in it beside vectors and words (measured).
_EMPTY_BYTES, _FILE_BYTES = 2000, 150


#: Of kinds of media, those whose vectors are of pictures where nothing else is known of them.
_SHOWN = frozenset({"image", "video"})
#: What a text that has all words of the query is worth, as a cosine; one that has half of them an eighth of it.
_WORDS_WORTH, _WORDS_POWER = 0.3, 3

#: The names of a tenant's media files, by their ids.
Names = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """An entity; in order of score."""

    #: Log odds of being meant where the model is calibrated, else the similarity; its words count in both.
    score: float
    #: Cosine of its best part.
    similarity: float
    entity_type: str
    entity_id: str


class Index:
    """All that a tenant has by one model."""

    def __init__(
        self, store: VectorStore, tenant: str, model: str, dimensions: int, names: Names = lambda ids: {}
    ) -> None:
        """Empty until ``advance``."""
        self._store = store
        self._tenant, self._model = tenant, model
        self._dimensions = dimensions
        self._names = names
        self._clear()

    def _clear(self) -> None:
        #: Of the store, as far as it was read; ``None`` as long as not even the beginning was.
        self._version: str | None = None
        #: What is left of the first reading, which nothing can be said of before it has ended.
        self._unread: Iterator[Embedding] | None = None
        #: By kind of media, and whether the vectors are of pictures; one file can have some of both.
        self._matrices: dict[tuple[str, bool], Matrix] = {}
        self._words = Words()
        self._kind_of: dict[str, str] = {}
        self._left_out: set[str] = set()

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        vectors = sum(matrix.nbytes for matrix in self._matrices.values())
        return _EMPTY_BYTES + _FILE_BYTES * len(self._kind_of) + self._words.nbytes + vectors

    def advance(self) -> bool:
        """One slice of the work that leads up to date, some milliseconds long; whether it was the last.

        What no longer fits to the store begins anew, as does a reading that was cut off: half an index would answer
        half of the media for ever.
        """
        return self._read_on() and self._catch_up()

    def best(
        self,
        query: NDArray[np.float32],
        kind: str | None,
        few: int,
        text: str = "",
        by: Calibration | None = None,
        doubt: float = 0.0,
    ) -> Iterator[Match]:
        """Every entity of a kind (``None``: of all), best first; the first ``few`` are cheap to get.

        ``query`` is the vector of ``text``, whose words count where they are found as they are. What has none of them
        loses ``doubt`` of its score.
        """
        written = {
            each: share for each, share in self._words.covered(text).items() if kind in (None, self._kind_of[each])
        }
        streams = [
            self._matches(matrix, of, _scale(query, shown, by), query, few, written, doubt)
            for (of, shown), matrix in self._matrices.items()
            if kind in (None, of)
        ]
        seen: set[str] = set()
        for match in heapq.merge(*streams, reverse=True):
            if match.entity_id not in seen:
                seen.add(match.entity_id)
                yield match

    def _matches(
        self, matrix: Matrix, kind: str, scale: tuple[float, float], query: NDArray[np.float32], few: int,
        written: Mapping[str, float], doubt: float,
    ) -> Iterator[Match]:  # fmt: skip
        """Those whose words are found are taken out of the order by vectors, and merged in where they belong."""
        factor, addend = scale
        lifted = []
        for entity_id, share in written.items():
            if entity_id in matrix:
                similarity = matrix.similarity(entity_id, query)
                worth = similarity + _WORDS_WORTH * share**_WORDS_POWER
                lifted.append(Match(factor * worth + addend, similarity, kind, entity_id))
        others = (
            Match(factor * similarity + addend - doubt, similarity, kind, entity_id)
            for similarity, entity_id in matrix.best(query, few)
            if entity_id not in written
        )
        return heapq.merge(sorted(lifted, reverse=True), others, reverse=True)

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
        if self._words.wasteful:  # which only reading all of them again can mend
            self._clear()
            return False
        self._put(changes.put)
        self._version = changes.version
        if changes.complete and changes.total != self._known():  # cut off, or the server began anew
            self._clear()
            return False
        return changes.complete

    @property
    def is_new(self) -> bool:
        """Whether its first reading is not over."""
        return self._version is None or self._unread is not None

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._kind_of

    def ids(self, kind: str | None = None) -> list[str]:
        """Every entity of a kind (``None``: of all)."""
        return [entity_id for entity_id, of in self._kind_of.items() if kind in (None, of)]

    def _known(self) -> int:
        return len(self._left_out) + len(self._kind_of)

    def _put(self, embeddings: Iterable[Embedding]) -> None:
        page = {each.entity_id: each for each in embeddings}
        parts = self._store.parts(self._tenant, self._model, list(page))
        names = self._names(list(page))
        groups: dict[tuple[str, bool], list[tuple[str, list[bytes]]]] = {}
        for each in page.values():
            self._remove(each.entity_id)
            if each.parts and len(each.parts[0]) == 2 * self._dimensions:
                self._kind_of[each.entity_id] = each.entity_type
                for shown, rows in _by_kind(each, parts.get(each.entity_id, ())).items():
                    groups.setdefault((each.entity_type, shown), []).append((each.entity_id, rows))
            else:
                log.warning("the vectors of %s are not of this model's length and are left out", each.entity_id)
                self._left_out.add(each.entity_id)
        for key, group in groups.items():
            data = b"".join(row for _, rows in group for row in rows)
            vectors = np.frombuffer(data, "<f2").reshape(-1, self._dimensions)
            matrix = self._matrices.setdefault(key, Matrix(self._dimensions))
            matrix.add([entity_id for entity_id, _ in group], [len(rows) for _, rows in group], vectors)
        kept = [entity_id for entity_id in page if entity_id in self._kind_of]
        self._words.add((each, _texts(parts.get(each, ()), names.get(each, ""))) for each in kept)

    def _remove(self, entity_id: str) -> None:
        self._left_out.discard(entity_id)
        self._words.remove(entity_id)
        if self._kind_of.pop(entity_id, None) is not None:
            for matrix in self._matrices.values():
                if entity_id in matrix:
                    matrix.remove(entity_id)


def _scale(query: NDArray[np.float32], shown: bool, by: Calibration | None) -> tuple[float, float]:
    return (1.0, 0.0) if by is None else (by.pictures if shown else by.texts).scale(query)


def _by_kind(embedding: Embedding, parts: Sequence[Part]) -> dict[bool, list[bytes]]:
    """Its vectors, apart by whether they are of pictures."""
    if len(parts) != len(embedding.parts):
        return {embedding.entity_type in _SHOWN: list(embedding.parts)}
    rows: dict[bool, list[bytes]] = {}
    for part, row in zip(parts, embedding.parts, strict=True):
        rows.setdefault(part.matched in (LABEL, PICTURE), []).append(row)
    return rows


def _texts(parts: Sequence[Part], filename: str) -> list[str]:
    """What its parts say, each beside its name, since a query may have words of both; every text once."""
    name = f"{filename} {name_words(filename)}"
    return list(dict.fromkeys(f"{name} {part.text}" for part in parts)) or [name]
