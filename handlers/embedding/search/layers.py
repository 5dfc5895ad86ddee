"""A tenant's generations laid over each other: of every file the vectors of the first that has it are searched."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from broker.media.generations import Standing
from broker.search.request import MAX_FOUND, SearchRequest
from handlers.embedding.index.index import Index
from handlers.embedding.index.ranking import Counted, Match, Ranking
from handlers.embedding.models.relevance import probability
from handlers.embedding.search.query_encoders import Judge, QueryEncoder

#: Beyond it very different log odds are nearly the same relevance, so that each match has to be looked at.
_MOST_RELEVANCE = 0.999


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """One generation, and what is looked for in it."""

    model: str
    encoder: QueryEncoder
    #: (vectors, dimensions)
    queries: NDArray[np.float32]
    index: Index


def in_order(standing: Standing, own: str) -> list[str]:
    """The generations of a tenant, the one to be preferred first: the active one, else that of this process."""
    first = [each for each in (standing.active, own) if each]
    return list(dict.fromkeys([*first, *sorted(standing.models)]))


class Layers:
    """What a search looks through, the preferred generation first."""

    def __init__(
        self, layers: Sequence[Layer], request: SearchRequest, words: str, *, judged: bool, narrowed: bool = False
    ) -> None:
        """``judged`` where hits are in the order of their relevance; that must be known of all models then.

        ``narrowed`` where only some of what matches is asked for.
        """
        self._narrowed = narrowed
        self.layers = layers
        self._request = request
        self._words = words
        self.judged = judged and all(each.encoder.judge for each in layers)

    def ids(self, kind: str | None) -> list[str]:
        """Every entity of a kind (``None``: of all)."""
        if len(self.layers) == 1:
            return self.layers[0].index.ids(kind)
        return list(dict.fromkeys(each for layer in self.layers for each in layer.index.ids(kind)))

    def of(self, entity_id: str) -> Layer:
        """The one that has it."""
        return next((layer for layer in self.layers if entity_id in layer.index), self.layers[-1])

    def count(self, kind: str | None) -> int:
        """How many entities of a kind (``None``: of all) there are."""
        return self.layers[0].index.count(kind) if len(self.layers) == 1 else len(self.ids(kind))

    def digest(self, entity_id: str) -> bytes | None:
        """What files with the same bytes have in common, if it is known of this one."""
        return self.of(entity_id).index.copies.digest(entity_id)

    def copies(self, digest: bytes) -> list[Match]:
        """Those of ``matches`` that have it, best first, where there are more than one."""
        of_layers = [
            [each for each in layer.index.copies.of(digest) if self.of(each) is layer] for layer in self.layers
        ]
        if sum(map(len, of_layers)) <= 1:
            return []
        found = [
            match
            for number, ids in enumerate(of_layers)
            for match in self._accepted(number, [ranking.among(ids) for ranking in self._rankings[number]])
        ]
        return sorted(found, reverse=True)

    def matches(self) -> Iterator[Match]:
        """All that are as relevant and as similar as is asked for, each once, best first."""
        streams = [self._of_layer(number) for number in range(len(self.layers))]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, reverse=True)

    def count_matches(self) -> Counted | None:
        """How many these are, of the relevant ones no more than anybody pages through.

        ``None`` where only going through them tells.
        """
        if not self._countable:
            return None
        if not self._least:
            return Counted(self.count(self._request.entity_type) - bool(self._request.like))
        total, exact = self._rankings[0][0].count(self._least)
        return Counted(total, exact) if total < MAX_FOUND else Counted(MAX_FOUND, exact=False)

    @property
    def _least(self) -> float:
        """Relevance below which nothing is answered."""
        return self._request.min_relevance if self.judged else 0.0

    @property
    def _countable(self) -> bool:
        """Whether their number can be told without going through all of them."""
        if self._narrowed or self._request.min_similarity is not None:
            return False
        alone = [len(each.queries) for each in self.layers] == [1]
        return not self._least or (alone and self._least <= _MOST_RELEVANCE)

    @cached_property
    def _rankings(self) -> list[list[Ranking]]:
        """Of each layer, by each of its queries."""
        return [[self._ranking(layer, query) for query in layer.queries] for layer in self.layers]

    def _ranking(self, layer: Layer, query: NDArray[np.float32]) -> Ranking:
        judge = self._judge(layer)
        doubt = judge.doubt(self._words, query) if judge else 0.0
        near = self._request.limit + 1 if self._countable else 0  # else all are gone through
        by = judge and judge.calibration
        return layer.index.ranking(query, self._request.entity_type, self._words, by, doubt, near)

    def _judge(self, layer: Layer) -> Judge | None:
        return layer.encoder.judge if self.judged else None

    def _of_layer(self, number: int) -> Iterator[Match]:
        return self._accepted(number, [each.best(self._request.limit + 1) for each in self._rankings[number]])

    def _accepted(self, number: int, streams: Sequence[Iterator[Match]]) -> Iterator[Match]:
        """Those of one layer that are as relevant and as similar as is asked for, and that no layer above has."""
        layer, above, asked = self.layers[number], self.layers[:number], self._request
        judge = self._judge(layer)
        seen = {asked.like}
        for match in heapq.merge(*streams, reverse=True):
            if judge and probability(match.score) < asked.min_relevance:
                return
            similar = asked.min_similarity is None or match.similarity >= asked.min_similarity
            hidden = match.entity_id in seen or any(match.entity_id in each.index for each in above)
            if similar and not hidden:
                seen.add(match.entity_id)
                yield match
