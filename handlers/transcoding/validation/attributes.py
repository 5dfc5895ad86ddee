"""Attribute lists of playlists (RFC 8216, section 4.2)."""

import re
from fractions import Fraction

from handlers.transcoding.validation.playlist import ByteRange
from handlers.transcoding.validation.report import Report

_RULE = "RFC 8216 4.2"
_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s][^",]*)(,|$)')
#: Attributes whose values stand in quotes, of those that are read here, and those whose values never do.
_QUOTED = frozenset({"URI", "CODECS", "AUDIO", "VIDEO", "SUBTITLES", "GROUP-ID", "NAME", "LANGUAGE", "CHANNELS"})
_BARE = frozenset({"BANDWIDTH", "AVERAGE-BANDWIDTH", "RESOLUTION", "FRAME-RATE", "TYPE", "DEFAULT", "AUTOSELECT"})
#: More digits than any number of a playlist needs (4.2: up to 2**64).
_WHOLE = re.compile(r"[0-9]{1,20}")
_RANGE = re.compile(r"([0-9]{1,20})(?:@([0-9]{1,20}))?")
_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,40})?")


def attributes(text: str, where: str, report: Report) -> dict[str, str]:
    """Values by name, quotes removed."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _ATTRIBUTE.match(text, at)
        if match is None:
            report.error(where, _RULE, f"this is no attribute list: {text[at : at + 60]!r}")
            break
        name, value, at = match[1], match[2], match.end()
        if name in found:
            report.error(where, _RULE, f"the attribute {name} is there twice")
        quoted = value.startswith('"')
        if (name in _QUOTED and not quoted) or (name in _BARE and quoted):
            report.error(where, _RULE, f"the value of {name} must {'not ' if quoted else ''}stand in quotes")
        found[name] = value.strip('"')
    return found


def byte_range(text: str, after: int | None) -> ByteRange | None:
    """``<length>[@<start>]``; without a start it goes on ``after`` the part before. ``None`` for anything else."""
    match = _RANGE.fullmatch(text)
    if match is None or (match[2] is None and after is None):
        return None
    return ByteRange(int(match[2]) if match[2] else after or 0, int(match[1]))


def decimal(text: str) -> Fraction | None:
    """A decimal number as RFC 8216 has it: digits, and a point."""
    return Fraction(text) if _DECIMAL.fullmatch(text) else None


def whole(text: str) -> int | None:
    """A whole number as RFC 8216 has it."""
    return int(text) if _WHOLE.fullmatch(text) else None
