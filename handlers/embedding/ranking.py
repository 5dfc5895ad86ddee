"""What one query finds in an index, best first, and how much of it."""

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from handlers.embedding.relevance import probability
from handlers.embedding.scan import Scan, Scanned


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """An entity; in order of score."""

    #: Log odds of being meant where the model is calibrated, else the similarity; its words count in both.
    score: float
    #: Cosine of its best part.
    similarity: float
    entity_type: str
    entity_id: str


class Ranking:
    """Entities of some kinds in one order."""

    def __init__(self, scans: Mapping[str, Scan]) -> None:
        """``scans`` by the kind of media."""
        self._scans = scans
        self._lifted = {kind: scan.lifted() for kind, scan in scans.items()}

    def best(self, few: int) -> Iterator[Match]:
        """All from the best down; the first ``few`` are cheap to get."""
        streams = [_matches(kind, scan.best(few)) for kind, scan in self._scans.items()]
        lifted = [_matches(kind, sorted(found, reverse=True)) for kind, found in self._lifted.items()]
        return heapq.merge(*streams, *lifted, reverse=True)

    def count(self, relevance: float) -> int:
        """How many are at least so relevant, between 0 and 1: without going through all of them."""

        def relevant(score: float) -> bool:
            return probability(score) >= relevance

        least = math.log(relevance / (1 - relevance))
        lifted = sum(relevant(each.score) for found in self._lifted.values() for each in found)
        return lifted + sum(scan.count(least, relevant) for scan in self._scans.values())


def _matches(kind: str, found: Iterable[Scanned]) -> Iterator[Match]:
    return (Match(each.score, each.similarity, kind, each.entity_id) for each in found)
