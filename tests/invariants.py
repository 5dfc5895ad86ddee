"""What must hold in Redis at every moment, whatever happened before: read in one script, checked in Python.

`check_invariants` may be called at any time, also while workers run; `check_drained` when all work has ended.
"""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.client import NEVER_DECODE

from broker.clock import from_rfc3339
from broker.engine.keys import Keys
from broker.levels import queue_name, split_queue
from broker.status import RQ_STATUS, TERMINAL, Status, score_range

_TOKEN = 1_000_000_000
#: Of a bucket from which starts were granted ahead: what flows in within 20 ms at 1,000/s, the fastest rate in tests.
_LOWEST = -20_000 * 1_000_000
_STATUS = {word: status for status, word in RQ_STATUS.items()}
#: When a task is due that waits for others.
_NEVER = float(2**53 - 1)
_REGISTRIES = ("finished", "failed", "scheduled", "canceled")

#: Everything below a prefix: {key, type, value, time to live in ms or -1}. Vectors are bytes of no interest here.
_DUMP = """
local readers = {
  string = function(key) return redis.call('GET', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  stream = function(key) return redis.call('XRANGE', key, '-', '+') end,
}
local dump = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if string.sub(key, 1, #ARGV[1]) == ARGV[1] and not string.find(key, ':broker:vector[_s][p:]') then
    local type = redis.call('TYPE', key)['ok']
    dump[#dump + 1] = { key, type, readers[type](key), redis.call('PTTL', key) }
  end
end
return dump
"""


@dataclass(frozen=True)
class State:
    """All keys of a prefix: hashes and sorted sets as dicts, sets as sets, streams as lists of entries without ids."""

    values: dict[str, Any]
    #: Keys that have a time to live.
    expiring: frozenset[str]


def snapshot(redis: Redis, keys: Keys) -> State:
    """Everything below the prefix, of one moment."""
    dump = redis.execute_command("EVAL", _DUMP, 0, keys.prefix + ":", **{NEVER_DECODE: True})
    values = {_text(key): _value(_text(kind), value) for key, kind, value, _ in dump}
    values.pop(keys.counts(), None)  # written now and then, of what happened before
    return State(values, frozenset(_text(key) for key, _, _, ttl in dump if ttl >= 0))


def changes(before: State, after: State) -> dict[str, Any]:
    """What differs, by key without the prefix: ``(old, new)``, or for hashes and sorted sets that by field."""
    found: dict[str, Any] = {}
    for key in before.values.keys() | after.values.keys():
        old, new = before.values.get(key), after.values.get(key)
        if old == new:
            continue
        if isinstance(old or new, dict):
            fields = {name: ((old or {}).get(name), (new or {}).get(name)) for name in (old or {}) | (new or {})}
            found[key.partition(":")[2]] = {name: pair for name, pair in fields.items() if pair[0] != pair[1]}
        else:
            found[key.partition(":")[2]] = (old, new)
    return found


def check_invariants(redis: Redis, keys: Keys, *, exact_durations: bool = True) -> State:
    """Raises ``AssertionError`` with everything that is wrong; returns what it looked at.

    ``exact_durations``: off where tasks were deleted by foreign hands, of whose durations only the mean is kept.
    """
    state = snapshot(redis, keys)
    found = problems(state, keys)
    if exact_durations:
        found += _wrong_durations(state, keys)
    assert not found, "\n".join(found)
    return state


def problems(state: State, keys: Keys) -> list[str]:
    """All that is wrong in a state, but for the sums of durations."""
    return [problem for check in _CHECKS for problem in check(state, keys)]


def check_drained(redis: Redis, keys: Keys) -> None:
    """After all work has ended: every task is in an end state and no trace of a run is left."""
    state = check_invariants(redis, keys)
    unfinished = {task_id: task["status"] for task_id, task in _tasks(state, keys).items() if not _ended(task)}
    assert not unfinished, unfinished
    rests = [key for key in state.values if key.startswith((keys.execution("", "")[:-1], keys.executions("")))]
    assert not rests, rests
    lists = [key for key in state.values if key.startswith((keys.rq_queue(""), keys.due()))]
    assert not lists, lists


