"""Every change of a task's state: one method per script, with the same name.

Only the reconciler and the doctor change one besides, by scripts that follow what a foreign hand has done.
"""

import json
import secrets
from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple, TypeAlias

from redis import Redis

from broker.actor import Actor, argument
from broker.engine.keys import Keys
from broker.engine.script_connection import ScriptConnection
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.scripts import Script
from broker.rq_records import traceback_text

_NAMES = (
    *(
        "submit",
        "submit_many",
        "submit_linked",
        "settle",
        "claim",
        "claim_more",
        "finish",
        "fail",
        "postpone",
        "renew",
        "release",
    ),
    *("cancel", "retry", "promote", "reap", "prune", "prune_flows", "declare", "configure", "set_tenant", "remember"),
    *("note_early", "share_work", "take_part", "end_part"),
    *(
        "hold",
        "sweep_hold",
        "let_go_hold",
        "settle_hold",
        "lift",
        "begin_aging",
        "register_worker",
        "unregister_worker",
        "listen",
    ),
    *(
        "enforce_deadlines",
        "delete_task",
        "delete_media",
        "keep_media",
        "add_usage",
        "change_task",
        "step_operation",
        "step_reprocessing",
        "tidy_tag",
    ),
)

#: ``caps`` of configure.lua that changes none.
KEEP_CAPS = "keep/keep/keep/keep/keep"

#: Over what transitions may be called.
Client: TypeAlias = "Redis | ScriptConnection | ScriptConnectionPool"


class Claimed(NamedTuple):
    """A task leased to a worker: what its child needs to run it."""

    id: str
    queue: str
    tenant: str
    payload: str
    runs: int
    timeout: int
    retry_count: int
    memo: str
    #: Microseconds until its token is due: the run begins then, not before.
    ahead_us: int = 0
    #: What is known of the request that submitted it; see ``broker.trace``.
    trace: str = ""


class Wait(NamedTuple):
    """Nothing may start now: sleep until woken, but no longer than ``us`` microseconds unless that is -1.

    -2: a type that has work is not declared (any more); declare your types and ask again.
    """

    us: int


#: ``Wait.us`` of a worker that should declare its types.
UNDECLARED = -2


class Finish(NamedTuple):
    """The good end of a run of a worker, as ``Transitions.finish`` takes it."""

    worker: str
    id: str
    execution: str
    result: str | bytes
    used: str
    media_id: str
    info: tuple[str, ...]


class Lost(NamedTuple):
    """A task whose lease ran out, and what became of it: 'pending' again, or 'failed' as poison."""

    id: str
    type: str
    tenant: str
    worker: str
    runs: str
    outcome: str
    #: As of ``Claimed``.
    trace: str


class Moved(NamedTuple):
    """A task that was moved because its time had come."""

    id: str
    type: str
    tenant: str
    trace: str


class Acted(NamedTuple):
    """A task that an operation has acted on, with the status that it had; of one that is gone what it ran on."""

    id: str
    type: str
    status: str
    media_id: str
    plugin: str


class Claim(NamedTuple):
    """Who asks for work: a worker, the execution it names its next run, and the types it listens to (``A,B,C``)."""

    worker: str
    execution: str
    group: str
    lease_us: int

    def member(self, number: int) -> "Claim":
        """Of a task that is worked on together with the one claimed, from 1: as `claim_more` names it."""
        base = self.execution.partition("+")[0]
        return self._replace(worker=f"{self.worker}+{number}", execution=f"{base}+{number}")


