"""Guards changes of a waiting task: it stands where its new priority, time and tags put it, in our books and RQ's."""

from typing import Any

import pytest

from broker.engine.transitions import Claimed
from broker.status import Status
from tests.broker.engine.engine import SECOND, START, Engine, at, put_in_state


def change(engine: Engine, task_id: str, request: str = "r1", **changes: Any) -> str:
    given = {"level": "", "due": "", "delay": "", "tags": ""} | {name: str(value) for name, value in changes.items()}
    return engine.store.change_task(task_id, "acme", request=request, **given)


class TestPriority:
    def test_it_starts_when_its_new_priority_says(self, engine: Engine) -> None:
        first, second = engine.submit(), engine.submit()
        assert change(engine, second, level=9) == "pending"
        task = engine.task(second)
        assert (task.priority, task.status) == (9, "pending")
        assert (engine.waiting(), engine.waiting("Noop:9")) == ([first], [second])
        engine.check()
        assert [engine.start().id, engine.start().id] == [second, first]
        engine.check()

    def test_it_keeps_its_time_of_coming(self, engine: Engine) -> None:
        early = engine.submit()
        engine.advance(1)
        late = engine.submit(priority=5)
        change(engine, early, level=5)
        assert engine.order("Noop:5") == [early, late]
        engine.check()

    def test_among_many(self, engine: Engine) -> None:
        ids = [engine.submit(group=f"g{n % 3}", priority=n % 2) for n in range(12)]
        for number, task_id in enumerate(ids):
            change(engine, task_id, level=number % 4)
            engine.check()
        started = [engine.start().id for _ in ids]
        assert [ids.index(each) % 4 for each in started] == sorted((n % 4 for n in range(12)), reverse=True)

    def test_of_a_scheduled_task(self, engine: Engine) -> None:
        task_id = engine.submit(delay_us=60 * SECOND)
        assert change(engine, task_id, level=3) == "scheduled"
        engine.check()
        assert engine.task(task_id).scheduled_at == at(60)
        engine.advance(60)
        engine.promote()
        assert engine.waiting("Noop:3") == [task_id]
        engine.check()

    def test_a_sleeper_is_woken(self, engine: Engine) -> None:
        engine.configure(paused="1")
        task_id = engine.submit()
        engine.claim()
        engine.configure(paused="0")
        engine.woken()
        engine.claim("w2", "Other")
        change(engine, task_id, level=2)
        assert isinstance(engine.claim(), Claimed)


class TestTime:
    def test_later_takes_it_out_of_its_queue(self, engine: Engine) -> None:
        task_id = engine.submit()
        assert change(engine, task_id, due=START + 30 * SECOND) == "pending"
        assert (engine.task(task_id).status, engine.task(task_id).scheduled_at) == ("scheduled", at(30))
        assert engine.waiting() == []
        engine.check()
        engine.advance(30)
        assert engine.promote()[0] == 1
        engine.check()

    def test_another_time_of_a_scheduled_one(self, engine: Engine) -> None:
        task_id = engine.submit(delay_us=60 * SECOND)
        change(engine, task_id, delay=90 * SECOND)
        assert engine.task(task_id).scheduled_at == at(90)
        engine.check()

    def test_at_once(self, engine: Engine) -> None:
        task_id = engine.submit(delay_us=60 * SECOND)
        change(engine, task_id, due=0)
        assert engine.task(task_id).status == "pending"
        engine.check()
        assert engine.start().id == task_id

    def test_a_retry_need_not_be_waited_for(self, engine: Engine) -> None:
        task_id = engine.submit()
        engine.fail(engine.start(), delay=600)
        change(engine, task_id, delay=0)
        assert engine.start().id == task_id
        engine.check()

    def test_one_that_depends_on_another_waits_for_both(self, engine: Engine) -> None:
        first = engine.submit()
        second = engine.link(first)
        change(engine, second, due=START + 5 * SECOND)
        engine.check()
        engine.finish(engine.start())
        assert engine.task(second).status == "scheduled"
        engine.advance(5)
        engine.promote()
        assert engine.start().id == second
        engine.check()

    def test_at_once_does_not_pass_by_what_it_depends_on(self, engine: Engine) -> None:
        first = engine.submit()
        second = engine.link(first)
        change(engine, second, due=0, level=4)
        assert engine.task(second).status == "scheduled"
        engine.check()
        engine.finish(engine.start())
        assert engine.start().id == second


