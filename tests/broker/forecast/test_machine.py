"""Guards that the model decides as the scripts do: from the same backlog, both start the same at the same times."""

import heapq
import random
from collections import Counter
from typing import Any

import pytest

from broker.clock import from_rfc3339
from broker.engine.transitions import Claimed
from broker.forecast.bucket import TOKEN
from broker.forecast.durations import Durations
from broker.forecast.machine import Machine
from broker.forecast.reading import SnapshotReader
from broker.forecast.samples import Measured
from broker.forecast.snapshot import Caps, Due, Line, Lines, Run, Snapshot, TypeState, WorkerGroup
from broker.levels import BACKGROUND, split_queue
from tests.broker.engine.engine import SECOND, Engine

ANY, FREE = Durations((1.0,), 20), Caps()
#: What began: microseconds since the test began, type, level, tenant and group.
Starts = list[tuple[Any, ...]]


class Case:
    """A random backlog, workers, and how long the runs of each type and tenant take, in turn."""

    def __init__(self, seed: int, tenants: int = 1) -> None:
        r = random.Random(seed)
        self.types = ["A", "B", "C"][: r.choice([1, 2, 3])]
        self.limits: dict[str, dict[str, Any]] = {
            name: {
                "rate": r.choice([None, 500, 2_000, 7_000, 30_000, 80_000]),
                "burst": r.choice([1, 2, 5]),
                "concurrency": r.choice([None, 1, 2, 3]),
            }
            for name in self.types
        }
        self.caps = {name: Caps() for name in self.types}
        if tenants > 1:
            self.caps = {
                name: Caps(
                    tenant_concurrency=r.choice([None, None, 1, 2]),
                    group_concurrency=r.choice([None, 1, 2]),
                    tenant_rate=r.choice([None, None, 1_000, 9_000]),
                    tenant_burst=r.choice([1, 3]),
                )
                for name in self.types
            }
        names = [f"t{number}" for number in range(tenants)]
        self.weights = {name: r.choice([1.0, 2.0, 0.5]) for name in names} if tenants > 1 else {}
        groups = ["", "", "x", "y"] if r.random() < 0.5 and tenants > 1 else [""]

        def whose() -> tuple[str, str]:
            return r.choice(names), r.choice(groups)

        longest = r.choice([30_000, 300_000, 4_000_000])
        background = [BACKGROUND] if tenants == 1 else []
        levels, later = [*background, 0, 0, 3, 10], [*background, 0, 7]
        self.backlog = [(r.choice(self.types), r.choice(levels), *whose()) for _ in range(r.randrange(1, 100))]
        due = [(r.randrange(1, 5 * longest), r.choice(self.types), r.choice(later)) for _ in range(r.randrange(8))]
        self.due = sorted((*each, *whose()) for each in due)
        self.groups = [",".join(self.types)] * r.randrange(1, 4)
        for number in (1, 2):
            self.groups += [",".join(self.types[:number])] * r.randrange(3) + [self.types[-1]] * r.randrange(2)
        self.durations = {name: [r.randrange(1, longest) for _ in range(200)] for name in self.types}

    def duration(self, counts: Counter[str], name: str) -> int:
        counts[name] += 1
        return self.durations[name][counts[name] - 1]


