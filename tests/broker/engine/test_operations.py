"""Guards operations on many tasks: each that was there is acted on once, whoever breaks off; the counts are exact."""

import json
import uuid
from collections import Counter
from typing import Any

import pytest

from broker.access.audit_log import AuditLog
from broker.access.audit_log import Wanted as Changes
from broker.actor import Actor
from broker.errors import InvalidInput, NotFound, TooManyOperations
from broker.operations.operations import Action, Operation, Operations
from broker.status import Status
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import SECOND, Engine, put_in_state
from tests.broker.engine.operating import operations_of


@pytest.fixture
def operations(engine: Engine) -> Operations:
    return operations_of(engine)


def begin(operations: Operations, action: str, wanted: Wanted = Wanted(), **options: Any) -> Operation:  # noqa: B008
    return operations.create("acme", Action(action), wanted, {"tag": "as asked"}, **options)


def finish(operations: Operations, operation: Operation) -> Operation:
    """As the daemon goes on with it."""
    for _ in range(1000):
        if not operations.step(operation.id):
            break
    return operations.get("acme", operation.id)


def counts(operation: Operation) -> tuple[int, int, int, int]:
    return operation.matched, operation.done, operation.skipped, operation.failed


def statuses(engine: Engine, ids: list[str]) -> dict[str, int]:
    return dict(Counter(str(engine.task(each).status) for each in ids))


class TestCancel:
    def test_all_that_wait_and_nothing_else(self, engine: Engine, operations: Operations) -> None:
        ids = [engine.submit(priority=n % 3, delay_us=(n % 2) * SECOND) for n in range(70)]
        running = engine.start().id
        foreign = engine.submit(tenant="rival")
        done = finish(operations, begin(operations, "cancel"))
        assert counts(done) == (69, 69, 0, 0)
        assert done.status == "completed"
        assert statuses(engine, ids) == {"cancelled": 69, "processing": 1}
        assert engine.task(running).status == "processing"
        assert engine.task(foreign, tenant="rival").status == "pending"
        engine.check()

    def test_with_force_what_runs_too(self, engine: Engine, operations: Operations) -> None:
        ids = [engine.submit() for _ in range(3)]
        engine.start()
        assert counts(finish(operations, begin(operations, "cancel", force=True))) == (3, 3, 0, 0)
        assert statuses(engine, ids) == {"cancelled": 3}
        engine.check()

    def test_what_comes_later_is_left_alone(self, engine: Engine, operations: Operations) -> None:
        ids = [engine.submit() for _ in range(50)]
        operation = begin(operations, "cancel")
        assert operation.status == "running"
        engine.advance(1)
        later = [engine.submit() for _ in range(5)]
        assert counts(finish(operations, operation)) == (50, 50, 0, 0)
        assert statuses(engine, ids + later) == {"cancelled": 50, "pending": 5}

    def test_a_batch_of_this_very_moment_is_there_as_a_whole(self, engine: Engine, operations: Operations) -> None:
        engine.try_submit_many(*({} for _ in range(100)))
        assert counts(finish(operations, begin(operations, "cancel"))) == (100, 100, 0, 0)

    def test_what_ran_when_it_began_and_waits_again_is_left_alone(self, engine: Engine, operations: Operations) -> None:
        ids = [engine.submit() for _ in range(30)]
        run = engine.start()
        operation = begin(operations, "cancel")
        engine.advance(1)
        engine.fail(run, delay=60)
        assert counts(finish(operations, operation)) == (29, 29, 0, 0)
        assert engine.task(run.id).status == "scheduled"
        assert statuses(engine, ids) == {"cancelled": 29, "scheduled": 1}

    def test_filters(self, engine: Engine, operations: Operations) -> None:
        red = [engine.submit(tags='["red"]', group="g") for _ in range(3)]
        engine.submit(tags='["red"]')
        engine.submit(group="g")
        assert counts(finish(operations, begin(operations, "cancel", Wanted(tag="red", group="g")))) == (3, 3, 0, 0)
        assert statuses(engine, red) == {"cancelled": 3}
        ids = tuple(engine.submit() for _ in range(4))
        assert counts(finish(operations, begin(operations, "cancel", Wanted(ids=ids[:2])))) == (2, 2, 0, 0)
        assert statuses(engine, list(ids)) == {"cancelled": 2, "pending": 2}

    def test_dependents_go_with_it(self, engine: Engine, operations: Operations) -> None:
        first = engine.submit(tags='["red"]')
        then = engine.link(first)
        assert counts(finish(operations, begin(operations, "cancel", Wanted(tag="red")))) == (1, 1, 0, 0)
        assert engine.task(then).status == "cancelled"