def check_times(redis: Redis, keys: Keys) -> None:
    """Created, started and ended in this order; holds while the server's clock is not set back."""
    for task_id, task in _tasks(snapshot(redis, keys), keys).items():
        names = ["created_at", "started_at", "ended_at"] if _ended(task) else ["created_at", "started_at"]
        if task["status"] == "canceled" or _STATUS[task["status"]] in (Status.PENDING, Status.SCHEDULED):
            names.remove("started_at")  # of an earlier run, if any
        times = [task[name] for name in names if task.get(name)]
        assert times == sorted(times), (task_id, times)


# the checks, each yields what is wrong -----------------------------------------------------------------------------


def _misplaced(state: State, keys: Keys) -> Iterator[str]:
    """Every task is where its status says, exactly once, and nowhere else; nothing else is anywhere."""
    tasks, places = _tasks(state, keys), _places(state, keys)
    for task_id in tasks.keys() | places.keys():
        found = Counter(places.get(task_id, []))
        wanted = Counter(_home(task_id, tasks[task_id]) if task_id in tasks else [])
        if found != wanted:
            status = tasks[task_id]["status"] if task_id in tasks else "gone"
            yield f"{task_id} is {status}: too much {sorted(found - wanted)}, missing {sorted(wanted - found)}"


def _misindexed(state: State, keys: Keys) -> Iterator[str]:
    """Indexes hold a task by status and time of creation."""
    tasks, tenants = _tasks(state, keys), state.values.get(keys.tenants(), set())
    for name, index in _below(state, keys.index("", "").removesuffix(":")):
        tenant = name.partition(":")[0]
        if tenant not in tenants:
            yield f"{tenant} has tasks and is not among the tenants"
        for task_id, score in index.items():
            if task_id in tasks and score != _score(tasks[task_id]):
                yield f"{task_id} has score {score} in the index {name}: {tasks[task_id]}"


def _wrong_tags(state: State, keys: Keys) -> Iterator[str]:
    """A tag's index has its tasks, by their creation, and of those that are there no others."""
    tasks, wanted = _tasks(state, keys), defaultdict[str, dict[str, float]](dict)
    for task_id, task in tasks.items():
        for tag in json.loads(task.get("tags") or "[]"):
            wanted[keys.tagged(task["tenant"], tag)][task_id] = float(task["us"])
    prefix = keys.tagged("", "")[:-1]
    for name in wanted.keys() | {key for key in state.values if key.startswith(prefix)}:
        found = {each: score for each, score in state.values.get(name, {}).items() if each in tasks}
        if found != wanted.get(name, {}):
            yield f"{name} has {found} instead of {wanted.get(name)}"


def _wrong_queues(state: State, keys: Keys) -> Iterator[str]:
    """Queues that hold something are known, to us by priority, and their tasks are numbered in their order."""
    tasks, ready = _tasks(state, keys), state.values.get(keys.ready(), {})
    known = state.values.get(keys.rq_queues(), set())
    types = state.values.get(keys.types(), set())
    for queue, ids in _below(state, keys.rq_queue("")):
        type_name, level = split_queue(queue)
        startable = [task for task in map(tasks.get, ids) if task and _may_start(task, state, keys)]
        if startable and ready.get(queue) != level:
            yield f"queue {queue} holds {len(ids)} tasks and is not ready at its priority: {ready.get(queue)}"
        if keys.rq_queue(queue) not in known:
            yield f"queue {queue} is not in RQ's set of queues"
        if type_name not in types:
            yield f"queue {queue} is of no declared type"
        numbers = [int(tasks[task_id]["seq"]) for task_id in ids if task_id in tasks]
        if any(a >= b for a, b in itertools.pairwise(numbers)):
            yield f"queue {queue} is not numbered in its order: {numbers}"
        if numbers and numbers[-1] > int(state.values.get(keys.arrivals(), {}).get(queue, 0)):
            yield f"queue {queue} ends with number {numbers[-1]}: {state.values.get(keys.arrivals())}"


def _may_start(task: dict[str, str], state: State, keys: Keys) -> bool:
    """Is it in the line of its own queue, and at no cap of its tenant or group?"""
    tenant, group, name = task["tenant"], task.get("group", ""), _type(task)
    capped = tenant in state.values.get(keys.capped(name), {})
    group_capped = f"{tenant}:{group}" in state.values.get(keys.capped_groups(name), set())
    return not (capped or group_capped or task.get("held") or task.get("lifted"))


