"""The claim rule on virtual time.

A free worker takes, of what it listens to, the highest level that may start; ties go to the type served longest ago.
Where nothing may start now, it takes the start whose token is due first, if that is within AHEAD. `engine/lua` decides
the same in Redis; a test runs both side by side.
"""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from broker.forecast.bucket import AHEAD, MICRO
from broker.forecast.fair import Level
from broker.forecast.snapshot import Charge, Snapshot
from broker.forecast.type_queue import TypeQueue

#: Seconds of the next run of a type by a tenant.
Draw = Callable[[str, str], float]


class Start(NamedTuple):
    """A task begins: so many microseconds after the snapshot."""

    at: int
    type: str
    level: int
    tenant: str
    group: str


class Happening(NamedTuple):
    """A run ends (``ran``), or a task comes, and where it waits."""

    at: int
    number: int
    queue: TypeQueue
    level: int
    tenant: str
    group: str
    ran: bool
    #: Index of the worker's group, ``None`` for one that takes no more tasks.
    workers: int | None = None
    #: Microseconds that the run took, and what it was charged at its start, if anything.
    took: float = 0.0
    charge: Charge | None = None


class Machine:
    """Runs forward from a snapshot; ``starts`` is what has begun since, in the order of the claims."""

    def __init__(self, snapshot: Snapshot, draw: Draw, left: Sequence[float]) -> None:
        """``left``: seconds that each run of the snapshot goes on for."""
        self.now = 0
        self.starts: list[Start] = []
        self.queues = {name: TypeQueue(name, state, snapshot.weight) for name, state in snapshot.types.items()}
        self._draw = draw
        self._free = [each.slots for each in snapshot.workers]
        self._heard = [
            [self.queues[name] for name in sorted(group.types & self.queues.keys(), reverse=True)]
            for group in snapshot.workers
        ]
        self._capped = [[queue for queue in each if queue.state.capped] for each in self._heard]
        #: Those that can do least are asked first.
        self._turns = sorted(range(len(self._free)), key=lambda index: len(snapshot.workers[index].types))
        self.happenings: list[Happening] = []
        self._numbers = count()
        self._wake: int | None = None
        for run, seconds in zip(snapshot.running, left, strict=True):
            if queue := self.queues.get(run.type):
                queue.begin(run.tenant, run.group)
                if run.workers is not None:
                    self._free[run.workers] -= 1
                at, took = round(seconds * MICRO), (run.age + seconds) * MICRO
                self._end(
                    Happening(at, 0, queue, run.level, run.tenant, run.group, True, run.workers, took, run.charge)
                )
        for due in snapshot.due:
            if due.type in self.queues:
                self.arrive(due.at, due.type, due.level, due.tenant, due.group)

    def arrive(self, at: float, type_name: str, level: int, tenant: str = "", group: str = "") -> None:
        """A task will stand in its line from that second on."""
        self._end(Happening(round(at * MICRO), 0, self.queues[type_name], level, tenant, group, ran=False))

    def _end(self, happening: Happening) -> None:
        heappush(self.happenings, happening._replace(number=next(self._numbers)))

    # time -------------------------------------------------------------------------------------------------------

    def run(self, most: int, until: int | None = None) -> bool:
        """Until so many tasks have begun, or until that microsecond; False when nothing can happen before."""
        self._claim_all()
        while len(self.starts) < most:
            at = self._next()
            if at is None or (until is not None and at > until):
                return at is not None
            self.now = at
            while self.happenings and self.happenings[0].at <= at:
                self._happen(heappop(self.happenings))
            self._claim_all()
        return True

    def _next(self) -> int | None:
        """The next moment at which something happens or a token is due."""
        first = self.happenings[0].at if self.happenings else None
        if self._wake is not None and (first is None or self._wake < first):
            return self._wake
        return first

    def _happen(self, what: Happening) -> None:
        if not what.ran:
            what.queue.add(what.level, what.tenant, what.group)
            return
        what.queue.end(what.level, what.tenant, what.group, what.took, what.charge)
        if what.workers is not None:
            self._free[what.workers] += 1
            self._claim(what.workers)  # whoever ends a run asks first

    # claims -----------------------------------------------------------------------------------------------------

    def _claim_all(self) -> None:
        """Every free worker takes what it may."""
        self._wake = None
        for index in self._turns:
            while self._free[index] > 0 and self._claim(index):
                pass

    def _claim(self, index: int) -> bool:
        """A worker of the group asks; False when there is nothing for it."""
        for queue in self._capped[index]:
            queue.let_go_due(self.now)
        while best := self._choose(index):
            if self._start(index, *best):
                return True
        for queue in self._capped[index]:
            if (due := queue.next_due()) is not None:
                self._note(due - self.now)
        return False

    def _choose(self, index: int) -> tuple[TypeQueue, Level, int] | None:
        """The level whose turn it is, and the microseconds until a task of it begins, AHEAD at most."""
        best = best_key = None
        for queue in self._heard[index]:
            level = queue.top() if queue.open else None
            due = queue.bucket.due(self.now) if level else None
            if level is None or due is None:
                continue
            if due > AHEAD:
                self._note(due - AHEAD)
                continue
            key = due, -level.number, 0 if due else queue.served
            if best_key is None or key < best_key:
                best, best_key = (queue, level, due), key
        return best

    def _note(self, wait: int) -> None:
        """Somebody has to look again in so many microseconds."""
        if self._wake is None or self.now + wait < self._wake:
            self._wake = self.now + wait

    def _start(self, index: int, queue: TypeQueue, level: Level, ahead: int) -> bool:
        taken = queue.take(level, self.now, ahead)
        if taken is None:
            return False
        (member, line, _, _), charge = taken
        took = round(self._draw(queue.name, member.tenant) * MICRO)
        self._free[index] -= 1
        at = self.now + ahead
        self.starts.append(Start(at, queue.name, level.number, member.tenant, line.group))
        self._end(Happening(at + took, 0, queue, level.number, member.tenant, line.group, True, index, took, charge))
        return True
