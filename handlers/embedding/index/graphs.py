"""An index over the rows of a matrix: which of them are near to a query, by graphs of whole blocks.

It is made in slices, a block at a time, and what it does not have yet is compared row by row.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.graph import Graph
from handlers.embedding.index.links import NONE, Links

#: Rows that are linked at once: some milliseconds.
_SLICE = 16
#: Blocks of one graph, some 130,000 rows: what is linked anew when most of a graph's rows are gone.
_MOST_BLOCKS = 16
#: Bits of a place that tell the row; those above tell the block.
_ROW_BITS = 32
#: A key is a place times the one, modulo 2**64, with its halves swapped; the other undoes it. usearch finds a key by
#: its last bits and goes through all that follow without a gap: of numbers in a row that would be every one of them.
_SPREAD = 0x9E3779B97F4A7C15
_GATHER = pow(_SPREAD, -1, 2**64)
#: The least share of its rows with which a part that was saved is taken: linked without the others it would miss more.
_LEFT = 0.75


class Rows(Protocol):
    """Those of one block."""

    def live_rows(self, rows: range) -> NDArray[np.intp]:
        """Those among these that are there, and were not removed."""

    def codes_of(self, rows: NDArray[np.intp]) -> NDArray[np.int8]:
        """(rows, dimensions), each by a step of its own, whose worth does not matter to a cosine."""

    def shown(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.bool_]:
        """Of each of some rows, else of all, whether it is of a picture."""


class Nearest(NamedTuple):
    """Rows that are near to a query, and how near others may be."""

    #: (rows,), the block of each, and its place in there.
    numbers: NDArray[np.intp]
    rows: NDArray[np.intp]
    #: Whatever is not among these has a cosine of at most this, nearly; -inf when nothing is left.
    rest: float


class Saved(NamedTuple):
    """What there is of a part in a file."""

    name: str = ""
    #: The blocks, and how many rows were removed by then.
    numbers: frozenset[int] = frozenset()
    removed: int = 0


class Part:
    """Some blocks: a graph of those rows that are not of pictures, and one of those that are."""

    def __init__(self, dimensions: int) -> None:
        self.graphs = (Graph(dimensions), Graph(dimensions))
        self.numbers: set[int] = set()
        self.removed = 0
        self.saved = Saved()

    @property
    def wasteful(self) -> bool:
        """Rows that were removed outnumber the others."""
        return self.removed > sum(map(len, self.graphs))


class Graphs:
    """Of full blocks, by their numbers."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._parts: list[Part] = []
        #: The part that each block is in which has all of its rows there.
        self._part_of: dict[int, Part] = {}
        #: The block whose turn it is, and how many of its rows are in the last part.
        self._turn, self._done = 0, 0
        #: The part that is being adopted, and rows of its blocks that are gone meanwhile.
        self._adopted: Part | None = None
        self._gone: list[tuple[int, range]] = []

    def __contains__(self, number: int) -> bool:
        return number in self._part_of

    @property
    def empty(self) -> bool:
        """Whether there is no block yet that need not be compared row by row."""
        return not self._part_of

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(graph.nbytes for part in self._parts for graph in part.graphs)

    @property
    def parts(self) -> Sequence[Part]:
        """What they consist of."""
        return self._parts

    def whole(self, part: Part) -> frozenset[int]:
        """The blocks that need not be compared row by row for this part."""
        return frozenset(number for number in part.numbers if self._part_of.get(number) is part)

    def full(self, part: Part) -> bool:
        """Whether no other block is going to be in it."""
        return (part is not self._parts[-1] or len(part.numbers) >= _MOST_BLOCKS) and self._turn not in part.numbers

    def adopt(self, saved: Saved, links: Iterable[Links], blocks: Mapping[int, Rows]) -> Generator[None, None, bool]:
        """Takes a part that was saved, of those of its blocks that there still are; whether it is of any use.

        In slices of some milliseconds, but for that in which usearch reads. Raises ``ValueError`` for what is not of
        that form.
        """
        part = Part(self._dimensions)
        part.saved = saved
        own = {each: blocks[each] for each in sorted(saved.numbers) if each in blocks and each not in self._part_of}
        live = {number: block.live_rows(range(len(block.shown()))) for number, block in own.items()}
        part.numbers = set(own)
        self._adopted, self._gone = part, []
        try:
            for graph, each in zip(part.graphs, links, strict=True):
                of, rows = _places(each.keys)
                vectors, there = np.zeros((len(rows), self._dimensions), np.int8), np.zeros(len(rows), np.bool_)
                for number, block in own.items():
                    yield
                    slots = np.flatnonzero((of == number) & (each.keys != NONE))
                    slots = slots[np.isin(rows[slots], live[number])]
                    vectors[slots], there[slots] = block.codes_of(rows[slots]), True
                if there.sum() < _LEFT * len(there):
                    return False
                yield
                part.removed += yield from graph.load(each, vectors, there)
                yield
            linked = sum(map(len, part.graphs))
            if not linked or linked != sum(map(len, live.values())):
                return False
            self._parts.insert(0, part)
            self._part_of |= dict.fromkeys(part.numbers, part)
        finally:
            self._adopted = None
        for number, gone in self._gone:
            self.remove(number, gone)
        for number in own.keys() - blocks.keys():
            self.drop(number, 0)
        return True

    def work(self, blocks: Mapping[int, Rows], growing: int) -> bool:
        """Links one slice of the rows of these blocks; whether any were left. That one still grows, and waits."""
        if not self._turn:
            self._turn = next((each for each in blocks if each != growing and each not in self._part_of), 0)
            self._done = 0
            if not self._turn:
                return False
            if not self._parts or len(self._parts[-1].numbers) >= _MOST_BLOCKS:
                self._parts.append(Part(self._dimensions))
            self._parts[-1].numbers.add(self._turn)
        block, part = blocks[self._turn], self._parts[-1]
        rows = block.live_rows(range(self._done, self._done + _SLICE))
        codes, shown = block.codes_of(rows), block.shown(rows)
        for of_pictures, graph in enumerate(part.graphs):
            mine = shown == of_pictures
            if mine.any():
                graph.add(_keys(self._turn, rows[mine]), codes[mine])
        self._done += _SLICE
        if self._done >= len(block.shown()):
            self._part_of[self._turn] = part
            self._turn = 0
        return True

    def remove(self, number: int, rows: range) -> None:
        """Forgets rows, if they are there."""
        if self._adopted is not None and number in self._adopted.numbers:
            self._gone.append((number, rows))
            return
        part = next((each for each in self._parts if number in each.numbers), None)
        if part is None:
            return
        keys = _keys(number, np.arange(rows.start, rows.stop))
        part.removed += sum(graph.remove(keys) for graph in part.graphs)
        if part.wasteful:
            self._give_up(part)

    def drop(self, number: int, rows: int) -> None:
        """Forgets a block of so many rows, if it is there."""
        self.remove(number, range(rows))
        for part in self._parts:
            part.numbers.discard(number)
        self._part_of.pop(number, None)
        if self._turn == number:
            self._turn = 0

    def nearest(self, query: NDArray[np.float32], few: int) -> tuple[Nearest, Nearest]:
        """``few`` rows that are not of pictures, and ``few`` that are."""
        largest = float(np.abs(query).max()) or 1.0
        digits = np.rint(query * (127 / largest)).astype(np.int8)
        texts, pictures = (self._nearest(digits, few, kind) for kind in range(2))
        return texts, pictures

    def _nearest(self, digits: NDArray[np.int8], few: int, kind: int) -> Nearest:
        keys, cosines, rest = [np.empty(0, np.uint64)], [np.empty(0)], -np.inf
        for part in self._parts:
            found, near = part.graphs[kind].nearest(digits, few)
            if 0 < len(found) < len(part.graphs[kind]):
                rest = max(rest, float(near[-1]))
            keys.append(found)
            cosines.append(near)
        together, near = np.concatenate(keys), np.concatenate(cosines)
        if len(near) > few:
            order = np.argsort(-near, kind="stable")
            together, rest = together[order[:few]], max(rest, float(near[order[few]]))
        numbers, rows = _places(together)
        # What is in the middle of being linked is compared row by row as well.
        whole = numbers != self._turn if self._turn else slice(None)
        return Nearest(numbers[whole], rows[whole], rest)

    def _give_up(self, part: Part) -> None:
        self._parts.remove(part)
        if self._turn in part.numbers:
            self._turn = 0
        for number in part.numbers:
            self._part_of.pop(number, None)


def _keys(number: int, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    return _swapped((rows + (number << _ROW_BITS)).astype(np.uint64) * np.uint64(_SPREAD))


def _places(keys: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Their blocks, and the rows in there."""
    places = (_swapped(keys) * np.uint64(_GATHER)).astype(np.intp)
    return places >> _ROW_BITS, places & (2**_ROW_BITS - 1)


def _swapped(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    half = np.uint64(32)
    return (keys >> half) | (keys << half)
