"""Vectors of length one, so that a product of two is their cosine, and none that are no numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: (vectors, dimensions), or one, (dimensions,).
Vectors = NDArray[np.float32]


def unit(vectors: NDArray[Any]) -> Vectors:
    """The last axis L2-normalised, as float32."""
    scaled: NDArray[Any] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled.astype(np.float32, copy=False)


def finite(vectors: NDArray[Any]) -> NDArray[Any]:
    """The same, with zeros for each that is not finite: no model makes such, and they compare with nothing."""
    return np.where(np.isfinite(vectors).all(axis=-1, keepdims=True), vectors, 0)
