"""One query compared with those entities of a matrix that its graphs find near to it, exactly; with others if need be.

What is found has the scores and the order that ``Scan`` gives it. What a graph has missed is not there:
docs/benchmarks.md says how rarely that happens. Beyond what the graphs were asked for, all are compared, so the end of
a long list is as complete as its beginning.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.block import Block
from handlers.embedding.index.graphs import Graphs
from handlers.embedding.index.matrix import Matrix
from handlers.embedding.index.scan import Scales, Scan, Scanned

#: Rows of each kind that are compared exactly, at least, of those that the graphs find.
_FEW = 256
#: The gathered block's number; a matrix counts its own from 1.
_GATHERED = 0


class _Gathered:
    """Some entities of a matrix as if they were all of those in its graphs, beside those that are in none."""

    def __init__(self, matrix: Matrix, graphs: Graphs, places: Mapping[int, NDArray[np.intp]]) -> None:
        """``places`` in the blocks of these numbers."""
        self._matrix, self._graphs = matrix, graphs
        block = Block.gathered(matrix.dimensions, [(matrix.blocks[number], each) for number, each in places.items()])
        self._first = dict(zip(places, np.cumsum([0, *map(len, places.values())]).tolist(), strict=False))
        self._places = places
        others = {number: each for number, each in matrix.blocks.items() if number not in graphs}
        self.blocks = {_GATHERED: block, **others} if len(block) else others

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._matrix

    def place_of(self, entity_id: str) -> tuple[int, int]:
        number, place = self._matrix.place_of(entity_id)
        if number not in self._graphs:
            return number, place
        return _GATHERED, self._first[number] + int(np.searchsorted(self._places[number], place))


class Near:
    """As ``Scan``, whose description says what the arguments are."""

    def __init__(
        self,
        matrix: Matrix,
        graphs: Graphs,
        query: NDArray[np.float32],
        scales: Scales,
        worth: Mapping[str, float],
        doubt: float,
        few: int,
    ) -> None:
        """``few`` is how many are going to be taken."""
        self._all = matrix, query, scales, worth, doubt
        #: Whatever was not gathered scores this at most, nearly.
        self._rest = -np.inf
        places: dict[int, list[NDArray[np.intp]]] = {}
        for scale, found in zip(scales, graphs.nearest(query, max(_FEW, 2 * few)), strict=True):
            self._rest = max(self._rest, scale.factor * found.rest + scale.addend - doubt)
            for number in np.unique(found.numbers).tolist():
                rows = found.rows[found.numbers == number]
                places.setdefault(number, []).append(matrix.blocks[number].places_of(rows))
        for entity_id in worth:
            if entity_id in matrix and (place := matrix.place_of(entity_id))[0] in graphs:
                places.setdefault(place[0], []).append(np.array([place[1]]))
        gathered = {number: np.unique(np.concatenate(each)) for number, each in places.items()}
        self._near = Scan(_Gathered(matrix, graphs, gathered), query, scales, worth, doubt)

    def best(self, few: int) -> Iterator[Scanned]:
        """All from the best down; those that the graphs found first, and then all that are worse than these."""
        last = None
        for each in self._near.best(few):
            if each.score < self._rest:
                break
            yield each
            last = each
        if self._rest > -np.inf:
            yield from (each for each in self._scan.best(few) if last is None or each < last)

    def count(self, least: float, accepted: Callable[[float], bool]) -> int:
        """How many of those that were compared are accepted."""
        return self._near.count(least, accepted)

    def counts_all(self, least: float) -> bool:
        """Whether ``count`` tells all that score so much."""
        return least > self._rest

    def lifted(self) -> list[Scanned]:
        """Those that are worth more than their cosine."""
        return self._near.lifted()

    @cached_property
    def _scan(self) -> Scan:
        return Scan(*self._all)
