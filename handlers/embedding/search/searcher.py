"""Answers semantic queries: embeds the text, compares it with what the tenant has, names the files."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.errors import NotIndexed, UnsupportedMedia
from broker.media.generations import Standing
from broker.media.vectors import VectorStore
from broker.search.found import Found, Hit
from broker.search.request import MAX_FOUND, Narrowing, SearchRequest
from handlers.embedding.index.index import Index
from handlers.embedding.index.indexes import Indexes
from handlers.embedding.index.ranking import Counted, Match
from handlers.embedding.index.snapshots import Snapshots
from handlers.embedding.models.recipe import encoder_of
from handlers.embedding.models.relevance import probability
from handlers.embedding.search.facts import Facts, FactsOf, KnownFacts, fits
from handlers.embedding.search.layers import Layer, Layers, in_order
from handlers.embedding.search.paging import Chosen, Same, counted_ahead, page
from handlers.embedding.search.places import places
from handlers.embedding.search.query_encoders import Judge, OpenOther, QueryEncoder, QueryEncoders
from handlers.embedding.search.shown import ShownPictures
from handlers.embedding.stored import unpacked
from handlers.embedding.text import spread
from handlers.embedding.unit import finite

__all__ = ["Facts", "Judge", "Searcher"]

log = logging.getLogger(__name__)

#: Bytes of indexes, some 600,000 vectors of the bundled model.
MOST_BYTES = 2**30
#: Vectors of a file by which what is like it is sought.
_MOST_LIKE = 8
#: Files of which more than their vectors is remembered, some hundred megabytes.
_MOST_FACTS = 300_000
_BY_NAME_ALONE = "This file cannot be searched by: nothing is known of it but its name."

#: The names of those of a tenant's media files that exist, by their ids.
NamesOf = Callable[[str, Sequence[str]], Mapping[str, str]]
#: The digests (SHA-256 in hexadecimal digits) of those of a tenant's media files whose is known, by their ids.
DigestsOf = Callable[[str, Sequence[str]], Mapping[str, str]]
#: How the generations of a tenant stand, for a process that has this one of its own.
StandingOf = Callable[[str, str], Standing]


class Searcher:
    """One model, and an index per tenant that has searched lately and generation of its vectors. For one thread."""

    def __init__(  # noqa: PLR0913  (each is a part of it)
        self,
        model: str,
        embed: Callable[[str], NDArray[np.float32]],
        vectors: VectorStore,
        facts_of: FactsOf,
        most_bytes: int = MOST_BYTES,
        names_of: NamesOf = lambda tenant, ids: {},
        digests_of: DigestsOf = lambda tenant, ids: {},
        judge: Judge | None = None,
        pictures: ShownPictures | None = None,
        standing_of: StandingOf | None = None,
        open_other: OpenOther = lambda generation: None,
        graphs_from: int = 0,
        snapshots: Snapshots | None = None,
    ) -> None:
        """``embed`` gives a query's vector, (dimensions,) and L2-normalised, in the space of ``model``'s vectors.

        Indexes of tenants that have not searched for long are given up when all together pass ``most_bytes``. Without
        ``judge`` hits are in the order of their similarity, and none is left out as irrelevant. Without ``standing_of``
        there is no generation but ``model``. From ``graphs_from`` vectors of one kind of media (0: never) a tenant's
        are searched by graphs, which may miss some, and are taken from ``snapshots`` where these have them.
        """
        self._model, self._vectors, self._facts_of = model, vectors, facts_of
        self._pictures = pictures
        self._facts: dict[str, KnownFacts] = {}
        #: By tenant, the generation of which the last search needed what is not read yet.
        self._unread: dict[str, str] = {}
        self._standing_of = standing_of or (lambda tenant, own: Standing(own, frozenset([own])))
        self.encoders = QueryEncoders(QueryEncoder(encoder_of(model), embed, judge), open_other)

        def index(tenant: str, generation: str, dimensions: int) -> Index:
            kept = snapshots.of(tenant, generation) if snapshots else None
            names, digests = partial(names_of, tenant), partial(digests_of, tenant)
            return Index(vectors, tenant, generation, dimensions, names, graphs_from, kept, digests)

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
        if self._indexes.is_awaited(request.tenant, self._unread.get(request.tenant, "")):
            return None  # as many as wait are asked for again and again, beside the reading
        standing = self._standing_of(request.tenant, self._model)
        narrowing = Narrowing(**request.narrowing)
        layers = self._layers(request, standing, narrowed=narrowing != Narrowing())
        if layers is None:
            return None
        facts = self._known_facts(request.tenant) if narrowing != Narrowing() else None
        if facts is not None and not facts.require(layers.ids(request.entity_type), narrowing):
            return None

        found = layers.matches()
        rest = found if facts is None else (each for each in found if fits(facts[each.entity_id], narrowing))
        total, counted = layers.count_matches(), list[Match]()
        if total is None:
            counted = counted_ahead(rest)
            total = Counted(len(counted), len(counted) < MAX_FOUND)

        def copies(digest: bytes) -> list[Match]:
            found = layers.copies(digest)
            return found if facts is None else [each for each in found if fits(facts[each.entity_id], narrowing)]

        same = Same(layers.digest, copies, lambda ids: dict(self._facts_of(request.tenant, ids)))
        hits, last = page(chain(counted, rest), request.limit, request.after, same)
        return Found(
            self._hits(request, layers, hits),
            total.total,
            list(astuple(last)) if last else None,
            layers.layers[0].model if layers.layers else standing.active,
            max(0, standing.total - layers.count(None)) if standing.total else 0,
            total.exact,
        )

    def work(self) -> bool:
        """Some milliseconds of reading vectors, or of making graphs of them; whether there was anything to do."""
        return self._indexes.work()

    def left(self, request: SearchRequest) -> float:
        """Seconds until it can be answered for which ``find`` had nothing, as far as can be told."""
        return self._indexes.left(request.tenant, self._unread.get(request.tenant, ""))

    def _layers(self, request: SearchRequest, standing: Standing, *, narrowed: bool) -> Layers | None:
        """What is searched: the active generation alone where it has all that there is."""
        order = in_order(standing, self._model)
        if standing.settled and standing.active and self.encoders.of(standing.active):
            order = [standing.active]
        used = {model: encoder for model in order if (encoder := self.encoders.of(model))}
        queries = self._queries(request, used)
        if queries is None:
            return None
        read = {
            model: self._indexes.ready(request.tenant, model, queries[encoder.name].shape[1])
            for model, encoder in used.items()
            if encoder.name in queries
        }
        if not self._may_answer(request.tenant, read):
            self._unread[request.tenant] = next(model for model, index in read.items() if index is None)
            return None
        self._unread.pop(request.tenant, None)
        self._indexes.give_up_unused(request.tenant, read)
        layers = [
            Layer(model, used[model], finite(queries[used[model].name]), index)
            for model, index in read.items()
            if index is not None
        ]
        judged = not (request.like or request.picture)
        return Layers(layers, request, _words(request), judged=judged, narrowed=narrowed)

    def _may_answer(self, tenant: str, read: Mapping[str, Index | None]) -> bool:
        """The first must be up to date. Others are waited for where that takes a moment: files that only such have as
        are still read from the beginning are told to be missing, instead of having everybody wait for them.
        """
        first = next(iter(read), None)
        behind = [model for model, index in read.items() if index is None]
        return first not in behind and all(self._indexes.is_new(tenant, model) for model in behind)

    def _queries(
        self, request: SearchRequest, used: Mapping[str, QueryEncoder]
    ) -> dict[str, NDArray[np.float32]] | None:
        """(vectors, dimensions) of what is looked for, by the names of encoders that know it."""
        if request.like:
            return self._like(request, used)
        if request.picture:
            if self._pictures is None:
                raise UnsupportedMedia("Pictures cannot be looked for here.")
            seen = self._pictures.vector(request.picture)
            return None if seen is None else {self.encoders.own.name: seen[np.newaxis]}
        words = _words(request)
        return {encoder.name: encoder.embed(words)[np.newaxis] for encoder in used.values()}

    def _like(self, request: SearchRequest, used: Mapping[str, QueryEncoder]) -> dict[str, NDArray[np.float32]]:
        found: dict[str, NDArray[np.float32]] = {}
        for model, encoder in used.items():
            stored = self._vectors.get(request.tenant, model, request.like) if encoder.name not in found else None
            if stored is not None:
                if not any(map(any, stored.parts)):
                    raise NotIndexed(_BY_NAME_ALONE)
                found[encoder.name] = unpacked(spread(stored.parts, _MOST_LIKE)).astype(np.float32)
        if not found:
            raise NotIndexed()
        return found

    def _known_facts(self, tenant: str) -> KnownFacts:
        """Those of tenants that have narrowed a search long ago are given up when there are too many."""
        known = self._facts.pop(tenant, None) or KnownFacts(tenant, self._facts_of)
        self._facts[tenant] = known
        while sum(map(len, self._facts.values())) > _MOST_FACTS and len(self._facts) > 1:
            del self._facts[next(iter(self._facts))]
        return known

    def _hits(self, request: SearchRequest, layers: Layers, chosen: Sequence[Chosen]) -> list[Hit]:
        of = {each.match.entity_id: layers.of(each.match.entity_id) for each in chosen}
        stored: dict[str, Any] = {}
        parts: dict[str, Any] = {}
        worth: dict[str, NDArray[np.float64]] = {}
        for layer in layers.layers:
            ids = [entity_id for entity_id, own in of.items() if own is layer]
            stored |= self._vectors.get_many(request.tenant, layer.model, ids)
            parts |= (of_layer := self._vectors.parts(request.tenant, layer.model, ids))
            worth |= layer.index.worth(_words(request), of_layer)
        hits = []
        for each in chosen:
            entity_id, name = each.match.entity_id, each.facts.filename
            sought, where, much = of[entity_id].queries, parts.get(entity_id, ()), worth.get(entity_id, 0.0)
            found = places(_words(request), sought, stored[entity_id], where, name, much) if entity_id in stored else []
            relevance = round(probability(each.match.score), 3) if layers.judged else None
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
