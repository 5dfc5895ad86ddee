"""Guards what the scripts remember between calls: it saves looks at what seldom changes, and is never what decides.

Elsewhere the tests' clock has nothing remembered. Here it is, for a tenth of a second that does not pass.
"""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from broker.engine import scripts
from broker.engine.keys import Keys
from broker.engine.transitions import Claimed, Transitions, Wait
from tests.broker.engine.engine import Engine

CLOCK = "clock_remembering"


@pytest.fixture
def engine(redis_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    read = scripts.read

    def remembering(name: str) -> str:
        if name != f"include/{CLOCK}":
            return read(name)
        text = read("include/clock_test")
        assert text.count("local CACHED_US = 0\n") == 1
        return text.replace("local CACHED_US = 0\n", "local CACHED_US = 100000\n")

    monkeypatch.setattr(scripts, "read", remembering)
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        engine = Engine(redis, keys)
        engine.store = Transitions(redis, keys, clock=CLOCK)
        engine.declare()
        yield engine


def take_turns(engine: Engine, count: int) -> list[str]:
    """The tenants of the next tasks of one worker, which ends each and takes the next in one call."""
    run, tenants = engine.start("w1"), []
    for _ in range(count):
        tenants.append(run.claimed.tenant)
        engine.advance(0.002)
        then = engine.by("w1")
        outcome, grant = engine.finish(run, then)
        assert outcome == "completed"
        if isinstance(grant, Claimed):
            run = type(run)("w1", then.execution, grant)
    return tenants


def test_a_higher_level_is_seen_at_once(engine: Engine) -> None:
    for _ in range(4):
        engine.submit()
    run = engine.start("w1")
    then = engine.by("w1")
    _, grant = engine.finish(run, then)
    urgent = engine.submit(priority=5)
    assert isinstance(grant, Claimed)
    _, grant = engine.finish(type(run)("w1", then.execution, grant), engine.by("w1"))
    assert isinstance(grant, Claimed)
    assert grant.id == urgent
    engine.check()


def test_so_is_another_tenant_that_comes_to_one_alone(engine: Engine) -> None:
    for _ in range(6):
        engine.submit(tenant="flood")
    assert take_turns(engine, 2) == ["flood"] * 2
    engine.submit(tenant="late")
    assert "late" in take_turns(engine, 2)
    engine.check()


@pytest.mark.parametrize("change", ["cap", "pause", "group", "hold"])
def test_so_are_changes_by_our_own_scripts(engine: Engine, change: str) -> None:
    for _ in range(6):
        engine.submit()
    run = engine.start("w1")
    if change == "cap":
        engine.cap(concurrency=1)
        assert isinstance(engine.claim("w2"), Wait)
    elif change == "pause":
        engine.configure(paused="1")
        assert isinstance(engine.finish(run, engine.by("w1"))[1], Wait)
    elif change == "hold":
        engine.store.hold("h", '{"tenant":"acme"}')
        assert isinstance(engine.finish(run, engine.by("w1"))[1], Wait)
    else:
        later = engine.submit(group="g")
        starts = [engine.start(f"w{number}").id for number in (2, 3)]
        assert later in starts
    engine.check()


def test_a_sleeper_has_looked_at_the_queues_themselves(engine: Engine) -> None:
    """Another release's scripts, with a memory of their own, make a queue ready."""
    engine.submit("Noop")
    engine.declare("Other")
    for worker in ("w1", "w2"):
        assert isinstance(engine.claim(worker, "Other"), Wait)
    task_id = Engine(engine.redis, engine.keys).submit("Other", id="from-elsewhere")
    grant = engine.claim("w3", "Other")
    assert isinstance(grant, Claimed)
    assert grant.id == task_id


def test_nothing_is_known_of_a_database_that_was_emptied(engine: Engine) -> None:
    """Right after the start of the run that is ended: its execution is not this database's."""
    for _ in range(3):
        engine.submit()
    run = engine.start("w1")
    now = engine.now
    engine.redis.flushdb()
    engine.now = now
    engine.redis.hset(engine.keys.limits("Noop"), mapping={"declared": "//", "paused": "1"})
    engine.redis.set(engine.keys.life(), "another")
    Engine(engine.redis, engine.keys).submit(id="new")
    assert engine.finish(run, engine.by("w1")) == ("stale", Wait(-1))


def trouble(engine: Engine) -> None:
    """All that an end clears away: a key, an error, a charge, and a follower that came meanwhile is released."""
    first = engine.submit(unique_key="k", group="g")
    engine.submit(tenant="other")
    engine.fail(engine.start("w1"), delay=0)
    engine.promote()
    runs = [engine.start(worker) for worker in ("w1", "w2")]
    assert first in [run.id for run in runs]
    engine.link(first)
    engine.advance(0.003)
    for run in runs:
        assert engine.finish(run, engine.no_more(run.worker))[0] == "completed"


def beat(engine: Engine) -> None:
    """What the first beat has written is taken away, and what it has charged is settled."""
    for tenant in ("a", "b", "a", "b"):
        engine.submit(tenant=tenant)
    run = engine.start("w1")
    engine.advance(0.003)
    assert engine.renew(run) == []
    engine.advance(0.003)
    assert engine.finish(run, engine.by("w1"))[0] == "completed"


def lost_answers(engine: Engine) -> None:
    for _ in range(3):
        engine.submit()
    run, then = engine.start("w1"), engine.by("w1")
    engine.advance(0.003)
    first = engine.finish(run, then)
    assert engine.finish(run, then) == first
    engine.store.cancel(first[1].id, "acme", force=True)  # type: ignore[union-attr]
    assert engine.finish(type(run)("w1", then.execution, first[1]), engine.by("w1"))[0] == "stale"  # type: ignore[arg-type]


def foreign(engine: Engine) -> None:
    """RQ's own cancel leaves the lease as it was."""
    engine.submit()
    run = engine.start("w1")
    engine.redis.hset(engine.keys.job(run.id), "status", "canceled")
    assert engine.finish(run, engine.by("w1"))[0] == "stale"
    engine.redis.hset(engine.keys.job(run.id), "status", "started")


@pytest.mark.parametrize("life", [trouble, beat, lost_answers, foreign])
def test_with_and_without_memory_the_same_is_written(engine: Engine, life: Callable[[Engine], None]) -> None:
    life(engine)
    engine.check()
    found = engine.state()
    engine.redis.flushdb()
    forgetful = Engine(engine.redis, engine.keys)
    forgetful.declare()
    life(forgetful)
    assert found == forgetful.state()


def test_counts_that_a_foreign_hand_has_spoilt_stop_nobody(engine: Engine) -> None:
    """They are written together, later: what cannot be would stop every script that counts from then on."""
    key = engine.keys.counts()
    engine.redis.hset(key, mapping={"Noop submitted": "what", "Noop started": "1.5"})
    first = engine.submit()
    engine.redis.zadd(engine.keys.waiting("Noop", 0, "acme", ""), {first: 0.5})  # since when it waits, no whole number
    for _ in range(3):
        engine.advance(1)
        engine.submit()
        assert engine.finish(engine.start())[0] == "completed"
    engine.redis.delete(key)
    engine.redis.set(key, "no hash")
    engine.advance(1)
    engine.submit()
    assert engine.finish(engine.start())[0] == "completed"
    engine.redis.delete(key)
    engine.advance(1)
    engine.submit()
    assert int(engine.redis.hget(key, "Noop submitted")) >= 1
    engine.check()