class Reality:
    """The scripts, with workers that ask whenever there could be something: who can do least asks first."""

    def __init__(self, engine: Engine, case: Case) -> None:
        self.engine, self.case, self.starts, self.counts = engine, case, Starts(), Counter[str]()
        for name, limits in case.limits.items():
            caps = case.caps[name]
            engine.declare(name)
            engine.configure(name, **{key: "" if value is None else str(value) for key, value in limits.items()})
            rate = None if caps.tenant_rate is None else caps.tenant_rate / 1000
            concurrency, group = caps.tenant_concurrency, caps.group_concurrency
            engine.cap(name, rate=rate, burst=caps.tenant_burst, concurrency=concurrency, group=group)
        for tenant, weight in case.weights.items():
            engine.store.set_tenant(tenant, f"{weight:g}", [])
        engine.advance(10_000)  # until all buckets are full
        self.zero = engine.now
        for name, level, tenant, group in case.backlog:
            engine.submit(name, priority=level, tenant=tenant, group=group)
        for at, name, level, tenant, group in case.due:
            engine.submit(name, priority=level, tenant=tenant, group=group, delay_us=at)
        of_types = sorted(case.groups, key=lambda each: each.count(","))
        self.workers = {f"w{number}": types for number, types in enumerate(of_types)}
        self.idle = set(self.workers)
        for worker, types in self.workers.items():
            engine.store.register_worker(worker, ttl=30, queues=types, fields={"pid": 1})

    def snapshot(self) -> Snapshot:
        """What the model is told, before anything has begun."""
        measured = {name: Measured(ANY, {}, None) for name in self.case.types}
        reader = SnapshotReader(self.engine.redis, self.engine.keys, self.case.types, clock="clock_test")
        return reader.read(measured, {}).snapshot

    def run(self) -> Starts:
        events: list[tuple[int, int, Any]] = [(self.zero, 0, None)]
        events += [(self.zero + each[0], 1 + number, None) for number, each in enumerate(self.case.due)]
        number = 1000
        while events:
            at, _, ended = heapq.heappop(events)
            self.engine.now = at
            self.engine.promote()
            grants = []
            if ended:
                worker, execution, task_id = ended
                claim = self.engine.by(worker, self.workers[worker])
                _, grant = self.engine.store.finish(task_id, execution, "{}", claim)
                grants.append((worker, claim, grant))
            if not (events and events[0][0] == at):
                grants += [self._ask(worker) for worker in self.workers if worker in self.idle]
            for worker, claim, grant in grants:
                number += 1
                if isinstance(grant, Claimed):
                    heapq.heappush(events, (self._began(grant), number, (worker, claim.execution, grant.id)))
                    self.idle.discard(worker)
                else:
                    self.idle.add(worker)
                    if grant.us >= 0:
                        heapq.heappush(events, (self.engine.now + grant.us, number, None))
        return self.starts

    def _ask(self, worker: str) -> Any:
        claim = self.engine.by(worker, self.workers[worker])
        return worker, claim, self.engine.store.claim(claim)

    def _began(self, grant: Claimed) -> int:
        """When the run ends."""
        name, level = split_queue(grant.queue)
        began = from_rfc3339(self.engine.field(grant.id, "started_at") or "")
        group = self.engine.field(grant.id, "group") or ""
        self.starts.append((began - self.zero, name, level, grant.tenant, group))
        return began + self.case.duration(self.counts, name)


def model(case: Case, snapshot: Snapshot) -> Starts:
    counts = Counter[str]()
    machine = Machine(snapshot, lambda name, _: case.duration(counts, name) / SECOND, [])
    machine.run(10_000)
    return [tuple(each) for each in machine.starts]


@pytest.mark.parametrize("seed", range(12))
def test_the_same_order_and_the_same_times(engine: Engine, seed: int) -> None:
    case = Case(seed)
    reality = Reality(engine, case)
    assert model(case, reality.snapshot()) == reality.run()


#: The last four: whose groups leave and come back at their caps in several levels.
@pytest.mark.parametrize("seed", [*range(25), 41, 90, 107, 112])
def test_also_of_tenants_groups_weights_and_caps(engine: Engine, seed: int) -> None:
    case = Case(seed, tenants=3)
    reality = Reality(engine, case)
    assert model(case, reality.snapshot()) == reality.run()


def state(*lines: Line, level: int = 0, **limits: Any) -> TypeState:
    return TypeState(ANY, {level: Lines(lines)}, bucket=limits.get("burst", 1) * TOKEN, **limits)


def starts(snapshot: Snapshot, seconds: float = 1.0, most: int = 100) -> list[tuple[float, str, str]]:
    """Second, type and tenant of each start, all runs taking equally long."""
    machine = Machine(snapshot, lambda *_: seconds, [seconds] * len(snapshot.running))
    machine.run(most)
    return [(each.at / SECOND, each.type, each.tenant) for each in machine.starts]


def test_whoever_ends_a_run_takes_the_slot_that_it_frees() -> None:
    """So the worker of both types is at work when the token of B comes, and B waits for it."""
    groups = WorkerGroup(frozenset("A"), 1), WorkerGroup(frozenset("AB"), 1)
    types = {"A": state(Line(1), concurrency=1), "B": TypeState(ANY, {0: Lines([Line(1)])}, rate=667)}
    found = starts(Snapshot(types, groups, running=(Run("A", 0.0, workers=1),)))
    assert found == [(1.0, "A", ""), (2.0, "B", "")]


