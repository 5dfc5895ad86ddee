"""Guards how tasks are accepted: completely or not at all, once per id and unique key, and only while there is room."""

import pytest

from broker.rq_records import DATA
from tests.broker.engine.engine import SECOND, START, Engine, at, indexed
from tests.invariants import changes

ACCEPTED = {
    "created_at": (None, at(0)),
    "us": (None, str(START)),
    "data": (None, DATA.decode()),
    "description": (None, "for acme"),
    "payload": (None, '{"n":1}'),
    "max_retries": (None, "3"),
    "timeout": (None, "60"),
    "tenant": (None, "acme"),
}


def test_a_task_that_is_due_goes_to_the_end_of_its_queue(engine: Engine) -> None:
    first = engine.submit(priority=5)
    before = engine.state()
    task_id = engine.submit(priority=5)
    assert changes(before, engine.state()) == {
        "job:task-2": ACCEPTED | {"status": (None, "queued"), "origin": (None, "Noop:5"), "seq": (None, "2")},
        "queue:Noop:5": ([first], [first, task_id]),
        "broker:arrivals": {"Noop:5": ("1", "2")},
        "broker:waiting:Noop:5:acme:": {task_id: (None, START + 1)},
        "broker:tasks:acme:Noop": {task_id: (None, indexed("pending"))},
    }
    engine.check()


def test_the_first_task_of_a_queue_makes_the_queue_known(engine: Engine) -> None:
    before = engine.state()
    task_id = engine.submit(priority=5)
    found = changes(before, engine.state())
    assert found["queues"] == (None, {"rq:queue:Noop:5"})
    assert found["broker:ready"] == {"Noop:5": (None, 5)}
    assert found["broker:tenants"] == (None, {"acme"})
    assert found["queue:Noop:5"] == (None, [task_id])


@pytest.mark.parametrize("when", [{"delay_us": 2 * SECOND}, {"due_us": START + 2 * SECOND}])
def test_a_task_with_a_future_time_is_scheduled(engine: Engine, when: dict[str, int]) -> None:
    before = engine.state()
    task_id = engine.submit(**when)
    assert changes(before, engine.state()) == {
        "job:task-1": ACCEPTED
        | {
            "status": (None, "scheduled"),
            "origin": (None, "Noop"),
            "seq": (None, "0"),
            "scheduled_at": (None, at(2)),
        },
        "queues": (None, {"rq:queue:Noop"}),
        "scheduled:Noop": {task_id: (None, START / SECOND + 2)},
        "broker:due": {task_id: (None, START + 2 * SECOND)},
        "broker:tasks:acme:Noop": {task_id: (None, indexed("scheduled"))},
        "broker:tenants": (None, {"acme"}),
    }
    engine.check()


@pytest.mark.parametrize("due_us", [START, START - 1, 1])
def test_a_time_that_has_come_means_now(engine: Engine, due_us: int) -> None:
    task_id = engine.submit(due_us=due_us)
    assert engine.waiting() == [task_id]
    assert engine.field(task_id, "scheduled_at") is None


def test_a_second_submission_of_an_id_changes_nothing(engine: Engine) -> None:
    task_id = engine.submit(unique_key="k")
    before = engine.state()
    engine.advance(1)
    assert engine.try_submit(id=task_id, unique_key="k") == (0, task_id)
    assert engine.try_submit(id=task_id, payload='{"n":2}', priority=9, delay_us=SECOND) == (0, task_id)
    assert engine.state() == before


