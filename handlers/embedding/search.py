"""Answers semantic queries: embeds the text, compares it with what the tenant has, names the files."""

import heapq
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from broker.errors import NotIndexed, UnsupportedMedia
from broker.media.narrowing import Found, Narrowing
from broker.media.search import Hit, SearchRequest
from broker.media.vectors import VectorStore
from handlers.embedding import preflight
from handlers.embedding.embedder import Embedder, UnusableModel, open_embedder
from handlers.embedding.facts import Facts, FactsOf, KnownFacts, fits
from handlers.embedding.index import Index, Match
from handlers.embedding.indexes import Indexes
from handlers.embedding.labels import LabelTable
from handlers.embedding.minilm import MiniLM
from handlers.embedding.paging import Chosen, count, page
from handlers.embedding.places import places
from handlers.embedding.relevance import Calibration, probability
from handlers.embedding.sense import makes_sense
from handlers.embedding.settings import EmbeddingSettings
from handlers.embedding.shown import LocalFile, ShownPictures
from handlers.embedding.text import spread

__all__ = ["Facts", "Searcher", "open_searcher", "query_embedder"]

log = logging.getLogger(__name__)

#: Query texts whose vectors are remembered: people page through and repeat.
_REMEMBERED_QUERIES = 1000
#: Bytes of indexes, some 600,000 vectors of the bundled model.
MOST_BYTES = 2**30
#: Log odds that are taken from what is found by a vector of letters.
_SENSELESS = 10.0

#: Vectors of a file by which what is like it is sought.
_MOST_LIKE = 8
#: Files of which more than their vectors is remembered, some hundred megabytes.
_MOST_FACTS = 300_000

#: The names of those of a tenant's media files that exist, by their ids.
NamesOf = Callable[[str, Sequence[str]], Mapping[str, str]]


