"""Which rows are nearest to a query, nearly always, without comparing all: one graph of them.

Hierarchical navigable small worlds by usearch: each row is linked to near ones, and a search follows the links
(Y. Malkov and D. Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using HNSW Graphs", 2018).
"""

from collections.abc import Generator
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.index.links import NONE, Links
from handlers.embedding.index.sample import Sample, directions

_LIBRARY = "usearch.index"
#: Links of a row, rows that are looked at for them, and rows of each part that are looked at for a query. Vectors of
#: labels lie in clumps, of which fewer would miss more (docs/benchmarks.md).
_LINKS, _LOOKED_AT, _SEARCHED = 32, 256, 512
#: How many of what is found are far off where a row of the sample that was not found is nearer.
_TRUSTED = 128


def check() -> None:
    """Raises ``ValueError`` where they cannot be made."""
    try:
        import_module(_LIBRARY)
    except ImportError as error:
        raise ValueError(
            f"SEARCH_HNSW_FROM needs usearch, which cannot be loaded here: {error} (pip install 'mindia-tasks[hnsw]', "
            "or leave SEARCH_HNSW_FROM out)"
        ) from error


def made_of() -> dict[str, Any]:
    """What must be equal for saved graphs to be of use."""
    return {"usearch": import_module(_LIBRARY.partition(".")[0]).__version__, "links": _LINKS, "looked at": _LOOKED_AT}


class Graph:
    """Rows, by their keys."""

    def __init__(self, dimensions: int) -> None:
        self._index = import_module(_LIBRARY).Index(
            ndim=dimensions, metric="cos", dtype="i8", connectivity=_LINKS, expansion_add=_LOOKED_AT
        )
        self._sample = Sample(dimensions)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(self._index.memory_usage) + self._sample.nbytes

    def add(self, keys: NDArray[np.uint64], codes: NDArray[np.int8]) -> None:
        """Links rows: ``codes`` is (rows, dimensions), and how long each is does not matter."""
        self._index.add(keys, codes, threads=1)
        self._sample.add(keys, codes)

    def links(self) -> Links:
        """All of it but the vectors."""
        return Links.of(self._index.save())

    def load(self, links: Links, vectors: NDArray[np.int8], there: NDArray[np.bool_]) -> Generator[None, None, int]:
        """Becomes what was saved, with ``vectors`` by slot, less the slots without: how many these were."""
        whole = links.with_vectors(vectors, there)
        yield
        self._index.load(whole)
        yield
        self._sample.add(links.keys[there], vectors[there])
        return self.remove(links.keys[~there & (links.keys != NONE)])

    def remove(self, keys: NDArray[np.uint64]) -> int:
        """How many of them there were. They are found no more; what comes later takes their room."""
        self._sample.remove(keys)
        return int(np.sum(self._index.remove(keys, threads=1)))

    def nearest(self, digits: NDArray[np.int8], few: int) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Keys and cosines, ``few`` or some more, the nearest first."""
        many = max(few, _SEARCHED)
        self._index.expansion_search = many
        found = self._index.search(digits, many, threads=1)
        keys, near = found.keys, 1.0 - found.distances.astype(np.float64)
        if len(keys) < len(self):
            least = float(near[:_TRUSTED][-1]) if len(near) else -1.0
            if len(missed := self._sample.missed(digits, keys, least)):
                return self._anew(digits, keys, missed, many)
        return keys, near

    def _anew(
        self, digits: NDArray[np.int8], keys: NDArray[np.uint64], missed: NDArray[np.int8], many: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """As ``nearest``, of what was found and what is around rows that were missed."""
        more = [self._index.search(row, many, threads=1).keys for row in missed]
        keys = np.unique(np.concatenate([keys, *more]))
        cosines = directions(self._index.get(keys)) @ directions(digits[np.newaxis])[0]
        order = np.argsort(-cosines, kind="stable")[:many]
        return keys[order], cosines[order].astype(np.float64)