class TestRetry:
    def test_failed_ones_are_due_and_those_without_retries_are_told(
        self, engine: Engine, operations: Operations
    ) -> None:
        ids = [put_in_state(engine, "failed", max_retries=n % 2) for n in range(50)]
        operation = finish(operations, begin(operations, "retry"))
        assert counts(operation) == (50, 25, 25, 0)
        assert operation.reasons == {"retries_exhausted": 25}
        assert statuses(engine, ids) == {"scheduled": 25, "failed": 25}
        assert counts(finish(operations, begin(operations, "retry", force=True))) == (25, 25, 0, 0)
        engine.check()

    def test_one_that_fails_again_meanwhile_is_not_retried_again(self, engine: Engine, operations: Operations) -> None:
        ids = [put_in_state(engine, "failed") for _ in range(60)]
        operation = begin(operations, "retry")
        retried = [each for each in ids if engine.task(each).status == "scheduled"]
        assert 0 < len(retried) < 60
        engine.advance(1)
        engine.promote()
        for _ in retried:
            engine.fail(engine.start())
        assert counts(finish(operations, operation)) == (60, 60, 0, 0)
        assert {engine.task(each).retry_count for each in ids} == {1}
        assert statuses(engine, ids) == {"failed": len(retried), "scheduled": 60 - len(retried)}

    def test_what_fails_after_it_began_is_left_alone(self, engine: Engine, operations: Operations) -> None:
        ids = [put_in_state(engine, "failed") for _ in range(30)]
        engine.submit(id="0-last")
        run = engine.start()
        operation = begin(operations, "retry")
        engine.advance(1)
        engine.fail(run)
        assert counts(finish(operations, operation)) == (30, 30, 0, 0)
        assert engine.task(run.id).status == "failed"
        assert len(ids) == 30


class TestDelete:
    def test_what_has_ended_is_gone(self, engine: Engine, operations: Operations) -> None:
        ids = [put_in_state(engine, state) for state in ("completed", "failed", "cancelled") for _ in range(7)]
        kept = engine.submit()
        assert counts(finish(operations, begin(operations, "delete"))) == (21, 21, 0, 0)
        assert engine.queries.get_many("acme", [*ids, kept]).keys() == {kept}
        engine.check()

    def test_what_a_plugin_noted_in_the_record_of_its_file_goes_with_it(
        self, engine: Engine, operations: Operations
    ) -> None:
        media = "550e8400-e29b-41d4-a716-446655440000"
        payload = json.dumps({"plugin_name": "checksum", "media_id": media.upper().replace("-", "")})
        task_id = put_in_state(engine, "completed", payload=payload)
        other = put_in_state(engine, "completed", payload=payload)
        engine.redis.hset(engine.keys.media(media), mapping={"tenant": "acme"})
        engine.redis.hset(engine.keys.media(media), "info:plugin:checksum", json.dumps({"task_id": other}))
        finish(operations, begin(operations, "delete", Wanted(ids=(task_id,))))
        assert engine.redis.hexists(engine.keys.media(media), "info:plugin:checksum"), "that is another task's"
        finish(operations, begin(operations, "delete", Wanted(ids=(other,))))
        assert not engine.redis.hexists(engine.keys.media(media), "info:plugin:checksum")


def test_a_task_whose_key_another_has_is_not_retried(engine: Engine, operations: Operations) -> None:
    engine.submit(unique_key="k")
    engine.fail(engine.start())
    engine.submit(unique_key="k")
    retry = finish(operations, begin(operations, "retry", Wanted(), force=True))
    assert retry.reasons == {"unique_key_taken": 1}
    engine.check()


class TestCounting:
    @pytest.mark.parametrize("wanted", [Wanted(), Wanted(error="BOOM")], ids=["by an index", "by looking"])
    def test_a_dry_run_counts_and_changes_nothing(self, engine: Engine, operations: Operations, wanted: Wanted) -> None:
        for n in range(10):
            put_in_state(engine, "failed", max_retries=n % 2)
        before = [engine.task(f"task-{n + 1}") for n in range(10)]
        retry = finish(operations, begin(operations, "retry", wanted, dry_run=True))
        assert (counts(retry), retry.reasons) == ((10, 5, 5, 0), {"retries_exhausted": 5})
        assert counts(finish(operations, begin(operations, "retry", wanted, dry_run=True, force=True))) == (
            10,
            10,
            0,
            0,
        )
        assert counts(finish(operations, begin(operations, "delete", wanted, dry_run=True))) == (10, 10, 0, 0)
        assert [engine.task(f"task-{n + 1}") for n in range(10)] == before

    def test_one_that_can_be_counted_is_over_at_once(self, engine: Engine, operations: Operations) -> None:
        for _ in range(50):
            engine.submit()
        operation = begin(operations, "cancel", dry_run=True)
        assert (operation.status, counts(operation)) == ("completed", (50, 50, 0, 0))
        assert operations.open() == []

    def test_how_far_it_is(self, engine: Engine, operations: Operations) -> None:
        for _ in range(50):
            engine.submit()
        operation = begin(operations, "cancel")
        assert operation.candidates == 50
        assert 0 < operation.examined == operation.done < 50
        assert finish(operations, operation).examined == 50

    def test_a_task_that_a_foreign_hand_has_spoilt_stops_no_other(self, engine: Engine, operations: Operations) -> None:
        ids = [put_in_state(engine, "completed") for _ in range(5)]
        engine.redis.hset(engine.keys.job(ids[2]), mapping={"payload": '{"plugin_name":"p","media_id":"m"}'})
        engine.redis.set(engine.keys.media("m"), "no hash")
        operation = finish(operations, begin(operations, "delete"))
        assert counts(operation) == (5, 4, 0, 1)
        (why,) = operation.reasons
        assert "WRONGTYPE" in why


