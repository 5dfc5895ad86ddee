"""Guards the bad end of a run: another try while there are retries and sense in it, else failed with its reason."""

import base64
import json
import zlib

import pytest

from tests.broker.engine.engine import LEASE, NOTHING, SECOND, START, Engine, at, indexed, leased
from tests.invariants import changes

ATTEMPT = {"started_at": at(0), "ended_at": at(1), "outcome": "failed", "error": "boom", "worker": "w1"}


def test_a_failure_with_retries_left_waits_out_its_back_off(engine: Engine) -> None:
    engine.submit()
    run = engine.start()
    engine.advance(1)
    before = engine.state()
    assert engine.fail(run, delay=2.25) == ("scheduled", NOTHING)
    found = changes(before, engine.state())
    history, trace = found["job:task-1"].pop("attempts"), found.pop("results:task-1")
    assert found == {
        "job:task-1": {
            "status": ("started", "scheduled"),
            "lease": ("x1", "x1 scheduled"),
            "error": (None, "boom"),
            "retry_count": (None, "1"),
            "crashes": (None, "0"),
            "scheduled_at": (None, at(3.25)),
        },
        "wip:Noop": {"task-1:x1": (leased(START + LEASE), None)},
        "scheduled:Noop": {"task-1": (None, START / SECOND + 3)},
        "worker:w1": {"state": ("busy", "idle")},
        "broker:due": {"task-1": (None, START + 3.25 * SECOND)},
        "broker:tasks:acme:Noop": {"task-1": (indexed("processing"), indexed("scheduled"))},
    }
    assert json.loads(history[1]) == [ATTEMPT]
    ((entry,),) = trace[1:]
    assert entry["type"] == "2"  # RQ's Result.Type.FAILED
    assert zlib.decompress(base64.b64decode(entry["exc_string"])) == b"Trace: boom"
    engine.check()


def test_the_last_retry_spent_the_task_has_failed(engine: Engine) -> None:
    task_id = engine.submit(max_retries=1)
    engine.fail(engine.start(), delay=0)
    engine.promote()
    run = engine.start()
    engine.advance(1)
    before = engine.state()
    assert engine.fail(run, delay=0) == ("failed", NOTHING)
    found = changes(before, engine.state())
    assert found["failed:Noop"] == {task_id: (None, START // SECOND + 1 + 315_360_000)}
    assert found["broker:tasks:acme:Noop"] == {task_id: (indexed("processing"), indexed("failed"))}
    task = engine.task(task_id)
    assert (task.status, task.retry_count, task.error, task.completed_at) == ("failed", 1, "boom", at(1))
    engine.check()


def test_a_failure_that_no_try_can_cure_is_final_at_once(engine: Engine) -> None:
    task_id = engine.submit(max_retries=3)
    assert engine.fail(engine.start(), delay=None)[0] == "failed"
    assert engine.task(task_id).retry_count == 0
    engine.check()


def test_no_retries_granted_none_taken(engine: Engine) -> None:
    engine.submit(max_retries=0)
    assert engine.fail(engine.start(), delay=1)[0] == "failed"


def test_a_failure_ends_a_row_of_crashes(engine: Engine) -> None:
    task_id = engine.submit()
    engine.release(engine.start(), crashed=True)
    engine.release(engine.start(), crashed=True)
    engine.fail(engine.start(), delay=0)
    engine.promote()
    for _ in range(2):
        assert engine.release(engine.start(), crashed=True) == "pending"
    assert engine.release(engine.start(), crashed=True) == "failed"
    assert engine.task(task_id).retry_count == 1


def test_the_history_holds_the_last_ten_runs(engine: Engine) -> None:
    task_id = engine.submit(max_retries=100)
    for number in range(12):
        run = engine.start(f"worker-{number}")
        engine.fail(run, delay=0)
        engine.promote()
    assert [each["worker"] for each in engine.task(task_id).attempts] == [f"worker-{n}" for n in range(2, 12)]


def test_only_the_last_traceback_is_kept(engine: Engine) -> None:
    engine.submit()
    for text in ("first", "second"):
        run = engine.start()
        engine.store.fail(run.id, run.execution, "boom", text, 0, engine.no_more())
        engine.promote()
    (entry,) = engine.state().values[engine.keys.results("task-1")]
    assert zlib.decompress(base64.b64decode(entry["exc_string"])) == b"second"


def test_messages_are_kept_as_they_are(engine: Engine) -> None:
    task_id = engine.submit()
    run = engine.start()
    message = 'quote " backslash \\ line\u2028sep tab\t naïve ✓ </script>'
    engine.store.fail(run.id, run.execution, message, "", None, engine.no_more())
    task = engine.task(task_id)
    assert (task.error, task.attempts[0]["error"]) == (message, message)


@pytest.mark.parametrize("delay", [1, None])
def test_a_repeat_is_told_the_same_outcome_and_the_same_next_task(engine: Engine, delay: float | None) -> None:
    engine.submit()
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    first = engine.fail(run, delay, then)
    before = engine.state()
    engine.advance(0.5)
    assert engine.fail(run, delay, then) == first
    assert engine.state() == before
    assert first[1].id == "task-2"


def test_the_failing_worker_may_get_the_same_task_back(engine: Engine) -> None:
    task_id = engine.submit()
    engine.fail(engine.start("w1"), delay=0)
    engine.promote()
    assert engine.start("w1").id == task_id
    engine.check()
