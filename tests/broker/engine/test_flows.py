"""Guards flows: their counts are those of their tasks, and their end is told once, by the script that makes it."""

from typing import Any

import pytest

from broker.event import from_entry
from broker.tasks.flows import Flow
from tests.broker.engine.engine import SECOND, Engine, at

NONE = dict.fromkeys(("pending", "scheduled", "processing", "completed", "failed", "cancelled"), 0)


@pytest.fixture
def engine(engine: Engine) -> Engine:
    engine.redis.hset(engine.keys.listeners(), "acme:webhooks", "flow.completed,flow.failed")
    engine.store.listen("acme", keep_us=10**12)
    return engine


def told(engine: Engine) -> list[str]:
    """The ends of flows in the outbox, which live listeners are told too."""
    entries: Any = engine.redis.xrange(engine.keys.outbox())
    live: Any = engine.redis.xrange(engine.keys.events("acme"))
    events = [event for entry in live if (event := from_entry(*entry)) and event.kind == "flow"]
    assert [f"flow.{(event.fields or {})['status']}" for event in events] == [fields["type"] for _, fields in entries]
    return [fields["type"] for _, fields in entries]


def flow(engine: Engine, tenant: str = "acme") -> Flow:
    return engine.queries.flow(tenant, "f")


def test_it_counts_its_tasks_and_ends_with_the_last(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, {"id": "b", "depends_on": ["a"], "flow": "f"})
    assert flow(engine) == Flow("f", "open", 2, NONE | {"pending": 1, "scheduled": 1}, at(0))
    run = engine.start()
    assert flow(engine).by_status == NONE | {"processing": 1, "scheduled": 1}
    engine.finish(run)
    assert flow(engine).by_status == NONE | {"completed": 1, "pending": 1}
    assert told(engine) == []
    engine.check()
    engine.advance(3)
    engine.finish(engine.start())
    assert flow(engine) == Flow("f", "completed", 2, NONE | {"completed": 2}, at(0), at(3))
    assert told(engine) == ["flow.completed"]
    engine.check()


def test_one_that_does_not_complete_fails_it_when_all_have_ended(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, {"id": "b", "flow": "f"})
    engine.fail(engine.start())
    assert told(engine) == []
    engine.finish(engine.start())
    assert told(engine) == ["flow.failed"]
    assert flow(engine).status == "failed"
    engine.check()


def test_what_is_cancelled_with_it_ends_it_in_the_same_script(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, *[{"depends_on": ["a"], "flow": "f"} for _ in range(2)])
    engine.fail(engine.start())
    assert told(engine) == ["flow.failed"]
    assert flow(engine).by_status == NONE | {"failed": 1, "cancelled": 2}
    engine.check()


def test_one_of_thousands_is_told_when_the_daemon_has_settled_it(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, *[{"depends_on": ["a"], "flow": "f"} for _ in range(20)])
    engine.fail(engine.start())
    assert told(engine) == []
    engine.settle()
    assert told(engine) == ["flow.failed"]
    engine.check()


def test_a_task_that_a_foreign_hand_deletes_counts_as_cancelled(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, {"id": "b", "flow": "f"})
    engine.finish(engine.start())
    engine.redis.delete(engine.keys.job("b"), engine.keys.rq_queue("Noop"))
    engine.reconcile.tick()
    assert told(engine) == ["flow.failed"]
    assert flow(engine).by_status == NONE | {"completed": 1, "cancelled": 1}
    engine.check(exact_durations=False)


def test_a_task_that_is_deleted_after_its_end_changes_nothing(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, {"id": "b", "flow": "f"})
    engine.finish(engine.start())
    engine.redis.delete(engine.keys.job("a"), engine.keys.registry("finished", "Noop"))
    engine.reconcile.tick()
    engine.finish(engine.start())
    assert told(engine) == ["flow.completed"]
    engine.check(exact_durations=False)


def test_a_task_that_is_added_later_opens_it_and_its_end_is_told_again(engine: Engine) -> None:
    engine.link(flow="f")
    engine.finish(engine.start())
    engine.link(flow="f")
    assert (flow(engine).status, flow(engine).ended_at) == ("open", None)
    engine.check()
    engine.finish(engine.start())
    assert told(engine) == ["flow.completed"] * 2
    engine.check()


def test_a_retry_opens_it_too(engine: Engine) -> None:
    first = engine.link(flow="f")
    engine.fail(engine.start())
    engine.retry(first)
    assert flow(engine).status == "open"
    engine.promote()
    engine.finish(engine.start())
    assert told(engine) == ["flow.failed", "flow.completed"]
    engine.check()


def test_tasks_that_have_nothing_to_wait_for_end_it_at_once(engine: Engine) -> None:
    first = engine.submit()
    engine.fail(engine.start())
    engine.try_submit_linked({"depends_on": [first], "flow": "f"}, {"depends_on": [first], "flow": "f"})
    assert told(engine) == ["flow.failed"]
    engine.check()


def test_its_id_is_its_tenants_own(engine: Engine) -> None:
    engine.link(flow="f")
    engine.link(flow="f", tenant="other")
    engine.finish(engine.start())
    assert told(engine) == ["flow.completed"]
    assert flow(engine, "other").status == "open"
    engine.check()


def test_nobody_listens_and_nothing_is_written(engine: Engine) -> None:
    engine.redis.delete(engine.keys.listeners())
    engine.link(flow="f")
    engine.finish(engine.start())
    assert told(engine) == []


def test_its_counts_outlive_its_tasks_and_it_goes_after_the_same_time(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"}, {"id": "b", "flow": "f"})
    engine.finish(engine.start())
    engine.advance(100)
    assert engine.store.prune("Noop", "completed", retention_us=10 * SECOND) == 1
    assert engine.store.prune_flows(retention_us=10 * SECOND) == 0
    engine.finish(engine.start())
    assert flow(engine).by_status == NONE | {"completed": 2}
    engine.check()
    engine.advance(100)
    assert engine.store.prune_flows(retention_us=10 * SECOND) == 1
    assert not engine.redis.keys("rq:broker:flow*")


def test_a_lost_reply_tells_nothing_twice(engine: Engine) -> None:
    engine.try_submit_linked({"id": "a", "flow": "f"})
    assert engine.try_submit_linked({"id": "a", "flow": "f"})[2:] == [0, "a"]
    run = engine.start()
    for _ in range(2):
        engine.finish(run)
    assert told(engine) == ["flow.completed"]
    engine.check()


def test_an_event_has_the_counts() -> None:
    fields = {"kind": "flow", "at": at(0), "flow": "f", "status": "failed", "created_at": at(0), "ended_at": at(0)}
    event = from_entry("1-1", fields | {status: str(count) for status, count in NONE.items()})
    assert event
    assert event.fields == {
        **{"at": at(0), "flow": "f", "status": "failed", "created_at": at(0), "ended_at": at(0), "total": 0},
        "by_status": NONE,
    }
