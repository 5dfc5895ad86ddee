"""A tenant's generations laid over each other: of every file the vectors of the first that has it are searched."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.media.generations import Standing
from broker.media.search import SearchRequest
from handlers.embedding.index import Index, Match
from handlers.embedding.query_encoders import Judge, QueryEncoder
from handlers.embedding.relevance import probability
from handlers.embedding.sense import makes_sense

#: Log odds that are taken from what is found by a vector of letters.
_SENSELESS = 10.0


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

    def __init__(self, layers: Sequence[Layer], words: str, *, judged: bool) -> None:
        """``judged`` where hits are in the order of their relevance; that must be known of all models then."""
        self.layers = layers
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

    def matches(self, request: SearchRequest) -> Iterator[Match]:
        """All that are as relevant and as similar as is asked for, each once, best first."""
        streams = [self._of_layer(number, request) for number in range(len(self.layers))]
        return streams[0] if len(streams) == 1 else heapq.merge(*streams, reverse=True)

    def _of_layer(self, number: int, request: SearchRequest) -> Iterator[Match]:
        layer, above = self.layers[number], self.layers[:number]
        judge: Judge | None = layer.encoder.judge if self.judged else None
        few, by = request.limit + 1, judge and judge.calibration
        doubt = _SENSELESS if judge and not makes_sense(self._words, judge.pieces) else 0.0
        streams = [layer.index.best(query, request.entity_type, few, self._words, by, doubt) for query in layer.queries]
        seen = {request.like}
        for match in heapq.merge(*streams, reverse=True):
            if judge and probability(match.score) < request.min_relevance:
                return
            similar = request.min_similarity is None or match.similarity >= request.min_similarity
            hidden = match.entity_id in seen or any(match.entity_id in each.index for each in above)
            if similar and not hidden:
                seen.add(match.entity_id)
                yield match