class TestDeadline:
    @pytest.mark.parametrize("delay", [0, 3 * SECOND])
    def test_it_is_not_put_off_until_its_deadline(self, engine: Engine, delay: int) -> None:
        engine.try_submit_linked({"id": "late", "deadline": START + 5 * SECOND, "delay_us": delay})
        before = engine.state()
        assert change(engine, "late", due=START + 5 * SECOND, level=5, tags='["x"]') == "late"
        assert change(engine, "late", delay=6 * SECOND) == "late"
        assert engine.state() == before
        assert change(engine, "late", due=START + 5 * SECOND - 1) != "late"
        assert engine.task("late").status == "scheduled"
        engine.check()

    def test_one_that_has_begun_has_kept_it(self, engine: Engine) -> None:
        engine.try_submit_linked({"id": "begun", "deadline": START + 5 * SECOND})
        engine.fail(engine.start(), delay=2)
        assert change(engine, "begun", delay=60 * SECOND) == "scheduled"
        assert engine.task("begun").scheduled_at == at(60)
        engine.check()


class TestTags:
    def test_it_is_found_by_the_new_ones_only(self, engine: Engine) -> None:
        task_id = engine.submit(tags='["old","both"]')
        change(engine, task_id, tags='["both","new"]')
        assert engine.task(task_id).tags == ["both", "new"]
        assert engine.redis.smembers(engine.keys.tags("acme")) == {"both", "new"}
        change(engine, task_id, "r2", tags="[]")
        assert engine.task(task_id).tags == []
        assert not engine.redis.exists(engine.keys.tags("acme"))
        engine.check()

    def test_a_hold_takes_it_and_lets_it_go(self, engine: Engine) -> None:
        task_id = engine.submit()
        other = engine.submit()
        engine.store.hold("h1", '{"tag":"red"}')
        change(engine, task_id, tags='["red"]')
        assert engine.redis.zrange(engine.keys.held("h1"), 0, -1) == [task_id]
        engine.check()
        engine.advance(1)
        change(engine, task_id, "r2", level=2)
        assert engine.redis.zrange(engine.keys.held("h1"), 0, -1) == [task_id]
        change(engine, task_id, "r3", tags="[]")
        assert not engine.redis.exists(engine.keys.held("h1"))
        engine.check()
        assert engine.field(task_id, "held_spans")
        assert [engine.start().id, engine.start().id] == [task_id, other]


@pytest.mark.parametrize("state", ["processing", "completed", "failed", "cancelled"])
def test_only_what_waits_is_changed(engine: Engine, state: str) -> None:
    task_id = put_in_state(engine, state)
    before = engine.state()
    assert change(engine, task_id, level=5, delay=0, tags='["x"]') == state
    assert engine.state() == before


def test_a_repeated_call_answers_as_the_first_did_also_when_it_has_started(engine: Engine) -> None:
    task_id = engine.submit()
    change(engine, task_id, level=5)
    engine.start()
    before = engine.state()
    assert change(engine, task_id, level=5) == "pending"
    assert engine.state() == before


def test_another_tenants_is_not_there(engine: Engine) -> None:
    task_id = engine.submit(tenant="rival")
    assert change(engine, task_id, level=1) == change(engine, "nothing", level=1) == "missing"


def test_aging_begins_anew_at_the_new_priority(engine: Engine) -> None:
    engine.cap(aging=10)
    task_id = engine.submit()
    engine.advance(10)
    engine.store.lift()
    change(engine, task_id, level=3)
    engine.check()
    assert engine.order("Noop:3") == [task_id]
    assert engine.task(task_id).status == Status.PENDING
    assert engine.start().id == task_id
    engine.check()
