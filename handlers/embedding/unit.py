"""Vectors of length one, so that a product of two is their cosine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """The last axis L2-normalised, as float32."""
    scaled: NDArray[Any] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled.astype(np.float32, copy=False)
