"""Guards tasks that one worker takes several at a time: each has its token, lease and end, and no limit is bent."""

import pytest
from fakeredis import FakeStrictRedis

from broker.engine.script_connection import ScriptConnection
from broker.engine.transitions import Claimed, Finish
from tests.broker.engine.engine import LEASE, SECOND, START, Engine, Run, leased


def take(engine: Engine, most: int = 15, group: str = "Noop") -> list[Run]:
    """The next task, and those that go with it."""
    claim = engine.by("w1", group)
    claim = claim._replace(execution=f"{claim.execution}+0")
    first = engine.store.claim(claim)
    assert isinstance(first, Claimed)
    more = engine.store.claim_more(first, claim, first.queue.partition(":")[0], most)
    claims = [claim, *(claim.member(number + 1) for number in range(len(more)))]
    return [Run(each.worker, each.execution, found) for each, found in zip(claims, [first, *more], strict=True)]


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_what_waits_is_leased_in_its_order(engine: Engine) -> None:
    waiting = [engine.submit() for _ in range(5)]
    runs = take(engine, 3)
    assert ids(runs) == waiting[:4]
    assert engine.waiting() == waiting[4:]
    registry = engine.redis.zrange("rq:wip:Noop", 0, -1, withscores=True)
    assert registry == [(f"{run.id}:{run.execution}", leased(START + LEASE)) for run in runs]
    assert [engine.task(each).status for each in waiting] == ["processing"] * 4 + ["pending"]
    engine.check()


def test_they_end_in_one_round_trip_each_by_itself(engine: Engine) -> None:
    for _ in range(4):
        engine.submit()
    first, *others = take(engine)
    engine.store.cancel(others[1].id, "acme", force=True)
    ends = [Finish(run.worker, run.id, run.execution, '{"n":1}', "", "", ()) for run in others]
    fake = isinstance(engine.redis, FakeStrictRedis)  # which our own connections cannot call
    store = engine.store if fake else engine.store.on(ScriptConnection(engine.redis))
    outcomes = ["completed", "stale", "completed"]
    assert [store.finish_each(ends), store.finish_each(ends)] == [outcomes] * 2, "also when an answer is lost"
    assert [engine.task(run.id).status for run in others] == ["completed", "cancelled", "completed"]
    assert engine.task(others[0].id).result == {"n": 1}
    assert engine.task(first.id).status == "processing"
    engine.check()


def test_tokens_are_taken_one_each_and_none_ahead(engine: Engine) -> None:
    engine.declare(rate=10, burst=3)
    engine.advance(1)
    for _ in range(6):
        engine.submit()
    assert len(take(engine)) == 3
    engine.advance(0.09)  # the next is due in 10 ms: a start ahead, which is for one task alone
    assert len(take(engine)) == 1
    engine.check()


def test_concurrency_and_caps_hold(engine: Engine) -> None:
    engine.declare(concurrency=3)
    for _ in range(6):
        engine.submit()
    runs = take(engine)
    assert len(runs) == 3
    for run in runs:
        engine.finish(run)
    engine.cap(concurrency=2)
    assert len(take(engine)) == 2
    engine.check()


def test_nothing_that_is_higher_is_passed_over(engine: Engine) -> None:
    engine.declare("Other")
    low = engine.submit()
    engine.submit()
    engine.submit(priority=5)
    high = take(engine)
    assert (len(high), high[0].claimed.queue) == (1, "Noop:5")
    engine.submit("Other", priority=1)
    claim = engine.by("w2", "Noop,Other")
    other = engine.store.claim(claim)
    assert isinstance(other, Claimed) and other.queue == "Other:1"
    engine.submit("Other", priority=1)
    claim = engine.by("w3", "Noop")
    first = engine.store.claim(claim)
    assert isinstance(first, Claimed) and first.id == low
    assert engine.store.claim_more(first, claim._replace(group="Noop,Other"), "Noop", 9) == []
    engine.check()


def test_those_who_sleep_are_left_their_part(engine: Engine) -> None:
    for worker in ("w2", "w3"):
        engine.claim(worker)
    for _ in range(10):
        engine.submit()
    engine.redis.delete(*[engine.keys.wake(each) for each in ("w2", "w3")])
    asleep = engine.redis.scard(engine.keys.idle("Noop"))
    assert len(take(engine)) == 1 + 9 // (1 + asleep)
    engine.check()


def test_each_ends_by_itself(engine: Engine) -> None:
    for _ in range(4):
        engine.submit(max_retries=1)
    good, bad, later, gone = take(engine)
    engine.fail(bad, delay=5)
    engine.postpone(later, 3)
    assert engine.store.cancel(gone.id, "acme", force=True) == "processing"
    assert engine.finish(gone)[0] == "stale"
    assert engine.renew(good, gone) == [gone.execution]
    engine.finish(good)
    told = [engine.task(run.id).status for run in (good, bad, later, gone)]
    assert told == ["completed", "scheduled", "scheduled", "cancelled"]
    engine.check()


def test_a_repeat_gets_the_same_again(engine: Engine) -> None:
    for _ in range(4):
        engine.submit()
    claim = engine.by("w1", execution="y+0")
    first = engine.store.claim(claim)
    assert isinstance(first, Claimed)
    more = engine.store.claim_more(first, claim, "Noop", 2)
    assert engine.store.claim_more(first, claim, "Noop", 2) == more
    assert len(engine.waiting()) == 1
    engine.check()


def test_who_is_handed_back_apart_runs_alone(engine: Engine) -> None:
    for _ in range(3):
        engine.submit()
    runs = take(engine)
    for run in runs:
        outcome, _ = engine.store.release(run.worker, run.execution, crashed=True, max_crashes=3, apart=True)
        assert outcome == "pending"
    assert {engine.field(run.id, "crashes") for run in runs} == {None}, "nobody knows which of them it was"
    engine.check()
    engine.submit()
    assert [len(take(engine)) for _ in range(4)] == [1, 1, 1, 1]
    engine.check()


def test_a_lost_machine_counts_against_none_of_them(engine: Engine) -> None:
    for _ in range(3):
        engine.submit()
    runs = take(engine)
    engine.reap_later(LEASE / SECOND + 1)
    assert {(engine.field(run.id, "crashes"), engine.field(run.id, "alone")) for run in runs} == {(None, "1")}
    (again,) = take(engine)
    engine.reap_later(LEASE / SECOND + 1)
    assert engine.field(again.id, "crashes") == "1", "alone, it has to answer for it"
    engine.check()


@pytest.mark.parametrize("size", [2, 4])
def test_each_is_charged_its_part_of_the_time(engine: Engine, size: int) -> None:
    for number in range(size):
        engine.submit(tenant=f"t{number}")
    runs = take(engine)
    engine.advance(1)
    for run in runs:
        engine.finish(run)
    took = {engine.redis.hget(engine.keys.durations(run.claimed.tenant), "Noop") for run in runs}
    assert took == {str(SECOND // size)}
    engine.check()
    assert engine.store.prune("Noop", "completed", retention_us=0) == size
    assert not any(engine.redis.hget(engine.keys.durations(run.claimed.tenant), "Noop") != "0" for run in runs)
    engine.check()
