"""What usearch saves of a graph, without the vectors in it: which slots there are, and what links them.

``Index.save`` gives the number of slots and the bytes of a vector (four bytes each), the vectors by their slots, a head
of 64 bytes, and the links: five numbers of eight bytes, of which the first is that of the slots again and the second
and third are the most links of a slot above the ground and on it; two bytes of each slot that tell its level; and each
slot: its key in eight bytes, its level again, and by level, from the ground up, the number of its links and room for
the most of them, four bytes each. Nobody has promised that it stays so: whatever is of another form is refused.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_SIZES, _HEAD, _NUMBERS, _KEY, _LEVEL, _LINK = 8, 64, 5, 8, 2, 4
_MAGIC = b"usearch"
#: The key of a slot whose row was removed.
NONE = np.uint64(2**64 - 1)


class Links:
    """Those of one graph, as bytes."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        """``data`` as an earlier one has it. Raises ``ValueError`` for what is none."""
        numbers = data[_HEAD : _HEAD + 8 * _NUMBERS]
        if bytes(data[: len(_MAGIC)]) != _MAGIC or len(numbers) < 8 * _NUMBERS:
            raise ValueError("these are no links of usearch")
        self.data = data
        self._slots, above, self._most = (int(each) for each in numbers.view("<u8")[:3])
        first = _HEAD + 8 * _NUMBERS + _LEVEL * self._slots
        levels = data[first - _LEVEL * self._slots : first].view("<i2").astype(np.int64)
        sizes = _KEY + _LEVEL + _LINK * (1 + self._most) + levels * _LINK * (1 + above)
        if len(levels) != self._slots or first + int(sizes.sum()) != len(data):
            raise ValueError("these links of usearch are of another form")
        #: Where each slot begins.
        self._at = first + np.cumsum(sizes) - sizes

    @classmethod
    def of(cls, saved: bytes | bytearray) -> "Links":
        """Of what ``Index.save`` gives."""
        whole = np.frombuffer(saved, np.uint8)
        slots, width = whole[:_SIZES].view("<u4").tolist()
        return cls(whole[_SIZES + slots * width :].copy())

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """(slots,), that of each; ``NONE`` where none is any more."""
        return self._piece(self._at, _KEY).view("<u8").ravel().astype(np.uint64)

    def with_vectors(self, vectors: NDArray[np.int8], there: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """As ``Index.load`` takes it, with ``vectors`` (slots, dimensions), where they are ``there``.

        A slot without one gets that of the first slot which it is linked to, so that whoever comes by is still led on.
        """
        gone = np.flatnonzero(~there)
        if len(gone) and there.any():
            linked = self._piece(self._at[gone] + _KEY + _LEVEL, _LINK * (1 + self._most)).view("<u4")
            used: NDArray[np.bool_] = np.less(np.arange(self._most), linked[:, :1])
            others = np.where(used, linked[:, 1:], 0)
            good: NDArray[np.bool_] = np.logical_and(used, there[others])
            first = others[np.arange(len(gone)), good.argmax(axis=1)]
            vectors[gone] = np.where(good.any(axis=1, keepdims=True), vectors[first], 0)
        sizes = np.array(vectors.shape, "<u4").view(np.uint8)
        return np.concatenate([sizes, vectors.view(np.uint8).ravel(), self.data])

    def _piece(self, at: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """(places, size)"""
        pieces: NDArray[np.uint8] = self.data[at[:, np.newaxis] + np.arange(size)]
        return pieces
