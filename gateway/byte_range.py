"""Which part of a file a ``Range`` header asks for (RFC 9110, section 14)."""

import re

from werkzeug.exceptions import RequestedRangeNotSatisfiable

_UNIT = "bytes"
#: ``first-last``, ``first-`` or ``-suffix length``.
_SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)
#: Of a position no more digits are read: it is beyond the end of any file then.
_DIGITS = 20


def requested_part(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte and the length, within ``size`` bytes; ``None`` for the whole file.

    Ignored are other units, as must be (14.2), and several ranges at once, as may be. A suffix that is longer than the
    file is all of it (14.1.2). Raises ``RequestedRangeNotSatisfiable`` for a part that lies behind the end, and for
    what is no range.
    """
    unit, _, ranges = (header or "").partition("=")
    if unit.strip().lower() != _UNIT or "," in ranges:
        return None
    spec = _SPEC.fullmatch(ranges.strip())
    first, last = (_position(digits) for digits in spec.groups()) if spec else (None, None)
    if first is None:
        if last and not size:
            return None
        start, end = max(0, size - (last or 0)), size
    else:
        start, end = first, size if last is None else min(last + 1, size)
    if start >= end:
        raise RequestedRangeNotSatisfiable(size)
    return start, end - start


def _position(digits: str) -> int | None:
    return int(digits.lstrip("0")[:_DIGITS] or 0) if digits else None
