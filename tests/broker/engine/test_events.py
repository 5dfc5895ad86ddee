"""Guards what live listeners are told: every turn of a task's life once, small, and nothing while nobody listens."""

from typing import Any

import pytest
from redis import Redis

from broker.event import Event, from_entry
from tests.broker.engine.engine import SECOND, Engine, at

KEPT = 300 * SECOND


def listen(engine: Engine) -> tuple[str, str]:
    return engine.store.listen("acme", keep_us=KEPT)


def told(engine: Engine, tenant: str = "acme") -> list[Event]:
    entries: Any = engine.redis.xrange(engine.keys.events(tenant))
    return [event for entry in entries if (event := from_entry(*entry))]


def turns(engine: Engine) -> list[str]:
    """But for groups of failures, of which `test_failures` tells."""
    return [(event.fields or {}).get("status", event.kind) for event in told(engine) if event.kind != "failure"]


def test_a_life_without_trouble(engine: Engine) -> None:
    listen(engine)
    task_id = engine.submit()
    engine.finish(engine.start())
    assert [event.kind for event in told(engine)] == ["status"] * 3
    assert turns(engine) == ["pending", "processing", "completed"]
    assert [event.is_last for event in told(engine)] == [False, False, True]
    first = {"task_id": task_id, "type": "Noop", "status": "pending", "ended": False, "at": at(0)}
    assert told(engine)[0].fields == first


def test_a_failure_that_is_tried_again_and_one_that_is_not(engine: Engine) -> None:
    listen(engine)
    engine.submit(max_retries=1)
    engine.fail(engine.start(), delay=5)
    engine.advance(5)
    engine.promote()
    engine.fail(engine.start(), delay=5)
    assert turns(engine) == ["pending", "processing", "attempt", "scheduled", "pending", "processing", "failed"]
    attempt, scheduled = told(engine)[2:4]
    assert attempt.fields == {"task_id": "task-1", "type": "Noop", "outcome": "failed", "error": "boom", "at": at(0)}
    assert scheduled.fields == {
        **{"task_id": "task-1", "type": "Noop", "status": "scheduled", "ended": False, "at": at(0)},
        **{"error": "boom", "retry_count": 1, "scheduled_at": at(5)},
    }
    assert (told(engine)[-1].fields or {})["error"] == "boom"


def test_deaths(engine: Engine) -> None:
    listen(engine)
    engine.submit()
    for _ in range(3):
        engine.release(engine.start(), crashed=True)
    lost = ["processing", "attempt", "pending"]
    assert turns(engine) == ["pending", *lost, *lost, "processing", "failed"]
    assert "3 times in a row" in (told(engine)[-1].fields or {})["error"]


def test_a_lease_that_ran_out(engine: Engine) -> None:
    listen(engine)
    engine.reap()
    engine.submit()
    engine.start()
    engine.reap_later(6)
    assert turns(engine) == ["pending", "processing", "attempt", "pending"]


def test_the_owners_words(engine: Engine) -> None:
    listen(engine)
    engine.submit(delay_us=SECOND)
    engine.store.cancel("task-1", "acme", force=False)
    engine.submit()
    engine.fail(engine.start())
    engine.retry("task-2")
    assert turns(engine) == ["scheduled", "cancelled", "pending", "processing", "failed", "scheduled"]


def test_progress_is_told_when_it_changes(engine: Engine) -> None:
    listen(engine)
    engine.submit()
    run = engine.start()
    for progress in ("", '{"percent":5,"stage":"half"}', '{"percent":5,"stage":"half"}', '{"percent":9,"stage":""}'):
        engine.renew(run, progress=progress)
    reached = [event.fields for event in told(engine) if event.kind == "progress"]
    assert [(each or {})["percent"] for each in reached] == [5, 9]
    assert reached[0] == {"task_id": run.id, "type": "Noop", "percent": 5, "stage": "half", "at": at(0)}


def test_limits_are_told_in_the_units_of_the_api(engine: Engine) -> None:
    listen(engine)
    engine.configure(rate="1500", burst="3", concurrency="", paused="1", tenant="acme")
    engine.configure(rate="", tenant="other")
    (event,) = told(engine)
    limits = {"rate": 1.5, "burst": 3, "concurrency": None, "paused": True}
    assert event.fields == {"type": "Noop", "at": at(0), **limits}


def test_what_foreign_hands_did(engine: Engine) -> None:
    listen(engine)
    engine.submit()
    engine.submit()
    engine.redis.delete(engine.keys.job("task-1"))
    engine.redis.hset(engine.keys.job("task-2"), "status", "canceled")
    engine.redis.delete(engine.keys.rq_queue("Noop"))
    engine.reconcile.tick()
    assert sorted((event.kind, event.task_id) for event in told(engine)[2:]) == [
        ("gone", "task-1"),
        ("status", "task-2"),
    ]


def test_nobody_listens_and_nothing_is_written(engine: Engine) -> None:
    engine.store.listen("rival", keep_us=KEPT)
    engine.submit()
    engine.renew(engine.start(), progress='{"percent":5,"stage":""}')
    assert told(engine) == told(engine, "rival") == []
    assert not engine.redis.exists(engine.keys.events("acme"))


def test_recording_ends_with_the_mark_and_what_is_kept_with_it(engine: Engine) -> None:
    listen(engine)
    engine.advance(301)
    engine.submit()
    assert turns(engine) == []
    assert 300 < engine.redis.ttl(engine.keys.events("acme")) <= 360


def test_after_a_gap_nothing_from_before_can_be_taken_for_whole(engine: Engine) -> None:
    listen(engine)
    engine.submit()
    last, first = listen(engine)
    assert last > first, "while recording goes on, what is kept stays"
    engine.advance(301)
    again, anew = listen(engine)
    assert again == anew > last


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)
def test_a_run_costs_a_tenant_without_listeners_one_look(engine: Engine, redis: Redis) -> None:
    engine.submit()
    engine.submit()
    run = engine.start()
    with redis.monitor() as monitor:
        engine.finish(run, engine.by("w1"))
        redis.echo("end")
        commands = list(iter(lambda: monitor.next_command()["command"], "ECHO end"))
    assert sum(engine.keys.listeners() in each for each in commands) == 1
    assert not any(each.startswith("XADD") for each in commands)
