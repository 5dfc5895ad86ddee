"""What one query finds in an index, best first, and how much of it."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from handlers.embedding.index.scan import Scanned
from handlers.embedding.models.relevance import probability


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """An entity; in order of score."""

    #: Log odds of being meant where the model is calibrated, else the similarity; its words count in both.
    score: float
    #: Cosine of its best part.
    similarity: float
    entity_type: str
    entity_id: str


class Counted(NamedTuple):
    """How many there are, or at least so many."""

    total: int
    exact: bool = True


class Compared(Protocol):
    """Entities of one kind, compared with a query: all (``Scan``), or those near it first (``Near``)."""

    def best(self, few: int) -> Iterator[Scanned]:
        """All from the best down; the first ``few`` are cheap to get."""

    def count(self, least: float, accepted: Callable[[float], bool]) -> int:
        """How many are accepted, which must be all those that score more than ``least``, give or take a millionth."""

    def counts_all(self, least: float) -> bool:
        """Whether ``count`` tells all that score so much."""

    def lifted(self) -> list[Scanned]:
        """Those that are worth more than their cosine."""


class Ranking:
    """Entities of some kinds in one order."""

    def __init__(
        self, scans: Mapping[str, Compared], among: "Callable[[Sequence[str]], Ranking] | None" = None
    ) -> None:
        """``scans`` by the kind of media; ``among`` ranks those of some entities that are of these kinds, alone."""
        self._scans, self._among = scans, among
        self._lifted = {kind: scan.lifted() for kind, scan in scans.items()}

    def best(self, few: int) -> Iterator[Match]:
        """All from the best down; the first ``few`` are cheap to get."""
        streams = [_matches(kind, scan.best(few)) for kind, scan in self._scans.items()]
        lifted = [_matches(kind, sorted(found, reverse=True)) for kind, found in self._lifted.items()]
        return heapq.merge(*streams, *lifted, reverse=True)

    def among(self, entity_ids: Sequence[str]) -> Iterator[Match]:
        """Some entities from the best down, as they are in ``best``."""
        return self._among(entity_ids).best(len(entity_ids)) if self._among else iter(())

    def count(self, relevance: float) -> Counted:
        """How many are at least so relevant, between 0 and 1: without going through all of them."""

        def relevant(score: float) -> bool:
            return probability(score) >= relevance

        least = math.log(relevance / (1 - relevance))
        lifted = sum(relevant(each.score) for found in self._lifted.values() for each in found)
        total = lifted + sum(scan.count(least, relevant) for scan in self._scans.values())
        return Counted(total, all(scan.counts_all(least) for scan in self._scans.values()))


def _matches(kind: str, found: Iterable[Scanned]) -> Iterator[Match]:
    return (Match(each.score, each.similarity, kind, each.entity_id) for each in found)
