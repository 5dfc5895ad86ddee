"""Products of one query with many rows: of all of them nearly, in whole numbers of eight bits, and of some exactly.

A product with many rows takes about as long as reading them from memory. Bytes are a quarter of what single precision
reads, and ONNX Runtime multiplies them by what each CPU has for that: where one row of bytes without a sign meets many
columns with one, it reads these as they lie, while all else is copied first into an order of its own, which takes three
times as long. So rows are kept as columns. What they lose is known of every row.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlers.embedding.models.onnx_graph import integer_product, single_precision
from handlers.embedding.models.onnx_session import session

#: The largest code of a row.
_MOST = 127
#: The largest digit of a query, and what stands for a digit of zero. CPUs of before VNNI add up pairs of products in 16
#: bits and cut off what does not fit: two of a row's largest code with the sum of these do.
_DIGIT, _ZERO = 63, 64
#: Rows that are multiplied exactly at once: what a core's own cache holds.
_AT_ONCE = 512


class Coded(NamedTuple):
    """Rows in bytes."""

    #: (rows, dimensions), and (rows,) the sum of each row's.
    codes: NDArray[np.int8]
    sums: NDArray[np.int32]
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
    small = codes.astype(np.int8)
    return Coded(small, small.sum(axis=1, dtype=np.int32), steps, _lengths(wide), _lengths(wide - codes * by))


def _lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths


class Query:
    """What rows are multiplied with, in two digits: the second is of what the first has left."""

    def __init__(self, query: NDArray[np.float32]) -> None:
        """``query``, (dimensions,), is finite."""
        self._wide = query.astype(np.float64)
        self.length = float(np.linalg.norm(self._wide))
        #: Of each digit: (1, dimensions), and what one is worth.
        self._digits: list[tuple[NDArray[np.uint8], np.float32]] = []
        rest = self._wide
        for _ in range(2):
            step = np.float32(np.abs(rest).max() / _DIGIT) or np.float32(1)
            digits = np.rint(rest / float(step))
            self._digits.append(((digits + _ZERO).astype(np.uint8)[np.newaxis], step))
            rest = rest - digits * float(step)
        self._lost = float(np.linalg.norm(rest))

    def fast(self, codes: NDArray[np.int8], sums: NDArray[np.int32], steps: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows,), the products with coded rows. ``codes``, in Fortran's order, may have more behind these."""
        products, zero = np.zeros(len(steps), np.float32), _ZERO * sums
        for digits, step in self._digits:
            ((found,),) = _multiplying().run(None, {"rows": digits, "columns": codes.T})
            products += (found[: len(steps)] - zero).astype(np.float32) * step
        return products * steps

    def uncertainty(self, longest: float, lost: float) -> float:
        """How far these may be off for rows that are no longer than ``longest`` and have lost ``lost`` at most.

        By the Cauchy-Schwarz inequality: what a row has lost times the query, and the coded row times what the query
        has lost. Rounding to single precision comes on top of that.
        """
        return lost * self.length + (longest + lost) * self._lost

    def exact(self, rows: NDArray[np.float16]) -> NDArray[np.float64]:
        """(rows,), in double precision; a row's product does not depend on which others are there."""
        parts = [rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE)]
        # Not by BLAS, whose sums depend on the place of a row.
        return np.concatenate([np.einsum("ij,j->i", _single(each), self._wide) for each in parts] or [np.empty(0)])


def _single(rows: NDArray[np.float16]) -> NDArray[np.float32]:
    """The same numbers; numpy takes several times as long from half precision, without the CPU's instruction for it."""
    single: NDArray[np.float32]
    (single,) = _widening().run(None, {"half": rows})
    return single


@cache
def _multiplying() -> Any:
    return session(integer_product("rows", "columns"))


@cache
def _widening() -> Any:
    return session(single_precision("half"))
