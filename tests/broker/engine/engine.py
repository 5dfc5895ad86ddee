"""The store on a clock that the test turns, and short words for what tests do with it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from broker.clock import to_rfc3339
from broker.daemon.reconcile import Reconcile
from broker.engine.keys import Keys
from broker.engine.transitions import Claim, Claimed, Transitions, Wait
from broker.levels import BACKGROUND, split_queue
from broker.queues.limits import burst_argument, concurrency_argument, rate_argument
from broker.status import Status, score_range
from broker.task import Task
from broker.tasks.queries import Queries
from broker.tasks.submission import options
from tests.invariants import State, check_invariants, snapshot

#: 2023-11-14T22:13:20Z, in microseconds.
START = 1_700_000_000_000_000
SECOND = 1_000_000
LEASE = 5 * SECOND
NOTHING = Wait(-1)
#: A start is granted so many microseconds before its token is due.
AHEAD = 20_000


def token_in(us: int) -> Wait:
    """The sleep of a worker that wakes in time for a token that is due in so long."""
    return Wait(us - AHEAD)


def indexed(status: str, us: int = START) -> int:
    """The score of a task that was created then in the index of its type."""
    return score_range(Status(status), us)[0]


def leased(until: int) -> float:
    """The score in RQ's registry of running tasks of a lease that ends then."""
    return (until + 86_400 * SECOND) / SECOND


@dataclass(frozen=True)
class Run:
    """A task that a worker has claimed."""

    worker: str
    execution: str
    claimed: Claimed

    @property
    def id(self) -> str:
        return self.claimed.id