def _wrong_shares(state: State, keys: Keys) -> Iterator[str]:
    """Tenants and groups with tasks in line are among those whose turn comes, no tag is behind the turn of others."""
    for line, _ in _below(state, keys.waiting("", 0, "", "").partition(":0:")[0].removesuffix(":") + ":"):
        type_name, level, tenant, group = line.split(":", 3)
        queue = queue_name(type_name, int(level))
        if tenant in state.values.get(keys.capped(type_name), {}):
            continue
        if f"{tenant}:{group}" in state.values.get(keys.capped_groups(type_name), set()):
            continue
        if tenant not in state.values.get(keys.shares(queue), {}):
            yield f"{tenant} waits in {queue} and has no share of it"
        groups = state.values.get(keys.group_shares(type_name, int(level), tenant), {})
        if (groups or group) and group not in groups:
            yield f"group {group!r} of {tenant} waits in {queue} and has no share"


def _wrong_numbers(state: State, keys: Keys) -> Iterator[str]:
    """Nothing is negative, retries stay in bounds, buckets between their burst and what is granted ahead."""
    for task_id, task in _tasks(state, keys).items():
        retries, granted = int(task.get("retry_count", 0)), int(task["max_retries"])
        if not 0 <= retries <= granted or int(task.get("crashes", 0)) < 0:
            yield f"{task_id} has used {retries} of {granted} retries, {task.get('crashes')} crashes"
        if keys.job(task_id) in state.expiring:
            yield f"{task_id} expires"
    for type_name, limits in _below(state, keys.limits("")):
        if limits.get("rate") and not _LOWEST <= int(limits["level"]) <= int(limits["burst"]) * _TOKEN:
            yield f"the bucket of {type_name} is out of bounds: {limits}"
    for tenant, durations in _below(state, keys.durations("")):
        yield from (f"{tenant}'s {name} durations are {us}" for name, us in durations.items() if int(us) < 0)


def _wrong_claims(state: State, keys: Keys) -> Iterator[str]:
    """A unique key is held by an unfinished task that has it; runs shown to RQ are going on."""
    tasks = _tasks(state, keys)
    for name, holder in _below(state, keys.unique("", "", "").rstrip(":") + ":"):
        task = tasks.get(holder)
        if task and (_ended(task) or not name.endswith(f":{task.get('unique')}")):
            yield f"the unique key {name} is held by {holder}, which is {task['status']} with key {task.get('unique')}"
    for run, _ in _below(state, keys.execution("", "")[:-1]):
        task_id, _, execution = run.partition(":")
        if task_id in tasks and tasks[task_id].get("lease") != execution:
            yield f"RQ's record of run {run} is left over"


def _wrong_sleepers(state: State, keys: Keys) -> Iterator[str]:
    """A worker that is registered as asleep sleeps in one group, has nothing to wake for and runs nothing."""
    asleep = Counter(worker for _, group in _below(state, keys.idle("")) for worker in group)
    for worker, times in asleep.items():
        record = state.values.get(keys.worker(worker), {})
        if times > 1 or keys.wake(worker) in state.values or record.get("state") == "busy":
            yield f"{worker} sleeps {times} times, is {record.get('state')}, woken: {keys.wake(worker) in state.values}"


def _wrong_media(state: State, keys: Keys) -> Iterator[str]:
    """Media are listed where their records are; of a deleted one nothing is there but its tombstone."""
    records = {
        name: value
        for name, value in _below(state, keys.media(""))
        if isinstance(value, dict) and "source_key" in value
    }
    graves = dict(_below(state, keys.tombstone("")))
    yield from (f"media {each} is deleted and has a record" for each in records.keys() & graves.keys())
    due = state.values.get(keys.tombstones(), {})
    yield from (f"the tombstone of {each} is half there" for each in due.keys() ^ graves.keys())
    for name in (keys.media_expiry(), keys.sources_due()):
        yield from (f"{each} is in {name} and has no record" for each in state.values.get(name, {}).keys() - records)


