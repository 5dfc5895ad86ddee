"""Guards that a task whose worker is gone runs again, soon and counted, and that nobody is judged for an absence."""

import json
from dataclasses import replace

import pytest

from broker.config import BrokerSettings
from broker.daemon.reap import Reap
from broker.engine.transitions import Claimed
from tests.broker.engine.engine import LEASE, SECOND, START, Engine, Run, at, indexed, leased
from tests.invariants import changes


@pytest.fixture
def run(engine: Engine) -> Run:
    """One running task, in a world where somebody reaps."""
    engine.reap()
    engine.submit()
    return engine.start()


def test_a_lease_is_kept_to_the_tenth_of_a_second(engine: Engine) -> None:
    engine.submit()
    engine.advance(1.7891)
    engine.start()
    assert engine.redis.zscore(engine.keys.registry("wip", "Noop"), "task-1:x1") == leased(START + LEASE) + 1.7


class TestRenew:
    def test_a_beat_prolongs_the_lease_and_shows_the_run_to_rq(self, engine: Engine, run: Run) -> None:
        engine.advance(2)
        before = engine.state()
        assert engine.renew(run, progress='{"percent":50,"stage":"half"}') == []
        after = engine.state()
        assert changes(before, after) == {
            "job:task-1": {
                "last_heartbeat": (None, at(2)),
                "progress": (None, '{"percent":50,"stage":"half"}'),
            },
            "execution:task-1:x1": {
                "id": (None, "x1"),
                "job_id": (None, "task-1"),
                "worker_name": (None, "w1"),
                "created_at": (None, str(START // SECOND + 2)),
                "last_heartbeat": (None, str(START // SECOND + 2)),
            },
            "executions:task-1": {"x1": (None, START / SECOND + 2 + 86400)},
            "worker:w1": {"last_heartbeat": (None, at(2))},
            "worker:w1:executions": (None, {"task-1:x1"}),
            "wip:Noop": {"task-1:x1": (leased(START + LEASE), leased(START + LEASE + 2 * SECOND))},
        }
        rq_records = {"execution:task-1:x1", "executions:task-1", "worker:w1", "worker:w1:executions"}
        assert after.expiring == {f"rq:{name}" for name in rq_records}
        engine.check()

    def test_renewed_in_time_a_run_may_last(self, engine: Engine, run: Run) -> None:
        for _ in range(20):
            engine.advance(1)
            assert engine.renew(run) == []
            assert engine.reap() == (0, 0)
        assert engine.finish(run)[0] == "completed"

    def test_progress_is_the_present_runs(self, engine: Engine, run: Run) -> None:
        engine.advance(1)
        engine.renew(run, progress='{"percent":50,"stage":"half"}')
        assert engine.task(run.id).progress == {"percent": 50, "stage": "half"}
        engine.renew(run)
        assert engine.task(run.id).progress == {"percent": 50, "stage": "half"}
        engine.advance(1)
        engine.release(run)
        assert engine.task(run.id).progress == {"percent": 0, "stage": "to start again; the run before reached 50 %"}
        again = engine.start()
        assert engine.task(run.id).progress == {"percent": 0, "stage": "started again; the run before reached 50 %"}
        engine.finish(again)
        assert engine.task(run.id).progress == {"percent": 100, "stage": "done"}


class TestReap:
    def test_an_expired_lease_is_taken_back_to_the_front(self, engine: Engine, run: Run) -> None:
        waiting = engine.submit()
        engine.reap_later(4.5)
        before = engine.state()
        engine.advance(0.5)
        assert engine.reap() == (1, 0)
        found = changes(before, engine.state())
        (attempt,) = json.loads(found["job:task-1"].pop("attempts")[1])
        lost = {"outcome": "lost", "error": "The worker running this task was lost", "worker": "w1"}
        assert attempt == {"started_at": at(0), "ended_at": at(5)} | lost
        assert found == {
            "job:task-1": {
                "status": ("started", "queued"),
                "lease": ("x1", "x1 lost"),
                "crashes": (None, "1"),
                "enqueued_at": (None, at(5)),
            },
            "queue:Noop": ([waiting], [run.id, waiting]),
            "broker:waiting:Noop:0:acme:": {run.id: (None, START - 1)},
            "wip:Noop": {"task-1:x1": (leased(START + LEASE), None)},
            "broker:reaped": (str(START + 4_500_000), str(START + 5_000_000)),
            "broker:tasks:acme:Noop": {run.id: (indexed("processing"), indexed("pending"))},
        }
        engine.check()

    def test_a_microsecond_before_its_end_a_lease_holds(self, engine: Engine, run: Run) -> None:
        engine.reap_later(4.5)
        engine.now = START + LEASE - 1
        assert engine.reap() == (0, 0)
        engine.now = START + LEASE
        assert engine.reap() == (1, 0)

    def test_a_death_spends_no_retry(self, engine: Engine, run: Run) -> None:
        engine.reap_later(6)
        assert engine.task(run.id).retry_count == 0

    def test_the_second_death_sends_to_the_end_and_the_third_is_poison(self, engine: Engine, run: Run) -> None:
        others = [engine.submit(), engine.submit()]
        engine.reap_later(5)
        assert engine.waiting() == [run.id, *others]
        assert engine.start("w2").id == run.id
        engine.reap_later(5)
        assert engine.waiting() == [*others, run.id]
        for other in others:
            engine.finish(engine.start("w3"))
            assert engine.task(other).status == "completed"
        assert engine.start("w3").id == run.id
        engine.reap_later(5)
        task = engine.task(run.id)
        assert (task.status, task.completed_at) == ("failed", at(15))
        assert task.error == "The worker running this task was lost (3 times in a row; it is not tried again)"
        assert [each["outcome"] for each in task.attempts] == ["lost"] * 3
        engine.check()

    def test_a_batch_is_bounded_per_type(self, engine: Engine) -> None:
        engine.reap()
        for n in range(5):
            engine.submit()
            engine.start(f"w{n}")
        engine.reap_later(4.5)
        engine.advance(0.5)
        assert engine.reap(limit=2) == (2, 0)
        assert engine.reap(limit=2) == (2, 0)
        assert engine.reap(limit=2) == (1, 0)
        engine.check()

    def test_two_reapers_take_a_task_back_once(self, engine: Engine, run: Run) -> None:
        engine.reap_later(4.5)
        engine.advance(0.5)
        assert [engine.reap(), engine.reap()] == [(1, 0), (0, 0)]
        assert engine.field(run.id, "crashes") == "1"

    def test_a_slot_freed_by_a_death_is_free(self, engine: Engine) -> None:
        engine.reap()
        engine.configure(concurrency="1")
        engine.submit()
        engine.start("w1")
        engine.claim("w2")
        engine.reap_later(5)
        assert engine.woken() == ["w2"]
        assert isinstance(engine.claim("w2"), Claimed)

    def test_the_lease_of_a_deleted_task_is_dropped(self, engine: Engine, run: Run) -> None:
        engine.redis.delete(engine.keys.job(run.id))
        engine.reap_later(5)
        assert engine.keys.registry("wip", "Noop") not in engine.state().values


class TestChore:
    def test_it_comes_twice_a_second_and_at_once_after_a_full_batch(
        self, engine: Engine, settings: BrokerSettings
    ) -> None:
        chore = Reap(engine.store, settings)
        assert chore.tick() == 0.5
        for number in range(101):
            engine.submit()
            engine.start(f"w{number}")
        for _ in range(4):
            engine.advance(1)
            assert chore.tick() == 0.5
        engine.advance(1)
        assert chore.tick() == 0.0
        assert chore.tick() == 0.5
        assert len(engine.waiting()) == 101

    def test_an_absence_is_measured_in_leases(self, engine: Engine, settings: BrokerSettings) -> None:
        chore = Reap(engine.store, replace(settings, lease_seconds=20.0))
        chore.tick()
        engine.submit()
        engine.start()
        engine.advance(11)
        chore.tick()
        assert engine.task("task-1").status == "pending"  # eleven of twenty seconds are no absence

    def test_a_longer_one_is(self, engine: Engine, settings: BrokerSettings) -> None:
        chore = Reap(engine.store, replace(settings, lease_seconds=20.0))
        chore.tick()
        engine.submit()
        engine.start()
        engine.advance(13)
        chore.tick()
        assert engine.task("task-1").status == "processing"


class TestGap:
    """If nobody reaped for a while, nobody could renew either: each run gets one more lease, once after each beat."""

    def test_after_an_absence_leases_are_extended(self, engine: Engine, run: Run) -> None:
        engine.advance(60)
        before = engine.state()
        assert engine.reap() == (0, 1)
        assert changes(before, engine.state()) == {
            "job:task-1": {"grace": (None, "x1")},
            "broker:reaped": (str(START), str(START + 60 * SECOND)),
            "wip:Noop": {"task-1:x1": (leased(START + LEASE), leased(START + 60 * SECOND + LEASE))},
        }
        assert engine.renew(run) == []
        assert engine.finish(run)[0] == "completed"

    def test_who_is_really_gone_is_found_one_lease_later(self, engine: Engine, run: Run) -> None:
        engine.advance(60)
        engine.reap()
        engine.reap_later(4.5)
        assert engine.task(run.id).status == "processing"
        engine.advance(0.5)
        assert engine.reap() == (1, 0)

    def test_who_did_not_come_back_is_forgiven_once(self, engine: Engine, run: Run) -> None:
        engine.advance(60)
        assert engine.reap() == (0, 1)
        engine.advance(60)
        assert engine.reap() == (1, 0)

    def test_who_came_back_is_forgiven_again(self, engine: Engine, run: Run) -> None:
        for _ in range(3):
            engine.advance(60)
            assert engine.reap() == (0, 1)
            assert engine.renew(run) == []

    def test_the_next_execution_is_forgiven_too(self, engine: Engine, run: Run) -> None:
        engine.advance(60)
        engine.reap()
        engine.finish(run)
        engine.submit()
        engine.start("w2")
        engine.advance(60)
        assert engine.reap() == (0, 1)

    def test_nobody_has_ever_reaped(self, engine: Engine) -> None:
        engine.submit()
        engine.start()
        engine.advance(60)
        assert engine.reap() == (0, 1)

    def test_just_within_the_gap_counts_as_present(self, engine: Engine, run: Run) -> None:
        engine.reap_later(3)
        engine.advance(3)
        assert engine.reap() == (1, 0)


class TestClockStepsBack:
    def test_nothing_expires_by_it(self, engine: Engine, run: Run) -> None:
        engine.reap_later(4)
        engine.renew(run)
        engine.advance(-3600)
        assert engine.reap() == (0, 0)
        for _ in range(10):
            engine.advance(1)
            assert engine.renew(run) == []
            assert engine.reap() == (0, 0)

    def test_a_dead_worker_is_still_found_one_lease_later(self, engine: Engine, run: Run) -> None:
        engine.reap_later(1)
        engine.advance(-3600)
        engine.reap_later(4.5)
        assert engine.task(run.id).status == "processing"
        assert engine.reap_later(0.5) == (1, 0)


class TestRelease:
    """Handing back: by the worker's record, because the supervisor knows no task."""

    def test_handed_back_to_the_front_without_a_mark(self, engine: Engine, run: Run) -> None:
        waiting = engine.submit()
        before = engine.state()
        assert engine.release(run) == "pending"
        found = changes(before, engine.state())
        assert found["job:task-1"] == {
            "status": ("started", "queued"),
            "lease": ("x1", "x1 released"),
            "enqueued_at": (None, at(0)),
        }
        assert found["queue:Noop"] == ([waiting], [run.id, waiting])
        assert engine.task(run.id).attempts == []
        engine.check()

    def test_handed_back_any_number_of_times(self, engine: Engine, run: Run) -> None:
        for _ in range(10):
            assert engine.release(run) == "pending"
            run = engine.start()
        task = engine.task(run.id)
        assert (task.retry_count, engine.field(run.id, "crashes"), run.claimed.runs) == (0, None, 11)

    def test_a_crash_is_told_and_counted(self, engine: Engine, run: Run) -> None:
        assert engine.release(run, crashed=True) == "pending"
        (attempt,) = engine.task(run.id).attempts
        assert (attempt["outcome"], attempt["error"]) == ("lost", "It died")
        assert engine.field(run.id, "crashes") == "1"

    def test_poison_ends_with_the_reason(self, engine: Engine, run: Run) -> None:
        assert engine.release(run, crashed=True) == "pending"
        assert engine.release(engine.start(), crashed=True) == "pending"
        assert engine.release(engine.start(), crashed=True) == "failed"
        assert engine.task(run.id).error == "It died (3 times in a row; it is not tried again)"
        engine.check()

    @pytest.mark.parametrize("crashed", [False, True])
    def test_a_repeat_is_answered_as_the_first(self, engine: Engine, run: Run, crashed: bool) -> None:
        first = engine.release(run, crashed=crashed)
        before = engine.state()
        assert engine.release(run, crashed=crashed) == first
        assert engine.state() == before

    def test_what_goes_on_where_it_stopped_is_no_poison(self, engine: Engine, run: Run) -> None:
        for percent in (10, 20, 30.5, 40, 51.9):
            engine.renew(run, progress=json.dumps({"percent": percent, "stage": "encoding"}))
            assert engine.release(run, crashed=True) == "pending"
            run = engine.start()
        engine.renew(run, progress=json.dumps({"percent": 51.95, "stage": "encoding"}))
        assert engine.release(run, crashed=True) == "pending"
        assert engine.release(engine.start(), crashed=True) == "failed"
        engine.check()

    def test_a_repeat_after_poison_is_answered_as_the_first(self, engine: Engine, run: Run) -> None:
        engine.release(run, crashed=True)
        engine.release(engine.start(), crashed=True)
        last = engine.start()
        assert engine.release(last, crashed=True) == engine.release(last, crashed=True) == "failed"

    def test_the_task_claimed_with_an_end_is_found_too(self, engine: Engine, run: Run) -> None:
        second = engine.submit()
        then = engine.by("w1")
        engine.finish(run, then)
        assert engine.store.release("w1", then.execution, crashed=False, max_crashes=3)[0] == "pending"
        assert engine.waiting() == [second]

    def test_it_wakes_who_can_take_over(self, engine: Engine, run: Run) -> None:
        engine.claim("w2")
        engine.release(run)
        assert engine.woken() == ["w2"]
