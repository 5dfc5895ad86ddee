"""Vectors as the store keeps them: numbers of two bytes each, IEEE 754's half precision, the lowest byte first."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_FORM = "<f2"


def packed(vectors: Iterable[NDArray[np.float32]]) -> list[bytes]:
    """Each, (dimensions,), as bytes."""
    return [vector.astype(_FORM).tobytes() for vector in vectors]


def unpacked(stored: Sequence[bytes]) -> NDArray[np.float16]:
    """(vectors, dimensions), of at least one; all have the same length."""
    return np.frombuffer(b"".join(stored), _FORM).reshape(len(stored), -1)
