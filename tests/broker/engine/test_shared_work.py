"""Parts of a task's work that other tasks make: who has which, and what becomes of those when the task ends."""

from collections.abc import Callable

import pytest

from broker.engine.transitions import Claimed
from broker.levels import BACKGROUND, queue_name
from broker.status import Status
from tests.broker.engine.engine import LEASE, SECOND, Engine, Run

WITHDRAWN = "Not needed any more: the task that it was part of has ended."


@pytest.fixture
def lead(engine: Engine) -> Run:
    """A task that is being run."""
    engine.submit(id="lead", group="ada", tags='["red"]')
    return engine.start()


def helper(engine: Engine, lead: Run, *parts: str) -> Run:
    """A helper at work."""
    assert engine.share(lead, *parts, helpers=["helper"]) == ["helper"]
    run = engine.start("w2")
    assert run.id == "helper"
    return run


def end(engine: Engine, run: Run, part: str, *, done: bool = True) -> bool:
    return engine.store.end_part(run.id, run.execution, lead="lead", part=part, done=done)


def test_helpers_wait_in_the_background_and_say_whose_they_are(engine: Engine, lead: Run) -> None:
    assert engine.share(lead, "a", helpers=["h1", "h2"], group="ada", tags='["red"]') == ["h1", "h2"]
    task = engine.task("h1")
    assert (task.part_of, task.background, task.group, task.tags) == ("lead", True, "ada", ["red"])
    assert engine.task("lead").part_of is None
    other = engine.submit()
    assert engine.start("w2").id == other
    assert engine.start("w3").id == "h1"
    engine.check()


def test_there_are_never_more_of_them_than_wanted(engine: Engine, lead: Run) -> None:
    """Whichever run of the task asks, those that wait or run count; one that has ended is replaced."""
    run = helper(engine, lead, "a")
    assert engine.share(lead, "a", helpers=["h2"]) == []
    engine.release(lead, crashed=True)
    again = engine.start()
    assert engine.share(again, "a", helpers=["h2", "h3"]) == ["h2"]
    engine.finish(run)
    assert engine.share(again, "a", helpers=["h4", "h5"]) == ["h4"]
    engine.check()


def test_a_limit_or_a_quota_refuses_them_and_nothing_else(engine: Engine, lead: Run) -> None:
    engine.submit()
    assert engine.share(lead, "a", helpers=["h1"], max_pending=1) == []
    assert engine.take(lead) == (["a"], 0)
    engine.check()


def test_a_part_is_one_run_s_at_a_time(engine: Engine, lead: Run) -> None:
    run = helper(engine, lead, "b", "a", "c")
    assert engine.take(run) == (["a"], 0)
    assert engine.take(lead) == (["b"], 1)
    assert engine.take(run, most=3) == (["a", "c"], 1)
    assert end(engine, run, "a")
    assert not end(engine, run, "b")
    assert engine.take(lead, most=3) == (["b"], 1)
    assert end(engine, run, "c", done=False)
    assert engine.take(lead, most=3) == (["b", "c"], 0)
    assert end(engine, lead, "b")
    assert end(engine, lead, "c")
    assert engine.take(lead, most=3) == engine.take(run) == ([], 0)


@pytest.mark.parametrize("how", ["killed", "failed", "cancelled", "lease lost"])
def test_the_part_of_a_helper_whose_run_is_over_is_free(engine: Engine, lead: Run, how: str) -> None:
    run = helper(engine, lead, "a")
    engine.take(run)
    assert engine.take(lead) == ([], 1)
    if how == "killed":
        engine.release(run, crashed=True)
    elif how == "failed":
        engine.fail(run)
    elif how == "cancelled":
        engine.store.cancel(run.id, "acme", force=True)
    else:
        engine.reap_later(LEASE / SECOND - 1)
        engine.renew(lead)
        engine.reap_later(2)
    assert engine.take(lead) == (["a"], 0)
    assert engine.take(run) is None
    assert not end(engine, run, "a")
    engine.check()


def test_what_its_task_has_begun_no_helper_is_given(engine: Engine, lead: Run) -> None:
    """Not even when the run is dead: the next one of the task goes on with it."""
    run = helper(engine, lead, "a", "b")
    engine.take(lead)
    engine.release(lead, crashed=True)
    assert engine.take(run) == (["b"], 1)
    again = engine.start()
    assert engine.take(again) == (["a"], 1)


def test_parts_of_other_work_are_nobody_s(engine: Engine, lead: Run) -> None:
    run = helper(engine, lead, "a")
    engine.take(run)
    assert engine.take(run, work="other") == ([], 0)
    engine.share(lead, "x", work="other")
    assert engine.take(run) == ([], 0)
    assert not end(engine, run, "a")
    assert engine.take(lead, work="other") == (["x"], 0)


GIVEN_UP = "Given up; the task that it helped makes what is missing: "


