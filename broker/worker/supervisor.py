"""The supervisor of one worker: keeps its children alive and their leases renewed, and ends what must end.

One process, one thread, no signal handler that does more than set a flag. It sleeps until a child dies (pidfd), a
signal arrives or the next beat is due.
"""

import logging
import os
import secrets
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from types import FrameType

from redis import RedisError

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.task_type import TaskType
from broker.worker import processes
from broker.worker.child import WORKER_TTL, Child
from broker.worker.run import timed_out
from broker.worker.slate import Slate
from broker.store import Claim

log = logging.getLogger(__name__)

#: Seconds that a run may go on after its timeout before its process is killed.
GRACE = 5.0
#: Leases are renewed so many times before they would run out.
_BEATS_PER_LEASE = 5
#: A child that dies sooner than this after its birth is replaced only as much later, so that a broken one cannot spin.
_MIN_LIFE = 1.0


class Slot:
    """A place for one child after another, all under one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.slate = Slate()
        self.pid = 0
        self.pidfd = -1
        self.born = 0.0
        #: Why the child is being killed; its death is then no crash.
        self.sentence = ""

    def kill(self, sentence: str) -> None:
        """End the child, with all that its handler started."""
        self.sentence = sentence
        processes.kill_group(self.pid)


class Supervisor:
    """Runs ``settings.worker_processes`` children that listen to ``types``."""

    def __init__(self, settings: BrokerSettings, types: Mapping[str, TaskType]) -> None:
        self._settings = settings
        self._types = types
        self._broker = Broker(settings, types)
        self._store = self._broker.store
        self._group = ",".join(sorted(types))
        self._lease_us = int(settings.lease_seconds * 1_000_000)
        self._beat = settings.lease_seconds / _BEATS_PER_LEASE
        token = f"{socket.gethostname()[:24]}-{secrets.token_hex(3)}"
        self._slots = [Slot(f"{token}-{number}") for number in range(1, settings.worker_processes + 1)]
        self._stop = False

    def run(self) -> None:
        """Works until SIGTERM or SIGINT, then drains; returns when every child is gone."""
        wakeup = _wake_on_signals(self._on_signal)
        log.info("worker for %s with %d processes", self._group, len(self._slots))
        next_beat = time.monotonic()
        while not self._stop:
            for slot in self._slots:
                if not slot.pid and time.monotonic() - slot.born >= _MIN_LIFE:
                    self._spawn(slot)
            self._wait_for_event(wakeup, next_beat)
            if time.monotonic() >= next_beat:
                self._renew()
                next_beat = max(next_beat + self._beat, time.monotonic())
        self._drain(wakeup)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop = True

    # children ---------------------------------------------------------------------------------------------------

    def _spawn(self, slot: Slot) -> None:
        slot.slate = Slate()
        slot.sentence = ""
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _live_as_child(parent, Child(slot.name, self._settings, self._types, slot.slate))
        slot.pid, slot.pidfd, slot.born = pid, os.pidfd_open(pid), time.monotonic()

    def _wait_for_event(self, wakeup: int, until: float) -> None:
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        for slot in self._slots:
            if slot.pid:
                poll.register(slot.pidfd, select.POLLIN)
        events = dict(poll.poll(max(0.0, until - time.monotonic()) * 1000))
        if wakeup in events:
            os.read(wakeup, 512)
        for slot in self._slots:
            if slot.pid and slot.pidfd in events:
                self._bury(slot)

    def _bury(self, slot: Slot) -> None:
        """A child has died: end what it left behind and give its task back, at once."""
        _, status = os.waitpid(slot.pid, 0)
        os.close(slot.pidfd)
        for group in (slot.pid, *slot.slate.read_pids()):
            processes.kill_group(group)
        run, _ = slot.slate.read()
        code = os.waitstatus_to_exitcode(status)
        slot.pid = 0
        if code or run.execution:
            reason = f"was ended by signal {-code}" if code < 0 else f"ended with exit status {code}"
            log.warning("worker process %s %s%s", slot.name, reason, f" ({slot.sentence})" if slot.sentence else "")
            message = f"The worker process running this task {reason}."
            for execution in filter(None, (run.next_execution, run.execution)):
                crashed = not slot.sentence and execution == run.execution and not run.ending
                self._give_back(slot, execution, crashed, message)

    def _give_back(self, slot: Slot, execution: str, crashed: bool, message: str) -> None:
        try:
            self._store.release(
                slot.name, execution, crashed=crashed, max_crashes=self._settings.max_crashes, message=message
            )
        except RedisError as error:
            log.warning("Redis does not answer (%s): the task comes back when its lease runs out", error)

    # the beat ---------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        running = {}
        for slot in self._slots:
            run, progress = slot.slate.read()
            if not slot.pid or not run.task_id:
                continue
            if time.monotonic() > run.deadline + GRACE and not run.ending:
                self._end_overdue(slot)
            else:
                running[run.execution] = slot, (slot.name, run.task_id, run.execution, progress)
            if processes.resident_mib(slot.pid) > self._settings.child_max_rss_mib:
                slot.slate.ask_to_stop()
        if not running:
            return
        try:
            runs = [each for _, each in running.values()]
            over = self._store.renew(runs, lease_us=self._lease_us, worker_ttl=WORKER_TTL)
        except RedisError as error:
            log.warning("Redis does not answer, leases are not renewed: %s", error)
            return
        for execution in over:
            slot = running[execution][0]
            run, _ = slot.slate.read()
            if run.execution == execution and not run.ending:  # else it has ended meanwhile, all by itself
                log.warning("task %s was cancelled or given to another worker: stopped here", run.task_id)
                slot.kill("its task was taken away")

    def _end_overdue(self, slot: Slot) -> None:
        """A handler that does not heed its timeout: fail the task first, then kill it."""
        run, _ = slot.slate.read()
        outcome = timed_out(run.deadline - run.started, run.retry_count)
        nothing = Claim(slot.name, "", self._group, self._lease_us)
        try:
            self._store.fail(run.task_id, run.execution, outcome.message, outcome.traceback, outcome.delay_us, nothing)
        except RedisError as error:
            log.warning("Redis does not answer (%s): the task comes back when its lease runs out", error)
        slot.kill("its task did not heed its timeout")

    # the end ----------------------------------------------------------------------------------------------------

    def _drain(self, wakeup: int) -> None:
        """Lets short work end, hands the rest back to the front of its queue, and leaves no process."""
        log.info("stopping: running tasks have %g s to end", self._settings.drain_seconds)
        deadline = time.monotonic() + self._settings.drain_seconds
        for slot in self._slots:
            if slot.pid:
                slot.slate.ask_to_stop()
                self._wake(slot)
        while any(slot.pid for slot in self._slots):
            if time.monotonic() >= deadline:
                for slot in self._slots:
                    if slot.pid:
                        slot.kill("the worker stops; its task is handed back")
            self._wait_for_event(wakeup, min(deadline, time.monotonic() + self._beat))
            if time.monotonic() < deadline:
                self._renew()
        for slot in self._slots:
            try:
                self._store.retire(slot.name, self._group)
            except RedisError:
                break  # the records expire by themselves
        log.info("stopped")

    def _wake(self, slot: Slot) -> None:
        try:
            self._broker.redis.rpush(self._broker.keys.wake(slot.name), "1")
            self._broker.redis.expire(self._broker.keys.wake(slot.name), WORKER_TTL)
        except RedisError as error:
            log.warning("Redis does not answer: %s", error)


def run(settings: BrokerSettings, types: Mapping[str, TaskType]) -> None:
    """Be a worker for these types until told to stop."""
    Supervisor(settings, types).run()


def _live_as_child(parent: int, child: Child) -> None:
    """What a forked child does, to its last instruction."""
    processes.die_with(parent)
    signal.set_wakeup_fd(-1)
    os.setsid()
    os.nice(10)
    status = 1
    try:
        child.run()
        status = 0
    except BaseException:
        log.exception("worker process died")
    finally:
        logging.shutdown()
        os._exit(status)


def _wake_on_signals(handler) -> int:  # type: ignore[no-untyped-def]
    """A file descriptor that becomes readable when a stop signal was handled."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handler)
    return reading
