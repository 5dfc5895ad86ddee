"""A worker child: takes tasks and runs them, one after another, in one warm process."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, TypeVar

from redis import RedisError

from broker import spans, task_log
from broker.broker import Broker
from broker.config import BrokerSettings
from broker.context import Handler
from broker.engine.absence import Absence
from broker.engine.connection import connect
from broker.engine.script_connection import ScriptConnection
from broker.engine.transitions import UNDECLARED, Claim, Claimed, Wait
from broker.environment.secrets import secrets_of
from broker.log import add_facts, listen
from broker.media.generations import MAKES
from broker.queues import limits
from broker.queues.workers import LACKS
from broker.rq_records import RQ_VERSION
from broker.task_type import TaskTypes
from broker.trace import NONE, Trace, from_text, set_for_process
from broker.worker import alarm, together
from broker.worker.child_state import ChildState, Run
from broker.worker.completions import LONGEST, Completions
from broker.worker.handlers import joins, load_batch, load_handler
from broker.worker.log_pipe import LogPipe
from broker.worker.meter import Meter
from broker.worker.outcome import Completed, Failed, Outcome, Postponed
from broker.worker.printed import Printed, log_what_is_printed
from broker.worker.process_state import ProcessState
from broker.worker.run import RunContext, end_copy, execute
from broker.worker.run_log import RunLog
from broker.worker.wake import wake

log = logging.getLogger(__name__)
T = TypeVar("T")

#: No sleep is longer, because the wake for a task may have gone to a worker that is dead.
LONGEST_SLEEP = 5.0
#: Leases end up to so many seconds early, because they are kept to the tenth.
_LEASE_STEP = 0.1
#: Seconds that a worker's record outlives its last heartbeat.
WORKER_TTL = 30
#: Seconds between two declarations at least, when the types are lost again and again.
_BETWEEN_DECLARATIONS = 1.0
#: Rows that are added to the ledger in one script.
_ROWS = 50


class Child:
    """The loop of one child process. ``name`` is its slot's name: RQ's worker record."""

    def __init__(
        self, name: str, settings: BrokerSettings, types: TaskTypes, shared: ChildState, log_pipe: LogPipe
    ) -> None:
        self._name = name
        self._pid = os.getpid()
        self._settings = settings
        self._broker = Broker(settings, types)
        # One answer may take as long as the longest sleep; a task that was spoilt in Redis is to fail, not to kill.
        redis = connect(settings.redis_url, timeout=2 * LONGEST_SLEEP, undecodable="surrogateescape")
        self._redis = ScriptConnection(redis, threads=False)
        self._store = self._broker.transitions.on(self._redis)
        self._absence = Absence(log)
        self._completions = Completions(name)
        self._write_late = LONGEST, self._completions.write
        self._shared = shared
        logs = self._broker.task_logs
        append = partial(logs.append, self._redis) if logs.kib else None
        self._printed: tuple[Printed, ...] = ()
        self._said = RunLog(log_pipe, shared, append, secrets_of(os.environ))
        self._group = ",".join(types[name].known for name in sorted(types))
        self._lease_us = int(settings.lease_seconds * 1_000_000)
        self._meter = Meter()
        self._handlers: dict[str, Handler] = {}
        #: How executions end that others may be worked on together with.
        self._first = "+0" if any(each.batch for each in types.values()) else ""
        self._nonce = os.urandom(6).hex()
        self._traced = False
        self._execution = ""  # under which the latest claim was made
        self._claims = self._runs = 0
        self._registered = 0.0
        self._completed = self._failed = 0
        self._latest = ""  # task
        self._stop = False

    def run(self) -> None:
        """Works until asked to stop."""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, self._on_signal)
        alarm.install()
        self._printed = log_what_is_printed()
        add_facts(self._said.facts)
        listen(self._said.note)
        self._state = ProcessState()
        self._register()
        grant = self._claim()
        while not self._stopping():
            grant = self._work(grant) if isinstance(grant, Claimed) else self._sleep(grant)
        if isinstance(grant, Claimed):  # asked to stop while the answer to a claim was on its way
            self._until_answered(lambda: self._store.release(self._name, self._execution, crashed=False, max_crashes=1))
            self._tell("handed back: the worker stops", grant)
        self._completions.write()
        spans.flush()
        self._tell_short()
        self._shared.write(Run(started=time.monotonic() if self._runs else 0.0))
        with suppress(RedisError):  # the record expires by itself
            self._store.unregister_worker(self._name, self._group)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _stopping(self) -> bool:
        return self._stop or self._shared.stop_asked or self._runs >= self._settings.child_max_tasks

    # asking for work --------------------------------------------------------------------------------------------

    def _next_claim(self) -> Claim:
        """A claim under a new execution id, or one that claims nothing when this child is about to stop."""
        self._claims += 1
        self._execution = "" if self._stopping() else f"{self._nonce}{self._claims:x}{self._first}"
        return Claim(self._name, self._execution, self._group, self._lease_us)

    def _claim(self, sleep: float = 0.0, *, on_time: bool = False) -> Claimed | Wait:
        """The next task, or how long there is none; asked for when so many seconds are over or the worker is woken."""
        claim = self._next_claim()
        if not claim.execution:
            return Wait(0)
        self._shared.write(Run(execution=claim.execution))
        asked = _seconds_of_this_machine()
        if sleep:
            self._completions.write()
            self._redis.blpop_first(self._broker.keys.wake(self._name), sleep, self._wake if on_time else None)
        grant = self._until_answered(lambda: self._store.claim(claim))
        lease = self._settings.lease_seconds - _LEASE_STEP
        if isinstance(grant, Claimed) and _seconds_of_this_machine() - asked >= lease:
            # The answer may be that old, when this machine or the server has stood still: is the task still ours?
            grant = self._until_answered(lambda: self._store.claim(claim))
        return grant

    def _sleep(self, wait: Wait) -> Claimed | Wait:
        """Sleeps and claims in one round trip, which is one less than if a woken worker had to ask for its task.

        The server makes the claim even if this machine has died asleep. No sleep is longer than a lease, so that no
        task is lost to the same dead machine again and again.
        """
        if left := self._state.restore_idle():
            self._end_soon(left)
        if self._meter.due():
            self._tell_short()
        undeclared = wait.us == UNDECLARED
        # Neither many short sleeps nor runs shorter than a beat may let the record expire.
        if time.monotonic() - self._registered >= (_BETWEEN_DECLARATIONS if undeclared else LONGEST_SLEEP):
            self._register()
            if undeclared:
                return self._claim()
        longest = min(_BETWEEN_DECLARATIONS if undeclared else LONGEST_SLEEP, self._settings.lease_seconds)
        seconds = longest if wait.us < 0 else min(longest, wait.us / 1e6)
        return self._claim(max(0.001, seconds), on_time=wait.us >= 0)

    def _wake(self) -> None:
        """Ends this worker's own sleep, which the server would do too late for the token that it waits for."""
        with suppress(RedisError):  # the server does it
            wake(self._broker.redis, self._broker.keys, self._name, WORKER_TTL)

    def _register(self) -> None:
        """Says that this worker is there, and what its types are: Redis may have lost both."""
        fields: dict[str, Any] = {
            "hostname": socket.gethostname(),
            "ip_address": "unknown",  # as RQ says it
            "pid": os.getpid(),
            "version": RQ_VERSION,
            "python_version": sys.version.split()[0],
            "successful_job_count": self._completed,
            "failed_job_count": self._failed,
        }
        if makes := "".join(each.makes for each in self._broker.types.values()):
            fields[MAKES] = makes
        if lacks := ",".join(name for each in self._broker.types.values() for name in each.lacks):
            fields[LACKS] = lacks
        types, queues = limits.declarations(self._broker.types), ",".join(sorted(self._broker.types))
        self._until_answered(
            lambda: self._store.register_worker(self._name, ttl=WORKER_TTL, queues=queues, fields=fields, types=types)
        )
        self._registered = time.monotonic()

    # running ----------------------------------------------------------------------------------------------------

    def _work(self, claimed: Claimed) -> Claimed | Wait:
        self._runs += 1
        self._latest = claimed.id
        execution = self._execution
        type_name = _type_of(claimed)
        started = time.monotonic() + claimed.ahead_us / 1e6
        timeout = self._broker.types[type_name].run_timeout(claimed.timeout)
        deadline = started + timeout
        facts = claimed.id, type_name, claimed.tenant, claimed.runs
        if claimed.trace or self._traced:
            self._traced = bool(claimed.trace)
            self._shared.write_trace(claimed.trace)
        self._shared.write(Run(execution, *facts, started, deadline, claimed.retry_count, self._meter.begin()))
        if members := self._members(claimed, execution, type_name):
            return self._work_together(members, type_name, started)
        known = from_text(claimed.trace) if claimed.trace else NONE
        span = _begun(claimed, type_name, known) if spans.wanted() else None
        trace = span.trace if span else known.next_hop()
        set_for_process(trace)
        self._said.begin(claimed.id, type_name, claimed.tenant, claimed.runs, trace)
        context = RunContext(self._broker, self._shared, claimed, execution, deadline, self._said.conceal)
        _wait_for(claimed, started)
        late = self._write_late if self._completions.held else None  # if this run takes that long
        outcome = execute(lambda: self._handler(type_name), context, timeout, claimed.retry_count, late)
        seconds = time.monotonic() - started
        used = self._meter.end(claimed.tenant, type_name, seconds, context.measured())
        outcome = self._redacted(outcome)
        for each in self._printed:
            each.end_line()
        self._said.end()
        if span:
            span.end(outcome.message if isinstance(outcome, Failed) else "", {"mindia_tasks.attempt": claimed.runs})
        if left := self._state.restore(seconds):
            self._end_soon(left)
        return self._report(claimed, execution, outcome, seconds, used)

    def _members(self, first: Claimed, execution: str, type_name: str) -> list[together.Member]:
        """The tasks that are worked on together with the first, and that; nothing when it is alone."""
        kind = self._broker.types[type_name]
        if not kind.batch or first.ahead_us or not joins(kind, first):
            return []
        claim, most = Claim(self._name, execution, self._group, self._lease_us), kind.batch_size - 1
        self._shared.write_members([""] * most)
        others = self._until_answered(lambda: self._store.claim_more(first, claim, kind.known, most))
        self._shared.write_members([each.id for each in others])
        if not others:
            return []
        claims = [claim, *(claim.member(number + 1) for number in range(len(others)))]
        return [
            together.Member(each, its, kind.run_timeout(each.timeout))
            for each, its in zip([first, *others], claims, strict=True)
        ]

    def _work_together(self, members: list[together.Member], type_name: str, started: float) -> Claimed | Wait:
        """As `_work`, of several; the first takes the next task along when all have ended."""
        self._runs += len(members) - 1
        first, left = members[0].claimed, len(members)
        # Should they be run one by one, after all, each may take its time.
        deadline = started + sum(each.timeout for each in members)
        facts = first.id, type_name, first.tenant, first.runs
        cpu = self._meter.begin()
        self._shared.write(Run(members[0].claim.execution, *facts, started, deadline, first.retry_count, cpu))
        tools = together.Tools(self._broker, self._shared, self._said)
        batch, handler = load_batch(self._broker.types[type_name]), partial(self._handler, type_name)
        for number, some in enumerate(together.work(members, type_name, batch, handler, tools)):
            if not number:
                self._meter.share(left, time.monotonic() - started)
            ended = [each._replace(outcome=self._redacted(each.outcome)) for each in some]
            if ended and left > 1:
                self._report_members(ended, alone=bool(number))
            left -= len(ended)
        (last,) = ended
        for each in self._printed:
            each.end_line()
        used = self._meter.end(first.tenant, type_name, last.seconds, last.context.measured())
        if leak := self._state.restore(time.monotonic() - started):
            self._end_soon(leak)
        self._shared.write_members([])
        return self._report(first, last.claim.execution, last.outcome, last.seconds, used)

    def _report_members(self, some: list[together.Ended], *, alone: bool) -> None:
        """Ends runs of tasks that are not the first of their batch."""
        used = [self._meter.part(each.seconds, each.context.measured(), alone=alone) for each in some]
        good = [each.finish(text) for each, text in zip(some, used, strict=True)]
        finished = iter(self._until_answered(lambda: self._store.finish_each([each for each in good if each])))
        for ended, text, finish in zip(some, used, good, strict=True):
            self._tell_member(ended, text, next(finished) if finish else self._end_member(ended, text))

    def _end_member(self, ended: together.Ended, used: str) -> str:
        claim, then = ended.claim, ended.claim._replace(execution="")
        return self._until_answered(lambda: self._end(ended.claimed.id, claim.execution, ended.outcome, then, used))[0]

    def _tell_member(self, ended: together.Ended, used: str, status: str) -> None:
        claimed = ended.claimed
        if status == "completed":
            self._completed += 1
            self._completions.add(claimed, ended.seconds)
            return
        if status == "stale":
            self._add_usage(ended.claim.execution, [(claimed.id, claimed.tenant, _type_of(claimed), used)])
        self._tell_end(status, claimed, ended.outcome, round(ended.seconds, 6))

    def _redacted(self, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Failed):
            return outcome
        return Failed(self._said.redact(outcome.message), self._said.redact(outcome.traceback), outcome.delay_us)

    def _end_soon(self, left: str) -> None:
        log.info("worker process %s is replaced: task %s has left behind %s", self._name, self._latest, left)
        self._stop = True

    def _report(self, claimed: Claimed, execution: str, outcome: Outcome, seconds: float, used: str) -> Claimed | Wait:
        then = self._next_claim()
        self._shared.write_end(then.execution)
        if time.monotonic() - self._registered >= LONGEST_SLEEP:
            self._register()  # one that never sleeps
        status, grant = self._until_answered(lambda: self._end(claimed.id, execution, outcome, then, used))
        if status == "completed":
            self._completed += 1
            if claimed.trace:
                self._tell("completed", claimed, duration=round(seconds, 6))
            else:
                self._completions.add(claimed, seconds)
        else:
            if used and status == "stale":  # whoever has ended the run knew nothing of it
                self._add_usage(execution, [(claimed.id, claimed.tenant, _type_of(claimed), used)])
            self._tell_end(status, claimed, outcome, round(seconds, 6))
        return grant

    def _add_usage(self, token: str, rows: list[tuple[str, str, str, str]]) -> None:
        self._until_answered(lambda: self._store.add_usage(token, rows))

    def _tell_short(self) -> None:
        """Adds runs to the ledger that were too short to be told with their ends."""
        rows = self._meter.take()
        for first in range(0, len(rows), _ROWS):
            self._claims += 1
            self._add_usage(f"{self._nonce}{self._claims:x}", rows[first : first + _ROWS])

    def _end(
        self, task_id: str, execution: str, outcome: Outcome, then: Claim, used: str
    ) -> tuple[str, Claimed | Wait]:
        match outcome:  # by names, which is faster than to take it apart
            case Completed() as good:
                return self._store.finish(task_id, execution, good.result, then, good.media_id, good.info, used)
            case Failed() as bad:
                return self._store.fail(task_id, execution, bad.message, bad.traceback, bad.delay_us, then, used)
            case Postponed() as wait:
                return self._store.postpone(task_id, execution, wait.delay_us, then, used, background=wait.background)

    def _tell_end(self, status: str, claimed: Claimed, outcome: Outcome, seconds: float) -> None:
        if status == "stale":
            self._warn("over already, its outcome changes nothing", claimed, duration=seconds)
            return
        match outcome:
            case Postponed(delay_us, background):
                more = {"background": True} if background else {}
                self._tell("postponed", claimed, duration=seconds, again_in=delay_us / 1e6, **more)
            case Failed(message, _, delay_us) if status == "scheduled":
                self._failed += 1
                again_in = (delay_us or 0) / 1e6
                self._warn("failed, will be retried", claimed, duration=seconds, again_in=again_in, error=message)
            case Failed(message):
                self._failed += 1
                self._warn("failed", claimed, duration=seconds, error=message)

    def _tell(self, what: str, claimed: Claimed, **more: Any) -> None:
        self._completions.write()  # which came before
        run = {"attempt": claimed.runs, "worker": self._name, **from_text(claimed.trace).facts()}
        task_log.tell(what, task=claimed.id, type=_type_of(claimed), tenant=claimed.tenant, **run, **more)

    def _warn(self, what: str, claimed: Claimed, **more: Any) -> None:
        self._completions.write()
        run = {"attempt": claimed.runs, "worker": self._name, **from_text(claimed.trace).facts()}
        task_log.warn(what, task=claimed.id, type=_type_of(claimed), tenant=claimed.tenant, **run, **more)

    def _handler(self, name: str) -> Handler:
        if name not in self._handlers:
            self._handlers[name] = load_handler(self._broker.types[name])
        return self._handlers[name]

    def _until_answered(self, call: Callable[[], T]) -> T:
        """Repeats an idempotent call until Redis answers it."""
        if os.getpid() != self._pid:
            end_copy(self._pid)
        pause = 0.05
        while True:
            try:
                answer = call()
            except RedisError as error:
                self._absence.note_error(error)
                time.sleep(pause)
                pause = min(1.0, pause * 2)
            else:
                if self._absence.lasts:
                    self._absence.note_answer()
                return answer


def _begun(claimed: Claimed, type_name: str, known: Trace) -> spans.Span | None:
    return spans.begin("CONSUMER", f"process {type_name}", known, spans.of_message("process", type_name, claimed.id))


def _wait_for(claimed: Claimed, started: float) -> None:
    if claimed.ahead_us:  # from when the answer is here, which is later than the server's moment: never early
        time.sleep(max(0.0, started - time.monotonic()))


def _type_of(claimed: Claimed) -> str:
    return claimed.queue.partition(":")[0]


def _seconds_of_this_machine() -> float:
    """Like ``time.monotonic``, which does not go on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
