"""An index over the rows of a matrix: which of them are nearest to a query, nearly always, without comparing all.

Hierarchical navigable small worlds by usearch: each row is linked to near ones, and a search follows the links
(Y. Malkov and D. Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using HNSW Graphs", 2018). It is
made in slices, a block at a time, and what it does not have yet is compared row by row. Nothing is kept on disk.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.products import ZERO

_LIBRARY = "usearch.index"
#: Rows that are linked at once: some milliseconds.
_SLICE = 16
#: Blocks of one graph, some 130,000 rows: what is linked anew when most of a graph's rows are gone.
_MOST_BLOCKS = 16
#: Links of a row, rows that are looked at for them, and rows of each part that are looked at for a query. Vectors of
#: labels lie in clumps, of which fewer would miss more (docs/benchmarks.md).
_LINKS, _LOOKED_AT, _SEARCHED = 32, 256, 512
#: Bits of a key that tell the row; those above tell the block.
_ROW_BITS = 32


def check() -> None:
    """Raises ``ValueError`` where they cannot be made."""
    try:
        import_module(_LIBRARY)
    except ImportError as error:
        raise ValueError(
            f"SEARCH_HNSW_FROM needs usearch, which cannot be loaded here: {error} (pip install 'mindia-tasks[hnsw]', "
            "or leave SEARCH_HNSW_FROM out)"
        ) from error


class Rows(Protocol):
    """Those of one block."""

    def live_rows(self, rows: range) -> NDArray[np.intp]:
        """Those among these that are there, and were not removed."""

    def codes_of(self, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """(rows, dimensions), each by a step of its own; 128 for zero."""

    def shown(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.bool_]:
        """Of each of some rows, else of all, whether it is of a picture."""


class Nearest(NamedTuple):
    """Rows that are near to a query, and how near others may be."""

    #: (rows,), the block of each, and its place in there.
    numbers: NDArray[np.intp]
    rows: NDArray[np.intp]
    #: Whatever is not among these has a cosine of at most this, nearly; -inf when nothing is left.
    rest: float


class _Graph:
    """Rows that are of pictures, or rows that are not."""

    def __init__(self, dimensions: int) -> None:
        self._index = import_module(_LIBRARY).Index(
            ndim=dimensions, metric="cos", dtype="i8", connectivity=_LINKS, expansion_add=_LOOKED_AT
        )

    def __len__(self) -> int:
        return len(self._index)

    @property
    def nbytes(self) -> int:
        return int(self._index.memory_usage)

    def add(self, keys: NDArray[np.uint64], codes: NDArray[np.int8]) -> None:
        self._index.add(keys, codes, threads=1)

    def remove(self, keys: NDArray[np.uint64]) -> int:
        """How many of them there were. They are found no more; what comes later takes their room."""
        return int(np.sum(self._index.remove(keys)))

    def nearest(self, digits: NDArray[np.int8], few: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Keys and cosines, ``few`` or some more, the nearest first."""
        many = max(few, _SEARCHED)
        self._index.expansion_search = many
        found = self._index.search(digits, many, threads=1)
        return found.keys, 1.0 - found.distances.astype(np.float64)


class _Part:
    """Some blocks: a graph of those rows that are not of pictures, and one of those that are."""

    def __init__(self, dimensions: int) -> None:
        self.graphs = (_Graph(dimensions), _Graph(dimensions))
        self.numbers: set[int] = set()
        self.removed = 0

    @property
    def wasteful(self) -> bool:
        """Rows that were removed outnumber the others."""
        return self.removed > sum(map(len, self.graphs))


class Graphs:
    """Of full blocks, by their numbers."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._parts: list[_Part] = []
        #: The part that each block is in which has all of its rows there.
        self._part_of: dict[int, _Part] = {}
        #: The block whose turn it is, and how many of its rows are in the last part.
        self._turn, self._done = 0, 0

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

    def work(self, blocks: Mapping[int, Rows], growing: int) -> bool:
        """Links one slice of the rows of these blocks; whether any were left. That one still grows, and waits."""
        if not self._turn:
            self._turn = next((each for each in blocks if each != growing and each not in self._part_of), 0)
            self._done = 0
            if not self._turn:
                return False
            if not self._parts or len(self._parts[-1].numbers) >= _MOST_BLOCKS:
                self._parts.append(_Part(self._dimensions))
            self._parts[-1].numbers.add(self._turn)
        block, part = blocks[self._turn], self._parts[-1]
        rows = block.live_rows(range(self._done, self._done + _SLICE))
        codes, shown = _signed(block.codes_of(rows)), block.shown(rows)
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
        numbers = (together >> _ROW_BITS).astype(np.intp)
        rows = (together & (2**_ROW_BITS - 1)).astype(np.intp)
        # What is in the middle of being linked is compared row by row as well.
        whole = numbers != self._turn if self._turn else slice(None)
        return Nearest(numbers[whole], rows[whole], rest)

    def _give_up(self, part: _Part) -> None:
        self._parts.remove(part)
        if self._turn in part.numbers:
            self._turn = 0
        for number in part.numbers:
            self._part_of.pop(number, None)


def _keys(number: int, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
    return (rows + (number << _ROW_BITS)).astype(np.uint64)


def _signed(codes: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Of bytes around 128: what they are worth does not matter to a cosine."""
    return (codes - np.uint8(ZERO)).view(np.int8)
