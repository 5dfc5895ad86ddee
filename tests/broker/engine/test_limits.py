"""Guards the limits of one type to the microsecond: the bucket's level, its changes at run time, caps and pauses."""

import itertools
import math
import time

import pytest

from broker.engine.transitions import Claimed, Wait
from broker.queues.state import QueueStates
from tests.broker.engine.engine import AHEAD, NOTHING, SECOND, START, Engine, Run, at, token_in
from tests.invariants import changes, check_times

SECOND_PER_TOKEN = {"rate": "1000"}


def starts(engine: Engine, most: int = 100) -> int:
    """How many tasks may start at this moment; one that may start in a moment may be taken as well."""
    for count in range(most):
        grant = engine.claim(f"w{count}")
        if isinstance(grant, Wait) or grant.ahead_us:
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
        assert backlog.claim() == token_in(SECOND // 2)

    def test_it_fills_to_the_burst_and_no_further(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=2, burst=4)
        backlog.advance(3600)
        assert starts(backlog) == 4

    def test_a_token_falls_due_to_the_microsecond(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=2)
        for _ in range(5):
            due = backlog.now + SECOND // 2
            backlog.now = due - AHEAD - 1
            assert backlog.claim() == Wait(1)
            backlog.now = due
            assert starts(backlog) == 1

    def test_thirds_of_a_second_do_not_drift(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=3, burst=2)
        for number in range(1, 31):
            wait = backlog.claim()
            assert isinstance(wait, Wait)
            backlog.now += wait.us + AHEAD
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
        engine.promote()
        assert engine.claim() == token_in(SECOND)

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
        before = backlog.now
        backlog.now += max(0, wait - AHEAD - 1)
        grant = backlog.claim()
        if isinstance(grant, Wait):
            assert grant == Wait(1)
            backlog.now += 1
            grant = backlog.claim()
        assert isinstance(grant, Claimed)
        assert backlog.now + grant.ahead_us == before + wait

    def test_a_huge_burst_is_counted_exactly(self, backlog: Engine) -> None:
        backlog.configure(rate="100000000", burst="1000000")
        backlog.advance(86_400 * 365)
        starts(backlog, 3)
        assert backlog.redis.hget(backlog.keys.limits("Noop"), "level") == str(999_997 * 10**9)

    @pytest.mark.parametrize("lost", [("level",), ("ts",), ("level", "ts")])
    def test_one_that_was_lost_starts_empty_and_fills(self, backlog: Engine, lost: tuple[str, ...]) -> None:
        backlog.declare("Noop", rate=1, burst=5)
        backlog.redis.hdel(backlog.keys.limits("Noop"), *lost)
        assert backlog.claim() == token_in(SECOND)
        backlog.advance(1)
        assert starts(backlog) == 1


class TestClockSteps:
    def test_back_refills_nothing_and_starves_nobody(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=2)
        backlog.advance(2)
        assert starts(backlog) == 2
        backlog.advance(-3600)
        for _ in range(3):
            assert backlog.claim() == token_in(SECOND)
            backlog.advance(1)
            assert starts(backlog) == 1

    def test_back_and_forth_gains_nothing(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1)
        for _ in range(50):
            backlog.advance(-5)
            assert backlog.claim() == token_in(SECOND)
        backlog.advance(0.5)
        assert backlog.claim() == token_in(SECOND // 2)

    def test_forward_gains_a_burst_at_most(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1, burst=3)
        backlog.advance(86_400)
        assert starts(backlog) == 3

    def test_back_leaves_no_watch_that_never_ends(self, backlog: Engine) -> None:
        """Who watched before the step might be gone; whoever asks after it watches."""
        backlog.declare("Noop", rate=1)
        assert backlog.claim("w1") == token_in(SECOND)
        backlog.advance(-3600)
        assert backlog.claim("w2") == token_in(SECOND)


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
        assert backlog.claim() == token_in(SECOND)  # half a token was there, the rest comes at 0.5 a second

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
        assert backlog.claim() == token_in(SECOND)

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
        assert engine.claim("w1", "A,B,C") == token_in(SECOND // 2)

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
            "broker:limits:Noop": {"alarm": ("0", str(START + SECOND - AHEAD)), "watcher": (None, "w1")},
        }


class TestAhead:
    """A start is granted a moment before its token is due and begins at that instant: nothing of a rate is lost."""

    def begins(self, engine: Engine, worker: str = "w1", group: str = "Noop") -> int:
        """Takes a task; microseconds since the test began until it begins, which its record says."""
        run = engine.start(worker, group)
        instant = engine.now - START + run.claimed.ahead_us
        assert engine.field(run.id, "started_at") == at(instant / SECOND)
        return instant

    def test_the_instant_is_the_tokens(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=2)
        for early in (AHEAD, 1, 0, 12_345):
            due = backlog.now - START + SECOND // 2
            backlog.now = START + due - early
            assert self.begins(backlog) == due
            backlog.now = START + due
        backlog.check()

    def test_a_worker_that_comes_late_by_less_loses_nothing(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=10)
        for number in range(1, 31):
            wait = backlog.claim()
            assert isinstance(wait, Wait)
            backlog.now += wait.us + number * 600
            assert self.begins(backlog) == number * SECOND // 10

    def test_a_late_one_begins_when_it_comes(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=10)
        backlog.advance(0.13)
        assert self.begins(backlog) == 130_000
        backlog.advance(0.09)
        assert self.begins(backlog) == 230_000

    def test_several_may_be_on_their_way(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=200)
        assert [self.begins(backlog, f"w{n}") for n in range(4)] == [5_000, 10_000, 15_000, 20_000]
        assert backlog.claim("w5") == token_in(25_000)
        assert backlog.redis.hget(backlog.keys.limits("Noop"), "level") == str(-4 * 10**9 + 4 * 10**9 - 4 * 10**9)

    def test_an_odd_rate_is_never_exceeded(self, backlog: Engine) -> None:
        """Of the microsecond into which a token falls nothing is saved for the next: the bucket holds one."""
        backlog.declare("Noop", rate=3)
        instants = []
        for _ in range(9):
            backlog.now += wait.us if isinstance(wait := backlog.claim(), Wait) else 0
            instants.append(self.begins(backlog))
        gaps = {later - earlier for earlier, later in itertools.pairwise(instants)}
        assert gaps == {333_334}

    def test_a_burst_is_kept_meanwhile(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=10, burst=3)
        backlog.advance(0.09)
        assert self.begins(backlog) == 100_000
        backlog.advance(0.31)
        assert starts(backlog) == 3

    def test_whoever_asks_again_is_told_what_is_left(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=1)
        backlog.advance(0.99)
        claim = backlog.by("w1")
        first = backlog.store.claim(claim)
        backlog.advance(0.004)
        second = backlog.store.claim(claim)
        assert isinstance(first, Claimed) and isinstance(second, Claimed)
        assert (first.id, first.ahead_us, second.id, second.ahead_us) == ("task-1", 10_000, "task-1", 6_000)
        backlog.advance(0.5)
        assert backlog.store.claim(claim) == first._replace(ahead_us=0)

    def test_what_may_start_now_goes_first(self, engine: Engine) -> None:
        engine.declare("Noop", rate=1)
        engine.declare("Other")
        engine.advance(0.99)
        engine.submit("Noop", priority=10)
        engine.submit("Other")
        assert [self.begins(engine, f"w{n}", "Noop,Other") for n in range(2)] == [990_000, SECOND]

    def test_the_token_that_is_due_first_goes_first(self, engine: Engine) -> None:
        engine.declare("Noop", rate=1)
        engine.advance(0.005)
        engine.declare("Other", rate=1)
        engine.advance(0.985)
        engine.submit("Other", priority=10)
        engine.submit("Noop")
        assert [self.begins(engine, f"w{n}", "Noop,Other") for n in range(2)] == [SECOND, SECOND + 5_000]

    def test_a_sleeper_is_woken_for_it(self, engine: Engine) -> None:
        engine.declare("Noop", rate=1)
        engine.claim("w1")
        engine.advance(0.99)
        engine.submit()
        assert engine.woken() == ["w1"]
        assert self.begins(engine) == SECOND

    def test_it_holds_its_slot(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=100, concurrency=1)
        run = backlog.start()
        assert run.claimed.ahead_us == 10_000
        assert backlog.claim("w2") == NOTHING
        backlog.advance(0.01)
        backlog.finish(run)
        assert self.begins(backlog, "w2") == 20_000

    def test_no_tokens_are_shown_meanwhile(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=10)
        # They are shown by the server's own clock, which has not come as far: nothing is added since the claim.
        backlog.now = time.time_ns() // 1000 + 3600 * SECOND
        backlog.claim("w0")
        backlog.now += SECOND // 10 - 1_000
        backlog.start()
        (queue,) = QueueStates(backlog.redis, backlog.keys).read(["Noop"])
        assert queue.tokens == 0

    def test_a_pause_comes_too_late_for_what_is_granted(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=100)
        run = backlog.start()
        backlog.configure(paused="1")
        assert backlog.claim("w2") == NOTHING
        assert backlog.finish(run)[0] == "completed"

    def test_a_slower_rate_waits_for_what_was_granted_at_the_faster(self, backlog: Engine) -> None:
        """The token that is on its way was of the faster rate; it has to be earned back before the next."""
        backlog.declare("Noop", rate=100)
        assert self.begins(backlog) == 10_000
        backlog.configure(rate="10000")
        assert backlog.claim("w2") == token_in(200_000)

    def test_a_clock_that_steps_back_takes_nothing_and_gives_nothing(self, backlog: Engine) -> None:
        backlog.declare("Noop", rate=50)
        assert self.begins(backlog) == 20_000
        for step in (0.001, 3600):
            backlog.advance(-step)
            assert backlog.claim("w2") == token_in(40_000)


class TestBeforeItBegins:
    """What may happen to a run between its grant and its start: times stay in order, and nothing of it is left."""

    @pytest.fixture
    def run(self, backlog: Engine) -> Run:
        backlog.declare("Noop", rate=50)
        run = backlog.start()
        backlog.advance(0.005)
        return run

    def test_a_heartbeat(self, backlog: Engine, run: Run) -> None:
        backlog.renew(run)
        assert backlog.field(run.id, "last_heartbeat") == at(0.02) == backlog.field(run.id, "started_at")
        backlog.advance(0.02)
        backlog.finish(run)
        backlog.check()
        assert not backlog.redis.keys(backlog.keys.execution("*", "*"))
        assert not backlog.redis.exists(backlog.keys.worker_executions("w1"))

    def test_progress_is_shown(self, backlog: Engine, run: Run) -> None:
        backlog.renew(run, progress='{"percent":1.0,"stage":""}')
        assert backlog.task(run.id).progress == {"percent": 1.0, "stage": ""}

    def test_a_stop(self, backlog: Engine, run: Run) -> None:
        backlog.renew(run)
        backlog.store.cancel(run.id, "acme", force=True)
        task = backlog.task(run.id)
        assert (task.started_at, task.completed_at) == (at(0.02), at(0.02))
        assert task.attempts[0]["ended_at"] == at(0.02)
        check_times(backlog.redis, backlog.keys)
        backlog.check()

    def test_a_death(self, backlog: Engine, run: Run) -> None:
        backlog.renew(run)
        assert backlog.release(run, crashed=True) == "pending"
        (attempt,) = backlog.task(run.id).attempts
        assert (attempt["started_at"], attempt["ended_at"]) == (at(0.02), at(0.02))
        assert not backlog.redis.keys(backlog.keys.execution("*", "*"))
        backlog.check()
