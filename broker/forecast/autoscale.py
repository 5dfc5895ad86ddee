"""How many worker processes are wanted so that tasks start within an objective, where more of them would help.

Of what waits and comes, only as much counts as tokens let start in that time: no number of workers starts more.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from broker.forecast.snapshot import Snapshot

#: Seconds that a new worker takes to come up, and what part of the time workers may be busy to keep pace.
START_UP, _BUSY = 30.0, 0.8
#: Seconds for which no fewer are wanted than were at any time in them.
_HOLD = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """What there is to do of one type. Seconds, and tasks per second."""

    backlog: int
    arrivals: float
    rate: float | None
    tokens: float
    concurrency: int | None
    mean: float
    #: Running tasks that will go on for longer than the objective.
    stuck: float = 0.0


@dataclass(frozen=True, slots=True)
class Need:
    """Processes, not whole ones, and why: ``idle, paused, steady, backlog, tokens`` or ``concurrency``."""

    processes: float
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of the workers that listen to these types."""

    types: tuple[str, ...]
    processes: int
    wanted: int
    reason: str


def need(load: Load, objective: float) -> Need:
    """Of one type, for starts within ``objective`` seconds."""
    horizon = max(objective, START_UP)
    asked = load.backlog + load.arrivals * horizon
    if asked < 1e-9 and not load.stuck:
        return Need(0.0, "idle")
    allowed = asked if load.rate is None else load.tokens + load.rate * horizon
    reason = "tokens" if asked > allowed else "steady"
    pace = load.rate if load.rate is not None and asked > allowed else load.arrivals
    flow = (pace if load.rate is None else min(pace, load.rate)) * load.mean / _BUSY
    drain = load.stuck + min(asked, allowed) / (1 + objective / load.mean)
    if drain > flow and reason == "steady":
        reason = "backlog"
    processes = max(flow, drain)
    if load.concurrency is not None and processes > load.concurrency:
        return Need(float(load.concurrency), "concurrency")
    return Need(processes, reason)


class Autoscale:
    """Remembers what was wanted in the last minutes: up at once, down only when the hold is over."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], deque[tuple[float, int]]] = {}

    def wanted(
        self, snapshot: Snapshot, arrivals: Mapping[str, Mapping[int, float]], objective: float, now: float
    ) -> list[Wanted]:
        """For each line of workers; a type is for the line that listens to the fewest others. ``now``: any clock."""
        lines = {tuple(sorted(group.types)): group.slots for group in snapshot.workers}
        heard = {name for types in lines for name in types}
        lines |= {(name,): 0 for name in snapshot.types if name not in heard}
        needs: dict[tuple[str, ...], list[Need]] = {line: [] for line in lines}
        for name in snapshot.types:
            line = min((each for each in lines if name in each), key=lambda each: (len(each), each))
            needs[line].append(_need(snapshot, name, sum(arrivals.get(name, {}).values()), objective))
        return [self._settled(line, lines[line], needs[line], now) for line in sorted(lines)]

    def _settled(self, line: tuple[str, ...], processes: int, needs: list[Need], now: float) -> Wanted:
        wanted = ceil(sum(each.processes for each in needs) - 1e-9)
        seen = self._seen.setdefault(line, deque())
        seen.append((now, wanted))
        while seen[0][0] < now - _HOLD:
            seen.popleft()
        most = max(count for _, count in seen)
        first = max(needs, key=lambda each: each.processes, default=Need(0.0, "idle"))
        return Wanted(line, processes, most, first.reason if most == wanted else "hold")


def _need(snapshot: Snapshot, name: str, arrivals: float, objective: float) -> Need:
    state = snapshot.types[name]
    if state.paused:
        return Need(0.0, "paused")
    due = sum(each.type == name and each.at <= START_UP for each in snapshot.due)
    running = [each for each in snapshot.running if each.type == name]
    stuck = sum(state.durations_of(each.tenant).left(each.age, 0.5) > objective for each in running)
    load = Load(
        backlog=state.waiting + due,
        arrivals=arrivals,
        rate=None if state.rate is None else state.rate / 1000,
        tokens=max(0.0, state.bucket / 1e9),
        concurrency=state.concurrency,
        mean=state.durations.mean,
        stuck=float(stuck),
    )
    return need(load, objective)
