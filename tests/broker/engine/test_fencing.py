"""Guards that a run which is over changes nothing any more, whoever took it away and whatever its worker still says."""

from collections.abc import Callable

import pytest

from tests.broker.engine.engine import Engine, Run
from tests.invariants import State

# The ways in which a run is taken away from its worker -------------------------------------------------------------


def reaped(engine: Engine, run: Run) -> None:
    engine.reap_later(6)
    assert engine.task(run.id).status == "pending"


def reaped_and_started_elsewhere(engine: Engine, run: Run) -> None:
    reaped(engine, run)
    assert engine.start("w2").id == run.id


def reaped_and_finished_elsewhere(engine: Engine, run: Run) -> None:
    reaped(engine, run)
    engine.finish(engine.start("w2"))


def released(engine: Engine, run: Run) -> None:
    assert engine.release(run) == "pending"


def crashed(engine: Engine, run: Run) -> None:
    assert engine.release(run, crashed=True) == "pending"


def cancelled(engine: Engine, run: Run) -> None:
    assert engine.store.cancel(run.id, "acme", force=True) == "processing"


def deleted(engine: Engine, run: Run) -> None:
    """Its hash alone, as RQ does with a run that it has no records of yet."""
    engine.redis.delete(engine.keys.job(run.id))
    engine.reap_later(6)
    engine.reconcile.tick()


def requeued(engine: Engine, run: Run) -> None:
    engine.redis.hset(engine.keys.job(run.id), "status", "queued")
    engine.redis.rpush(engine.keys.rq_queue("Noop"), run.id)
    engine.reconcile.tick()


def failed(engine: Engine, run: Run) -> None:
    assert engine.fail(run)[0] == "failed"


def postponed(engine: Engine, run: Run) -> None:
    assert engine.postpone(run, 60)[0] == "scheduled"


def failed_and_retried(engine: Engine, run: Run) -> None:
    failed(engine, run)
    engine.retry(run.id)


AWAY = [
    *(reaped, reaped_and_started_elsewhere, reaped_and_finished_elsewhere, released, crashed, cancelled, deleted),
    *(requeued, failed, failed_and_retried, postponed),
]

# What its worker may still say -------------------------------------------------------------------------------------

LATE: dict[str, Callable[[Engine, Run], bool]] = {
    "finish": lambda engine, run: engine.finish(run)[0] == "stale",
    "fail": lambda engine, run: engine.fail(run, delay=1)[0] == "stale",
    "postpone": lambda engine, run: engine.postpone(run, 1)[0] == "stale",
    "renew": lambda engine, run: engine.renew(run, progress='{"percent":99}') == [run.execution],
    "note_early": lambda engine, run: not engine.store.note_early(run.id, run.execution, "a", ["info:a", "1"]),
    "remember": lambda engine, run: not engine.store.remember(run.id, run.execution, {"late": True}),
}


def without_worker(engine: Engine, state: State) -> State:
    """A worker may always say that it lives and what it does."""
    own = engine.keys.worker("w1")
    return State({k: v for k, v in state.values.items() if k != own}, state.expiring - {own})


@pytest.mark.parametrize("away", AWAY, ids=lambda away: away.__name__)
@pytest.mark.parametrize("late", LATE)
def test_late_words_change_nothing(engine: Engine, away: Callable[[Engine, Run], None], late: str) -> None:
    engine.submit()
    run = engine.start()
    away(engine, run)
    before = engine.state()
    stale = LATE[late](engine, run)
    assert without_worker(engine, engine.state()) == without_worker(engine, before)
    engine.check()
    repeated_own_end = away in {"fail": (failed, failed_and_retried), "postpone": (postponed,)}.get(late, ())
    assert stale != repeated_own_end


@pytest.mark.parametrize("away", AWAY, ids=lambda away: away.__name__)
@pytest.mark.parametrize("crash", [False, True])
def test_a_late_release_changes_nothing(engine: Engine, away: Callable[[Engine, Run], None], crash: bool) -> None:
    engine.submit()
    run = engine.start()
    away(engine, run)
    before = engine.state()
    engine.release(run, crashed=crash)
    assert engine.state() == before


def test_another_workers_execution_is_not_released(engine: Engine) -> None:
    engine.submit()
    run = engine.start("w1")
    before = engine.state()
    assert engine.store.release("w2", run.execution, crashed=True, max_crashes=3)[0] == "stale"
    assert engine.store.release("w1", "other", crashed=True, max_crashes=3)[0] == "stale"
    assert engine.state() == before


def test_only_the_stale_ones_of_a_beat_are_named(engine: Engine) -> None:
    for _ in range(3):
        engine.submit()
    runs = [engine.start(f"w{n}") for n in range(3)]
    engine.store.cancel(runs[1].id, "acme", force=True)
    engine.advance(4)
    assert engine.renew(*runs) == [runs[1].execution]
    engine.advance(4)
    engine.reap()
    assert [engine.task(run.id).status for run in runs] == ["processing", "cancelled", "processing"]


def test_a_late_end_still_gets_the_worker_its_next_task(engine: Engine) -> None:
    engine.submit()
    run = engine.start()
    cancelled(engine, run)
    fresh = engine.submit()
    then = engine.by("w1")
    outcome, grant = engine.finish(run, then)
    assert (outcome, grant.id) == ("stale", fresh)
    assert engine.finish(run, then) == (outcome, grant)
    engine.check()
