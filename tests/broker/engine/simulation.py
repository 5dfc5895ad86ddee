"""Workers on virtual time: they claim, sleep as told, are woken, run and end tasks, and every start is judged.

The judge keeps its own books: what waits, what runs, and a bucket per type in the engine's units. Any start that the
limits forbid at the instant for which it is granted, any order that the priorities forbid, and any sleeper beside a
task that it could be granted is an error.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from broker.engine.transitions import Claimed, Wait
from broker.levels import split_queue
from tests.broker.engine.engine import AHEAD, SECOND, START, Engine

TOKEN = 10**9
LONGEST_SLEEP = 5 * SECOND


@dataclass
class TypeBook:
    """What the judge knows of one type: limits as the scripts take them (rate in starts per 1,000 s, or None)."""

    rate: int | None
    burst: int
    cap: int | None
    paused: bool = False
    level: int = 0
    ts: int = START
    running: int = 0
    #: Priority -> ids in the order of their arrival.
    waiting: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def settle(self, now: int) -> None:
        if self.rate is not None:
            self.level = min(self.burst * TOKEN, self.level + (now - self.ts) * self.rate)
        self.ts = now

    @property
    def open(self) -> bool:
        """Nothing but a missing token could hold a task back."""
        return not self.paused and (self.cap is None or self.running < self.cap) and any(self.waiting.values())

    @property
    def startable(self) -> bool:
        return self.open and self.due <= self.ts

    @property
    def grantable(self) -> bool:
        """It may start now or in a moment."""
        return self.open and self.due - self.ts <= AHEAD

    @property
    def due(self) -> int:
        """When the next token is there."""
        if self.rate is None or self.level >= TOKEN:
            return self.ts
        return self.ts - (self.level - TOKEN) // self.rate

    def spend(self, instant: int) -> None:
        """Takes the token of that instant, at which the bucket may be full."""
        if self.rate is not None:
            refill = (instant - self.ts) * self.rate
            self.level = min(self.burst * TOKEN, self.level + refill) - TOKEN - refill


@dataclass
class Worker:
    name: str
    group: str
    #: Virtual time until which it sleeps, or ``None`` when it runs something or is about to claim.
    until: int | None = None
    #: A claim is on its way.
    called: bool = True
    #: Distinguishes the present sleep from earlier ones, whose timers are void.
    sleep: int = 0

    def hears(self, type_name: str) -> bool:
        return type_name in self.group.split(",")


class Simulation:
    def __init__(self, engine: Engine, types: dict[str, TypeBook], groups: list[str], delay_us: int) -> None:
        """``delay_us``: how long a woken worker takes to make its claim."""
        self.engine = engine
        self.types = types
        self.delay_us = delay_us
        self.workers = [Worker(f"w{number}", group) for number, group in enumerate(groups)]
        self._durations: list[int] = [0]
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        for name, book in types.items():
            engine.declare(name)
            self._configure(name, rate=book.rate, burst=book.burst, cap=book.cap, paused=book.paused)
        for worker in self.workers:
            self.at(START, lambda worker=worker: self._claim(worker))

    def at(self, time: int, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (time, self._count, act))

    def run(self, durations: list[int]) -> None:
        """Until nothing happens any more; ``durations`` of the tasks, in turn."""
        self._durations = durations
        while self._events:
            time, _, act = heapq.heappop(self._events)
            if time != self.engine.now:
                self.engine.now = time
            for book in self.types.values():
                book.settle(time)
            act()
            self._wake()
            if not any(worker.called for worker in self.workers):
                self._judge_sleepers()

    # what happens from outside ----------------------------------------------------------------------------------

    def submit(self, name: str, priority: int) -> None:
        self.types[name].waiting[priority].append(self.engine.submit(name, priority=priority))

    def configure(self, name: str, **changes: Any) -> None:
        book = self.types[name]
        had_rate = book.rate is not None
        for setting, value in changes.items():
            setattr(book, setting, value)
        book.level = min(book.level, book.burst * TOKEN) if had_rate else 0
        self._configure(name, **changes)

    def _configure(self, name: str, **changes: Any) -> None:
        words = {"cap": "concurrency"}
        texts = {key: "" if value is None else str(int(value)) for key, value in changes.items()}
        self.engine.configure(name, **{words.get(key, key): text for key, text in texts.items()})

    # workers ----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        for name in self.engine.woken():
            worker = self.workers[int(name[1:])]
            if worker.until is not None and not worker.called:
                worker.called = True
                self.at(self.engine.now + self.delay_us, lambda worker=worker: self._claim(worker))

    def _timer(self, worker: Worker, sleep: int) -> None:
        if worker.sleep == sleep and worker.until is not None and not worker.called:
            self._claim(worker)

    def _claim(self, worker: Worker) -> None:
        claim = self.engine.by(worker.name, worker.group)
        self._receive(worker, claim.execution, self.engine.store.claim(claim))

    def _receive(self, worker: Worker, execution: str, grant: Claimed | Wait) -> None:
        worker.called = False
        worker.sleep += 1
        if isinstance(grant, Wait):
            self._judge_refusal(worker)
            worker.until = self.engine.now + (LONGEST_SLEEP if grant.us < 0 else min(LONGEST_SLEEP, grant.us))
            if self._hears_work(worker):
                self.at(worker.until, lambda sleep=worker.sleep: self._timer(worker, sleep))
            return
        worker.until = None
        self._judge_start(worker, grant)
        duration = self._durations[self._count % len(self._durations)]
        self.at(self.engine.now + grant.ahead_us + duration, lambda: self._end(worker, execution, grant))

    def _end(self, worker: Worker, execution: str, done: Claimed) -> None:
        self.types[done.queue.partition(":")[0]].running -= 1
        then = self.engine.by(worker.name, worker.group)
        outcome, grant = self.engine.store.finish(done.id, execution, "{}", then)
        assert outcome == "completed"
        self._receive(worker, then.execution, grant)

    def _hears_work(self, worker: Worker) -> bool:
        return any(worker.hears(name) and any(book.waiting.values()) for name, book in self.types.items())

    # the judge --------------------------------------------------------------------------------------------------

    def _judge_start(self, worker: Worker, grant: Claimed) -> None:
        name, priority = split_queue(grant.queue)
        book = self.types[name]
        instant = self.engine.now + grant.ahead_us
        assert worker.hears(name)
        assert book.grantable, f"{name} must not start: {book}"
        assert instant == book.due, f"{name} starts at {instant}: {book}"
        heard = [each for other, each in self.types.items() if worker.hears(other) and each.open]
        assert instant == min(each.due for each in heard), f"{grant.queue} was served before its turn: {heard}"
        best = max(max(p for p, ids in each.waiting.items() if ids) for each in heard if each.due == instant)
        assert priority == best, f"{grant.queue} was served before priority {best}"
        assert book.waiting[priority].pop(0) == grant.id
        book.running += 1
        book.spend(instant)

    def _judge_refusal(self, worker: Worker) -> None:
        refused = [name for name, book in self.types.items() if worker.hears(name) and book.grantable]
        assert not refused, f"{worker.name} was sent to sleep although {refused} could start"

    def _judge_sleepers(self) -> None:
        """Nobody sleeps beside a task that could be granted, nor past the time when one can."""
        for name, book in self.types.items():
            wakes = [w.until for w in self.workers if w.until is not None and w.hears(name)]
            if not wakes or not book.open or min(wakes) <= self.engine.now:
                continue
            assert not book.grantable, f"somebody sleeps beside {name}: {book}"
            assert min(wakes) <= book.due - AHEAD, f"nobody wakes for the token of {name} due at {book.due}: {wakes}"