class TestUniqueKey:
    def test_the_unfinished_holder_is_the_answer_whatever_its_state(self, engine: Engine) -> None:
        holder = engine.submit(unique_key="k", delay_us=SECOND)
        assert engine.try_submit(unique_key="k") == (0, holder)
        engine.advance(1)
        engine.promote()
        assert engine.try_submit(unique_key="k") == (0, holder)
        run = engine.start()
        assert engine.try_submit(unique_key="k") == (0, holder)
        engine.fail(run, delay=1)
        assert engine.try_submit(unique_key="k") == (0, holder)
        engine.check()

    def test_it_is_a_tenants_and_a_types_own(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.submit(unique_key="k")
        engine.submit(unique_key="k", tenant="other")
        engine.submit("Other", unique_key="k")
        engine.submit(unique_key="another")
        engine.check()

    @pytest.mark.parametrize("end", ["complete", "fail", "cancel", "poison"])
    def test_any_end_sets_it_free(self, engine: Engine, end: str) -> None:
        task_id = engine.submit(unique_key="k")
        if end == "cancel":
            engine.store.cancel(task_id, "acme", force=False)
        elif end == "poison":
            for _ in range(3):
                engine.release(engine.start(), crashed=True)
        else:
            run = engine.start()
            engine.finish(run) if end == "complete" else engine.fail(run)
        engine.submit(unique_key="k")
        engine.check()

    def test_a_task_that_was_deleted_holds_nothing(self, engine: Engine) -> None:
        engine.redis.delete(engine.keys.job(engine.submit(unique_key="k")))
        assert engine.submit(unique_key="k") == "task-2"

    def test_an_end_leaves_the_key_of_its_new_holder_alone(self, engine: Engine) -> None:
        old = engine.submit(unique_key="k")
        engine.fail(engine.start())
        new = engine.submit(unique_key="k")
        engine.retry(old)  # both are unfinished now; the second holds the key
        engine.store.cancel(old, "acme", force=False)
        assert engine.try_submit(unique_key="k") == (0, new)


class TestMaxPending:
    def test_one_too_many_is_refused_and_leaves_no_trace(self, engine: Engine) -> None:
        engine.submit(max_pending=2)
        engine.submit(max_pending=2)
        before = engine.state()
        media = ["m", "image", "0", "id", "m"]
        assert engine.try_submit(max_pending=2, unique_key="k", media=media) == (-1, 2)
        assert engine.state() == before

    def test_only_waiting_tasks_of_the_same_tenant_and_type_count(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.submit(max_pending=1)
        engine.submit(max_pending=1, tenant="other")
        engine.submit("Other", max_pending=1)
        engine.start()
        engine.submit(max_pending=1)
        assert engine.try_submit(max_pending=1) == (-1, 1)

    def test_a_task_that_is_not_due_yet_waits_too(self, engine: Engine) -> None:
        """Or tasks due in ten years would fill the server."""
        engine.submit(max_pending=2, delay_us=SECOND)
        engine.submit(max_pending=2)
        for delay in (0, SECOND):
            assert engine.try_submit(max_pending=2, delay_us=delay) == (-1, 2)
        assert engine.try_submit_many({"delay_us": SECOND}, max_pending=2) == [-1, 2, "Noop"]
        engine.fail(engine.start(), delay=5)
        assert engine.try_submit(max_pending=2) == (-1, 2), "one that waits out a back-off does as well"
        engine.advance(5)
        engine.promote()
        assert engine.try_submit(max_pending=2) == (-1, 2), "and counts once when it is due"

    def test_a_batch_of_delayed_tasks_fills_the_room(self, engine: Engine) -> None:
        assert engine.try_submit_many(*[{"delay_us": SECOND}] * 3, max_pending=2)[0] == -1
        assert engine.try_submit_many(*[{"delay_us": SECOND}] * 2, max_pending=2)[0] == 1
        assert engine.try_submit(max_pending=2) == (-1, 2)

    def test_a_repeat_is_answered_although_there_is_no_room(self, engine: Engine) -> None:
        task_id = engine.submit(max_pending=1)
        assert engine.try_submit(id=task_id, max_pending=1) == (0, task_id)


def test_the_media_record_is_created_with_the_task(engine: Engine) -> None:
    before = engine.state()
    engine.submit(media=["m1", "image", "0", "id", "m1", "tenant", "acme", "task_id", "task-1"])
    found = changes(before, engine.state())
    assert found["broker:media:m1"] == {
        "id": (None, "m1"),
        "tenant": (None, "acme"),
        "task_id": (None, "task-1"),
        "created_at": (None, at(0)),
    }
    assert found["broker:media:acme:image"] == {"m1": (None, START)}
    engine.check()


def test_no_media_record_is_created_for_a_task_that_is_there(engine: Engine) -> None:
    task_id = engine.submit(unique_key="k")
    before = engine.state()
    engine.try_submit(unique_key="k", media=["m1", "image", "0", "id", "m1"])
    engine.try_submit(id=task_id, media=["m1", "image", "0", "id", "m1"])
    assert engine.state() == before