class Engine:
    """Unless told otherwise: tenant ``acme``, type ``Noop`` without limits, worker ``w1`` that listens to it."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self.redis = redis
        self.keys = keys
        self.store = Transitions(redis, keys, clock="clock_test")
        self.reconcile = Reconcile(redis, keys, clock="clock_test", slice_seconds=math.inf)
        self.queries = Queries(redis, keys)
        self._ids = self._executions = 0
        self.now = START

    # time -------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self._now

    @now.setter
    def now(self, us: int) -> None:
        self._now = us
        self.redis.set("test:now", us)

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    # tasks ------------------------------------------------------------------------------------------------------

    def declare(self, name: str = "Noop", *, rate: Any = None, burst: int = 1, concurrency: Any = None) -> None:
        words = rate_argument(rate), burst_argument(burst), concurrency_argument(concurrency)
        self.store.declare(f"{name}={'/'.join(words)}")

    def cap(self, name: str = "Noop", *, rate: Any = None, burst: int = 1, concurrency: Any = None, group: Any = None,
            aging: Any = None) -> None:  # fmt: skip
        """Sets all caps of tenants and groups, and aging."""
        words = (
            rate_argument(rate),
            burst_argument(burst),
            *("" if n is None else str(n) for n in (concurrency, group, aging)),
        )
        assert self.configure(name, caps="/".join(words))

    def configure(self, name: str = "Noop", **changes: str) -> bool:
        kept = {"rate": "keep", "burst": "keep", "concurrency": "keep", "paused": "keep"}
        return self.store.configure(name, **(kept | changes))

    def try_submit(self, name: str = "Noop", *, tenant: str = "acme", priority: int = 0, **fields: Any) -> Any:
        """(1, id) when it was created; else the first two of the store's own answer."""
        self._ids += 1
        task_id, payload = fields.pop("id", f"task-{self._ids}"), fields.pop("payload", '{"n":1}')
        most, media, trace = fields.pop("max_pending", 0), fields.pop("media", ()), fields.pop("trace", "")
        answer = self.store.submit(task_id, tenant, payload, _terms(name, priority, **fields), most, media, trace=trace)
        return (1, task_id) if isinstance(answer, int) else tuple(answer[:2])

    def try_submit_many(self, *tasks: dict[str, Any], tenant: str = "acme", max_pending: int = 0) -> list[Any]:
        """The store's own answer; a task is what differs from a plain ``Noop``."""
        flat: list[str] = []
        for task in tasks:
            self._ids += 1
            fields = {"type_name": task.get("type", "Noop"), **task}
            fields.pop("type", None)
            task_id = fields.pop("id", f"task-{self._ids}")
            flat += [task_id, '{"n":1}', _terms(**fields)]
        return self.store.submit_many(tenant, flat, max_pending)

    def try_submit_linked(
        self, *tasks: dict[str, Any], tenant: str = "acme", max_pending: int = 0, media: Sequence[str] = ()
    ) -> list[Any]:
        """The store's own answer; a task may name ``depends_on``, ``on_failure``, ``flow`` and ``deadline`` besides."""
        flat: list[str] = []
        for task in tasks:
            self._ids += 1
            fields = {"type_name": task.get("type", "Noop"), **task}
            fields.pop("type", None)
            task_id, ids = fields.pop("id", f"task-{self._ids}"), ",".join(fields.pop("depends_on", ()))
            links = f"{fields.pop('flow', '')} {fields.pop('on_failure', 'cancel')} {ids} {fields.pop('deadline', '')}"
            flat += [task_id, '{"n":1}', _terms(**fields), links]
        return self.store.submit_linked(tenant, flat, max_pending, media)

    def link(self, *depends_on: str, **fields: Any) -> str:
        """A task that depends on these."""
        task_id = fields.setdefault("id", f"task-{self._ids + 1}")
        tenant = fields.pop("tenant", "acme")
        assert self.try_submit_linked({"depends_on": depends_on, **fields}, tenant=tenant)[0] == 1
        return str(task_id)

    def settle(self) -> int:
        """As often as the daemon would; how often that was."""
        times = 1
        while self.store.settle(5):
            times += 1
        return times

    def submit(self, name: str = "Noop", **fields: Any) -> str:
        code, task_id = self.try_submit(name, **fields)
        assert code == 1
        return task_id

    def task(self, task_id: str, tenant: str = "acme") -> Task:
        return self.queries.get(tenant, task_id)

    def field(self, task_id: str, name: str) -> str | None:
        return self.redis.hget(self.keys.job(task_id), name)

    def waiting(self, queue: str = "Noop") -> list[str]:
        return self.redis.lrange(self.keys.rq_queue(queue), 0, -1)

    def order(self, queue: str = "Noop", tenant: str = "acme", group: str = "") -> list[str]:
        """In which a tenant's tasks will start."""
        return self.redis.zrange(self.keys.waiting(*split_queue(queue), tenant, group), 0, -1)

    # workers ----------------------------------------------------------------------------------------------------

    def by(self, worker: str = "w1", group: str = "Noop", execution: str | None = None) -> Claim:
        """A claim under a new execution, or under the given one."""
        self._executions += 1
        return Claim(worker, f"x{self._executions}" if execution is None else execution, group, LEASE)

    def no_more(self, worker: str = "w1") -> Claim:
        """The end of a run after which the worker takes nothing."""
        return Claim(worker, "", "Noop", LEASE)

    def claim(self, worker: str = "w1", group: str = "Noop") -> Claimed | Wait:
        return self.store.claim(self.by(worker, group))

    def start(self, worker: str = "w1", group: str = "Noop") -> Run:
        """The next task, which there must be."""
        claim = self.by(worker, group)
        claimed = self.store.claim(claim)
        assert isinstance(claimed, Claimed), claimed
        return Run(worker, claim.execution, claimed)

    def finish(
        self, run: Run, then: Claim | None = None, result: str = '{"done":true}', **more: Any
    ) -> tuple[str, Claimed | Wait]:
        return self.store.finish(run.id, run.execution, result, then or self.no_more(run.worker), **more)

    def fail(self, run: Run, delay: float | None = None, then: Claim | None = None) -> tuple[str, Claimed | Wait]:
        """``delay`` in seconds until the next try; ``None`` for a failure that no try can cure."""
        delay_us = None if delay is None else round(delay * SECOND)
        return self.store.fail(run.id, run.execution, "boom", "Trace: boom", delay_us, then or self.no_more(run.worker))

    def postpone(
        self, run: Run, delay: float, then: Claim | None = None, *, background: bool = False
    ) -> tuple[str, Claimed | Wait]:
        then = then or self.no_more(run.worker)
        return self.store.postpone(run.id, run.execution, round(delay * SECOND), then, background=background)

    def release(self, run: Run, *, crashed: bool = False) -> str:
        outcome, _ = self.store.release(run.worker, run.execution, crashed=crashed, max_crashes=3, message="It died")
        return outcome

    def renew(self, *runs: Run, progress: str = "") -> list[str]:
        beats = [(run.worker, run.id, run.execution, progress) for run in runs]
        return self.store.renew(beats, lease_us=LEASE, worker_ttl=30)

    def share(self, run: Run, *parts: str, helpers: Sequence[str] = (), max_pending: int = 0, work: str = "w",
              **terms: Any) -> list[str] | None:  # fmt: skip
        """Shares the work of a run with tasks of these ids, which wait in the background."""
        helper = b'{"n":1}', _terms("Noop", BACKGROUND, **terms)
        told = {"work": work, "helper": helper, "bounds": max_pending, "ids": helpers, "parts": parts}
        return self.store.share_work(run.id, run.execution, **told)

    def take(self, run: Run, lead: str = "lead", most: int = 1, work: str = "w") -> tuple[list[str], int] | None:
        """The parts that it has now, and how many others make."""
        return self.store.take_part(run.id, run.execution, lead=lead, work=work, most=most)

    def retry(self, task_id: str, *, force: bool = False, request: str = "r1") -> Any:
        return self.store.retry(task_id, "acme", force=force, request=request)

    def reap(self, limit: int = 100) -> tuple[int, int]:
        """(leases lost, leases extended)"""
        lost, extended = self.store.reap(lease_us=LEASE, gap_us=3 * SECOND, max_crashes=3, limit=limit)
        return len(lost), len(extended)

    def promote(self, limit: int = 100) -> tuple[int, int]:
        """(tasks moved, microseconds until the next is due or -1)"""
        moved, wait = self.store.promote(limit)
        return len(moved), wait

    def reap_later(self, seconds: float) -> tuple[int, int]:
        """Reaps twice a second until then, as the daemon does; returns what the last reap answered."""
        end = self.now + round(seconds * SECOND)
        answer = self.reap()
        while self.now < end:
            self.now = min(end, self.now + SECOND // 2)
            answer = self.reap()
        return answer

    def woken(self) -> list[str]:
        """Workers that have been woken since they fell asleep; they wake."""
        keys = sorted(self.redis.keys(self.keys.wake("*")))
        if keys:
            self.redis.delete(*keys)
        return [key.removeprefix(self.keys.wake("")) for key in keys]

    # states -----------------------------------------------------------------------------------------------------

    def state(self) -> State:
        return snapshot(self.redis, self.keys)

    def check(self, **options: Any) -> State:
        return check_invariants(self.redis, self.keys, **options)


def at(seconds: float) -> str:
    """The moment so many seconds after the test began, as it is stored and shown."""
    return to_rfc3339(START + round(seconds * SECOND))


def _terms(
    type_name: str,
    priority: int = 0,
    max_retries: int = 3,
    timeout: int = 60,
    unique_key: str = "",
    group: str = "",
    tags: str = "",
    version: int = 1,
    **due: int,
) -> str:
    if version > 1:
        type_name = f"{type_name}@{version}"
    return options(type_name, priority, max_retries, timeout, **due, unique=unique_key, group=group, tags=tags)


def put_in_state(engine: Engine, state: str, priority: int = 0, **submitted: Any) -> str:
    """A task in this state."""
    delay_us = 600 * SECOND if state == "scheduled" else 0
    task_id = engine.submit(priority=priority, delay_us=delay_us, **submitted)
    if state == "cancelled":
        engine.store.cancel(task_id, "acme", force=False)
    if state in ("processing", "completed", "failed"):
        run = engine.start()
        engine.advance(1)
        if state == "completed":
            engine.finish(run)
        if state == "failed":
            engine.fail(run)
    return task_id
