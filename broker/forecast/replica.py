"""One possible future: the claim rule exactly for the next starts, a flow for what follows them."""

import random
from functools import lru_cache, partial
from math import exp, inf, sqrt
from typing import NamedTuple

from broker.forecast.bucket import MICRO, TOKEN
from broker.forecast.fair import Level
from broker.forecast.flow import Class, crews
from broker.forecast.fluid import Addition, Fluid, Hold, Seam
from broker.forecast.machine import Machine
from broker.forecast.ranks import Ranks
from broker.forecast.snapshot import Run, Snapshot, TypeState
from broker.forecast.tenants import LineFlow, TenantFlow

#: Runs of which the mean is as good as known.
_MANY_RUNS = 30
#: Moments at which scheduled tasks beyond the front are taken to come.
_ADDITIONS = 4


class Place(NamedTuple):
    """A waiting task: the how-manieth of its line it is, from 1 on."""

    type: str
    level: int
    position: int
    tenant: str = ""
    group: str = ""


class Begin(NamedTuple):
    """When a task begins, infinity for never; the variance of that beyond what replicas differ in."""

    at: float
    luck: float
    #: Where the rule was followed exactly.
    in_front: bool = False


_NEVER = Begin(inf, 0.0)


class Replica:
    """Draws its own durations, and how wrong the measured means are: the future is as uncertain as that makes it."""

    def __init__(self, snapshot: Snapshot, rng: random.Random, horizon: int) -> None:
        self._snapshot, self._rng = snapshot, rng
        self._names = list(snapshot.types)
        self._index = {name: index for index, name in enumerate(self._names)}
        self._scale = {name: _scale(state, rng) for name, state in snapshot.types.items()}
        self._arrivals = _overtaking(snapshot)
        left = [self._left(run) for run in snapshot.running]
        self._machine = Machine(snapshot, self._draw, left)
        self._come(horizon)
        goes_on = self._machine.run(horizon)
        self._front: dict[tuple[str, int, str, str], list[float]] = {}
        for start in self._machine.starts:
            self._front.setdefault(start[1:], []).append(start.at / MICRO)
        self._fluid = Fluid(self._seam()) if goes_on else None
        self._ranks: dict[Class, Ranks] = {}

    def start(self, place: Place) -> Begin:
        """When it begins."""
        type_name, level, position, tenant, group = place
        front = self._front.get((type_name, level, tenant, group), ())
        if position <= len(front):
            return Begin(front[position - 1], 0.0, True)
        index: Class = self._index[type_name], level
        curve = self._fluid.curves.get(index) if self._fluid else None
        if curve is None:
            return _NEVER
        position -= len(front)
        if flow := self._tenants.get(index):
            line = flow.lines.get((tenant, group))
            return Begin(*line.curve.when(position)) if line else _NEVER
        ranks = self._ranks.get(index) or self._ranked(index, type_name)
        return Begin(*curve.when(ranks.rank(tenant, group, position)))

    def _ranked(self, index: Class, type_name: str) -> Ranks:
        levels = self._machine.queues[type_name].levels
        level = next(each for each in levels if each.number == index[1])
        self._ranks[index] = ranks = Ranks(level, lambda *whose: self._cost(type_name, *whose) * MICRO)
        return ranks

    # what is drawn ----------------------------------------------------------------------------------------------

    def _draw(self, type_name: str, tenant: str) -> float:
        durations = self._snapshot.types[type_name].durations_of(tenant)
        return durations.quantile(self._rng.random()) * self._scale[type_name]

    def _left(self, run: Run) -> float:
        if run.progress and run.progress > 0.05 and run.age > 0:
            return run.age * (1 - run.progress) / run.progress * self._rng.uniform(0.8, 1.2)
        state = self._snapshot.types.get(run.type)
        return state.durations_of(run.tenant).left(run.age, self._rng.random()) if state else 0.0

    def _cost(self, type_name: str, tenant: str, waiting: int) -> float:
        """What a task of the tenant costs it on average, with the luck of as many as it has waiting."""
        durations = self._snapshot.types[type_name].durations_of(tenant)
        mean = durations.mean * self._scale[type_name]
        return max(mean * 0.05, 1e-6, mean + self._rng.gauss(0, sqrt(durations.variance / max(1, waiting))))

    def _come(self, horizon: int) -> None:
        """Tasks of classes of which more are to be expected, as many as could matter; of who has most there."""
        for (name, level), rate in self._arrivals.items():
            lines = self._snapshot.types[name].levels.get(level)
            tenant = max(lines.of, key=lambda each: lines.of[each][0].waiting, default="") if lines else ""
            at = 0.0
            for _ in range(horizon):
                at += self._rng.expovariate(rate)
                self._machine.arrive(at, name, level, tenant)

    # the seam ---------------------------------------------------------------------------------------------------

    def _seam(self) -> Seam:
        machine, snapshot = self._machine, self._snapshot
        now, groups = machine.now, snapshot.workers
        states = [snapshot.types[name] for name in self._names]
        heard = [frozenset(g for g, group in enumerate(groups) if name in group.types) for name in self._names]
        waiting, arrivals, lucky = self._waiting()
        additions = self._additions()
        for each in additions:
            waiting.setdefault(each.to, 0.0)
        self._tenants = self._flows(lucky, additions)
        return Seam(
            at=now / MICRO,
            means=lucky,
            variances=[state.durations.variance for state in states],
            rates=[inf if state.rate is None else state.rate / 1000 for state in states],
            bursts=[state.burst for state in states],
            stock=[machine.queues[name].bucket.level(now) / TOKEN for name in self._names],
            concurrency=[
                0.0 if state.paused else inf if state.concurrency is None else float(state.concurrency)
                for state in states
            ],
            slots=[float(group.slots) for group in groups],
            crews=_crews(tuple(heard)),
            sharing=[[j for j in range(len(states)) if heard[i] & heard[j]] for i in range(len(states))],
            reach=[float(sum(groups[g].slots for g in each)) for each in heard],
            waiting=waiting,
            arrivals=arrivals,
            tenants=self._tenants,
            holds=[
                Hold(each.at / MICRO, self._index[each.queue.name], each.workers)
                for each in machine.happenings
                if each.ran
            ],
            additions=additions,
        )

    def _waiting(self) -> tuple[dict[Class, float], dict[Class, float], list[float]]:
        """What waits and comes by class, and the mean of what waits by type: with the luck of so many tasks."""
        waiting: dict[Class, float] = {}
        arrivals: dict[Class, float] = {}
        means = []
        for i, name in enumerate(self._names):
            state, total = self._snapshot.types[name], 0
            for level in self._machine.queues[name].levels:
                waiting[i, level.number] = float(level.waiting)
                total += level.waiting
            mean = _mean_of_waiting(state) * self._scale[name]
            luck = self._rng.gauss(0, sqrt(state.durations.variance / max(1, total)))
            means.append(max(mean * 0.05, 1e-6, mean + luck))
        for (name, number), rate in self._arrivals.items():
            waiting.setdefault((self._index[name], number), 0.0)
            arrivals[self._index[name], number] = rate
        return waiting, arrivals, means

    def _additions(self) -> list[Addition]:
        """Scheduled tasks that come after the front: those of a line at a few moments."""
        by_line: dict[tuple[Class, str, str], list[float]] = {}
        for each in self._machine.happenings:
            if not each.ran and (each.queue.name, each.level) not in self._arrivals:
                to = self._index[each.queue.name], each.level
                by_line.setdefault((to, each.tenant, each.group), []).append(each.at / MICRO)
        found = []
        for line, moments in by_line.items():
            moments.sort()
            size = -(-len(moments) // _ADDITIONS)
            for first in range(0, len(moments), size):
                part = moments[first : first + size]
                found.append(Addition(sum(part) / len(part), *line, len(part)))
        return found

    def _flows(self, means: list[float], additions: list[Addition]) -> dict[Class, TenantFlow]:
        """The lines of types of which tenants may have only so much."""
        flows: dict[Class, TenantFlow] = {}
        for i, name in enumerate(self._names):
            state = self._snapshot.types[name]
            if state.capped:
                most = partial(_most, state, means[i])
                for level in self._machine.queues[name].levels:
                    groups = inf if state.caps.group_concurrency is None else state.caps.group_concurrency / means[i]
                    flows[i, level.number] = TenantFlow(self._lines(name, level, groups), most)
        for each in additions:
            if self._snapshot.types[self._names[each.to[0]]].capped:
                flow = flows.setdefault(each.to, TenantFlow({}, lambda _: inf))
                weight = self._snapshot.weight(each.tenant) / means[each.to[0]]
                flow.lines.setdefault((each.tenant, each.group), LineFlow(each.tenant, 0.0, weight, inf))
        return flows

    def _lines(self, name: str, level: Level, group_most: float) -> dict[tuple[str, str], LineFlow]:
        lines = {}
        for member in level.all():
            waiting = [queue for queue in member.queues.values() if queue.waiting]
            weight = member.weight / self._cost(name, member.tenant, member.waiting) / len(waiting)
            for queue in waiting:
                lines[member.tenant, queue.group] = LineFlow(member.tenant, float(queue.waiting), weight, group_most)
        return lines


def _overtaking(snapshot: Snapshot) -> dict[tuple[str, int], float]:
    """Tasks per second that come to go before something that waits: those of its own level stand behind it."""
    levels = [number for state in snapshot.types.values() for number, lines in state.levels.items() if lines.waiting]
    return {
        (name, number): rate
        for name, state in snapshot.types.items()
        for number, rate in state.arrivals.items()
        if rate > 0 and number > min(levels, default=0)
    }


def _most(state: TypeState, mean: float, tenant: str) -> float:
    """Starts per second that a tenant may have."""
    caps = state.caps_of(tenant)
    by_rate = inf if caps.tenant_rate is None else caps.tenant_rate / 1000
    return by_rate if caps.tenant_concurrency is None else min(by_rate, caps.tenant_concurrency / mean)


_crews = lru_cache(maxsize=64)(crews)


def _scale(state: TypeState, rng: random.Random) -> float:
    """How wrong the measured mean may be, after so many runs (Student's distribution, about)."""
    durations = state.durations
    runs = max(1, min(durations.runs, _MANY_RUNS))
    chi = sum(rng.gauss(0, 1) ** 2 for _ in range(runs)) / runs
    error = sqrt(durations.variance / max(1, durations.runs)) / durations.mean
    return exp(rng.gauss(0, 1) / sqrt(max(chi, 0.2)) * error)


def _mean_of_waiting(state: TypeState) -> float:
    """The mean of what waits: tenants whose tasks take longer count by how many they have."""
    if not state.tenant_durations:
        return state.durations.mean
    total = weighted = 0.0
    for lines in state.levels.values():
        for tenant, each in lines.of.items():
            count = sum(line.waiting for line in each)
            total += count
            weighted += count * state.durations_of(tenant).mean
    return weighted / total if total else state.durations.mean
