"""Guards the background: what waits there starts when nothing else could, and is watched over like all else."""

import pytest

from broker.engine.transitions import Claimed
from broker.levels import BACKGROUND, LEVELS, queue_name, queue_names, split_queue
from tests.broker.engine.engine import NOTHING, SECOND, START, Engine, Run, at, indexed, leased, put_in_state
from tests.invariants import changes


def try_start(engine: Engine, worker: str = "w1", types: str = "Noop") -> Run | None:
    """What the worker gets, ``None`` when nothing may start."""
    claim = engine.by(worker, types)
    grant = engine.store.claim(claim)
    return Run(worker, claim.execution, grant) if isinstance(grant, Claimed) else None


def claimed(engine: Engine, types: str = "Noop") -> list[str]:
    """What one worker after another gets, and ends at once."""
    ids = []
    while run := try_start(engine, "w1", types):
        ids.append(run.id)
        engine.finish(run)
    return ids


class TestOrder:
    def test_it_comes_after_every_priority_whenever_it_came(self, engine: Engine) -> None:
        late = engine.submit(priority=BACKGROUND)
        ids = {priority: engine.submit(priority=priority) for priority in (0, 10, 3)}
        assert claimed(engine) == [ids[10], ids[3], ids[0], late]
        engine.check()

    def test_it_comes_after_every_priority_of_other_types(self, engine: Engine) -> None:
        engine.declare("Other")
        late = engine.submit(priority=BACKGROUND)
        other = engine.submit("Other")
        assert claimed(engine, "Noop,Other") == [other, late]

    def test_it_starts_while_all_else_is_throttled(self, engine: Engine) -> None:
        engine.declare("Slow", rate=1)
        engine.advance(1)
        engine.submit("Slow")
        engine.submit("Slow")
        late = engine.submit(priority=BACKGROUND)
        assert engine.start("w1", "Noop,Slow").claimed.queue == "Slow"
        assert engine.start("w2", "Noop,Slow").id == late

    def test_it_takes_tokens_of_its_type(self, engine: Engine) -> None:
        engine.declare(rate=1, burst=2)
        engine.advance(2)
        for _ in range(3):
            engine.submit(priority=BACKGROUND)
        assert [try_start(engine, f"w{n}") is None for n in range(3)] == [False, False, True]
        engine.check()

    def test_inside_it_tenants_take_turns(self, engine: Engine) -> None:
        for tenant in "aaab":
            engine.submit(tenant=tenant, priority=BACKGROUND)
        tenants = []
        while run := try_start(engine, "w1"):
            tenants.append(run.claimed.tenant)
            engine.advance(1)
            engine.finish(run)
        assert tenants == ["a", "b", "a", "a"]

    def test_who_ages_rises_out_of_it(self, engine: Engine) -> None:
        engine.cap(aging=10)
        old = engine.submit(priority=BACKGROUND)
        engine.advance(9)
        engine.submit()
        assert engine.store.lift(100)[0] == 0
        engine.advance(1)
        assert engine.store.lift(100)[0] == 1
        engine.submit()
        engine.check()
        assert engine.start().id == old, "it came before the others of priority 0"
        engine.check()


class TestGivingWay:
    def test_a_run_goes_on_behind_all_others_at_once(self, engine: Engine) -> None:
        task_id = engine.submit(priority=7, max_retries=0)
        run = engine.start()
        other = engine.submit()
        engine.advance(1)
        before = engine.state()
        assert engine.postpone(run, 0, background=True) == ("pending", NOTHING)
        found = changes(before, engine.state())
        assert found["job:task-1"] == {
            "status": ("started", "queued"),
            "origin": ("Noop:7", "Noop:background"),
            "lease": ("x1", "x1 gave_way"),
            "crashes": (None, "0"),
            "enqueued_at": (None, at(1)),
        }
        assert found["wip:Noop:7"] == {"task-1:x1": (leased(START + 5 * SECOND), None)}
        assert found["queue:Noop:background"] == (None, [task_id])
        assert found["broker:tasks:acme:Noop"] == {"task-1": (indexed("processing"), indexed("pending"))}
        engine.check()
        task = engine.task(task_id)
        assert (task.status, task.priority, task.background, task.retry_count) == ("pending", 0, True, 0)
        assert claimed(engine) == [other, task_id]

    def test_what_it_knew_is_told_to_its_next_run(self, engine: Engine) -> None:
        task_id = engine.submit()
        run = engine.start()
        engine.store.remember(task_id, run.execution, {"rung": 2})
        engine.postpone(run, 0, background=True)
        again = engine.start().claimed
        assert (again.id, again.queue, again.runs, again.memo) == (task_id, "Noop:background", 2, '{"rung": 2}')

    def test_its_next_run_takes_a_token(self, engine: Engine) -> None:
        engine.declare(rate=1, burst=1)
        engine.advance(1)
        engine.submit()
        engine.postpone(engine.start(), 0, background=True)
        assert try_start(engine) is None
        engine.advance(1)
        assert try_start(engine) is not None
        engine.check()

    def test_later_it_waits_in_the_schedule_first(self, engine: Engine) -> None:
        task_id = engine.submit(priority=5)
        assert engine.postpone(engine.start(), 3, background=True)[0] == "scheduled"
        engine.check()
        engine.advance(3)
        engine.promote()
        assert engine.order("Noop:background") == [task_id]
        engine.check()

    def test_a_repeat_and_a_stale_run_change_nothing(self, engine: Engine) -> None:
        engine.submit()
        run = engine.start()
        engine.postpone(run, 0, background=True)
        state = engine.state()
        assert engine.postpone(run, 0, background=True)[0] == "pending"
        assert engine.state() == state
        engine.start("w2")
        assert engine.postpone(run, 0, background=True)[0] == "stale"
        engine.check()

    def test_the_worker_takes_what_waits_before_it_in_the_same_step(self, engine: Engine) -> None:
        engine.submit()
        run = engine.start()
        other = engine.submit()
        _, grant = engine.postpone(run, 0, engine.by("w1"), background=True)
        assert grant.id == other  # type: ignore[union-attr]


def test_names_of_queues_tell_their_level() -> None:
    names = queue_names("Noop")
    assert [split_queue(name) for name in names] == [("Noop", level) for level in LEVELS]
    assert (names[0], names[1], names[-1]) == ("Noop:background", "Noop", "Noop:10")
    assert queue_name("Noop", 3) == "Noop:3"


@pytest.mark.parametrize("state", ["pending", "scheduled", "processing", "completed", "failed"])
def test_rq_sees_it_in_a_queue_of_its_own(engine: Engine, state: str) -> None:
    task_id = put_in_state(engine, state, BACKGROUND)
    assert engine.field(task_id, "origin") == "Noop:background"
    assert engine.redis.sismember("rq:queues", "rq:queue:Noop:background")
    engine.check()
