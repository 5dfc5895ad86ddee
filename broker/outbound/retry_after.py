"""The header ``Retry-After`` (RFC 9110, section 10.2.3), as strangers write it.

The standard library reads the dates. urllib3's ``Retry.parse_retry_after`` does not serve: it raises on 4,301 digits
and on years of no calendar, knows no clock but its own, and ends at six hours where a receiver may ask for a day.
"""

from datetime import UTC
from email.utils import parsedate_to_datetime

#: A number that is cut off here is still beyond every bound.
_MOST_DIGITS = 20


def parse_retry_after(header: str | None, now: float, longest: float) -> float | None:
    """Seconds from ``now`` (seconds since the epoch), within 0 and ``longest``; ``None`` for nonsense or no header."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:_MOST_DIGITS]), longest)
    try:
        moment = parsedate_to_datetime(text)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), longest)
