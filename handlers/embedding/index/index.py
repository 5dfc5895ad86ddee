"""The vectors and words of one tenant in memory, a matrix per kind of media and of vector, kept up to date."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from broker.media.parts import LABEL, PICTURE, Part
from broker.media.vectors import Embedding, VectorStore
from handlers.embedding.index.copies import Copies, Digests
from handlers.embedding.index.matrix import Matrix
from handlers.embedding.index.near import Near
from handlers.embedding.index.ranking import Compared, Ranking
from handlers.embedding.index.scan import Scale, Scales, Scan
from handlers.embedding.index.snapshots import Kept, Snapshot
from handlers.embedding.index.some import Some
from handlers.embedding.index.words import Words
from handlers.embedding.models.relevance import Calibration, Kind
from handlers.embedding.names import name_words
from handlers.embedding.stored import unpacked

log = logging.getLogger(__name__)

#: Media files, and bytes of vectors, that are read at once: some 12 ms of CPU. Larger slices are no faster in all.
_SLICE, _SLICE_BYTES = 100, 100_000
#: Bytes of an index without vectors, and what a file costs in it beside vectors and words (measured).
_EMPTY_BYTES, _FILE_BYTES = 2000, 150

#: Of kinds of media, those whose vectors are of pictures where nothing else is known of them.
_SHOWN = frozenset({"image", "video"})
#: What a text that has all words of the query is worth, as a cosine; one that has half of them an eighth of it.
_WORDS_WORTH, _WORDS_POWER = 0.3, 3
#: The same of documents, where half of them are worth half of it; and from which doubt on they need most words as well.
_IN_DOCUMENTS, DOUBTFUL = 0.25, 2.0

#: Seconds after which the ids of what was deleted are taken out of what is kept.
_REFRESHED = 3600.0

#: The names of a tenant's media files, by their ids.
Names = Callable[[Sequence[str]], Mapping[str, str]]
#: Of a query's words, in one text or in each of several.
Share = TypeVar("Share", float, NDArray[np.float64])


class Index:
    """All that a tenant has by one model."""

    def __init__(  # noqa: PLR0913  (each is a part of it)
        self,
        store: VectorStore,
        tenant: str,
        model: str,
        dimensions: int,
        names: Names = lambda ids: {},
        graphs_from: int = 0,
        kept: Kept | None = None,
        digests: Digests = lambda ids: {},
    ) -> None:
        """Empty until ``advance``. Kinds of media with so many vectors (0: none) get graphs by ``link``.

        These are ``kept``, and taken from there.
        """
        self._kept = kept if graphs_from else None
        self._refreshed = -np.inf
        self._store = store
        self._graphs_from = graphs_from
        self._tenant, self._model = tenant, model
        self._dimensions = dimensions
        self._names, self._digests = names, digests
        self._clear()

    def _clear(self) -> None:
        #: Of the store, as far as it was read; ``None`` as long as not even the beginning was.
        self._version: str | None = None
        #: What is left of the first reading, which nothing can be said of before it has ended.
        self._unread: Iterator[Embedding] | None = None
        #: When that began, and how much there was to read.
        self._begun, self._to_read = 0.0, 0
        #: What was kept and has yet to be looked at, before the first reading.
        self._snapshots: Iterator[Snapshot] = self._kept.read() if self._kept else iter(())
        #: By kind of media.
        self._matrices: dict[str, Matrix] = {}
        self._words = Words()
        #: Its files by their bytes.
        self.copies = Copies(self._digests)
        self._kind_of: dict[str, str] = {}
        self._left_out: set[str] = set()

    @property
    def nbytes(self) -> int:
        """Bytes of memory, more or less."""
        vectors = sum(matrix.nbytes for matrix in self._matrices.values())
        files = _FILE_BYTES * len(self._kind_of) + self.copies.nbytes
        return _EMPTY_BYTES + files + self._words.nbytes + vectors

    def advance(self) -> bool:
        """One slice of the work that leads up to date, some milliseconds long; whether it was the last.

        What no longer fits to the store begins anew, as does a reading that was cut off: half an index would answer
        half of the media for ever.
        """
        if not (self._read_on() and self._catch_up()):
            return False
        self.copies.ask_again()
        return True

    def link(self) -> bool:
        """A slice of work on the graphs of large matrices, some milliseconds; whether there was any."""
        if not self._graphs_from:
            return False
        for matrix in self._matrices.values():
            if matrix.graphs is None and matrix.rows >= self._graphs_from:
                matrix.begin_linking()
        full = self._keep(calm=False)
        return full or any(matrix.link() for matrix in self._matrices.values()) or self._keep(calm=True)

    def _keep(self, *, calm: bool) -> bool:
        """Has a part of the graphs written, if one should be: some hundred milliseconds; whether there was one."""
        if self._kept is None or self._kept.busy:
            return False
        refresh = calm and time.monotonic() >= self._refreshed + _REFRESHED
        kinds = self._matrices.items()
        if any(matrix.linking.keep(kind, self._kept, calm=calm, refresh=refresh) for kind, matrix in kinds):
            return True
        if refresh:
            self._kept.keep({name for matrix in self._matrices.values() for name in matrix.linking.kept()})
            self._refreshed = time.monotonic()
        return False

    def ranking(
        self,
        query: NDArray[np.float32],
        kind: str | None,
        text: str = "",
        by: Calibration | None = None,
        doubt: float = 0.0,
        near: int = 0,
    ) -> Ranking:
        """Every entity of a kind (``None``: of all), by how well it matches. Use it before the index changes.

        ``query`` is the vector of ``text``, whose words count where they are found as they are. What has none of them
        loses ``doubt`` of its score. Who takes about ``near`` (0: of all that there is) is answered by the graphs that
        there are, which may miss some.
        """
        scales = _UNSCALED if by is None else Scales(_scale(by.texts, query), _scale(by.pictures, query))

        def partly(entity_id: str) -> bool:
            return doubt < DOUBTFUL and self._kind_of.get(entity_id) == "document"

        covered = self._words.covered(text, partly)
        worth = {each: words_worth(share, self._kind_of.get(each)) for each, share in covered.items()}

        def compared(matrix: Matrix) -> Compared:
            if near and matrix.graphs is not None and not matrix.graphs.empty:
                return Near(matrix, matrix.graphs, query, scales, worth, doubt, near)
            return Scan(matrix, query, scales, worth, doubt)

        matrices = {of: matrix for of, matrix in self._matrices.items() if kind in (None, of)}

        def among(entity_ids: Sequence[str]) -> Ranking:
            some = {of: Some(matrix, entity_ids) for of, matrix in matrices.items()}
            return Ranking({of: Scan(each, query, scales, worth, doubt) for of, each in some.items() if len(each)})

        return Ranking({of: compared(matrix) for of, matrix in matrices.items()}, among)

    def worth(self, text: str, parts: Mapping[str, Sequence[Part]]) -> dict[str, NDArray[np.float64]]:
        """(parts,) of some entities: what the words of ``text`` in each part are worth, as a cosine.

        Nothing where an entity has other parts than when it was read.
        """
        found: dict[str, NDArray[np.float64]] = {}
        for entity_id, shares in self._words.shares(text, parts).items():
            texts = dict.fromkeys(part.text for part in parts[entity_id])
            if len(shares) != len(texts):
                shares = np.zeros(len(texts))
            worth = words_worth(shares, self._kind_of.get(entity_id))
            of_text = dict(zip(texts, worth.tolist(), strict=True))
            found[entity_id] = np.array([of_text[part.text] for part in parts[entity_id]])
        return found

    def _read_on(self) -> bool:
        """A slice of the first reading; whether that is over."""
        if (snapshot := next(self._snapshots, None)) is not None:
            self._matrices.setdefault(snapshot.kind, Matrix(self._dimensions)).reserve(snapshot)
            return False
        if self._version is None:
            self._version = self._store.version(self._tenant, self._model)  # first: later changes are then read again
            self._unread = self._store.all(self._tenant, self._model)
            self._begun, self._to_read = time.monotonic(), self._store.count(self._tenant, self._model)
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
        if self._unread is not None:
            return False
        for matrix in self._matrices.values():
            matrix.settle()
        return True

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

    @property
    def left(self) -> float:
        """Seconds until its first reading is over, if all goes on as so far."""
        if not self.is_new or not self._known():
            return 0.0
        return (time.monotonic() - self._begun) * max(0, self._to_read / self._known() - 1)

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._kind_of

    def count(self, kind: str | None = None) -> int:
        """How many entities of a kind (``None``: of all) there are."""
        return sum(len(matrix) for of, matrix in self._matrices.items() if kind in (None, of))

    def ids(self, kind: str | None = None) -> list[str]:
        """Every entity of a kind (``None``: of all)."""
        if kind is None:
            return list(self._kind_of)
        return [entity_id for entity_id, of in self._kind_of.items() if of == kind]

    def _known(self) -> int:
        return len(self._left_out) + len(self._kind_of)

    def _put(self, embeddings: Iterable[Embedding]) -> None:
        page = {each.entity_id: each for each in embeddings}
        parts = self._store.parts(self._tenant, self._model, list(page))
        names = self._names(list(page))
        groups: dict[str, list[Embedding]] = {}
        for each in page.values():
            self._remove(each.entity_id)
            if each.parts and len(each.parts[0]) == 2 * self._dimensions:
                self._kind_of[each.entity_id] = each.entity_type
                groups.setdefault(each.entity_type, []).append(each)
            else:
                log.warning("the vectors of %s are not of this model's length and are left out", each.entity_id)
                self._left_out.add(each.entity_id)
        for kind, group in groups.items():
            rows = unpacked([row for each in group for row in each.parts])
            shown = [of_picture for each in group for of_picture in _shown(each, parts.get(each.entity_id, ()))]
            self._matrices.setdefault(kind, Matrix(self._dimensions)).add(
                [each.entity_id for each in group],
                [len(each.parts) for each in group],
                rows,
                np.array(shown),
            )
        kept = [entity_id for entity_id in page if entity_id in self._kind_of]
        self._words.add((each, _texts(parts.get(each, ()), names.get(each, ""))) for each in kept)
        self.copies.put(kept)
        if self._unread is None:
            self._words.commit()

    def _remove(self, entity_id: str) -> None:
        self._left_out.discard(entity_id)
        self._words.remove(entity_id)
        self.copies.remove(entity_id)
        if (kind := self._kind_of.pop(entity_id, None)) is not None:
            self._matrices[kind].remove(entity_id)


_UNSCALED = Scales(Scale(1.0, 0.0), Scale(1.0, 0.0))


def words_worth(share: Share, kind: str | None) -> Share:
    """What is added to the cosine of a file of which one text has such a share of the query's words."""
    return _IN_DOCUMENTS * share if kind == "document" else _WORDS_WORTH * share**_WORDS_POWER


def _scale(by: Kind, query: NDArray[np.float32]) -> Scale:
    return Scale(*by.scale(query))


def _shown(embedding: Embedding, parts: Sequence[Part]) -> list[bool]:
    """Of each of its vectors, whether it is of a picture."""
    if len(parts) != len(embedding.parts):
        return [embedding.entity_type in _SHOWN] * len(embedding.parts)
    return [part.matched in (LABEL, PICTURE) for part in parts]


def _texts(parts: Sequence[Part], filename: str) -> list[str]:
    """What its parts say, each beside its name, since a query may have words of both; every text once."""
    name = f"{filename} {name_words(filename)}"
    return list(dict.fromkeys(f"{name} {part.text}" for part in parts)) or [name]
