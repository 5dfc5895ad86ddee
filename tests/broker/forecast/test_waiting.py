"""Guards that a waiting task says why it waits, as a claim would find it, and no other reason."""

from typing import Any

import pytest

from broker.forecast.waiting import REASONS, Waiting
from broker.task import Task
from tests.broker.engine.engine import SECOND, Engine, at


class NoForecast:
    """Stands for the model, which has tests of its own."""

    def of_tasks(self, task_ids: list[str], _: set[str]) -> list[str]:
        return ["not asked"] * len(task_ids)

    def would_help(self, _: str) -> list[Any]:
        return []


@pytest.fixture
def waiting(engine: Engine) -> Waiting:
    return Waiting(engine.redis, engine.keys, NoForecast(), clock="clock_test")  # type: ignore[arg-type]


def work(engine: Engine, *names: str, queues: str = "Noop") -> None:
    for name in names:
        engine.store.register_worker(name, ttl=60, queues=queues, fields={})


def why(waiting: Waiting, engine: Engine, task_id: str, tenant: str = "acme") -> dict[str, Any]:
    task: Task = engine.task(task_id, tenant)
    return waiting.of(tenant, [task])[task_id]


def told(found: dict[str, Any]) -> tuple[str, int | None, int | None]:
    assert found["reason"] in REASONS
    assert found["detail"].endswith(".")
    return found["reason"], found["position"], found["ahead"]


def test_a_task_that_runs_or_has_ended_does_not_wait(waiting: Waiting, engine: Engine) -> None:
    task_id = engine.submit()
    run = engine.start()
    assert waiting.of("acme", [engine.task(task_id)]) == {}
    engine.finish(run)
    assert waiting.of("acme", [engine.task(task_id)]) == {}


def test_nobody_is_told_of_another_tenants_task(waiting: Waiting, engine: Engine) -> None:
    task_id = engine.submit()
    assert waiting.of("other", [engine.task(task_id)]) == {}


def test_it_is_not_due(waiting: Waiting, engine: Engine) -> None:
    found = why(waiting, engine, engine.submit(delay_us=5 * SECOND))
    assert told(found) == ("scheduled", None, None)
    assert found["until"] == at(5)


def test_others_have_to_end_before(waiting: Waiting, engine: Engine) -> None:
    first = engine.submit()
    assert told(why(waiting, engine, engine.link(first)))[0] == "depends_on"


def test_nobody_listens(waiting: Waiting, engine: Engine) -> None:
    assert told(why(waiting, engine, engine.submit())) == ("no_worker", 1, 0)


def test_all_are_busy(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    engine.submit()
    engine.start("w1")
    ids = [engine.submit(), engine.submit()]
    assert told(why(waiting, engine, ids[1])) == ("workers_busy", 2, 1)
    assert "All 1 workers" in why(waiting, engine, ids[0])["detail"]


def test_who_is_not_heard_any_more_does_not_count(waiting: Waiting, engine: Engine) -> None:
    work(engine, "dead", "idle", "busy")
    lost, kept = engine.submit(), engine.submit()
    runs = [engine.start(name) for name in ("dead", "busy")]
    task_id = engine.submit()
    assert "1 of 3" in why(waiting, engine, task_id)["detail"]
    engine.advance(23)
    assert "1 of 3" in why(waiting, engine, task_id)["detail"], "the records of these last for 60 s"
    engine.advance(2)
    work(engine, "idle")
    engine.renew(runs[1])
    assert "1 of 2" in why(waiting, engine, task_id)["detail"]
    assert {lost, kept} == {run.id for run in runs}


def test_a_run_that_gave_way_says_that_its_beginning_is_made(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    task_id = engine.submit()
    run = engine.start("w1")
    engine.renew(run, progress='{"percent": 12.4, "stage": "encoding"}')
    engine.submit()
    engine.postpone(run, 0, background=True)
    found = why(waiting, engine, task_id)
    assert found["detail"].startswith(
        "Its beginning is made (12 %), and the rest in the background, when nothing of a higher priority waits. "
    )
    engine.finish(engine.start("w1"))
    assert engine.start("w1").id == task_id


def test_the_type_is_paused(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    task_id = engine.submit()
    engine.configure(paused="1")
    assert told(why(waiting, engine, task_id)) == ("paused", 1, 0)


def test_rq_holds_everything(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    task_id = engine.submit()
    engine.redis.set(engine.keys.suspended(), 1)
    engine.advance(1)
    assert "rq suspend" in why(waiting, engine, task_id)["detail"]


def test_the_next_token_is_still_to_come(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    engine.configure(rate="2000")
    engine.submit()
    task_id = engine.submit(tenant="other")
    found = why(waiting, engine, task_id, "other")
    assert told(found) == ("rate_limit", 1, 1)
    assert found["until"] == at(0.5)
    assert "2 a second" in found["detail"]


def test_as_many_run_as_may(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1", "w2")
    engine.configure(concurrency="1")
    engine.submit()
    engine.start("w1")
    found = why(waiting, engine, engine.submit())
    assert told(found) == ("concurrency", 1, 0)
    assert found["detail"].startswith("1 of 1 ")


def test_its_tenant_runs_as_many_as_it_may(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1", "w2")
    engine.cap(concurrency=1)
    engine.submit()
    task_id = engine.submit()
    engine.start("w1")
    assert told(why(waiting, engine, task_id)) == ("tenant_limit", 1, 0)


def test_its_tenant_has_no_token(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1", "w2")
    engine.cap(rate=2)
    engine.advance(1)
    engine.submit()
    task_id = engine.submit()
    engine.start("w1")
    found = why(waiting, engine, task_id)
    assert told(found) == ("tenant_limit", 1, 0)
    assert found["until"] == at(1.5)


def test_its_group_runs_as_many_as_it_may(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1", "w2")
    engine.cap(group=1)
    engine.submit(group="g")
    task_id = engine.submit(group="g")
    engine.start("w1")
    assert told(why(waiting, engine, task_id))[0] == "group_limit"


def test_it_is_put_aside(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    task_id = engine.submit()
    engine.store.hold("h", '{"tenant":"acme","reason":"their disk is full"}')
    engine.store.sweep_hold("h", "acme", "Noop")
    found = why(waiting, engine, task_id)
    assert found["reason"] == "held"
    assert "their disk is full" in found["detail"]


def test_it_is_the_turn_of_others(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1", "w2")
    for _ in range(5):
        engine.submit(tenant="other")
    engine.start("w1")
    first, second = engine.submit(), engine.submit()
    assert told(why(waiting, engine, first)) == ("share", 1, 1)
    assert told(why(waiting, engine, second)) == ("workers_busy", 2, 3)


def test_what_is_of_a_higher_level_comes_first(waiting: Waiting, engine: Engine) -> None:
    work(engine, "w1")
    low = engine.submit()
    for _ in range(3):
        engine.submit(priority=5)
        engine.submit(tenant="other", priority=5)
    assert told(why(waiting, engine, low)) == ("workers_busy", 4, 6)
