"""Guards what a task's owner may do to it: cancel what has not ended, retry what has failed; races have one winner."""

import pytest

from tests.broker.engine.engine import LEASE, NOTHING, SECOND, START, Engine, Run, at, indexed, leased
from tests.invariants import changes

REGISTRY_SCORE = START // SECOND + 315_360_000


class TestCancel:
    def test_a_pending_task(self, engine: Engine) -> None:
        first, task_id, last = (engine.submit() for _ in range(3))
        before = engine.state()
        assert engine.store.cancel(task_id, "acme", force=False) == "pending"
        assert changes(before, engine.state()) == {
            "job:task-2": {"status": ("queued", "canceled"), "ended_at": (None, at(0))},
            "queue:Noop": ([first, task_id, last], [first, last]),
            # The last one fills the gap.
            f"job:{last}": {"seq": ("3", "2")},
            "broker:arrivals": {"Noop": ("3", "2")},
            "broker:waiting:Noop:0:acme:": {task_id: (START + 1, None)},
            "canceled:Noop": {task_id: (None, REGISTRY_SCORE)},
            "broker:tasks:acme:Noop": {task_id: (indexed("pending"), indexed("cancelled"))},
        }
        engine.check()

    def test_a_scheduled_task(self, engine: Engine) -> None:
        task_id = engine.submit(delay_us=SECOND)
        before = engine.state()
        assert engine.store.cancel(task_id, "acme", force=False) == "scheduled"
        assert changes(before, engine.state()) == {
            "job:task-1": {"status": ("scheduled", "canceled"), "ended_at": (None, at(0))},
            "scheduled:Noop": {task_id: (START / SECOND + 1, None)},
            "canceled:Noop": {task_id: (None, REGISTRY_SCORE)},
            "broker:due": {task_id: (START + SECOND, None)},
            "broker:tasks:acme:Noop": {task_id: (indexed("scheduled"), indexed("cancelled"))},
        }
        engine.advance(2)
        assert engine.promote() == (0, -1)
        engine.check()

    def test_a_running_task_only_by_force(self, engine: Engine) -> None:
        run = started(engine)
        before = engine.state()
        assert engine.store.cancel(run.id, "acme", force=False) == "processing"
        assert engine.state() == before
        assert engine.store.cancel(run.id, "acme", force=True) == "processing"
        found = changes(before, engine.state())
        assert found["job:task-1"].pop("attempts")[1]
        assert found == {
            "job:task-1": {
                "status": ("started", "canceled"),
                "lease": ("x1", "x1 cancelled"),
                "ended_at": (None, at(0)),
            },
            "wip:Noop": {"task-1:x1": (leased(START + LEASE), None)},
            "canceled:Noop": {run.id: (None, REGISTRY_SCORE)},
            "broker:tasks:acme:Noop": {run.id: (indexed("processing"), indexed("cancelled"))},
        }
        (attempt,) = engine.task(run.id).attempts
        assert (attempt["outcome"], attempt["worker"]) == ("cancelled", "w1")
        engine.check()

    @pytest.mark.parametrize("force", [False, True])
    def test_what_has_ended_stays_as_it_is(self, engine: Engine, force: bool) -> None:
        for _ in range(3):
            engine.submit()
        engine.finish(engine.start())
        engine.fail(engine.start())
        engine.store.cancel("task-3", "acme", force=False)
        before = engine.state()
        found = [engine.store.cancel(f"task-{n}", "acme", force=force) for n in (1, 2, 3)]
        assert found == ["completed", "failed", "cancelled"]
        assert engine.state() == before

    def test_another_tenants_task_is_not_there(self, engine: Engine) -> None:
        task_id = engine.submit()
        before = engine.state()
        assert engine.store.cancel(task_id, "other", force=True) == "missing"
        assert engine.store.cancel("nothing", "acme", force=True) == "missing"
        assert engine.state() == before

    def test_of_claim_and_cancel_one_wins(self, engine: Engine) -> None:
        first, second = engine.submit(), engine.submit()
        assert engine.store.cancel(first, "acme", force=False) == "pending"
        run = engine.start()
        assert run.id == second
        assert engine.store.cancel(second, "acme", force=False) == "processing"
        assert engine.claim("w2") == NOTHING
        engine.check()

    def test_of_promote_and_cancel_both_may_come_first(self, engine: Engine) -> None:
        before, after = engine.submit(delay_us=SECOND), engine.submit(delay_us=SECOND)
        engine.store.cancel(before, "acme", force=False)
        engine.advance(1)
        assert engine.promote() == (1, -1)
        assert engine.store.cancel(after, "acme", force=False) == "pending"
        assert engine.claim() == NOTHING
        engine.check()


