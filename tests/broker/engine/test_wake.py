"""Guards who is woken: one sleeper for each task that can start, one watcher for each token, nobody for nothing."""

from broker.engine.transitions import Claimed, Wait
from tests.broker.engine.engine import NOTHING, SECOND, Engine, token_in

BOTH = "Noop,Other"


def sleepers(engine: Engine, count: int, group: str = "Noop") -> None:
    for number in range(1, count + 1):
        assert engine.claim(f"w{number}", group) == NOTHING


class TestArrivals:
    def test_each_task_wakes_one(self, engine: Engine) -> None:
        sleepers(engine, 4)
        engine.submit()
        assert len(engine.woken()) == 1
        engine.submit()
        engine.submit()
        assert len(engine.woken()) == 2

    def test_only_a_worker_that_listens(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.claim("w1", "Noop")
        engine.claim("w2", "Other")
        engine.claim("w3", BOTH)
        engine.submit("Other")
        engine.submit("Other")
        assert engine.woken() == ["w2", "w3"]

    def test_nobody_who_is_busy(self, engine: Engine) -> None:
        engine.submit()
        engine.start("w1")
        engine.submit()
        assert engine.woken() == []

    def test_nobody_for_a_task_that_cannot_start(self, engine: Engine) -> None:
        sleepers(engine, 3)
        engine.configure(paused="1")
        engine.submit()
        assert engine.woken() == []
        engine.configure(paused="0", concurrency="1")
        assert len(engine.woken()) == 1
        engine.start("w1")
        engine.submit()
        assert engine.woken() == []

    def test_nobody_who_woke_by_itself(self, engine: Engine) -> None:
        sleepers(engine, 1)
        engine.redis.set(engine.keys.suspended(), 1)
        engine.submit()
        engine.redis.delete(engine.keys.suspended())
        engine.start("w1")
        engine.submit()
        assert engine.woken() == []
        engine.check()

    def test_a_woken_worker_is_not_woken_again(self, engine: Engine) -> None:
        sleepers(engine, 1)
        engine.submit()
        engine.submit()
        assert engine.redis.lrange(engine.keys.wake("w1"), 0, -1) == ["1"]

    def test_a_wake_for_a_worker_that_never_comes_does_not_stay(self, engine: Engine) -> None:
        sleepers(engine, 1)
        engine.submit()
        assert 0 < engine.redis.ttl(engine.keys.wake("w1")) <= 60

    def test_falling_asleep_forgets_an_old_wake(self, engine: Engine) -> None:
        sleepers(engine, 1)
        engine.submit()
        engine.start("w2")
        assert engine.claim("w1") == NOTHING
        assert engine.woken() == []


class TestWatch:
    def submit_waking_only(self, worker: str, engine: Engine, name: str, group: str) -> None:
        """Whom a task wakes is drawn by lot; here the lot is fixed."""
        others = engine.redis.smembers(engine.keys.idle(group)) - {worker}
        engine.redis.srem(engine.keys.idle(group), *others)
        engine.submit(name)
        engine.redis.sadd(engine.keys.idle(group), *others)
        assert engine.woken() == [worker]

    def test_a_flood_of_a_throttled_type_wakes_one_watcher_once(self, engine: Engine) -> None:
        engine.configure(rate="1000")
        sleepers(engine, 5)
        engine.submit()
        (watcher,) = engine.woken()
        assert engine.claim(watcher) == token_in(SECOND)
        for _ in range(100):
            engine.submit()
            engine.advance(0.001)
        assert engine.woken() == []

    def test_floods_of_several_throttled_types_too(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.configure("Noop", rate="1000")
        engine.configure("Other", rate="100")
        sleepers(engine, 5, BOTH)
        engine.submit("Noop")
        engine.submit("Other")
        waits = [engine.claim(worker, BOTH) for worker in engine.woken()]
        assert waits == [token_in(SECOND), NOTHING]
        for _ in range(50):
            engine.submit("Noop")
            engine.submit("Other")
            engine.advance(0.001)
        assert engine.woken() == []

    def test_only_the_watcher_wakes_when_the_token_is_due(self, engine: Engine) -> None:
        engine.configure(rate="1000")
        for _ in range(3):
            engine.submit()
        assert [engine.claim(f"w{n}") for n in (1, 2, 3)] == [token_in(SECOND), NOTHING, NOTHING]

    def test_a_watcher_that_takes_the_task_hands_the_watch_on(self, engine: Engine) -> None:
        engine.configure(rate="1000")
        for _ in range(3):
            engine.submit()
        sleepers_waits = [engine.claim(f"w{n}") for n in (1, 2, 3)]
        assert sleepers_waits[0] == token_in(SECOND)
        engine.advance(1)
        engine.start("w1")
        (heir,) = engine.woken()
        assert engine.claim(heir) == token_in(SECOND)

    def test_a_watcher_that_takes_other_work_hands_the_watch_on(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.configure("Noop", rate="1000")
        engine.submit("Noop")
        assert [engine.claim(f"w{n}", BOTH) for n in (1, 2)] == [token_in(SECOND), NOTHING]
        engine.advance(0.25)
        self.submit_waking_only("w1", engine, "Other", BOTH)
        engine.start("w1", BOTH)
        assert engine.woken() == ["w2"]
        assert engine.claim("w2", BOTH) == token_in(SECOND * 3 // 4)

    def test_a_wake_that_met_a_watcher_whose_token_was_due_is_handed_on(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.configure("Noop", rate="1000")
        engine.submit("Noop", priority=3)
        assert [engine.claim(f"w{n}", BOTH) for n in (1, 2)] == [token_in(SECOND), NOTHING]
        engine.advance(1)
        self.submit_waking_only("w1", engine, "Other", BOTH)
        assert engine.start("w1", BOTH).claimed.queue == "Noop:3"
        assert engine.woken() == ["w2"]

    def test_all_that_a_watcher_watched_is_handed_on(self, engine: Engine) -> None:
        for name, rate in (("Other", "500"), ("Third", "")):
            engine.declare(name)
            engine.configure(name, rate=rate)
        engine.configure("Noop", rate="1000")
        for name in ("Noop", "Other"):
            engine.submit(name)
        everything = "Noop,Other,Third"
        assert [engine.claim(f"w{n}", everything) for n in (1, 2)] == [token_in(SECOND), NOTHING]
        engine.store.cancel("task-1", "acme", force=False)
        self.submit_waking_only("w1", engine, "Third", everything)
        run = engine.start("w1", everything)
        assert run.claimed.queue == "Third"
        assert engine.woken() == ["w2"]
        wait = engine.claim("w2", everything)
        assert isinstance(wait, Wait)
        assert 0 < wait.us <= 2 * SECOND

    def test_a_woken_watcher_without_work_watches_on(self, engine: Engine) -> None:
        engine.configure(rate="1000")
        engine.submit()
        assert engine.claim("w1") == token_in(SECOND)
        engine.advance(0.4)
        assert engine.claim("w1") == token_in(SECOND * 6 // 10)

    def test_a_watch_that_is_over_binds_nobody(self, engine: Engine) -> None:
        """The watcher died: when its token was due and is past, the next to look takes over."""
        engine.configure(rate="1000")
        engine.submit()
        engine.claim("w1")
        engine.claim("w2")
        engine.advance(1)
        engine.submit()
        assert len(engine.woken()) == 1

    def test_a_faster_rate_ends_the_watch_at_the_old_one(self, engine: Engine) -> None:
        engine.configure(rate="1")
        engine.submit()
        engine.claim("w1")
        engine.configure(rate="1000")
        assert engine.woken() == ["w1"]
        assert engine.claim("w1") == token_in(SECOND)

    def test_one_is_woken_to_watch_when_tokens_run_out(self, engine: Engine) -> None:
        engine.declare("Noop", rate=1, burst=1)
        engine.advance(1)
        for _ in range(3):
            engine.submit(priority=0)
        engine.redis.sadd(engine.keys.idle("Noop"), "w1")
        engine.redis.hset(engine.keys.groups(), "Noop", "1")
        engine.start("w2")
        assert engine.woken() == ["w1"]

    def test_tokens_that_came_at_once_wake_as_many(self, engine: Engine) -> None:
        """The watcher was late: each worker that starts a task wakes the next, until no token is left."""
        engine.declare("Noop", rate=10, burst=5)
        for _ in range(10):
            engine.submit()
        for number in range(1, 9):
            engine.claim(f"w{number}")
        engine.advance(10)
        started, awake = 0, ["w1"]
        while awake:
            started += isinstance(engine.claim(awake.pop()), Claimed)
            awake += engine.woken()
        assert started == 5


class TestSlots:
    def test_a_freed_slot_wakes_one(self, engine: Engine) -> None:
        engine.configure(concurrency="1")
        engine.submit()
        run = engine.start("w1")
        engine.submit()
        for number in (2, 3):
            engine.claim(f"w{number}")
        engine.finish(run)
        assert len(engine.woken()) == 1

    def test_nobody_when_nothing_waits(self, engine: Engine) -> None:
        engine.configure(concurrency="1")
        engine.submit()
        run = engine.start("w1")
        engine.claim("w2")
        engine.finish(run)
        assert engine.woken() == []

    def test_nobody_when_the_slot_is_taken_at_once(self, engine: Engine) -> None:
        engine.configure(concurrency="1")
        engine.submit()
        engine.submit()
        run = engine.start("w1")
        engine.claim("w2")
        engine.finish(run, engine.by("w1"))
        assert engine.woken() == []

    def test_other_work_taken_the_slot_is_for_somebody_else(self, engine: Engine) -> None:
        engine.declare("Other")
        engine.configure("Noop", concurrency="1")
        engine.submit("Noop")
        run = engine.start("w1", BOTH)
        engine.submit("Noop")
        engine.claim("w2", BOTH)
        engine.submit("Other", priority=3)
        engine.woken()
        engine.redis.sadd(engine.keys.idle(BOTH), "w2")
        _, grant = engine.finish(run, engine.by("w1", BOTH))
        assert grant.queue == "Other:3"
        assert engine.woken() == ["w2"]

    def test_a_raised_cap_wakes_as_many_as_there_is_room_for(self, engine: Engine) -> None:
        engine.configure(paused="1")
        for _ in range(5):
            engine.submit(priority=2)
        sleepers(engine, 4)
        engine.configure(paused="0")
        assert len(engine.woken()) == 4


class TestLostWakes:
    def test_a_woken_worker_that_died_is_made_up_for_by_the_reaper(self, engine: Engine) -> None:
        sleepers(engine, 2)
        engine.submit()
        (dead,) = engine.woken()
        assert engine.store.unregister_worker(dead, "Noop") is None
        engine.advance(0.5)
        engine.reap()
        (alive,) = engine.woken()
        assert alive != dead
        assert isinstance(engine.claim(alive), Claimed)

    def test_the_reaper_wakes_for_every_queue(self, engine: Engine) -> None:
        engine.declare("Other")
        for name in ("Noop", "Other"):
            engine.submit(name)
        for number, group in enumerate(["Noop", "Other"]):
            engine.redis.hset(engine.keys.groups(), group, "1")
            engine.redis.sadd(engine.keys.idle(group), f"w{number}")
        engine.reap()
        assert engine.woken() == ["w0", "w1"]

    def test_nobody_when_somebody_watches(self, engine: Engine) -> None:
        engine.configure(rate="1000")
        engine.submit()
        for number in (1, 2):
            engine.claim(f"w{number}")
        engine.reap()
        assert engine.woken() == []

    def test_a_retired_worker_is_not_woken(self, engine: Engine) -> None:
        sleepers(engine, 2)
        engine.store.unregister_worker("w1", "Noop")
        engine.submit()
        engine.submit()
        assert engine.woken() == ["w2"]
