"""Guards that workers are wanted where they help, and that they cost less than by the depth of the queue."""

import heapq
import random
from collections import deque
from collections.abc import Callable
from math import exp, log, sqrt

import pytest

from broker.forecast.autoscale import START_UP, Autoscale, Load, need
from broker.forecast.bucket import TOKEN
from broker.forecast.durations import Durations
from broker.forecast.snapshot import Due, Line, Lines, Run, Snapshot, TypeState, WorkerGroup

TEN = Durations((10.0,), 50)


def load(**given: float | None) -> Load:
    plain = {"backlog": 0, "arrivals": 0.0, "rate": None, "tokens": 0.0, "concurrency": None, "mean": 10.0}
    return Load(**(plain | given))  # type: ignore[arg-type]


class TestNeed:
    def test_nothing_to_do(self) -> None:
        assert (need(load(), 60).processes, need(load(), 60).reason) == (0, "idle")

    def test_a_steady_flow_needs_what_keeps_pace(self) -> None:
        """Two tasks a second of ten seconds keep twenty busy."""
        found = need(load(arrivals=2.0), 600)
        assert (found.processes, found.reason) == (pytest.approx(25), "steady")

    def test_a_backlog_is_started_within_the_objective(self) -> None:
        """In a minute a worker starts seven tasks of ten seconds."""
        found = need(load(backlog=70), 60)
        assert (found.processes, found.reason) == (pytest.approx(10), "backlog")

    def test_what_only_tokens_hold_back_does_not_count(self) -> None:
        few, many = (need(load(backlog=backlog, rate=0.5), 60) for backlog in (1000, 100_000))
        assert few == many
        assert (few.processes, few.reason) == (pytest.approx(0.5 * 10 / 0.8), "tokens")

    def test_no_more_than_may_run(self) -> None:
        found = need(load(backlog=1000, concurrency=3), 60)
        assert (found.processes, found.reason) == (3, "concurrency")

    def test_runs_that_go_on_hold_their_worker(self) -> None:
        assert need(load(backlog=7, stuck=4), 60).processes == pytest.approx(5)


class TestLines:
    def snapshot(self, *workers: WorkerGroup, **more: object) -> Snapshot:
        types = {"A": TypeState(TEN, {0: Lines([Line(70)])}), "B": TypeState(TEN, {})}
        return Snapshot(types, workers, **more)  # type: ignore[arg-type]

    def wanted(
        self, snapshot: Snapshot, at: float = 0.0, scale: Autoscale | None = None
    ) -> dict[str, tuple[int, int, str]]:
        found = (scale or Autoscale()).wanted(snapshot, {}, 60.0, at)
        return {"".join(each.types): (each.processes, each.wanted, each.reason) for each in found}

    def test_a_type_is_for_the_workers_that_listen_to_the_fewest_others(self) -> None:
        found = self.wanted(self.snapshot(WorkerGroup(frozenset("AB"), 2), WorkerGroup(frozenset("A"), 1)))
        assert found == {"A": (1, 10, "backlog"), "AB": (2, 0, "idle")}

    def test_a_type_that_nobody_listens_to_is_a_line_of_its_own(self) -> None:
        assert self.wanted(self.snapshot()) == {"A": (0, 10, "backlog"), "B": (0, 0, "idle")}

    def test_what_is_due_before_a_worker_is_up_counts_and_what_is_paused_does_not(self) -> None:
        due = tuple(Due(at, "B") for at in (START_UP - 1, START_UP + 1))
        snapshot = self.snapshot(WorkerGroup(frozenset("AB"), 2), due=due)
        snapshot.types["A"] = TypeState(TEN, {0: Lines([Line(70)])}, paused=True)  # type: ignore[index]
        assert self.wanted(snapshot) == {"AB": (2, 1, "backlog")}

    def test_a_long_run_holds_its_worker(self) -> None:
        types = {"A": TypeState(Durations((1000.0,), 9), {})}
        running = tuple(Run("A", 1.0, workers=0) for _ in range(3))
        assert self.wanted(Snapshot(types, (WorkerGroup(frozenset("A"), 3),), running)) == {"A": (3, 3, "backlog")}

    def test_up_at_once_and_down_after_five_minutes(self) -> None:
        scale, workers = Autoscale(), WorkerGroup(frozenset("AB"), 2)
        busy = self.snapshot(workers)
        idle = Snapshot({"A": TypeState(TEN, {}), "B": TypeState(TEN, {})}, (workers,))
        assert self.wanted(idle, 0, scale) == {"AB": (2, 0, "idle")}
        assert self.wanted(busy, 10, scale) == {"AB": (2, 10, "backlog")}
        assert self.wanted(idle, 309, scale) == {"AB": (2, 10, "hold")}
        assert self.wanted(idle, 311, scale) == {"AB": (2, 0, "idle")}