def _wrong_waits(state: State, keys: Keys) -> Iterator[str]:
    """Who waits for others is scheduled, due never; each of those has it in its links, and has not ended or its end is
    being settled. Nothing else is due never, and nobody has links but whose end is still to come.
    """
    tasks, due = _tasks(state, keys), state.values.get(keys.due(), {})
    links, settling = dict(_below(state, keys.links(""))), _settling(state, keys)
    for task_id, task in tasks.items():
        waits = task["waiting_for"].split(",") if task.get("waiting_for") else []
        if waits and _STATUS.get(task["status"]) is not Status.SCHEDULED:
            yield f"{task_id} is {task['status']} and waits for {waits}"
        aside = task_id in state.values.get(keys.newer(_type(task)), {})
        if task_id in due and (due[task_id] == _NEVER) != bool(waits or aside):
            yield f"{task_id} waits for {waits} and is due at {due[task_id]}"
        for other in waits:
            to_come = other in tasks and not _ended(tasks[other]) and task_id in links.get(other, ())
            if not to_come and not any(task_id in links.get(name, ()) for name in settling if _of(name) == other):
                yield f"{task_id} waits for {other} in vain: {tasks.get(other, {}).get('status')}"
            if to_come and "flow" not in tasks[other]:
                yield f"{other} does not know that {task_id} waits for it"
    for name in links:
        if name not in settling and (name not in tasks or _ended(tasks[name])):
            yield f"something follows from {name}, which is over: {links[name]}"


def _wrong_flows(state: State, keys: Keys) -> Iterator[str]:
    """A flow has its tasks as their index has them, of others only ended ones, and has ended when all of them have."""
    tasks, ended = _tasks(state, keys), dict(state.values.get(keys.flows_ended(), {}))
    flows = dict(_below(state, keys.flow("", "").removesuffix(":")))
    members = dict(_below(state, keys.flow_tasks("", "").removesuffix(":")))
    for task_id, task in tasks.items():
        name = f"{task['tenant']}:{task['flow']}" if task.get("flow") else ""
        if name and name not in flows and not _ended(task):
            yield f"{task_id} is {task['status']} and its flow {name} is gone"
        if name in flows and members.get(name, {}).get(task_id) != _score(task):
            yield f"{task_id} is {task['status']} and stands at {members.get(name, {}).get(task_id)} in its flow {name}"
    first_ended = score_range(Status.COMPLETED)[0]
    for name, scores in members.items():
        strangers = [each for each, score in scores.items() if each not in tasks and score < first_ended]
        if strangers:
            yield f"the flow {name} waits for tasks that are gone: {strangers}"
        over = all(score >= first_ended for score in scores.values())
        if over != ("ended_at" in flows.get(name, {})) or over != (name in ended):
            yield f"the flow {name} is over: {over}, and is {flows.get(name)}"
    if flows.keys() != members.keys() or not ended.keys() <= flows.keys():
        yield f"flows {sorted(flows)} have tasks {sorted(members)}, ended are {sorted(ended)}"


def _wrong_deadlines(state: State, keys: Keys) -> Iterator[str]:
    """Who has a deadline and waits for its first run is known by it, and nobody who has ended."""
    tasks, deadlines = _tasks(state, keys), state.values.get(keys.deadlines(), {})
    yield from (
        f"{each} has ended and has a deadline" for each in deadlines if each not in tasks or _ended(tasks[each])
    )
    for task_id, task in tasks.items():
        waits = _STATUS.get(task["status"]) in (Status.PENDING, Status.SCHEDULED) and "runs" not in task
        if waits and "deadline" in task and deadlines.get(task_id) != from_rfc3339(task["deadline"]):
            yield f"{task_id} has the deadline {task['deadline']} and is known by {deadlines.get(task_id)}"


def _settling(state: State, keys: Keys) -> set[str]:
    """Names of links whose task has ended, for the daemon."""
    return {entry.partition(" ")[0] for entry in state.values.get(keys.settling(), [])}


def _of(name: str) -> str:
    return name.partition("@")[0]


def _wrongly_spared(state: State, keys: Keys) -> Iterator[str]:
    """What the share of completed tasks leaves out is what helped another and was cancelled."""
    wanted = {
        (f"{task['tenant']}:{_type(task)}", task_id)
        for task_id, task in _tasks(state, keys).items()
        if "part_of" in task and task["status"] == "canceled"
    }
    found = {(name, task_id) for name, ids in _below(state, keys.spared("", "")[:-1]) for task_id in ids}
    if wanted != found:
        yield f"{wanted - found} are not left out, {found - wanted} are"


_CHECKS = (
    *(_misplaced, _misindexed, _wrong_queues, _wrong_shares, _wrong_numbers, _wrong_claims, _wrong_sleepers),
    *(_wrong_waits, _wrong_deadlines, _wrong_flows, _wrong_media, _wrong_tags, _wrongly_spared),
)


