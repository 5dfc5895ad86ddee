"""Times, durations and strangers' text in the words of a terminal."""

import re
from datetime import UTC, datetime, timedelta

from scripts.cli.failure import Usage

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def clean(text: object) -> str:
    """One line in which nothing is left that a terminal would obey, or that changes the order of what is read."""
    line = " ".join(str(text).split())
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def moment(text: str) -> datetime:
    """A time as the API writes it."""
    return datetime.fromisoformat(text)


def duration(seconds: float) -> str:
    """``4ms``, ``1.5s``, ``12s``, ``3m 20s``, ``2h 5m``, ``4d 1h``; what clocks that differ make negative is 0s."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms" if seconds else "0s"
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    for unit, smaller in (("d", "h"), ("h", "m"), ("m", "s")):
        if whole >= _UNITS[unit]:
            rest = whole % _UNITS[unit] // _UNITS[smaller]
            return f"{whole // _UNITS[unit]}{unit}" + (f" {rest}{smaller}" if rest else "")
    return f"{whole}s"


def ago(text: str | None, now: datetime | None = None) -> str:
    """How long since a time of the API's; ``-`` for none."""
    return duration(((now or datetime.now(UTC)) - moment(text)).total_seconds()) if text else "-"


def coming(text: str) -> str:
    """``in 5m``, or ``now`` for a time of the API's that is over."""
    away = (moment(text) - datetime.now(UTC)).total_seconds()
    return f"in {duration(away)}" if away > 0 else "now"


def between(start: str | None, end: str | None) -> str:
    return duration((moment(end) - moment(start)).total_seconds()) if start and end else "-"


def clock(text: str | None) -> str:
    """A time of the API's where this terminal is: ``14:02:10``, with its date unless that is today."""
    if not text:
        return "-"
    local = moment(text).astimezone()
    return f"{local:%H:%M:%S}" if local.date() == datetime.now().date() else f"{local:%Y-%m-%d %H:%M:%S}"


def seconds_in(text: str) -> float:
    """``90``, ``90s``, ``1h30m``, ``2d``. Raises ``Usage``."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not text or _PART.sub("", text):
        raise Usage(f"{text!r} is no duration: write 90, 90s, 15m, 1h30m or 2d.")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def since(text: str) -> str:
    """The start of a span that ends now (``1h``), or a time, as the API's filters take it. Raises ``Usage``."""
    if re.match(r"\d{4}-", text):
        return text
    return from_now(-seconds_in(text))


def by(text: str) -> str:
    """The end of a span that begins now (``15m``), or a time, as the API takes it. Raises ``Usage``."""
    return text if re.match(r"\d{4}-", text) else from_now(seconds_in(text))


def from_now(seconds: float) -> str:
    """The time in so many seconds, as the API takes it. Raises ``Usage`` for one that no calendar has."""
    try:
        return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    except OverflowError as error:
        raise Usage("That is too far from now: write 15m, 2d or 365d, or a date.") from error


def bytes_in(text: str) -> int:
    """``812``, ``500kB``, ``1.5GB``. Raises ``Usage``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(k|m|g|t)?b?", text, re.I)
    if not found:
        raise Usage(f"{text!r} is no size: write 812, 500kB, 20MB or 1.5GB.")
    power = " kmgt".index((found[2] or " ").lower())
    return round(float(found[1]) * 10.0 ** (3 * power))


def place(seconds: float) -> str:
    """A place in a recording: ``0:07``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Bytes: ``812 B``, ``3.4 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def number(value: float | None) -> str:
    """A rate or a limit; ``-`` for none."""
    return "-" if value is None else f"{value:g}"
