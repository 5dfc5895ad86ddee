"""A few of a graph's rows, which every query is compared with: they tell when a search of the graph has gone astray.

A query is a text, and no picture lies among texts. Following links from picture to picture, a search may so come to an
end where none of the nearest is. If one of the sample is nearer than much of what was found, and not found, it did.
"""

import numpy as np
from numpy.typing import NDArray

#: One row in so many is in it, chosen by its key, and so many of what was missed are told.
_EACH, _MOST = 64, 4
#: By how much two cosines of the same row may differ.
_ROUNDING = 1e-4


class Sample:
    """That of one graph."""

    def __init__(self, dimensions: int) -> None:
        self._keys, self._codes = np.empty(0, np.uint64), np.empty((0, dimensions), np.int8)
        #: (rows, dimensions), what the codes are worth, of length one.
        self._rows = np.empty((0, dimensions), np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._keys.nbytes + self._codes.nbytes + self._rows.nbytes

    def add(self, keys: NDArray[np.uint64], codes: NDArray[np.int8]) -> None:
        """Takes some of these rows of the graph."""
        mine = _chosen(keys)
        if mine.any():
            self._keys = np.concatenate([self._keys, keys[mine]])
            self._codes = np.concatenate([self._codes, codes[mine]])
            self._rows = np.concatenate([self._rows, directions(codes[mine])])

    def remove(self, keys: NDArray[np.uint64]) -> None:
        """Forgets those that are among these."""
        mine = keys[_chosen(keys)]
        if len(mine):
            left = ~np.isin(self._keys, mine)
            self._keys, self._codes, self._rows = self._keys[left], self._codes[left], self._rows[left]

    def missed(self, query: NDArray[np.int8], found: NDArray[np.uint64], least: float) -> NDArray[np.int8]:
        """(rows, dimensions), the codes of the nearest that have more than this cosine and were not found."""
        cosines = self._rows @ directions(query[np.newaxis])[0]
        near = np.flatnonzero(cosines > least + _ROUNDING)
        missed = near[~np.isin(self._keys[near], found)]
        return self._codes[missed[np.argsort(-cosines[missed])[:_MOST]]]


def directions(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    """(rows, dimensions), of length one; those of zeros stay."""
    rows = codes.astype(np.float32)
    scaled: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
    return scaled


def _chosen(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    chosen: NDArray[np.bool_] = np.equal(keys % np.uint64(_EACH), 0)
    return chosen
