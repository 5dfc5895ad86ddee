"""One query compared with a matrix: every entity at once and nearly, those that are looked at exactly.

A fast product is off by a known bound at most. So whatever lies farther than that from a place in the order is on the
right side of it already, and the few entities that do not are compared again in double precision. Order, numbers and
thresholds are those of exact products.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.block import Block
from handlers.embedding.index.parallel import Parallel, cores
from handlers.embedding.index.products import Query

#: What scaling a score in single precision is off by at most, of its terms' absolute values.
_SCALED = 2.0**-21
#: Scores that differ by less are told apart by whoever asks for a number of them.
_SLACK = 1e-6


class Scale(NamedTuple):
    """What a cosine is worth: ``factor`` (positive) times it, and ``addend``."""

    factor: float
    addend: float


class Scales(NamedTuple):
    """Of rows that are not of pictures, and of those that are."""

    texts: Scale
    pictures: Scale


class Scanned(NamedTuple):
    """An entity that was compared exactly; in order of score."""

    score: float
    #: Cosine of the row that has this score.
    similarity: float
    entity_id: str


class Exact(NamedTuple):
    """Entities side by side."""

    #: (entities,)
    scores: NDArray[np.float64]
    #: (entities,), of the row that has this score.
    cosines: NDArray[np.float64]


class Entities(Protocol):
    """What is compared: a matrix, or a part of one."""

    @property
    def blocks(self) -> Mapping[int, Block]:
        """All that there are, by their numbers."""

    def __contains__(self, entity_id: str) -> bool: ...

    def place_of(self, entity_id: str) -> tuple[int, int]:
        """The number of the block that an entity is in, and its place there."""


class Scan:
    """The entities of a matrix by the best score of their rows."""

    def __init__(
        self,
        matrix: Entities,
        query: NDArray[np.float32],
        scales: Scales,
        worth: Mapping[str, float] | None = None,
        doubt: float = 0.0,
    ) -> None:
        """``worth`` is added to the cosines of some entities, which are in ``lifted`` and nowhere else; ``doubt`` is
        taken from the scores of all others.

        Use it before the matrix changes.
        """
        self._matrix, self._query = matrix, Query(query)
        self._worth = {each: much for each, much in (worth or {}).items() if each in matrix}
        self._blocks = list(matrix.blocks.values())
        self._starts = np.cumsum([0, *map(len, self._blocks)])
        self._factors, self._lifted = (np.array(each) for each in zip(*scales, strict=True))
        self._addends = self._lifted - doubt
        #: (rows,) of each block, and (entities,) of all together, both within ``_error``.
        self._rows = _parallel().map(self._of_block, self._blocks)
        best = [block.best_of_each(rows) for block, rows in zip(self._blocks, self._rows, strict=True)]
        self._best = np.concatenate(best) if best else np.empty(0, np.float32)
        self._best[self._places(self._worth)] = -np.inf
        self._error = self._bound()

    def best(self, few: int) -> Iterator[Scanned]:
        """All from the best down; the first ``few`` are cheap to get.

        Nothing is compared again but the first few and, as long as more are taken, twice as many as the time before.
        """
        rest = self._best.copy()
        left = int(np.count_nonzero(rest > -np.inf))
        while left:
            few = min(few, left)
            floor = float(np.partition(rest, len(rest) - few)[len(rest) - few])
            places = np.flatnonzero((rest >= floor - 2 * self._error) & (rest > -np.inf))
            found = self._exact(places)
            if len(places) < left:  # what was not compared again is below this
                certain = found.scores >= floor - self._error
                places, found = places[certain], Exact(found.scores[certain], found.cosines[certain])
            rest[places] = -np.inf
            left -= len(places)
            yield from sorted(self._scanned(places, found), reverse=True)
            few *= 2

    def count(self, least: float, accepted: Callable[[float], bool]) -> int:
        """How many are accepted, which must be all those that score more than ``least``, give or take a millionth."""
        margin = self._error + _SLACK
        sure = int(np.count_nonzero(self._best > least + margin))
        near = np.flatnonzero((self._best >= least - margin) & (self._best <= least + margin))
        scores = self._exact(near).scores
        doubtful = scores[np.abs(scores - least) <= _SLACK].tolist()
        return sure + int(np.count_nonzero(scores > least + _SLACK)) + sum(map(accepted, doubtful))

    def counts_all(self, least: float) -> bool:
        """Whether ``count`` tells all that score so much."""
        return True

    def lifted(self) -> list[Scanned]:
        """Those that are worth more than their cosine."""
        places, worth = self._places(self._worth), np.array(list(self._worth.values()))
        order = np.argsort(places)
        return self._scanned(places[order], self._exact(places[order], worth[order]))

    def _places(self, entity_ids: Iterable[str]) -> NDArray[np.intp]:
        first = dict(zip(self._matrix.blocks, self._starts.tolist(), strict=False))
        where = map(self._matrix.place_of, entity_ids)
        return np.array([first[number] + place for number, place in where], np.intp)

    def _scanned(self, places: NDArray[np.intp], found: Exact) -> list[Scanned]:
        numbers = self._numbers(places)
        where = zip(numbers.tolist(), (places - self._starts[numbers]).tolist(), strict=True)
        ids = (self._blocks[number].id_at(place) for number, place in where)
        return list(map(Scanned, found.scores.tolist(), found.cosines.tolist(), ids))

    def _numbers(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """Of the blocks that these are in."""
        return np.searchsorted(self._starts, places, "right") - 1

    def _exact(self, places: NDArray[np.intp], worth: NDArray[np.float64] | None = None) -> Exact:
        """Of the entities at some places, which come in order; ``worth`` is added to all of an entity's cosines."""
        if not len(places):
            return Exact(np.empty(0), np.empty(0))
        parts, counts = self._parts(places)
        if worth is None and counts.max() > 1:
            parts, counts = self._without_worse(parts, counts)
        # All blocks' together: a call of numpy or ONNX Runtime takes as long as several rows.
        cosines = self._query.exact(np.concatenate([self._blocks[number].values_of(rows) for number, rows in parts]))
        shown = np.concatenate([self._blocks[number].shown(rows) for number, rows in parts]).astype(np.intp)
        if worth is None:
            scores = self._factors[shown] * cosines + self._addends[shown]
        else:
            scores = self._factors[shown] * (cosines + np.repeat(worth, counts)) + self._lifted[shown]
        firsts = _firsts(counts)
        best = np.maximum.reduceat(scores, firsts)
        of_best = np.maximum.reduceat(np.where(scores == np.repeat(best, counts), cosines, -np.inf), firsts)
        return Exact(best, of_best)

    def _parts(self, places: NDArray[np.intp]) -> tuple[list[tuple[int, NDArray[np.intp]]], NDArray[np.intp]]:
        """The numbers of their blocks with the rows of the entities in each, and how many each entity has."""
        ends = np.searchsorted(places, self._starts).tolist()
        parts, counts = [], []
        for number, (first, last) in enumerate(pairwise(ends)):
            if first < last:
                rows, many = self._blocks[number].rows_of(places[first:last] - self._starts[number])
                parts.append((number, rows))
                counts.append(many)
        return parts, np.concatenate(counts)

    def _without_worse(
        self, parts: list[tuple[int, NDArray[np.intp]]], counts: NDArray[np.intp]
    ) -> tuple[list[tuple[int, NDArray[np.intp]]], NDArray[np.intp]]:
        """The same without the rows that cannot be the best of theirs."""
        nearly, firsts = np.concatenate([self._rows[number][rows] for number, rows in parts]), _firsts(counts)
        near = nearly >= np.repeat(np.maximum.reduceat(nearly, firsts) - 2 * self._error, counts)
        by_part = np.split(near, np.cumsum([len(rows) for _, rows in parts])[:-1])
        left = [(number, rows[kept]) for (number, rows), kept in zip(parts, by_part, strict=True)]
        return left, np.add.reduceat(near, firsts, dtype=np.intp)

    def _of_block(self, block: Block) -> NDArray[np.float32]:
        return self._scaled(block.fast(self._query), block.shown())

    def _scaled(self, cosines: NDArray[np.float32], shown: NDArray[np.bool_]) -> NDArray[np.float32]:
        factors, addends = self._factors.astype(np.float32), self._addends.astype(np.float32)
        mixed = shown.any() and not shown.all()
        by = shown.astype(np.intp) if mixed else int(shown[0])
        scores: NDArray[np.float32] = cosines * factors[by] + addends[by]
        return scores

    def _bound(self) -> float:
        """By how much a score that was not compared exactly may be off."""
        longest = max((block.longest for block in self._blocks), default=0.0)
        lost = max((block.lost for block in self._blocks), default=0.0)
        off = self._query.uncertainty(longest, lost)
        most = longest * self._query.length + off
        factor, addend = float(self._factors.max()), float(np.abs(self._addends).max())
        return factor * off + _SCALED * (factor * most + addend)


@cache
def _parallel() -> Parallel:
    return Parallel(cores() - 1)


def _firsts(counts: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.cumsum(counts) - counts