class TestRetry:
    def test_a_failed_task_is_due_at_once(self, engine: Engine) -> None:
        task_id = engine.submit()
        engine.fail(engine.start())
        engine.advance(1)
        before = engine.state()
        assert engine.retry(task_id) == (True, "failed", 1, 3)
        assert changes(before, engine.state()) == {
            "job:task-1": {
                "status": ("failed", "scheduled"),
                "retry_count": (None, "1"),
                "retry_request": (None, "r1"),
                "scheduled_at": (None, at(1)),
                "ended_at": (at(0), None),
            },
            "failed:Noop": {task_id: (REGISTRY_SCORE, None)},
            "scheduled:Noop": {task_id: (None, START // SECOND + 1)},
            "broker:due": {task_id: (None, START + SECOND)},
            "broker:tasks:acme:Noop": {task_id: (indexed("failed"), indexed("scheduled"))},
        }
        engine.check()
        assert engine.promote() == (1, -1)
        assert engine.start().claimed.retry_count == 1

    def test_a_repeat_of_the_request_is_granted_once(self, engine: Engine) -> None:
        task_id = engine.submit()
        engine.fail(engine.start())
        first = engine.retry(task_id)
        before = engine.state()
        engine.advance(1)
        assert engine.retry(task_id) == first
        assert engine.state() == before
        engine.promote()  # even when the task has run and failed again in between
        engine.fail(engine.start())
        before = engine.state()
        assert engine.retry(task_id)[0]
        assert engine.state() == before

    def test_of_many_requests_one_is_granted(self, engine: Engine) -> None:
        task_id = engine.submit()
        engine.fail(engine.start())
        answers = [engine.retry(task_id, request=f"r{n}") for n in range(50)]
        assert answers[0] == (True, "failed", 1, 3)
        assert set(answers[1:]) == {(False, "scheduled", 1, 3)}
        assert engine.field(task_id, "retry_count") == "1"

    def test_one_that_failed_without_a_run_counts_its_retries_too(self, engine: Engine) -> None:
        """A foreign hand has made it fail."""
        task_id = engine.submit()
        engine.fail(engine.start())
        engine.redis.hdel(engine.keys.job(task_id), "runs")
        assert engine.retry(task_id) == (True, "failed", 1, 3)
        engine.promote()
        assert engine.start().claimed.retry_count == 1

    def test_used_up_retries_need_force_which_grants_one(self, engine: Engine) -> None:
        task_id = engine.submit(max_retries=0)
        engine.fail(engine.start())
        before = engine.state()
        assert engine.retry(task_id) == (False, "failed", 0, 0)
        assert engine.state() == before
        assert engine.retry(task_id, force=True) == (True, "failed", 1, 1)
        engine.promote()
        engine.fail(engine.start(), delay=0)
        assert engine.retry(task_id, request="r2") == (False, "failed", 1, 1)
        assert engine.retry(task_id, force=True, request="r3") == (True, "failed", 2, 2)
        engine.check()

    def test_force_grants_nothing_that_is_not_needed(self, engine: Engine) -> None:
        task_id = engine.submit(max_retries=3)
        engine.fail(engine.start())
        assert engine.retry(task_id, force=True) == (True, "failed", 1, 3)

    def test_a_poisoned_task_starts_a_new_row_of_crashes(self, engine: Engine) -> None:
        task_id = engine.submit()
        for _ in range(3):
            engine.release(engine.start(), crashed=True)
        assert engine.retry(task_id)[0]
        engine.promote()
        assert engine.release(engine.start(), crashed=True) == "pending"

    @pytest.mark.parametrize("state", ["pending", "scheduled", "processing", "completed", "cancelled"])
    def test_only_failed_tasks(self, engine: Engine, state: str) -> None:
        task_id = engine.submit(delay_us=SECOND if state == "scheduled" else 0)
        if state in ("processing", "completed"):
            run = engine.start()
            if state == "completed":
                engine.finish(run)
        if state == "cancelled":
            engine.store.cancel(task_id, "acme", force=False)
        before = engine.state()
        assert engine.retry(task_id, force=True) == (False, state, 0, 3)
        assert engine.state() == before

    def test_another_tenants_task_is_not_there(self, engine: Engine) -> None:
        task_id = engine.submit()
        engine.fail(engine.start())
        assert engine.store.retry(task_id, "other", force=True, request="r") == (False, "missing", 0, 0)
        assert engine.store.retry("nothing", "acme", force=True, request="r") == (False, "missing", 0, 0)

    def test_a_unique_key_is_taken_again(self, engine: Engine) -> None:
        task_id = engine.submit(unique_key="k")
        engine.fail(engine.start())
        engine.retry(task_id)
        assert engine.try_submit(unique_key="k") == (0, task_id)
        engine.check()

    def test_a_unique_key_that_another_has_is_left_to_it(self, engine: Engine) -> None:
        """Else two would be live, and one of them without the key."""
        task_id = engine.submit(unique_key="k")
        engine.fail(engine.start())
        other = engine.submit(unique_key="k")
        before = engine.state()
        assert engine.store.retry(task_id, "acme", force=True, request="r") == (False, "key_taken", other, 0)
        assert engine.state() == before
        engine.store.cancel(other, "acme", force=False)
        engine.retry(task_id)
        assert engine.try_submit(unique_key="k") == (0, task_id)
        engine.check()


def started(engine: Engine) -> Run:
    engine.submit()
    return engine.start()
