"""The small worlds that are searched: who lives in them, what may be done, and how often things go wrong."""

from tests.broker.engine.exhaustive.world import SECOND, TaskSpec, World

_A = TaskSpec("t1", "a")
_B = TaskSpec("t2", "b")
_HIGH = TaskSpec("t3", "b", level=1)
_LOW = TaskSpec("t11", "a", level=-1)
_LATER = TaskSpec("t4", "a", delay=SECOND, unique="k")
_NEXT = TaskSpec("t6", "a", after="t1")
_IN_TIME = TaskSpec("t10", "a", deadline=SECOND)
_SAME = TaskSpec("t5", "a", unique="k", max_retries=0)


def _world(name: str, tasks: tuple[TaskSpec, ...], operations: str, **numbers: int) -> World:
    """With what every world has: work that comes, is done and is watched over."""
    everywhere = "submit claim finish promote reap pass_time"
    return World(name, tasks, frozenset(f"{everywhere} {operations}".split()), **numbers)


WORLDS = (
    _world("a run", (_A,), "fail fail_for_good hand_back crash renew stop die vanish", losses=1, deaths=1),
    _world("a word that is lost twice", (_A,), "fail_for_good cancel retry", workers=1, losses=2),
    _world("two workers and two tasks", (_A, _B), "finish_last die", deaths=1),
    _world("one slot", (_A, _B), "finish_last stop die", concurrency=1, deaths=1),
    _world("few tokens", (_A, _B), "postpone die", rate=200, deaths=1),
    _world(
        "settings and clocks", (_A, _B), "pause resume postpone step_back", workers=1, rate=200, steps_back=1, changes=2
    ),
    _world("a key and a schedule", (_LATER, _SAME), "cancel fail_for_good retry prune", workers=1, losses=1),
    _world("a task after another", (_A, _NEXT), "submit_after fail_for_good retry cancel stop", losses=1),
    _world(
        "a deadline", (_A, _IN_TIME), "submit_with_deadline enforce_deadlines fail cancel stop die", deaths=1, losses=1
    ),
    _world("three tasks", (_A, _B, _HIGH), "fail cancel stop die", concurrency=2, losses=1, deaths=1, steps_back=1),
)

WORLDS += (_world("work in the background", (_B, _LOW), "fail cancel stop die", deaths=1, losses=1),)

#: Two tenants, one of whom has two tasks of different groups.
_A2 = TaskSpec("t7", "a")
_GROUPED = tuple(TaskSpec(f"t{number}", "a", group=group) for number, group in ((8, "x"), (9, "y")))
WORLDS += (
    _world("a tenant's turn", (_A, _A2, _B), "hand_back cancel renew", workers=1, losses=1),
    _world("turns on two workers", (_A, _A2, _B), "finish_last die", deaths=1),
    _world("groups of a tenant", (*_GROUPED, _B), "fail cancel", workers=1),
)

_RQ = "rq_delete rq_cancel rq_requeue rq_empty rq_pop reconcile"

#: Where a foreign hand reaches in. RQ's own code is called and the reconciler looks at everything, which takes longer.
FOREIGN_WORLDS = (
    _world("a foreign hand", (_A,), f"fail_for_good {_RQ}", workers=1, foreign_acts=1),
    _world("a foreign hand among three", (_A, _B, _HIGH), f"fail_for_good cancel {_RQ}", foreign_acts=2, losses=1),
)
