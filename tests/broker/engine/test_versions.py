"""Guards two releases side by side: what newer code has submitted is run by workers that know it, and nobody else."""

import pytest

from broker.engine.transitions import Claimed, Wait
from tests.broker.engine.engine import SECOND, Engine

OLD, NEW = "Noop", "Noop@2"


def test_an_old_worker_leaves_it_and_takes_what_stands_behind(engine: Engine) -> None:
    new, old = engine.submit(version=2), engine.submit()
    assert engine.start("w1", OLD).id == old
    task = engine.task(new)
    assert (task.status, task.retry_count, task.attempts, task.scheduled_at) == ("scheduled", 0, [], None)
    engine.check()
    assert isinstance(engine.claim("w2", OLD), Wait)
    assert engine.start("w3", NEW).id == new
    assert engine.field(new, "runs") == "1"
    engine.check()


def test_a_new_worker_runs_both_in_their_order(engine: Engine) -> None:
    ids = [engine.submit(version=each) for each in (1, 2, 1)]
    assert [engine.start(f"w{number}", NEW).id for number in range(3)] == ids
    engine.check()


@pytest.mark.parametrize("redis", ["valkey"], indirect=True)  # hundreds of tasks, and nothing of the loader's
def test_it_is_put_aside_once_and_no_old_worker_looks_at_it_again(engine: Engine) -> None:
    ids = []
    for _ in range(120):
        engine.advance(0.001)
        ids.append(engine.submit(version=2))
    for number in range(5):
        assert isinstance(engine.claim(f"w{number}", OLD), Wait)
    engine.check()
    before = engine.state()
    assert engine.claim("w0", OLD) == Wait(-1)
    assert engine.state() == before
    engine.advance(1)
    assert engine.promote()[0] == 0
    assert [engine.start(f"n{number}", NEW).id for number in range(120)] == ids
    engine.check()


def test_a_new_worker_that_sleeps_is_woken_for_it(engine: Engine) -> None:
    engine.claim("old", OLD)
    engine.claim("new", NEW)
    engine.submit(version=2)
    assert engine.woken() == ["old"]
    assert isinstance(engine.claim("old", OLD), Wait)
    assert engine.woken() == ["new"]
    assert isinstance(engine.claim("new", NEW), Claimed)
    engine.check()


def test_a_pause_or_a_cap_holds_it_where_it_is(engine: Engine) -> None:
    new = engine.submit(version=2)
    engine.claim("old", OLD)
    engine.configure(paused="1")
    assert isinstance(engine.claim("new", NEW), Wait)
    assert engine.task(new).status == "scheduled"
    engine.configure(paused="0")
    assert engine.start("new", NEW).id == new


def test_its_owner_cancels_it_and_it_comes_back_by_no_way(engine: Engine) -> None:
    new = engine.submit(version=2)
    engine.claim("old", OLD)
    assert engine.store.cancel(new, "acme", force=False) == "scheduled"
    assert isinstance(engine.claim("new", NEW), Wait)
    assert engine.task(new).status == "cancelled"
    engine.check()


def test_the_audit_leaves_it_and_puts_it_back_where_a_foreign_hand_took_it(engine: Engine) -> None:
    new = engine.submit(version=2)
    engine.claim("old", OLD)
    before = engine.state()
    engine.reconcile.tick()
    assert engine.state() == before
    engine.redis.zrem(engine.keys.registry("scheduled", "Noop"), new)
    engine.redis.zrem(engine.keys.due(), new)
    engine.reconcile.tick()
    engine.check()
    assert engine.start("new", NEW).id == new


def test_a_retry_stays_with_the_workers_that_know_it(engine: Engine) -> None:
    new = engine.submit(version=2)
    engine.fail(engine.start("new", NEW), delay=1)
    engine.advance(1)
    engine.promote()
    assert isinstance(engine.claim("old", OLD), Wait)
    engine.advance(SECOND)
    assert engine.start("new", NEW).id == new
    engine.check()


def test_dependents_and_batches_carry_it_too(engine: Engine) -> None:
    first = engine.submit()
    engine.link(first, version=2)
    engine.try_submit_many({"version": 2})
    engine.finish(engine.start("old", OLD))
    assert isinstance(engine.claim("old", OLD), Wait)
    assert {engine.start(f"new{number}", NEW).id for number in range(2)} == {"task-2", "task-3"}


def test_workers_of_a_later_release_each_get_what_they_know(engine: Engine) -> None:
    third, second = engine.submit(version=3), engine.submit(version=2)
    engine.claim("old", OLD)
    assert engine.start("new", NEW).id == second
    assert isinstance(engine.claim("new2", NEW), Wait)
    assert engine.start("newest", "Noop@3").id == third
    engine.check()
