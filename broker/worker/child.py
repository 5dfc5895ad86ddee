"""A worker child: takes tasks and runs them, one after another, in one warm process."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, TypeVar

from redis import RedisError

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.context import Handler
from broker.engine.connection import connect
from broker.engine.script_connection import Line
from broker.engine.store import UNDECLARED, Claim, Claimed, Wait
from broker.queues import limits
from broker.rq_records import RQ_VERSION
from broker.task_type import TaskTypes
from broker.tasks.catalogue import import_named
from broker.worker.run import Completed, Outcome, Postponed, RunContext, execute
from broker.worker.slate import Run, Slate
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


class Child:
    """The loop of one child process. ``name`` is its slot's name: RQ's worker record."""

    def __init__(self, name: str, settings: BrokerSettings, types: TaskTypes, slate: Slate) -> None:
        self._name = name
        self._settings = settings
        self._broker = Broker(settings, types)
        # One answer may take as long as the longest sleep.
        self._redis = Line(connect(settings.redis_url, timeout=2 * LONGEST_SLEEP))
        self._store = self._broker.store.on(self._redis)
        self._slate = slate
        self._group = ",".join(sorted(types))
        self._lease_us = int(settings.lease_seconds * 1_000_000)
        self._handlers: dict[str, Handler] = {}
        self._nonce = os.urandom(6).hex()
        self._execution = ""  # under which the latest claim was made
        self._claims = self._runs = 0
        self._enlisted = 0.0
        self._completed = self._failed = 0
        self._stop = False

    def run(self) -> None:
        """Works until asked to stop."""
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._enlist()
        grant = self._claim()
        while not self._stopping():
            grant = self._work(grant) if isinstance(grant, Claimed) else self._sleep(grant)
        if isinstance(grant, Claimed):  # asked to stop while the answer to a claim was on its way
            self._until_answered(lambda: self._store.release(self._name, self._execution, crashed=False, max_crashes=1))
        self._slate.write(Run())
        with suppress(RedisError):  # the record expires by itself
            self._store.retire(self._name, self._group)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _stopping(self) -> bool:
        return self._stop or self._slate.stop_asked or self._runs >= self._settings.child_max_tasks

    # asking for work --------------------------------------------------------------------------------------------

    def _next_claim(self) -> Claim:
        """A claim under a new execution id, or one that claims nothing when this child is about to stop."""
        self._claims += 1
        self._execution = "" if self._stopping() else f"{self._nonce}{self._claims:x}"
        return Claim(self._name, self._execution, self._group, self._lease_us)

    def _claim(self, sleep: float = 0.0, *, on_time: bool = False) -> Claimed | Wait:
        """The next task, or how long there is none; asked for when so many seconds are over or the worker is woken."""
        claim = self._next_claim()
        if not claim.execution:
            return Wait(0)
        self._slate.write(Run(execution=claim.execution))
        asked = _seconds_of_this_machine()
        if sleep:
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
        undeclared = wait.us == UNDECLARED
        # Neither many short sleeps nor runs shorter than a beat may let the record expire.
        if time.monotonic() - self._enlisted >= (_BETWEEN_DECLARATIONS if undeclared else LONGEST_SLEEP):
            self._enlist()
            if undeclared:
                return self._claim()
        longest = min(_BETWEEN_DECLARATIONS if undeclared else LONGEST_SLEEP, self._settings.lease_seconds)
        seconds = longest if wait.us < 0 else min(longest, wait.us / 1e6)
        return self._claim(max(0.001, seconds), on_time=wait.us >= 0)

    def _wake(self) -> None:
        """Ends this worker's own sleep, which the server would do too late for the token that it waits for."""
        with suppress(RedisError):  # the server does it
            wake(self._broker.redis, self._broker.keys, self._name, WORKER_TTL)

    def _enlist(self) -> None:
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
        types = limits.declarations(self._broker.types)
        self._until_answered(
            lambda: self._store.enlist(self._name, ttl=WORKER_TTL, queues=self._group, fields=fields, types=types)
        )
        self._enlisted = time.monotonic()

    # running ----------------------------------------------------------------------------------------------------

    def _work(self, claimed: Claimed) -> Claimed | Wait:
        self._runs += 1
        execution = self._execution
        started = time.monotonic() + claimed.ahead_us / 1e6
        timeout = self._broker.types[claimed.queue.partition(":")[0]].run_timeout(claimed.timeout)
        deadline = started + timeout
        self._slate.write(Run(execution, claimed.id, started, deadline, claimed.retry_count))
        context = RunContext(self._broker, self._slate, claimed, execution, deadline)
        if claimed.ahead_us:  # from when the answer is here, which is later than the server's moment: never early
            time.sleep(max(0.0, started - time.monotonic()))
        outcome = execute(lambda: self._handler(claimed.queue), context, timeout, claimed.retry_count)
        return self._report(claimed.id, execution, outcome)

    def _report(self, task_id: str, execution: str, outcome: Outcome) -> Claimed | Wait:
        then = self._next_claim()
        self._slate.write_end(then.execution)
        if time.monotonic() - self._enlisted >= LONGEST_SLEEP:
            self._enlist()  # one that never sleeps
        if isinstance(outcome, Completed):
            self._completed += 1
            send: Callable[[], tuple[str, Claimed | Wait]] = lambda: self._store.finish(  # noqa: E731
                task_id, execution, outcome.result, then, outcome.media_id, outcome.info
            )
        elif isinstance(outcome, Postponed):
            send = lambda: self._store.postpone(task_id, execution, outcome.delay_us, then)  # noqa: E731
        else:
            self._failed += 1
            log.warning("task %s failed: %s", task_id, outcome.message)
            send = lambda: self._store.fail(  # noqa: E731
                task_id, execution, outcome.message, outcome.traceback, outcome.delay_us, then
            )
        status, grant = self._until_answered(send)
        if status == "stale":
            log.warning("task %s: this run was over already, its outcome changes nothing", task_id)
        return grant

    def _handler(self, queue: str) -> Handler:
        name = queue.partition(":")[0]
        if name not in self._handlers:
            self._handlers[name] = import_named(self._broker.types[name].handler)
        return self._handlers[name]

    def _until_answered(self, call: Callable[[], T]) -> T:
        """Repeats an idempotent call until Redis answers it."""
        pause = 0.05
        while True:
            try:
                return call()
            except RedisError as error:
                log.warning("Redis does not answer: %s", error)
                time.sleep(pause)
                pause = min(1.0, pause * 2)


def _seconds_of_this_machine() -> float:
    """Like ``time.monotonic``, which does not go on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