def test_a_run_of_a_worker_that_takes_no_more_frees_no_slot() -> None:
    snapshot = Snapshot({"A": state(Line(2), concurrency=1)}, (WorkerGroup(frozenset("A"), 1),), (Run("A", 0.0),))
    assert starts(snapshot) == [(1.0, "A", ""), (2.0, "A", "")]


class TestShares:
    """Tenants of one type, one worker; runs of a second."""

    def snapshot(self, *lines: Line, workers: int = 1, caps: Caps = FREE, **weights: float) -> Snapshot:
        return Snapshot({"A": state(*lines, caps=caps)}, (WorkerGroup(frozenset("A"), workers),), weights=weights)

    def order(self, snapshot: Snapshot) -> str:
        return "".join(tenant for _, _, tenant in starts(snapshot))

    def test_tenants_take_turns_however_much_one_has_waiting(self) -> None:
        assert self.order(self.snapshot(Line(5, "a"), Line(2, "b"))) == "ababaaa"

    def test_twice_the_weight_is_two_turns(self) -> None:
        assert self.order(self.snapshot(Line(6, "a"), Line(3, "b"), a=2.0)) == "abaabaaba"

    def test_who_has_had_more_waits_until_the_others_have_had_it_too(self) -> None:
        assert self.order(self.snapshot(Line(3, "a", tag=2.5e6), Line(4, "b"))) == "bbbabaa"

    def test_groups_of_a_tenant_share_what_it_gets(self) -> None:
        snapshot = self.snapshot(Line(2, "a", "x", shares=True), Line(2, "a", "y", shares=True), Line(2, "b"))
        machine = Machine(snapshot, lambda *_: 1.0, [])
        machine.run(100)
        assert [each.tenant + each.group for each in machine.starts] == ["ax", "b", "ay", "b", "ax", "ay"]

    def test_a_tenant_whose_runs_take_longer_gets_fewer(self) -> None:
        slow = {"a": Durations((3.0,), 20)}
        types = {"A": TypeState(ANY, {0: Lines([Line(3, "a"), Line(6, "b")])}, tenant_durations=slow)}
        machine = Machine(
            Snapshot(types, (WorkerGroup(frozenset("A"), 1),)), lambda _, who: 3.0 if who == "a" else 1.0, []
        )
        machine.run(100)
        assert "".join(each.tenant for each in machine.starts) == "abbbabbba"

    def test_a_tenant_at_its_cap_lets_others_go_before(self) -> None:
        snapshot = self.snapshot(Line(4, "a"), Line(2, "b"), workers=3, caps=Caps(tenant_concurrency=1))
        assert starts(snapshot) == [
            (0.0, "A", "a"), (0.0, "A", "b"), (1.0, "A", "a"), (1.0, "A", "b"), (2.0, "A", "a"), (3.0, "A", "a"),
        ]  # fmt: skip

    def test_a_group_at_its_cap_lets_other_groups_go_before(self) -> None:
        snapshot = self.snapshot(
            Line(2, "a", "x", shares=True), Line(1, "a", "y", shares=True), workers=3, caps=Caps(group_concurrency=1)
        )
        machine = Machine(snapshot, lambda *_: 1.0, [])
        machine.run(100)
        assert [(each.at, each.group) for each in machine.starts] == [(0, "x"), (0, "y"), (SECOND, "x")]

    def test_a_tenant_without_a_token_of_its_own_waits_for_it(self) -> None:
        snapshot = self.snapshot(Line(3, "a"), Line(1, "b"), workers=5, caps=Caps(tenant_rate=500, tenant_burst=1))
        assert starts(snapshot) == [(0.0, "A", "a"), (0.0, "A", "b"), (2.0, "A", "a"), (4.0, "A", "a")]

    def test_who_comes_with_nothing_begins_where_the_others_are(self) -> None:
        """Not before all that they have had meanwhile."""
        types = {"A": state(Line(6, "b", tag=1e7))}
        due = tuple(Due(1.5, "A", 0, "a") for _ in range(2))
        assert self.order(Snapshot(types, (WorkerGroup(frozenset("A"), 1),), due=due)) == "bbbababb"
