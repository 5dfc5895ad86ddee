"""Guards the limits of one type to the microsecond: the bucket's level, its changes at run time, caps and pauses."""

import math

import pytest

from broker.engine.store import Wait
from tests.invariants import changes
from tests.redis.engine import NOTHING, SECOND, START, Engine

SECOND_PER_TOKEN = {"rate": "1000"}


def starts(engine: Engine, most: int = 100) -> int:
    """How many tasks may start at this moment."""
    for count in range(most):
        if isinstance(engine.claim(f"w{count}"), Wait):
            return count
    return most


@pytest.fixture
def backlog(engine: Engine) -> Engine:
    for _ in range(40):
        engine.submit()
    return engine


class TestBucket:
    def test_a_new_one_is_empty(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=2, burst=4)
        assert backlog.claim() == Wait(SECOND // 2)

    def test_it_fills_to_the_burst_and_no_further(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=2, burst=4)
        backlog.advance(3600)
        assert starts(backlog) == 4

    def test_a_token_falls_due_to_the_microsecond(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=2)
        for _ in range(5):
            due = backlog.now + SECOND // 2
            backlog.now = due - 1
            assert backlog.claim() == Wait(1)
            backlog.now = due
            assert starts(backlog) == 1

    def test_thirds_of_a_second_do_not_drift(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=3, burst=2)
        for number in range(1, 31):
            wait = backlog.claim()
            assert isinstance(wait, Wait)
            backlog.now += wait.us
            assert backlog.now == START + math.ceil(number * SECOND / 3)
            assert starts(backlog) == 1

    def test_nothing_started_nothing_spent(self, engine: Engine) -> None:
        engine.declare("Noop", rate=1, burst=2)
        engine.advance(2)
        gone = engine.submit()
        engine.redis.delete(engine.keys.job(gone))
        for _ in range(10):
            assert engine.claim() == NOTHING
        engine.submit()
        engine.submit()
        assert starts(engine) == 2

    def test_runs_again_take_tokens_too(self, engine: Engine) -> None:
        engine.declare("Noop", rate=1, burst=3)
        engine.advance(3)
        engine.submit()
        engine.release(engine.start())
        engine.release(engine.start(), crashed=True)
        engine.fail(engine.start(), delay=0)
        engine.store.promote()
        assert engine.claim() == Wait(SECOND)

    def test_a_repeated_claim_takes_one(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=2)
        backlog.advance(2)
        claim = backlog.by("w1")
        assert backlog.store.claim(claim) == backlog.store.claim(claim)
        assert starts(backlog) == 1

    @pytest.mark.parametrize(
        ("rate", "wait"), [("1", 1000 * SECOND), ("100000000", 10), ("33333333", 31), ("999", 1_001_002)]
    )
    def test_extreme_rates(self, backlog: Engine, rate: str, wait: int) -> None:
        backlog.configure(rate=rate)
        assert backlog.claim() == Wait(wait)
        backlog.now += wait
        assert starts(backlog) == 1

    def test_a_huge_burst_is_counted_exactly(self, backlog: Engine) -> None:
        backlog.configure(rate="100000000", burst="1000000")
        backlog.advance(86_400 * 365)
        starts(backlog, 3)
        assert backlog.redis.hget(backlog.keys.limits("Noop"), "level") == str(999_997 * 10**9)

    @pytest.mark.parametrize("lost", [("level",), ("ts",), ("level", "ts")])
    def test_one_that_was_lost_starts_empty_and_fills(self, backlog: Engine, lost: tuple[str, ...]) -> None:
        backlog.declare("Noop", rate=1, burst=5)
        backlog.redis.hdel(backlog.keys.limits("Noop"), *lost)
        assert backlog.claim() == Wait(SECOND)
        backlog.advance(1)
        assert starts(backlog) == 1


class TestClockSteps:
    def test_back_refills_nothing_and_starves_nobody(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=2)
        backlog.advance(2)
        assert starts(backlog) == 2
        backlog.advance(-3600)
        for _ in range(3):
            assert backlog.claim() == Wait(SECOND)
            backlog.advance(1)
            assert starts(backlog) == 1

    def test_back_and_forth_gains_nothing(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1)
        for _ in range(50):
            backlog.advance(-5)
            assert backlog.claim() == Wait(SECOND)
        backlog.advance(0.5)
        assert backlog.claim() == Wait(SECOND // 2)

    def test_forward_gains_a_burst_at_most(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=3)
        backlog.advance(86_400)
        assert starts(backlog) == 3

    def test_back_leaves_no_watch_that_never_ends(self, backlog: Engine) -> None:
        """Who watched before the step might be gone; whoever asks after it watches."""
        backlog.declare("Noop", rate=1)
        assert backlog.claim("w1") == Wait(SECOND)
        backlog.advance(-3600)
        assert backlog.claim("w2") == Wait(SECOND)


class TestChanges:
    def test_the_past_is_settled_at_the_old_rate(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=10)
        backlog.advance(3)
        backlog.configure(rate="100000")
        assert starts(backlog) == 3

    def test_a_slower_rate_holds_from_now_on(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=10, burst=10)
        backlog.advance(0.05)
        backlog.configure(rate="500")
        assert backlog.claim() == Wait(SECOND)  # half a token was there, the rest comes at 0.5 a second

    def test_a_smaller_burst_takes_what_is_too_much(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=10)
        backlog.advance(10)
        backlog.configure(burst="2")
        assert starts(backlog) == 2

    def test_a_larger_burst_gives_nothing(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=2)
        backlog.advance(10)
        backlog.configure(burst="20")
        assert starts(backlog) == 2

    def test_a_rate_where_there_was_none_starts_empty(self, backlog: Engine) -> None:
        backlog.advance(100)
        backlog.configure(rate="1000", burst="50")
        assert backlog.claim() == Wait(SECOND)

    def test_a_rate_that_is_lifted_binds_nobody(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1)
        backlog.configure(rate="")
        assert starts(backlog) == 40

    def test_what_is_not_named_is_kept(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=3, concurrency=2)
        before = backlog.redis.hgetall(backlog.keys.limits("Noop"))
        backlog.configure(paused="1")
        assert backlog.redis.hgetall(backlog.keys.limits("Noop")) == before | {"paused": "1"}

    def test_an_unknown_type_has_no_limits(self, engine: Engine) -> None:
        before = engine.state()
        assert not engine.configure("Nothing", rate="1")
        assert engine.state() == before


class TestConcurrency:
    def test_so_many_run_at_once_and_no_more(self, backlog: Engine) -> None:
        backlog.configure(concurrency="3")
        assert starts(backlog) == 3

    @pytest.mark.parametrize("end", ["finish", "fail", "release", "crash", "cancel", "reap"])
    def test_any_end_frees_the_slot(self, backlog: Engine, end: str) -> None:
        engine = backlog
        engine.reap()
        engine.configure(concurrency="1")
        run = engine.start()
        assert engine.claim("w2") == NOTHING
        ends = {
            "finish": lambda: engine.finish(run),
            "fail": lambda: engine.fail(run, delay=9),
            "release": lambda: engine.release(run),
            "crash": lambda: engine.release(run, crashed=True),
            "cancel": lambda: engine.store.cancel(run.id, "acme", force=True),
            "reap": lambda: engine.reap_later(6),
        }
        ends[end]()
        assert engine.woken() == ["w2"]
        assert starts(engine) == 1
        engine.check()

    def test_the_worker_that_frees_a_slot_may_take_it(self, backlog: Engine) -> None:
        backlog.configure(concurrency="1")
        run = backlog.start()
        _, grant = backlog.finish(run, backlog.by("w1"))
        assert grant.id == "task-2"
        assert backlog.claim("w2") == NOTHING

    def test_levels_of_a_type_share_its_slots(self, engine: Engine) -> None:
        engine.configure(concurrency="2")
        for priority in (0, 5, 9):
            engine.submit(priority=priority)
        assert starts(engine) == 2

    def test_a_lower_cap_stops_starts_not_runs(self, backlog: Engine) -> None:
        runs = [backlog.start(f"w{n}") for n in range(3)]
        backlog.configure(concurrency="2")
        backlog.finish(runs[0])
        assert starts(backlog) == 0
        backlog.finish(runs[1])
        assert starts(backlog) == 1
        backlog.finish(runs[2])

    def test_no_slot_no_token(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=5, concurrency=1)
        backlog.advance(5)
        run = backlog.start()
        for _ in range(5):
            assert backlog.claim("w2") == NOTHING
        backlog.configure(concurrency="")
        backlog.finish(run)
        assert starts(backlog) == 4


class TestThrottled:
    """A type that may not start costs no other type anything."""

    def test_others_go_on_at_once(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.configure("Noop", **SECOND_PER_TOKEN)
        for _ in range(3):
            engine.submit("Noop", priority=10)
            engine.submit("Other")
        runs = [engine.start(f"w{n}", "Noop,Other") for n in range(3)]
        assert {run.claimed.queue for run in runs} == {"Other"}

    def test_the_shortest_wait_is_told(self, engine: Engine) -> None:
        for name, rate in (("A", "500"), ("B", "2000"), ("C", "1000")):
            engine.declare(name)
            engine.configure(name, rate=rate)
            engine.submit(name)
        assert engine.claim("w1", "A,B,C") == Wait(SECOND // 2)

    def test_a_task_that_waits_stays_in_its_queue(self, engine: Engine) -> None:
        engine.configure(**SECOND_PER_TOKEN)
        engine.submit()
        before = engine.state()
        engine.claim()
        found = changes(before, engine.state())
        assert found == {
            "worker:w1": {"state": (None, "idle")},
            "broker:groups": {"Noop": (None, "1")},
            "broker:idle:Noop": (None, {"w1"}),
            "broker:limits:Noop": {"alarm": ("0", str(START + SECOND)), "watcher": (None, "w1")},
        }