@pytest.mark.parametrize("how", ["failed", "lost"])
def test_a_helper_that_cannot_go_on_is_nobody_s_failure(engine: Engine, lead: Run, how: str) -> None:
    """Its part is made by others: it is cancelled with the reason, and no group of failures knows of it."""
    run = helper(engine, lead, "a")
    engine.take(run)
    if how == "failed":
        engine.fail(run)
    else:
        engine.store.release(run.worker, run.execution, crashed=True, max_crashes=1, message="It died")
    task = engine.task("helper")
    assert task.status is Status.CANCELLED
    assert (task.error or "").startswith(GIVEN_UP)
    assert [each["outcome"] for each in task.attempts] == [how]
    assert engine.redis.keys(engine.keys.failures("*")) == []
    queue = queue_name("Noop", BACKGROUND)
    assert [engine.redis.zcard(engine.keys.registry(each, queue)) for each in ("failed", "canceled")] == [0, 1]
    assert engine.take(lead) == (["a"], 0)
    engine.check()


def test_what_is_said_of_a_helper_s_end_can_be_repeated(engine: Engine, lead: Run) -> None:
    run = helper(engine, lead, "a")
    assert engine.fail(run) == engine.fail(run)
    assert engine.task("helper").status is Status.CANCELLED


ENDS: dict[str, Callable[[Engine, Run], object]] = {
    "completed": lambda engine, run: engine.finish(run),
    "failed": lambda engine, run: engine.fail(run),
    "cancelled": lambda engine, run: engine.store.cancel(run.id, "acme", force=True),
    "poison": lambda engine, run: engine.store.release(
        run.worker, run.execution, crashed=True, max_crashes=1, message="It died"
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_the_end_of_its_task_withdraws_those_that_wait_and_stops_those_that_run(
    engine: Engine, lead: Run, how: str
) -> None:
    """Where the task has completed, one that runs ends by itself: it gets no more parts."""
    assert engine.share(lead, "a", "b", helpers=["h1", "h2"]) == ["h1", "h2"]
    run = engine.start("w2")
    engine.take(run)
    ENDS[how](engine, lead)
    waiting, running = engine.task("h2"), engine.task("h1")
    assert (waiting.status, waiting.error) == (Status.CANCELLED, WITHDRAWN)
    if how == "completed":
        assert running.status is Status.PROCESSING
        assert engine.take(run) == ([], 0)
        engine.finish(run)
    else:
        assert (running.status, running.error) == (Status.CANCELLED, WITHDRAWN)
        assert engine.take(run) is None
    assert engine.redis.keys(engine.keys.parts("*")) == []
    engine.check()


def test_a_try_that_fails_or_gives_way_leaves_them_at_work(engine: Engine, lead: Run) -> None:
    run = helper(engine, lead, "a", "b")
    engine.take(run)
    engine.fail(lead, delay=60)
    assert end(engine, run, "a")
    assert engine.take(run) == (["b"], 0)
    engine.advance(60)
    engine.promote()
    engine.postpone(engine.start(), 0, background=True)
    assert end(engine, run, "b")
    engine.finish(run)
    assert engine.take(engine.start(), most=2) == ([], 0)
    engine.check()


def test_webhooks_are_told_of_the_task_alone(engine: Engine, lead: Run) -> None:
    engine.redis.hset(engine.keys.listeners(), "acme:webhooks", "task.processing task.completed task.cancelled")
    engine.advance(1)  # until which nobody listened
    assert engine.share(lead, "a", helpers=["h1", "h2"]) == ["h1", "h2"]
    engine.finish(engine.start("w2"))
    engine.finish(lead)
    assert engine.task("h2").status is Status.CANCELLED
    told = [(entry["task"], entry["type"]) for _, entry in engine.redis.xrange(engine.keys.outbox())]
    assert told == [("lead", "task.completed")]


def test_they_do_not_rise_above_the_background_by_waiting(engine: Engine, lead: Run) -> None:
    """Or runs would give way to them."""
    engine.cap(aging=10)
    engine.share(lead, "a", helpers=["h1"])
    engine.advance(60)
    engine.store.lift()
    other = engine.submit()
    claimed = engine.claim("w2")
    assert isinstance(claimed, Claimed)
    assert claimed.id == other


def test_one_that_is_cancelled_is_no_failure_in_what_is_counted(engine: Engine, lead: Run) -> None:
    """Whatever has cancelled it, and whatever takes it away."""
    assert engine.share(lead, "a", "b", helpers=["h1", "h2", "h3"]) == ["h1", "h2", "h3"]
    engine.finish(engine.start("w2"))
    engine.store.cancel("h2", "acme", force=False)
    engine.finish(lead)
    stats = engine.queries.stats("acme", ["Noop"])
    assert (stats.by_status["completed"], stats.by_status["cancelled"], stats.success_rate) == (2, 2, 1.0)
    engine.store.cancel(engine.submit(), "acme", force=False)
    engine.submit()
    assert engine.queries.stats("acme", ["Noop"]).success_rate == 2 / 4
    engine.check()
    assert engine.store.delete_task("h2", "acme") == "cancelled"
    engine.redis.delete(engine.keys.job("h3"))
    engine.redis.zrem(engine.keys.registry("canceled", queue_name("Noop", BACKGROUND)), "h3")
    engine.reconcile.tick()
    assert engine.queries.stats("acme", ["Noop"]).success_rate == 2 / 4
    engine.check()
