"""Guards that scheduled tasks start when they are due: in that order, not before, in bounded batches, each once."""

from broker.daemon.promote import Promote
from tests.broker.engine.engine import SECOND, START, Engine, at, indexed
from tests.invariants import changes


def test_a_task_that_is_due_enters_its_queue(engine: Engine) -> None:
    task_id = engine.submit(delay_us=SECOND, priority=4)
    engine.advance(1)
    before = engine.state()
    assert engine.promote() == (1, -1)
    assert changes(before, engine.state()) == {
        "job:task-1": {"status": ("scheduled", "queued"), "enqueued_at": (None, at(1)), "seq": ("0", "1")},
        "queue:Noop:4": (None, [task_id]),
        "scheduled:Noop:4": {task_id: (START / SECOND + 1, None)},
        "broker:ready": {"Noop:4": (None, 4)},
        "broker:arrivals": {"Noop:4": (None, "1")},
        "broker:waiting:Noop:4:acme:": {task_id: (None, START + SECOND)},
        "broker:shares:Noop:4": {"acme": (None, 0)},
        "broker:due": {task_id: (START + SECOND, None)},
        "broker:tasks:acme:Noop": {task_id: (indexed("scheduled"), indexed("pending"))},
    }
    engine.check()


def test_not_a_microsecond_early(engine: Engine) -> None:
    engine.submit(delay_us=SECOND)
    engine.now = START + SECOND - 1
    assert engine.promote() == (0, 1)
    engine.now = START + SECOND
    assert engine.promote() == (1, -1)


def test_the_earliest_come_first_and_join_behind_who_waits(engine: Engine) -> None:
    late, early, waiting = engine.submit(delay_us=2 * SECOND), engine.submit(delay_us=SECOND), engine.submit()
    engine.advance(5)
    assert engine.promote() == (2, -1)
    assert engine.waiting() == [waiting, early, late]
    engine.check()


def test_a_batch_is_bounded_and_tells_that_more_is_due(engine: Engine) -> None:
    for _ in range(5):
        engine.submit(delay_us=SECOND)
    engine.submit(delay_us=9 * SECOND)
    engine.advance(1)
    assert engine.promote(limit=3) == (3, 0)
    assert engine.promote(limit=3) == (2, 8 * SECOND)
    engine.check()


def test_the_daemon_comes_back_in_time_for_the_next(engine: Engine) -> None:
    chore = Promote(engine.store)
    assert chore.tick() == 0.25  # nothing is known: look again soon, something may be scheduled meanwhile
    engine.submit(delay_us=SECOND // 10)
    assert chore.tick() == 0.1
    for _ in range(101):
        engine.submit(delay_us=SECOND // 10)
    engine.advance(0.1)
    assert chore.tick() == 0.0  # a full batch
    assert chore.tick() == 0.25


def test_what_was_deleted_meanwhile_is_passed_over(engine: Engine) -> None:
    gone, good = engine.submit(delay_us=SECOND), engine.submit(delay_us=SECOND)
    engine.redis.delete(engine.keys.job(gone))
    engine.advance(1)
    assert engine.promote() == (1, -1)
    assert engine.waiting() == [good]


def test_each_promoted_task_wakes_a_sleeper(engine: Engine) -> None:
    for n in range(3):
        engine.claim(f"w{n}")
    for _ in range(2):
        engine.submit(delay_us=SECOND)
    assert engine.woken() == []
    engine.advance(1)
    engine.promote()
    assert len(engine.woken()) == 2


def test_a_repeat_promotes_nothing_twice(engine: Engine) -> None:
    engine.submit(delay_us=SECOND)
    engine.advance(1)
    engine.promote()
    before = engine.state()
    assert engine.promote() == (0, -1)
    assert engine.state() == before