class Transitions:
    """The transitions, on one Redis client with ``decode_responses=True``.

    All methods are idempotent under repetition with the same arguments, so a caller whose reply was lost may simply
    call again. Redis errors (``redis.RedisError``) pass through.
    """

    def __init__(self, redis: Client, keys: Keys, *, clock: str = "clock") -> None:
        self.redis = redis
        self.keys = keys
        self._scripts = {name: Script(name, clock=clock) for name in _NAMES}

    def on(self, redis: Client) -> "Transitions":
        """The same transitions over another client."""
        other = copy(self)
        other.redis = redis
        return other

    def _run(self, name: str, **values: Any) -> Any:
        return self._scripts[name](self.redis, prefix=self.keys.prefix, **values)

    def submit(
        self,
        task_id: str,
        tenant: str,
        payload: str | bytes,
        options: str,
        bounds: str | int,
        media: Sequence[str] = (),
        *,
        trace: str = "",
    ) -> Any:
        """The microsecond of creation; [0, id that was there]; [-1, number waiting, type] when it was refused.

        ``payload`` is JSON; ``options``, ``bounds`` and ``media`` as in submit.lua, and its other refusals.
        """
        # In the order of its header; what is called most, as `finish` is too, does without names.
        arguments = self.keys.prefix, task_id, tenant, payload, options, bounds, trace, *media
        return self._scripts["submit"].run(self.redis, arguments)

    def submit_many(
        self, tenant: str, fields: Sequence[str | bytes], bounds: str | int, *, trace: str = ""
    ) -> list[Any]:
        """Accepts all or none; ``fields`` of the tasks one after the other, and the reply, as in submit_many.lua."""
        return list(self._run("submit_many", tenant=tenant, bounds=bounds, trace=trace, fields=fields))

    def submit_linked(
        self,
        tenant: str,
        fields: Sequence[str | bytes],
        bounds: str | int,
        media: Sequence[str] = (),
        *,
        trace: str = "",
    ) -> list[Any]:
        """Accepts all or none of tasks that depend on others or belong to flows, with the record of ``media``.

        ``fields``, ``media`` and the reply as in submit_linked.lua.
        """
        told = [*media, *fields]
        sizes = {"bounds": bounds, "media_fields": len(media)}
        return list(self._run("submit_linked", tenant=tenant, trace=trace, fields=told, **sizes))

    def settle(self, limit: int = 25) -> int:
        """Goes on with what follows from tasks that have ended; the number of ends that are left."""
        return int(self._run("settle", limit=limit))

    def claim(self, claim: Claim) -> Claimed | Wait:
        """The next startable task, leased; or how long there is none."""
        return _grant(
            self._run(
                "claim",
                worker=claim.worker,
                execution=claim.execution,
                lease_us=claim.lease_us,
                group=claim.group,
            )
        )

    def claim_more(self, first: Claimed, claim: Claim, known: str, most: int) -> list[Claimed]:
        """More tasks of the type of the ``first``, which ``claim`` has granted: those that may start at once.

        ``known`` as ``TaskType.known``. The n-th has ``claim.member(n)``; the execution of ``claim`` ends in ``+0``.
        """
        replies = self._run(
            "claim_more",
            worker=claim.worker,
            execution=claim.execution,
            lease_us=claim.lease_us,
            group=claim.group,
            id=first.id,
            known=known,
            most=most,
        )
        return [Claimed(*reply[1:]) for reply in replies]

    def finish_each(self, ends: Sequence["Finish"]) -> list[str]:
        """Ends several runs well, in one round trip: of each 'completed' or 'stale'. Nothing is claimed."""
        prefix, nothing = self.keys.prefix, ("", "", "")
        calls = [
            (prefix, each.id, each.execution, each.result, each.worker, *nothing, each.used, each.media_id, *each.info)
            for each in ends
        ]
        return [outcome for outcome, _ in self._scripts["finish"].run_each(self.redis, calls)]

    def finish(
        self,
        task_id: str,
        execution: str,
        result: str | bytes,
        then: Claim,
        media_id: str = "",
        info: tuple[str, ...] = (),
        used: str = "",
    ) -> tuple[str, Claimed | Wait]:
        """Ends a run well: ('completed' or 'stale', what to do next). ``then.execution`` '' claims nothing.

        ``used`` as in usage.lua, here and below.
        """
        then_claim = then.worker, then.execution, then.lease_us, then.group
        arguments = self.keys.prefix, task_id, execution, result, *then_claim, used, media_id, *info
        outcome, grant = self._scripts["finish"].run(self.redis, arguments)
        return outcome, _grant(grant)

    def fail(
        self,
        task_id: str,
        execution: str,
        message: str,
        traceback: str,
        delay_us: int | None,
        then: Claim,
        used: str = "",
    ) -> tuple[str, Claimed | Wait]:
        """Ends a run badly: ('scheduled', 'failed' or 'stale', what to do next). ``delay_us`` None forbids a retry."""
        return self._end_run(
            "fail",
            then,
            id=task_id,
            execution=execution,
            message=message,
            traceback=traceback_text(traceback),
            retryable=int(delay_us is not None),
            delay_us=delay_us or 0,
            used=used,
        )

    def postpone(
        self, task_id: str, execution: str, delay_us: int, then: Claim, used: str = "", *, background: bool = False
    ) -> tuple[str, Claimed | Wait]:
        """Ends a run until a time, as if it had not been: ('scheduled' or 'stale', what to do next).

        ``background`` has the task wait below all others from then on: 'pending' when that is at once.
        """
        return self._end_run(
            "postpone",
            then,
            id=task_id,
            execution=execution,
            delay_us=delay_us,
            used=used,
            background="1" if background else "",
        )

    def _end_run(self, name: str, then: Claim, **values: Any) -> tuple[str, Claimed | Wait]:
        """Runs a script that ends a run and makes the worker's next claim: (outcome, what to do next)."""
        outcome, grant = self._run(
            name,
            worker=then.worker,
            next_execution=then.execution,
            lease_us=then.lease_us,
            group=then.group,
            **values,
        )
        return outcome, _grant(grant)

    def release(
        self,
        worker: str,
        execution: str,
        *,
        crashed: bool,
        max_crashes: int,
        message: str = "",
        used: str = "",
        apart: bool = False,
    ) -> tuple[str, str]:
        """Gives a run up without an outcome: ('pending', 'failed' as poison, or 'stale' without one; its task).

        ``apart``: instead of counting a crash, has the task run alone from now on.
        """
        outcome, task_id = self._run(
            "release",
            worker=worker,
            execution=execution,
            crashed="apart" if apart else int(crashed),
            max_crashes=max_crashes,
            message=message,
            used=used,
        )
        return outcome, task_id

    def renew(self, runs: list[tuple[str, str, str, str]], *, lease_us: int, worker_ttl: int) -> list[str]:
        """Heartbeat of runs ``(worker, task id, execution, progress JSON or '')``; returns executions that are over."""
        flat = [part for run in runs for part in run]
        return list(self._run("renew", runs=flat, lease_us=lease_us, worker_ttl=worker_ttl))

    def cancel(self, task_id: str, tenant: str, *, force: bool) -> str:
        """The status it found, 'missing' for none; pending, scheduled and (forced) processing are cancelled now."""
        return str(self._run("cancel", id=task_id, tenant=tenant, force=int(force)))

    def enforce_deadlines(self, limit: int = 25) -> tuple[list[Moved], int, int]:
        """(tasks cancelled, how many deadlines are done with, microseconds until the next or -1)."""
        cancelled, passed, wait = self._run("enforce_deadlines", limit=limit)
        return _moved(cancelled), int(passed), int(wait)

    def retry(self, task_id: str, tenant: str, *, force: bool, request: str) -> tuple[bool, str, Any, Any]:
        """(scheduled by this ``request``, what was found, retry_count, max_retries), as retry.lua returns it."""
        scheduled, *found = self._run("retry", id=task_id, tenant=tenant, force=int(force), request=request)
        return bool(scheduled), *found

    def change_task(
        self, task_id: str, tenant: str, *, level: str, due: str, delay: str, tags: str, request: str
    ) -> str:
        """The status it found, 'missing' for none; a task that waits is changed as change_task.lua says, or 'late'."""
        told = {"level": level, "due": due, "delay": delay, "tags": tags, "request": request}
        return str(self._run("change_task", id=task_id, tenant=tenant, **told))

    def step_operation(self, operation: str, *, limit: int, note: str = "") -> tuple[str, str, str, list[Acted]]:
        """(state or '' for none, tenant, action, tasks acted on now); ``note`` begins the field of a plugin's note."""
        state, tenant, action, flat = self._run("step_operation", id=operation, limit=limit, note=note)
        return state, tenant, action, [Acted(*row) for row in zip(*[iter(flat)] * 5, strict=True)]

    def step_reprocessing(  # noqa: PLR0913  (in the order of its header)
        self,
        operation: str,
        *,
        before: str,
        moment: str,
        beyond: str,
        more: bool,
        counts: str,
        bounds: str | int,
        fields: Sequence[str | bytes],
    ) -> tuple[str, str, list[int]]:
        """(state or '' for none, 'done', 'refused' or 'stale', numbers of the tasks that were made).

        ``before`` is the place that the record had, ``fields`` as those of ``submit_many``.
        """
        told = {"from": before, "moment": moment, "beyond": beyond, "more": "1" if more else "", "counts": counts}
        state, outcome, *made = self._run("step_reprocessing", id=operation, bounds=bounds, fields=fields, **told)
        return state, outcome, [int(each) for each in made]

    def promote(self, limit: int = 100) -> tuple[list[Moved], int]:
        """(tasks moved into their queues, microseconds until the next is due or -1)."""
        moved, wait = self._run("promote", limit=limit)
        return _moved(moved), int(wait)

    def reap(self, *, lease_us: int, gap_us: int, max_crashes: int, limit: int = 100) -> tuple[list[Lost], list[str]]:
        """(tasks whose lease ran out, those whose lease was extended because nobody had reaped for a while)."""
        lost, extended = self._run("reap", lease_us=lease_us, gap_us=gap_us, limit=limit, max_crashes=max_crashes)
        rows = zip(*[iter(lost)] * 7, strict=True)
        return [Lost._make(row) for row in rows], extended

    def prune(self, queue: str, status: str, *, retention_us: int, limit: int = 100) -> int:
        """Removes ended tasks that are older than the retention; returns how many."""
        return int(self._run("prune", queue=queue, status=status, retention_us=retention_us, limit=limit))

    def tidy_tag(self, tenant: str, tag: str, rank: int, limit: int = 100) -> int:
        """Looks for tasks of a tag that are gone; the rank at which to go on, -1 at the end."""
        return int(self._run("tidy_tag", tenant=tenant, tag=tag, rank=rank, limit=limit)[0])

    def prune_flows(self, *, retention_us: int, limit: int = 100) -> int:
        """Removes the records of flows that ended before the retention; returns how many."""
        return int(self._run("prune_flows", retention_us=retention_us, limit=limit))

    def delete_task(
        self, task_id: str, tenant: str, *, media_id: str = "", note: str = "", by: Actor | None = None
    ) -> str:
        """The status it found, 'missing' for none; a task that has ended is removed, with its ``note`` in a record."""
        actor = argument(by)
        return str(self._run("delete_task", id=task_id, tenant=tenant, media_id=media_id, note=note, actor=actor))

    def delete_media(self, media_id: str, tenant: str, kind: str, by: Actor | None = None) -> bool:
        """Ends a media file and leaves a tombstone; False when the tenant has no such file."""
        nonce, actor = secrets.randbits(63), argument(by)
        return bool(self._run("delete_media", media_id=media_id, tenant=tenant, kind=kind, nonce=nonce, actor=actor))

    def keep_media(self, tenant: str, bounds: str | int, media: Sequence[str]) -> list[Any]:
        """Accepts a media record without a task; ``media`` and the reply as in keep_media.lua."""
        return list(self._run("keep_media", tenant=tenant, bounds=bounds, media=media))

    def declare(self, types: str) -> bool:
        """Makes task types known with their queues' defaults, as ``limits.declarations`` tells them; True when a
        declaration took effect.
        """
        return bool(self._run("declare", types=types))

    def configure(  # noqa: PLR0913  (each is a setting)
        self,
        type_name: str,
        *,
        rate: str,
        burst: str,
        concurrency: str,
        paused: str,
        caps: str = KEEP_CAPS,
        tenant: str = "",
        by: Actor | None = None,
    ) -> bool:
        """Changes limits for all workers at once; False when the type is not declared. ``tenant`` is told about it."""
        return bool(
            self._run(
                "configure",
                type_name=type_name,
                rate=rate,
                burst=burst,
                concurrency=concurrency,
                paused=paused,
                caps=caps,
                tenant=tenant,
                actor=argument(by),
            )
        )

    def hold(self, hold: str, record: str) -> None:
        """Puts a hold in force; ``record`` is JSON as in hold.lua."""
        self._run("hold", hold=hold, record=record)

    def sweep_hold(
        self, hold: str, tenant: str, type_name: str, after: str = "-inf", limit: int = 100
    ) -> tuple[str, int]:
        """(where to go on after or '' at the end, how many waiting tasks were put aside)."""
        after, moved = self._run("sweep_hold", hold=hold, tenant=tenant, type_name=type_name, after=after, limit=limit)
        return after, moved

    def let_go_hold(self, hold: str, limit: int = 100) -> int:
        """How many tasks a hold that is not in force any more still holds; -1 when there is no such hold."""
        return int(self._run("let_go_hold", hold=hold, limit=limit))

    def settle_hold(self, hold: str) -> None:
        """All that waited when a hold was made was looked at."""
        self._run("settle_hold", hold=hold)

    def lift(self, limit: int = 100) -> tuple[int, int]:
        """(tasks moved one level up, microseconds until the next is due or -1)."""
        moved, wait = self._run("lift", limit=limit)
        return moved, wait

    def begin_aging(self, tenant: str, type_name: str, after: str = "-inf", limit: int = 100) -> str:
        """Where to go on after, '' when all that waits grows older."""
        return str(self._run("begin_aging", tenant=tenant, type_name=type_name, after=after, limit=limit))

    def set_tenant(self, tenant: str, weight: str, caps: Sequence[str], quotas: str = "keep") -> None:
        """Sets a tenant's weight, its own caps and quotas, as set_tenant.lua takes them."""
        self._run("set_tenant", tenant=tenant, weight=weight, quotas=quotas, caps=caps)

    def add_usage(self, token: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Adds (task or '', tenant, type, used) to the ledger, once under a token."""
        self._run("add_usage", token=token, fields=[part for row in rows for part in row])

    def remember(self, task_id: str, execution: str, memo: dict[str, Any]) -> bool:
        """Keeps a handler's notes; False when the run is over."""
        return bool(self._run("remember", id=task_id, execution=execution, memo=json.dumps(memo)))

    def note_early(
        self, task_id: str, execution: str, media_id: str, info: Sequence[str], told: tuple[str, str] = ("", "")
    ) -> bool:
        """Adds ``info`` (fields and values) to a media record of the task's tenant; False when the run is over.

        ``told`` are the event of webhooks and the kind of live event that tell of it.
        """
        run = {"id": task_id, "execution": execution, "media_id": media_id}
        return bool(self._run("note_early", **run, event=told[0], kind=told[1], info=info))

    def share_work(
        self, task_id: str, execution: str, *, work: str, helper: tuple[bytes, str], bounds: str | int,
        ids: Sequence[str], parts: Sequence[str],
    ) -> list[str] | None:  # fmt: skip
        """Tells of which parts a run's work consists, and has tasks help with it: ids of new ones, at most these.

        ``helper`` are their payload and options, as in submit.lua. ``None``: the run is over.
        """
        run = {"id": task_id, "execution": execution, "work": work, "helpers": len(ids)}
        told = {"payload": helper[0], "options": helper[1], "told": [*ids, *parts]}
        code, *new = self._run("share_work", bounds=bounds, **run, **told)
        return new if code else None

    def take_part(
        self, task_id: str, execution: str, *, lead: str, work: str, most: int
    ) -> tuple[list[str], int] | None:
        """(parts that the run has now, how many others make); ``None`` when it is over."""
        run = {"id": task_id, "execution": execution, "lead": lead, "work": work}
        code, *found = self._run("take_part", most=most, **run)
        return (found[1:], int(found[0])) if code else None

    def end_part(self, task_id: str, execution: str, *, lead: str, part: str, done: bool) -> bool:
        """A run has made a part, or gives it back; False when it does not have it."""
        run = {"id": task_id, "execution": execution, "lead": lead}
        return bool(self._run("end_part", part=part, state="done" if done else "", **run))

    def register_worker(self, worker: str, *, ttl: int, queues: str, fields: dict[str, Any], types: str = "") -> bool:
        """Writes a worker's record and declares its ``types``; True when it was not known."""
        flat = [part for pair in fields.items() for part in pair]
        return bool(self._run("register_worker", worker=worker, ttl=ttl, queues=queues, types=types, fields=flat))

    def unregister_worker(self, worker: str, group: str) -> None:
        """Removes a worker's record."""
        self._run("unregister_worker", worker=worker, group=group)

    def listen(self, tenant: str, *, keep_us: int) -> tuple[str, str]:
        """Has a tenant's events recorded for so long; the ids of the last and of the first entry kept."""
        last, first = self._run("listen", tenant=tenant, keep_us=keep_us)
        return last, first


def _moved(flat: list[Any]) -> list[Moved]:
    return [Moved(*row) for row in zip(*[iter(flat)] * 4, strict=True)]


def _grant(reply: list[Any]) -> Claimed | Wait:
    if reply[0] == 1:
        return Claimed(*reply[1:])
    return Wait(int(reply[1]))
