"""What becomes of all that waits, or of what came in the past: when the last starts, and how long they wait."""

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby

from broker.forecast.bucket import MICRO, TOKEN
from broker.forecast.forecast import Forecast, Interval
from broker.forecast.history import STEP, Quantiles, Row
from broker.forecast.machine import Machine
from broker.forecast.replica import Place
from broker.forecast.snapshot import Due, Snapshot

#: Places in a line that are asked about, and lines of a type: those with the most waiting.
_PLACES, _LINES = 8, 20
#: Tasks of the past that are played again.
MOST_REPLAYED = 10_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """Of one type, or of one tenant in it."""

    tasks: int
    #: Seconds until the last of them starts; ``None`` when it never does while things stay so, or when there is none.
    drained: Interval | None
    #: Seconds that they wait from now on, or from when they came; ``None`` when there is none that starts.
    wait: Quantiles | None


@dataclass(frozen=True, slots=True)
class TypeOutlook:
    """One type, and those of its tenants that have most waiting."""

    type: str
    total: Outlook
    tenants: Mapping[str, Outlook]


def outlook(forecast: Forecast) -> list[TypeOutlook]:
    """Of all types, from what waits now."""
    return [_of_type(forecast, name) for name in sorted(forecast.snapshot.types)]


def _of_type(forecast: Forecast, name: str) -> TypeOutlook:
    lines = sorted(
        (
            (line, level)
            for level, waiting in forecast.snapshot.types[name].levels.items()
            for of_tenant in waiting.of.values()
            for line in of_tenant
        ),
        key=lambda each: -each[0].waiting,
    )
    places = [Place(name, level, line.waiting, line.tenant, line.group) for line, level in lines]
    by_tenant = {tenant: list(each) for tenant, each in groupby(sorted(places[:_LINES], key=_tenant), key=_tenant)}
    of_tenants = {tenant: _outlook(forecast, each) for tenant, each in by_tenant.items()} if len(by_tenant) > 1 else {}
    total = _outlook(forecast, places[:_LINES])
    return TypeOutlook(name, replace(total, tasks=sum(each.position for each in places)), of_tenants)


def _tenant(place: Place) -> str:
    return place.tenant


def _outlook(forecast: Forecast, lines: Sequence[Place]) -> Outlook:
    """Of lines, each given by its last place."""
    ends = [forecast.start(each) for each in lines]
    waits: list[tuple[float, float]] = []
    for line in lines:
        count = min(_PLACES, line.position)
        for part in range(count):
            position = max(1, round((part + 0.5) / count * line.position))
            if start := forecast.start(line._replace(position=position)):
                waits.append((start.p50, line.position / count))
    known = [each for each in ends if each]
    drained = max(known, key=lambda each: each.p50) if len(known) == len(ends) and known else None
    return Outlook(sum(each.position for each in lines), drained, _quantiles(waits))


def _quantiles(weighted: list[tuple[float, float]]) -> Quantiles | None:
    if not weighted:
        return None
    weighted.sort()
    passed = list(accumulate(weight for _, weight in weighted))
    p50, p90 = (weighted[bisect_left(passed, part * passed[-1] - 1e-9)][0] for part in (0.5, 0.9))
    return Quantiles(round(p50, 3), round(p90, 3))


def replay(snapshot: Snapshot, rows: Mapping[str, Sequence[Row]], since: int) -> list[TypeOutlook]:
    """Of what came in rows of the past, under the limits and workers of the snapshot, with nothing waiting before.

    ``since``: seconds since the epoch from which ``drained`` counts. At most `MOST_REPLAYED` tasks. Whose they were is
    taken from who submitted then; of their groups nothing was recorded.
    """
    rng = random.Random(1)
    coming = [each for name, of_type in rows.items() for row in of_type for each in _arrivals(name, row, since, rng)]
    types = {
        name: replace(
            state, levels={}, arrivals={}, aside=(), tenant_buckets={}, bucket=state.burst * TOKEN if state.rate else 0
        )
        for name, state in snapshot.types.items()
    }
    machine = Machine(
        replace(snapshot, types=types, running=(), due=tuple(coming)),
        lambda name, tenant: types[name].durations_of(tenant).quantile(rng.random()),
        [],
    )
    machine.run(len(coming))
    return [_replayed(name, machine, [each for each in coming if each.type == name]) for name in sorted(types)]


def _arrivals(name: str, row: Row, since: int, rng: random.Random) -> list[Due]:
    """The tasks of a row, one after the other in its ten seconds."""
    tenants, weights = [*row.tenants], [*row.tenants.values()]
    return [
        Due(
            row.at - since + (number + 0.5) * STEP / count,
            name,
            level,
            rng.choices(tenants, weights)[0] if tenants else "",
        )
        for level, count in row.arrived.items()
        for number in range(count)
    ]


def _replayed(name: str, machine: Machine, coming: Sequence[Due]) -> TypeOutlook:
    came: dict[tuple[str, int], list[float]] = {}
    for each in sorted(coming, key=lambda each: each.at):
        came.setdefault((each.tenant, each.level), []).append(each.at)
    began: dict[tuple[str, int], list[float]] = {}
    for start in machine.starts:
        if start.type == name:
            began.setdefault((start.tenant, start.level), []).append(start.at / MICRO)
    of_lines = {line: (times, began.get(line, [])) for line, times in came.items()}
    tenants = Counter(each.tenant for each in coming)
    of_tenants = {
        tenant: _of_lines([each for line, each in of_lines.items() if line[0] == tenant])
        for tenant, _ in tenants.most_common(_LINES)
    }
    return TypeOutlook(name, _of_lines([*of_lines.values()]), of_tenants if len(tenants) > 1 else {})


def _of_lines(lines: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Outlook:
    """Of when their tasks came, and when they began, each in its order."""
    waits = [(start - at, 1.0) for came, began in lines for at, start in zip(came, began, strict=False)]
    tasks = sum(len(came) for came, _ in lines)
    last = max((start for _, began in lines for start in began), default=0.0)
    drained = Interval(last, last, last) if waits and len(waits) == tasks else None
    return Outlook(tasks, drained, _quantiles(waits))
