"""Products of one query with many rows: of all of them nearly, in whole numbers of eight bits, and of some exactly.

A product with many rows takes about as long as reading them from memory. Bytes are a quarter of what single precision
reads, and ONNX Runtime multiplies them by what each CPU has for that. What they lose is known of every row.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from handlers.embedding.models.onnx_graph import integer_product

#: The largest code of a row, and the code of zero.
_MOST, ZERO = 127, 128
#: The largest digit of a query. CPUs of before VNNI add up pairs of products in 16 bits and cut off what does not fit:
#: two of a row's largest byte with this do.
_DIGIT = 63
#: Rows that are multiplied exactly at once, some megabytes.
_AT_ONCE = 2048


class Coded(NamedTuple):
    """Rows in bytes."""

    #: (rows, dimensions), 128 for zero.
    codes: NDArray[np.uint8]
    #: (rows,), what one of each row's codes is worth.
    steps: NDArray[np.float32]
    #: (rows,), the L2 norm of each row, and of what it has lost.
    lengths: NDArray[np.float64]
    lost: NDArray[np.float64]


def coded(rows: NDArray[Any]) -> Coded:
    """``rows`` of finite values, each by a step of its own."""
    wide = rows.astype(np.float64)
    steps = (np.abs(wide).max(axis=1) / _MOST).astype(np.float32)
    steps[steps == 0] = 1.0
    by = steps.astype(np.float64)[:, np.newaxis]
    codes = np.rint(wide / by)
    return Coded((codes + ZERO).astype(np.uint8), steps, _lengths(wide), _lengths(wide - codes * by))


def _lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths


class Query:
    """What rows are multiplied with, in two digits: the second is of what the first has left."""

    def __init__(self, query: NDArray[np.float32]) -> None:
        """``query``, (dimensions,), is finite."""
        self._wide = query.astype(np.float64)
        self.length = float(np.linalg.norm(self._wide))
        digits, steps, rest = [], [], self._wide
        for _ in range(2):
            step = float(np.float32(np.abs(rest).max() / _DIGIT)) or 1.0
            digits.append(np.rint(rest / step))
            steps.append(step)
            rest = rest - digits[-1] * step
        self._digits, self._steps = np.stack(digits, axis=1).astype(np.int8), np.array(steps, np.float32)
        #: What all codes together count too much for being more than zero.
        self._shift = ZERO * self._digits.sum(axis=0, dtype=np.int32)
        self._lost = float(np.linalg.norm(rest))

    def fast(self, codes: NDArray[np.uint8], steps: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows,), the products with coded rows."""
        (found,) = _session().run(None, {"rows": codes, "columns": self._digits})
        first, second = (found - self._shift).astype(np.float32).T
        products: NDArray[np.float32] = (first * self._steps[0] + second * self._steps[1]) * steps
        return products

    def uncertainty(self, longest: float, lost: float) -> float:
        """How far these may be off for rows that are no longer than ``longest`` and have lost ``lost`` at most.

        By the Cauchy-Schwarz inequality: what a row has lost times the query, and the coded row times what the query
        has lost. Rounding to single precision comes on top of that.
        """
        return lost * self.length + (longest + lost) * self._lost

    def exact(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """(rows,), in double precision; a row's product does not depend on which others are there."""
        parts = [rows[at : at + _AT_ONCE].astype(np.float64) for at in range(0, len(rows), _AT_ONCE)]
        # Not by BLAS, whose sums depend on the place of a row.
        return np.concatenate([np.einsum("ij,j->i", each, self._wide) for each in parts] or [np.empty(0)])


@cache
def _session() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # more of them spin while they wait for a core
    return onnxruntime.InferenceSession(integer_product("rows", "columns"), options, ["CPUExecutionProvider"])
