"""What is said of one task: when it starts and ends, and on what ground."""

from dataclasses import dataclass

from broker.clock import to_rfc3339
from broker.forecast.forecast import NO_MEDIA, Forecast, Interval
from broker.forecast.replica import Place
from broker.forecast.snapshot import Media


@dataclass(frozen=True, slots=True)
class Span:
    """Moments, RFC 3339. Eight of ten lie between ``p10`` and ``p90``."""

    p10: str
    p50: str
    p90: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """``basis``: ``measured``, or ``declared`` while no run of the type was measured."""

    start: Span
    finish: Span
    basis: str
    made_at: str


def estimate(
    forecast: Forecast, at_us: int, place: Place, not_before: float = 0.0, media: Media = NO_MEDIA
) -> Estimate | str:
    """Of a waiting task, from a forecast made then; or one sentence why there is none."""
    start = forecast.start(place, not_before)
    if start is None:
        return why_never(forecast, place)
    finish = forecast.finish(place, media, not_before)
    assert finish
    basis = "measured" if forecast.snapshot.types[place.type].durations.runs else "declared"
    return Estimate(_span(start, at_us), _span(finish, at_us), basis, to_rfc3339(at_us))


def why_never(forecast: Forecast, place: Place) -> str:
    """Why a task does not start while things stay as they are."""
    return why_nothing(forecast, place.type) or "What comes before it takes everything that there is."


def why_nothing(forecast: Forecast, type_name: str) -> str:
    """Why no task of a type starts, or ``""``."""
    if forecast.snapshot.types[type_name].paused:
        return f"{type_name} is paused."
    if not any(type_name in group.types and group.slots for group in forecast.snapshot.workers):
        return f"No worker listens to {type_name}."
    return ""


def _span(interval: Interval, at_us: int) -> Span:
    return Span(*(to_rfc3339(at_us + round(each * 1e6)) for each in (interval.p10, interval.p50, interval.p90)))
