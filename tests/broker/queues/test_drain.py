"""Guards that a worker which is drained holds up nothing: it is not woken, and what it watched for others do."""

from broker.engine.scripts import Script
from tests.broker.engine.engine import NOTHING, SECOND, Engine, token_in


def enlist(engine: Engine, *workers: str) -> None:
    for worker in workers:
        engine.store.register_worker(worker, ttl=30, queues="Noop", fields={"pid": 1})


def drain(engine: Engine, worker: str) -> int:
    script = Script("drain", clock="clock_test")
    return int(script(engine.redis, prefix=engine.keys.prefix, worker=worker, ttl=100, actor=""))


def test_it_is_not_woken(engine: Engine) -> None:
    enlist(engine, "w1", "w2")
    engine.claim("w1")
    engine.claim("w2")
    assert drain(engine, "w1") == 1
    engine.submit()
    engine.submit()
    assert engine.woken() == ["w2"]
    assert engine.claim("w1") == NOTHING
    engine.submit()
    assert engine.woken() == []


def test_what_it_was_woken_for_is_for_another(engine: Engine) -> None:
    enlist(engine, "w1", "w2")
    engine.claim("w1")
    engine.submit()  # wakes it
    engine.redis.delete(engine.keys.wake("w1"))
    engine.redis.sadd(engine.keys.idle("Noop"), "w2")
    drain(engine, "w1")
    assert engine.woken() == ["w2"]


def test_the_token_that_it_watched_for_is_watched_by_another(engine: Engine) -> None:
    engine.configure(rate="1000")
    enlist(engine, "w1", "w2")
    engine.submit()
    assert engine.claim("w1") == token_in(SECOND)
    assert engine.claim("w2") == NOTHING
    drain(engine, "w1")
    assert engine.woken() == ["w2"]
    assert engine.claim("w2") == token_in(SECOND)


def test_its_next_process_takes_nothing_either(engine: Engine) -> None:
    enlist(engine, "w1")
    drain(engine, "w1")
    engine.store.unregister_worker("w1", "Noop")
    enlist(engine, "w1")
    engine.submit()
    assert engine.claim("w1") == NOTHING
    assert engine.redis.ttl(engine.keys.draining("w1")) > 80_000


def test_a_grant_whose_answer_was_lost_is_still_its_own(engine: Engine) -> None:
    enlist(engine, "w1")
    engine.submit()
    claim = engine.by("w1")
    granted = engine.store.claim(claim)
    drain(engine, "w1")
    assert engine.store.claim(claim) == granted


def test_one_that_is_not_there(engine: Engine) -> None:
    assert drain(engine, "nobody") == 0
    assert not engine.redis.exists(engine.keys.draining("nobody"))