class TestBreakingOff:
    @pytest.mark.parametrize("action", ["cancel", "retry", "delete"])
    def test_whoever_goes_on_acts_on_each_task_once(self, engine: Engine, operations: Operations, action: str) -> None:
        """Each step by another process, after one whose reply was lost: repeating it is making the next."""
        state = {"cancel": "pending", "retry": "failed", "delete": "completed"}[action]
        ids = [put_in_state(engine, state) for _ in range(64)]
        if action == "cancel":
            assert statuses(engine, ids) == {"pending": 64}
        operation = begin(operations, action)
        while operations_of(engine).step(operation.id):
            pass
        assert counts(operations.get("acme", operation.id)) == (64, 64, 0, 0)
        left = engine.queries.get_many("acme", ids)
        assert {task.status for task in left.values()} == {
            "cancel": {Status.CANCELLED},
            "retry": {Status.SCHEDULED},
            "delete": set(),
        }[action]
        engine.check()

    def test_an_ended_one_does_nothing_more(self, engine: Engine, operations: Operations) -> None:
        engine.submit()
        operation = finish(operations, begin(operations, "cancel"))
        engine.submit()
        before = engine.state()
        assert not operations.step(operation.id)
        assert engine.state() == before

    def test_it_can_be_cancelled_and_what_is_done_stays_done(self, engine: Engine, operations: Operations) -> None:
        ids = [engine.submit() for _ in range(50)]
        operation = operations.cancel("acme", begin(operations, "cancel").id)
        assert (operation.status, operation.ended_at is not None) == ("cancelled", True)
        assert not operations.step(operation.id)
        assert statuses(engine, ids) == {"cancelled": operation.done, "pending": 50 - operation.done}
        assert operations.cancel("acme", operation.id) == operation

    def test_one_that_was_lost_is_forgotten(self, engine: Engine, operations: Operations) -> None:
        engine.redis.zadd(engine.keys.operations_open(), {"nothing": 1})
        assert not operations.step("nothing")
        assert operations.open() == []


class TestAsking:
    def test_another_tenants_is_not_there(self, operations: Operations) -> None:
        operation = begin(operations, "cancel")
        for ask in (operations.get, operations.cancel):
            with pytest.raises(NotFound):
                ask("rival", operation.id)
        assert operations.page("rival", limit=10, offset=0) == ([], 0)
        assert operations.page("acme", limit=10, offset=0) == ([operation], 1)

    def test_statuses_in_which_nothing_can_be_done_are_refused(self, operations: Operations) -> None:
        for action, status in (("cancel", "processing"), ("retry", "completed"), ("delete", "pending")):
            with pytest.raises(InvalidInput):
                begin(operations, action, Wanted(statuses=(Status(status),)))
        begin(operations, "cancel", Wanted(statuses=(Status.PROCESSING,)), force=True)

    @pytest.mark.parametrize("redis", ["valkey"], indirect=True)  # hundreds of tasks, and nothing of the loader's
    def test_ten_at_once(self, engine: Engine, operations: Operations) -> None:
        for _ in range(500):
            engine.submit()
        for _ in range(10):
            begin(operations, "cancel", Wanted(error="none of them has"))
        for each in operations.open():
            assert operations.get("acme", each).status == "running"
        with pytest.raises(TooManyOperations):
            begin(operations, "cancel")
        operations.cancel("acme", operations.open()[0])
        begin(operations, "cancel")

    def test_a_repeated_request_begins_one(self, engine: Engine, operations: Operations) -> None:
        seed = uuid.uuid4()
        assert begin(operations, "cancel", seed=seed).id == begin(operations, "cancel", seed=seed).id == str(seed)
        assert operations.page("acme", limit=10, offset=0)[1] == 1

    def test_the_audit_log_tells_who_began_it_and_what_came_of_it(self, engine: Engine, operations: Operations) -> None:
        engine.submit()
        begin(operations, "cancel", by=Actor("key-1", "acme"))
        begin(operations, "cancel", by=Actor("key-1", "acme"), dry_run=True)
        entries, _ = AuditLog(engine.redis, engine.keys).page(Changes(), limit=10)
        assert [(each.action, each.actor) for each in entries] == [
            ("operation.completed", "key-1"),
            ("operation.created", "key-1"),
        ]
        assert entries[0].after == {"matched": 1, "done": 1, "skipped": 0, "failed": 0}
        assert entries[1].after == {"action": "cancel", "filter": {"tag": "as asked"}, "force": False}
