"""What would let a task start sooner: the same model under one change at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from broker.forecast.change import Change
from broker.forecast.forecast import Forecast
from broker.forecast.replica import Place
from broker.forecast.snapshot import Snapshot

#: A change helps that saves so much of the wait, and a second.
_PART, _SECONDS = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Help:
    """A change, in words, and the seconds by which the start comes sooner; ``None`` where there is none without it."""

    change: str
    saves_seconds: float | None


def would_help(snapshot: Snapshot, place: Place) -> list[Help]:
    """What helps a waiting task, the most first. Takes a small build for each of up to seven changes."""
    now = Forecast.small(snapshot).start(place)
    found = []
    for words, change in _changes(snapshot, place):
        then = Forecast.small(change.of(snapshot)).start(place)
        if then is None:
            continue
        if now is None:
            found.append(Help(words, None))
        elif now.p50 - then.p50 >= max(_SECONDS, _PART * now.p50):
            found.append(Help(words, round(now.p50 - then.p50, 1)))
    return sorted(found, key=lambda each: -(each.saves_seconds or 0.0))


def _changes(snapshot: Snapshot, place: Place) -> Iterator[tuple[str, Change]]:
    name, state = place.type, snapshot.types[place.type]
    if state.paused:
        yield f"resume {name}", Change({name: {"paused": False}})
        return
    group = max((each for each in snapshot.workers if name in each.types), key=lambda each: each.slots, default=None)
    types = group.types if group else frozenset({name})
    slots = group.slots if group else 0
    yield f"one more worker process for {', '.join(sorted(types))}", Change(workers={types: slots + 1})
    if state.rate is not None:
        yield f"a rate of {state.rate / 500:g} a second", Change({name: {"rate": 2 * state.rate}})
    if state.concurrency is not None:
        most = state.concurrency + 1
        yield f"a concurrency of {most}", Change({name: {"concurrency": most}})
    caps = state.caps
    if caps.tenant_concurrency is not None:
        most = caps.tenant_concurrency + 1
        yield f"{most} at once for each tenant", Change({name: {"tenant_concurrency": most}})
    if caps.group_concurrency is not None:
        most = caps.group_concurrency + 1
        yield f"{most} at once for each group", Change({name: {"group_concurrency": most}})
    if caps.tenant_rate is not None:
        yield (
            f"{caps.tenant_rate / 500:g} a second for each tenant",
            Change({name: {"tenant_rate": 2 * caps.tenant_rate}}),
        )
    if len({tenant for lines in state.levels.values() for tenant in lines.of}) > 1:
        weight = 2 * snapshot.weight(place.tenant)
        yield f"a weight of {weight:g} for {place.tenant}", Change(weights={place.tenant: weight})