Rule = Callable[[Snapshot, float, float], int]


class Type:
    """What comes of a type in the three hours that are simulated, and what it takes."""

    def __init__(self, name: str, rate: float, burst: int, mean: float, cv: float, objective: float) -> None:
        self.name, self.rate, self.burst, self.mean, self.objective = name, rate, burst, mean, objective
        self._sigma = sqrt(log(1 + cv * cv))

    def seconds(self, r: random.Random) -> float:
        return self.mean * exp(r.gauss(-(self._sigma**2) / 2, self._sigma))

    def come(self, r: random.Random) -> list[float]:
        """A quiet stream, an hour in which much more comes, and a flood at once."""
        at, found = 0.0, [3600.0] * {"video": 0, "embed": 800, "plugin": 1500}[self.name]
        while at < 10_800:
            busy = 3600 < at < 5400
            at += r.expovariate(
                {"video": 0.27 if busy else 0.02, "embed": 4.0 if busy else 0.5, "plugin": 0.05}[self.name]
            )
            found.append(at)
        return sorted(found)


TYPES = (
    Type("video", 0.5, 4, 45.0, 0.8, 60.0),
    Type("embed", 20.0, 40, 0.5, 0.5, 10.0),
    Type("plugin", 1.0, 2, 3.0, 0.7, 30.0),
)


def simulate(of: Type, rule: Rule, seed: int) -> tuple[float, float]:
    """Worker-hours, and the part of tasks that started within the objective of when their token was there."""
    r = random.Random(seed)
    durations = Durations.of(of.seconds(r) for _ in range(200))
    coming, waiting, lately = deque(of.come(r)), deque[tuple[float, float]](), deque[float]()
    running: list[float] = []
    starting: list[float] = []
    tokens, ready, ideal, hours, met, now = float(of.burst), 0, -1e9, 0.0, [], 0.0
    while now < 10_800:
        while coming and coming[0] <= now:
            at = coming.popleft()
            ideal = max(at - (of.burst - 1) / of.rate, ideal + 1 / of.rate)
            waiting.append((at, max(at, ideal)))
            lately.append(at)
        while lately and lately[0] < now - 300:
            lately.popleft()
        tokens = min(of.burst, tokens + of.rate * 0.5)
        while running and running[0] <= now:
            heapq.heappop(running)
        ready += sum(at <= now for at in starting)
        starting = [at for at in starting if at > now]
        while waiting and tokens >= 1 and len(running) < ready:
            _, token_at = waiting.popleft()
            met.append(now - token_at <= of.objective)
            tokens -= 1
            heapq.heappush(running, now + of.seconds(r))
        if now % 10 == 0:
            runs = tuple(Run(of.name, max(0.0, of.mean - (end - now))) for end in running)
            state = TypeState(
                durations,
                {0: Lines([Line(len(waiting))])},
                rate=round(of.rate * 1000),
                burst=of.burst,
                bucket=round(tokens * TOKEN),
            )
            snapshot = Snapshot({of.name: state}, (WorkerGroup(frozenset({of.name}), ready),), runs)
            have, want = ready + len(starting), rule(snapshot, len(lately) / 300, now)
            starting += [now + START_UP] * (want - have)
            for _ in range(max(0, have - want)):  # only idle ones go
                if starting:
                    starting.pop()
                elif ready > len(running):
                    ready -= 1
        hours += (ready + len(starting)) * 0.5 / 3600
        now += 0.5
    return hours, sum(met) / len(met)


def ours(of: Type) -> Rule:
    scale = Autoscale()

    def rule(snapshot: Snapshot, arrivals: float, now: float) -> int:
        (found,) = scale.wanted(snapshot, {of.name: {0: arrivals}}, of.objective, now)
        return min(50, found.wanted)

    return rule


def one_for_ten_waiting() -> Rule:
    held: deque[tuple[float, int]] = deque()

    def rule(snapshot: Snapshot, _: float, now: float) -> int:
        (state,) = snapshot.types.values()
        held.append((now, min(50, max(1, -(-state.waiting // 10)))))
        while held[0][0] < now - 300:
            held.popleft()
        return max(count for _, count in held)

    return rule


def test_it_meets_the_objective_with_fewer_worker_hours_than_the_depth_of_the_queue() -> None:
    by_need = {of.name: simulate(of, ours(of), seed=1) for of in TYPES}
    by_depth = {of.name: simulate(of, one_for_ten_waiting(), seed=1) for of in TYPES}
    print(by_need, by_depth)
    assert sum(hours for hours, _ in by_need.values()) < 0.8 * sum(hours for hours, _ in by_depth.values())
    assert by_need["video"][1] > 0.95
    assert by_need["embed"][1] > 0.85
