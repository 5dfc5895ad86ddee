"""JSON of services of whose answers parts are kept: what could not be stored is replaced, and spoils nothing else."""

import json
import math
from typing import Any

#: Python refuses to read more than 4,300 digits.
_MOST_DIGITS = 1000


def parse(text: bytes) -> Any:
    """The value, with ``None`` for numbers that are none or too large, and ? for halves of surrogate pairs.

    Raises ``ValueError`` for what is no JSON, or nested so deep that it cannot be read.
    """
    try:
        value = json.loads(text, parse_constant=_nothing, parse_float=_finite, parse_int=_integer)
        if b"\\u" in text:  # only an escape can be half of a pair
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("the text is nested too deep") from None
    return value


def _nothing(_: str) -> None:
    """NaN, Infinity, -Infinity."""


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= _MOST_DIGITS else None