class Embed(Protocol):
    """Gives the vector of a query, (dimensions,) and L2-normalised."""

    #: Whether the model itself knows pictures; else they lie where their labels are.
    sees: bool

    def __call__(self, text: str) -> NDArray[np.float32]: ...

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, dimensions), not as queries but as what they find."""

    def pieces(self, word: str) -> int:
        """Into how many pieces the model cuts a word."""


class Judge(NamedTuple):
    """Tells what is relevant among what one model finds."""

    calibration: Calibration
    #: Into how many pieces the model cuts a word.
    pieces: Callable[[str], int] = lambda word: 1


class Searcher:
    """One model, one index per tenant that has searched lately. For one thread."""

    def __init__(  # noqa: PLR0913  (each is a part of it)
        self,
        model: str,
        embed: Callable[[str], NDArray[np.float32]],
        vectors: VectorStore,
        facts_of: FactsOf,
        most_bytes: int = MOST_BYTES,
        names_of: NamesOf = lambda tenant, ids: {},
        judge: Judge | None = None,
        pictures: ShownPictures | None = None,
    ) -> None:
        """``embed`` gives a query's vector, (dimensions,) and L2-normalised, in the space of ``model``'s vectors.

        Indexes of tenants that have not searched for long are given up when all together pass ``most_bytes``. Without
        ``judge`` hits are in the order of their similarity, and none is left out as irrelevant.
        """
        self._embed = lru_cache(_REMEMBERED_QUERIES)(embed)
        self._model, self._vectors, self._facts_of = model, vectors, facts_of
        self._judge, self._pictures = judge, pictures
        self._facts: dict[str, KnownFacts] = {}

        def index(tenant: str, dimensions: int) -> Index:
            return Index(vectors, tenant, model, dimensions, lambda ids: names_of(tenant, ids))

        self._indexes = Indexes(index, most_bytes)

    def answer(self, request: SearchRequest) -> list[Hit] | None:
        """The hits of ``find`` alone."""
        found = self.find(request)
        return None if found is None else list(found.hits)

    def find(self, request: SearchRequest) -> Found | None:
        """The best matches whose files exist, best first; ``None`` while something has yet to be read or embedded.

        Ask again after ``work``. No call takes long, so that nobody waits for another tenant's vectors. Raises
        ``NotIndexed``, ``UnsupportedMedia``, ``Unavailable``.
        """
        queries = self._queries(request)
        if queries is None:
            return None
        index = self._indexes.ready(request.tenant, queries.shape[1])
        if index is None:
            return None
        narrowing = Narrowing(**request.narrowing)
        facts = self._known_facts(request.tenant) if narrowing != Narrowing() else None
        if facts is not None and not facts.require(index.ids(request.entity_type), narrowing):
            return None

        def matches() -> Iterator[Match]:
            found = self._matches(request, queries, index)
            return found if facts is None else (each for each in found if fits(facts[each.entity_id], narrowing))

        hits, last = page(
            matches(), request.limit, request.after, lambda ids: dict(self._facts_of(request.tenant, ids))
        )
        all_of_them = facts is None and request.min_similarity is None and not self._least_relevance(request)
        total = len(index.ids(request.entity_type)) - bool(request.like) if all_of_them else count(matches())
        shown = self._hits(request, queries, hits)
        return Found(shown, total, list(astuple(last)) if last else None)

    def work(self) -> bool:
        """Some milliseconds of reading vectors; whether there was anything to do."""
        return self._indexes.work()

    def _queries(self, request: SearchRequest) -> NDArray[np.float32] | None:
        """(vectors, dimensions) of what is looked for."""
        if request.like:
            stored = self._vectors.get(request.tenant, self._model, request.like)
            if stored is None:
                raise NotIndexed()
            rows = [np.frombuffer(row, "<f2").astype(np.float32) for row in spread(stored.parts, _MOST_LIKE)]
            return np.stack(rows)
        if request.picture:
            if self._pictures is None:
                raise UnsupportedMedia("Pictures cannot be looked for here.")
            seen = self._pictures.vector(request.picture)
            return None if seen is None else seen[np.newaxis]
        return self._embed(_words(request))[np.newaxis]

    def _matches(self, request: SearchRequest, queries: NDArray[np.float32], index: Index) -> Iterator[Match]:
        """All that are as relevant and as similar as is asked for, each once, best first."""
        words, kind, few = _words(request), request.entity_type, request.limit + 1
        judge = self._judged(request)
        doubt = _SENSELESS if judge and not makes_sense(words, judge.pieces) else 0.0
        by = judge and judge.calibration
        streams = [index.best(query, kind, few, words, by, doubt) for query in queries]
        seen = {request.like}
        for match in heapq.merge(*streams, reverse=True):
            if judge and probability(match.score) < request.min_relevance:
                return
            similar = request.min_similarity is None or match.similarity >= request.min_similarity
            if similar and match.entity_id not in seen:
                seen.add(match.entity_id)
                yield match

    def _judged(self, request: SearchRequest) -> Judge | None:
        """What is like a file or a picture is in the order of its similarity: nobody has judged that."""
        return None if request.like or request.picture else self._judge

    def _least_relevance(self, request: SearchRequest) -> float:
        return request.min_relevance if self._judged(request) else 0.0

    def _known_facts(self, tenant: str) -> KnownFacts:
        """Those of tenants that have narrowed a search long ago are given up when there are too many."""
        known = self._facts.pop(tenant, None) or KnownFacts(tenant, self._facts_of)
        self._facts[tenant] = known
        while sum(map(len, self._facts.values())) > _MOST_FACTS and len(self._facts) > 1:
            del self._facts[next(iter(self._facts))]
        return known

    def _hits(self, request: SearchRequest, queries: NDArray[np.float32], chosen: Sequence[Chosen]) -> list[Hit]:
        ids = [each.match.entity_id for each in chosen]
        stored = self._vectors.get_many(request.tenant, self._model, ids)
        parts = self._vectors.parts(request.tenant, self._model, ids)
        hits = []
        for each in chosen:
            entity_id, name = each.match.entity_id, each.facts.filename
            where = parts.get(entity_id, ())
            found = places(_words(request), queries, stored[entity_id], where, name) if entity_id in stored else []
            relevance = round(probability(each.match.score), 3) if self._judged(request) else None
            hits.append(_hit(each, relevance, found))
        return hits


def _words(request: SearchRequest) -> str:
    return " ".join(request.query.split())


def _hit(chosen: Chosen, relevance: float | None, found: list[dict[str, Any]]) -> Hit:
    match = chosen.match
    return Hit(
        match.entity_type,
        match.entity_id,
        chosen.facts.filename,
        round(match.similarity, 4),
        relevance,
        places=found,
        duplicates=[{"entity_id": entity_id, "filename": name} for entity_id, name in chosen.duplicates],
    )


def open_searcher(
    environ: Mapping[str, str],
    vectors: VectorStore,
    facts_of: FactsOf,
    local_file: LocalFile,
    most_bytes: int = MOST_BYTES,
    names_of: NamesOf = lambda tenant, ids: {},
) -> Searcher:
    """A searcher with the model that the environment names, warmed up. Raises ``ValueError`` if it cannot be loaded.

    Of another model than the bundled one, what tells relevant hits from others is computed at the first start, which
    takes seconds, and kept in ``DATA_DIR``.
    """
    settings = preflight.check_model(environ)
    embed = query_embedder(settings)
    dimensions = len(embed("warm up"))
    judge, pictures = None, ShownPictures(settings, local_file)
    if settings.bundled:
        judge = Judge(Calibration.bundled(), embed.pieces)
    elif not embed.sees:
        labels = LabelTable(embed.texts, settings.name, dimensions, settings.cache)
        judge = Judge(Calibration.by(labels), embed.pieces)
    return Searcher(settings.tag, embed, vectors, facts_of, most_bytes, names_of, judge, pictures)


class _Queries:
    """By an embedder."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.sees, self.texts, self.pieces = embedder.sees, embedder.texts, embedder.pieces

    def __call__(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._embedder.queries([text])[0]
        return vector


def query_embedder(settings: EmbeddingSettings) -> Embed:
    """Of the bundled model the light one, whose queries find what vectors of either find; else sentence-transformers.

    Raises ``ValueError`` when the model cannot be loaded.
    """
    try:
        return _Queries(MiniLM(settings) if settings.bundled else open_embedder(settings))
    except UnusableModel as error:
        raise ValueError(str(error)) from error
