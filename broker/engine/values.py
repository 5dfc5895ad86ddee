"""Values of hash fields as they should be, also where a foreign hand has spoilt them: the doctor tells of those."""

from broker.clock import from_rfc3339


def number(text: str | None, default: int = 0) -> int:
    """A whole number; the default for nothing, and for what is none."""
    try:
        return int(float(text)) if text else default
    except (ValueError, OverflowError):
        return default


def moment(text: str | None) -> int | None:
    """Microseconds since the epoch of an RFC 3339 time; ``None`` for nothing, and for what is none."""
    try:
        return from_rfc3339(text) if text else None
    except ValueError:
        return None
