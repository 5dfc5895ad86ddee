"""Guards batches: a batch leaves what its tasks would have left one by one, or nothing at all."""

from typing import Any

import pytest

from tests.broker.engine.engine import SECOND, START, Engine, at

BATCH: list[dict[str, Any]] = [
    {},
    {"priority": 5},
    {"delay_us": 2 * SECOND},
    {"type": "Other", "unique_key": "k"},
    {},
    {"due_us": START + 9 * SECOND, "priority": 5},
    {"priority": 5},
]


def one_by_one(engine: Engine, *tasks: dict[str, Any]) -> list[str]:
    """The same tasks, each a microsecond after the one before, as a batch counts."""
    ids = []
    for number, task in enumerate(tasks):
        engine.now = START + number
        ids.append(engine.submit(task.get("type", "Noop"), **{k: v for k, v in task.items() if k != "type"}))
    engine.now = START
    return ids


def test_it_leaves_what_single_submissions_leave(engine: Engine) -> None:
    engine.declare("Other")
    one_by_one(engine, *BATCH)
    singly = engine.state()
    engine.redis.flushall()
    engine.now, engine._ids = START, 0
    engine.declare()
    engine.declare("Other")
    assert engine.try_submit_many(*BATCH) == [1, START]
    assert engine.state() == singly
    engine.check()


def test_the_queue_goes_on_where_it_was(engine: Engine) -> None:
    first = engine.submit()
    engine.try_submit_many({}, {})
    last = engine.submit()
    assert engine.waiting() == [first, "task-2", "task-3", last]
    engine.check()


def test_those_that_are_there_are_named_and_the_others_made(engine: Engine) -> None:
    held = engine.submit(unique_key="k")
    engine.submit(id="here")
    before = engine.task("here")
    answer = engine.try_submit_many({"unique_key": "k"}, {"id": "new"}, {"id": "here"}, {"id": "new"})
    assert answer == [1, START, 0, held, 2, "here", 3, "new"]
    assert engine.waiting() == [held, "here", "new"]
    assert engine.task("new").created_at == at(0.000001)
    assert engine.task("here") == before
    engine.check()


def test_one_unique_key_within_a_batch_makes_one_task(engine: Engine) -> None:
    answer = engine.try_submit_many({"id": "a", "unique_key": "k"}, {"id": "b", "unique_key": "k"})
    assert answer == [1, START, 1, "a"]
    assert engine.waiting() == ["a"]
    engine.check()


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_without_room_for_all_there_is_no_trace(engine: Engine, waiting: int) -> None:
    engine.declare("Other")
    for _ in range(waiting):
        engine.submit()
    before = engine.state()
    batch = [{"type": "Other"}, *[{"unique_key": str(n)} for n in range(3 - waiting)]]
    assert engine.try_submit_many(*batch, max_pending=2) == [-1, waiting, "Noop"]
    assert engine.state() == before


def test_what_is_there_takes_no_room(engine: Engine) -> None:
    engine.try_submit_many({"id": "a"}, {"id": "b"}, max_pending=2)
    assert engine.try_submit_many({"id": "a"}, {"id": "b"}, max_pending=2) == [1, START, 0, "a", 1, "b"]


def test_as_many_workers_are_woken_as_there_are_tasks(engine: Engine) -> None:
    for worker in ("w1", "w2", "w3"):
        engine.claim(worker)
    engine.try_submit_many({}, {"priority": 2}, {"delay_us": SECOND})
    assert len(engine.woken()) == 2


def test_no_more_workers_are_woken_than_there_are_tokens(engine: Engine) -> None:
    engine.configure(rate="1000", burst="2")
    engine.advance(10)
    for worker in ("w1", "w2", "w3", "w4"):
        engine.claim(worker)
    engine.try_submit_many(*[{}] * 50)
    assert len(engine.woken()) == 2


def test_a_batch_of_the_largest_size(engine: Engine) -> None:
    assert engine.try_submit_many(*[{"unique_key": f"{n}"} for n in range(1000)]) == [1, START]
    assert engine.waiting() == [f"task-{n}" for n in range(1, 1001)]
    engine.check()