def _wrong_durations(state: State, keys: Keys) -> list[str]:
    """The sums of durations are those of the completed tasks that are there."""
    wanted: dict[tuple[str, str], int] = defaultdict(int)
    for task in _tasks(state, keys).values():
        if task["status"] == "finished":
            took = from_rfc3339(task["ended_at"]) - from_rfc3339(task["started_at"])
            size, _, base = task.get("batch", "").partition(" ")
            together = int(size) if base and task["lease"].partition("+")[0] == base else 1
            wanted[task["tenant"], _type(task)] += max(0, took) // together
    found = {(tenant, name): int(us) for tenant, sums in _below(state, keys.durations("")) for name, us in sums.items()}
    differing = [pair for pair in wanted.keys() | found.keys() if wanted.get(pair, 0) != found.get(pair, 0)]
    return [f"durations of {pair} are {found.get(pair)}, the tasks took {wanted.get(pair)}" for pair in differing]


# reading a state ---------------------------------------------------------------------------------------------------


def _tasks(state: State, keys: Keys) -> dict[str, dict[str, str]]:
    """Our tasks' hashes by id."""
    return {name: value for name, value in _below(state, keys.job("")) if isinstance(value, dict) and "tenant" in value}


def _places(state: State, keys: Keys) -> dict[str, list[str]]:
    """Task id -> every place that holds it, as often as it does."""
    places: dict[str, list[str]] = defaultdict(list)
    for prefix in (
        keys.rq_queue(""),
        keys.index("", "").removesuffix(":"),
        keys.waiting("", 0, "", "").partition(":0:")[0],
        keys.held(""),
        *(keys.registry(r, "") for r in _REGISTRIES),
    ):
        for name, members in _below(state, prefix):
            for task_id in members:
                places[task_id].append(prefix + name)
    for queue, runs in _below(state, keys.registry("wip", "")):
        for run in runs:
            task_id, _, execution = run.partition(":")
            places[task_id].append(f"{keys.registry('wip', queue)} {execution}")
    for task_id in state.values.get(keys.due(), {}):
        places[task_id].append(keys.due())
    return {task_id: [place.removeprefix(f"{keys.prefix}:") for place in found] for task_id, found in places.items()}


def _home(task_id: str, task: dict[str, str]) -> list[str]:
    """Where a task belongs."""
    queue, tenant = task["origin"], task["tenant"]
    status = _STATUS.get(task["status"])
    home = {
        Status.PENDING: [f"queue:{queue}", _line(task)],
        Status.SCHEDULED: ["broker:due", f"scheduled:{queue}"],
        Status.PROCESSING: [f"wip:{queue} {task.get('lease')}"],
        Status.COMPLETED: [f"finished:{queue}"],
        Status.FAILED: [f"failed:{queue}"],
        Status.CANCELLED: [f"canceled:{queue}"],
    }
    return [*home.get(status, [f"a place for status {task['status']}"]), f"broker:tasks:{tenant}:{_type(task)}"]


def _line(task: dict[str, str]) -> str:
    """Where a waiting task stands in its order."""
    if task.get("held"):
        return f"broker:held:{task['held']}"
    type_name, level = split_queue(task.get("lifted") or task["origin"])
    return f"broker:waiting:{type_name}:{level}:{task['tenant']}:{task.get('group', '')}"


def _score(task: dict[str, str]) -> int | None:
    """Where its index should have the task."""
    status = _STATUS.get(task["status"])
    return score_range(status, int(task["us"]))[0] if status else None


def _type(task: dict[str, str]) -> str:
    return task["origin"].partition(":")[0]


def _ended(task: dict[str, str]) -> bool:
    return _STATUS.get(task["status"]) in TERMINAL


def _below(state: State, prefix: str) -> list[tuple[str, Any]]:
    """(rest of the key, value) of all keys that begin so."""
    return [(key.removeprefix(prefix), value) for key, value in state.values.items() if key.startswith(prefix)]


def _value(kind: str, value: Any) -> Any:
    if kind == "string":
        return _text(value)
    if kind == "stream":
        return [_pairs(fields) for _, fields in value]
    if kind == "hash":
        return _pairs(value)
    if kind == "zset":
        return {member: float(score) for member, score in _pairs(value).items()}
    members = [_text(member) for member in value]
    return set(members) if kind == "set" else members


def _pairs(flat: list[Any]) -> dict[str, str]:
    return {_text(flat[i]): _text(flat[i + 1]) for i in range(0, len(flat), 2)}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
