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
import time
from collections.abc import Callable
from types import FrameType

from redis import RedisError

from broker import scratch
from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.absence import Absence
from broker.engine.connection import connect
from broker.engine.transitions import Claim
from broker.task_type import TaskTypes
from broker.worker import processes
from broker.worker.child import WORKER_TTL
from broker.worker.child_state import Run
from broker.worker.log_pipe import LogReader
from broker.worker.losses import STOPS, Loss, reap_child, tell_loss, warn
from broker.worker.outcome import timed_out
from broker.worker.slot import Slot
from broker.worker.wake import wake

log = logging.getLogger(__name__)

#: Seconds that a run may go on after its timeout before its process is killed.
GRACE = 5.0
#: Leases are renewed so many times before they would run out.
_BEATS_PER_LEASE = 5
#: Seconds that one answer of Redis is waited for.
_PATIENCE = 1.0
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(settings: BrokerSettings, types: TaskTypes) -> None:
    """Be a worker for these types until told to stop by SIGTERM, SIGINT or SIGHUP."""
    Supervisor(settings, types).run()


class Supervisor:
    """Runs ``settings.worker_processes`` children that listen to ``types``."""

    def __init__(self, settings: BrokerSettings, types: TaskTypes) -> None:
        self._settings = settings
        self._types = types
        self._broker = Broker(settings, types)
        # It must not wait long for a server that hangs: it has children to look after and a deadline when it stops.
        self._redis = connect(settings.redis_url, timeout=_PATIENCE)
        self._store = self._broker.transitions.on(self._redis)
        self._absence = Absence(log)
        self._group = ",".join(types[name].known for name in sorted(types))
        self._lease_us = int(settings.lease_seconds * 1_000_000)
        self._beat = settings.lease_seconds / _BEATS_PER_LEASE
        token = f"{socket.gethostname()[:24]}-{secrets.token_hex(3)}"
        self._log_reader = LogReader(self._broker.task_logs, self._redis)
        self._slots = [Slot(f"{token}-{number}") for number in range(1, settings.worker_processes + 1)]
        self._stop = False
        self._wakeup = -1

    def run(self) -> None:
        """Works until told to stop, then drains; returns when every child is gone."""
        self._wakeup = _wake_on_signals(self._on_signal)
        scratch.sweep()  # of workers that were killed together with their children
        processes.adopt_orphans()
        log.info("worker for %s with %d processes", self._group, len(self._slots))
        next_beat = time.monotonic()
        while not self._stop:
            for slot in self._slots:
                if slot.may_spawn():
                    slot.spawn(self._settings, self._types)
            self._give_back(self._wait_until(next_beat))
            if time.monotonic() >= next_beat:
                self._renew()
                next_beat = max(next_beat + self._beat, time.monotonic())
        self._drain()
        for number in _STOP:  # told again now, Python on its way out would die of it: a failure in its parent's eyes
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _living(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.pid]

    def _wait_until(self, moment: float) -> list[Loss]:
        """Sleeps until then, or until a signal or the death of a child; returns what dead children were at."""
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        for slot in self._living():
            poll.register(slot.pidfd, select.POLLIN)
        if self._log_reader.resting():
            moment = min(moment, self._log_reader.rests_until)
        else:
            for slot in self._slots:
                poll.register(slot.log_pipe.reading, select.POLLIN)
        events = dict(poll.poll(max(0.0, moment - time.monotonic()) * 1000))
        if any(slot.log_pipe.reading in events for slot in self._slots):
            self._write_logs()
        if self._wakeup in events:
            os.read(self._wakeup, 512)
        return [loss for slot in self._living() if slot.pidfd in events for loss in reap_child(slot)]

    def _write_logs(self) -> None:
        """Writes to Redis what handlers have said."""
        try:
            self._log_reader.read((slot.log_pipe, slot.shared) for slot in self._slots)
        except RedisError as error:
            self._absence.note_error(error, "what handlers say waits")

    def _give_back(self, losses: list[Loss]) -> None:
        """Returns the tasks of dead children to their queues, after what they have said last."""
        if losses:
            self._write_logs()
        try:
            for loss in losses:
                outcome, task_id = self._store.release(
                    loss.worker,
                    loss.execution,
                    crashed=loss.crashed,
                    apart=loss.apart,
                    max_crashes=self._settings.max_crashes,
                    message=loss.message,
                    used=loss.told,
                )
                self._absence.note_answer()
                if outcome != "stale":
                    tell_loss(loss, outcome, task_id)
                self._tell_used(loss, outcome)
        except RedisError as error:
            self._absence.note_error(error, "tasks come back when their leases run out")

    def _tell_used(self, loss: Loss, outcome: str) -> None:
        """Adds a run to the ledger that somebody else has ended; not one that was ending, whose end has told of it."""
        run = loss.run
        if outcome == "stale" and loss.told and not run.ending:
            self._store.add_usage(run.execution, [(run.task_id, run.tenant, run.type, loss.told)])

    # the beat ---------------------------------------------------------------------------------------------------

    def _renew(self) -> None:
        """Renews the leases of all runs in one call, and ends what has no right to go on."""
        self._look_after_children()
        running: dict[str, tuple[Slot, Run]] = {}
        beats = []
        for slot in self._living():
            run, progress = slot.running()
            if run.task_id and not slot.kill_reason:
                members = [(*each, "") for each in slot.members(run) if each[1]]
                if not members:
                    running[run.execution] = slot, run
                beats += [(slot.name, run.task_id, run.execution, progress), *members]
        if not beats:
            return
        try:
            over = self._store.renew(beats, lease_us=self._lease_us, worker_ttl=WORKER_TTL)
        except RedisError as error:
            self._absence.note_error(error, "leases are not renewed")
            return
        self._absence.note_answer()
        for execution in running.keys() & set(over):  # of several that run together, each ends without its outcome
            slot, run = running[execution]
            now, _ = slot.running()
            if now.execution == execution and not now.ending:  # else it has ended meanwhile, all by itself
                warn("stopped: it was cancelled, deleted or given to another worker", slot.name, run)
                slot.kill("its task was taken away")

    def _look_after_children(self) -> None:
        processes.reap_adopted({slot.pid for slot in self._slots})
        for slot in self._living():
            if not slot.shared.stop_asked and processes.resident_mib(slot.pid) > self._settings.child_max_rss_mib:
                log.info("worker process %s has grown too large and is replaced after its task", slot.name)
                slot.shared.ask_to_stop()
                self._wake(slot)
            run, _ = slot.running()
            if run.task_id and not run.ending and time.monotonic() > run.deadline + GRACE:
                self._end_overdue(slot, run)

    def _end_overdue(self, slot: Slot, run: Run) -> None:
        """A handler that does not heed its timeout: fail the task first, then kill it."""
        outcome = timed_out(run.deadline - run.started, run.retry_count)
        nothing = Claim(slot.name, "", self._group, self._lease_us)
        try:
            status, _ = self._store.fail(
                run.task_id, run.execution, outcome.message, outcome.traceback, outcome.delay_us, nothing
            )
            if status == "stale":
                return  # it has ended in this very moment, or the renewal will say that it was taken away
        except RedisError as error:
            status = ""
            self._absence.note_error(error, "the task comes back when its lease runs out")
        words = {"scheduled": "overdue, killed, will be retried", "failed": "overdue, killed, failed"}
        warn(words.get(status, "overdue, killed"), slot.name, run, error=outcome.message)
        slot.kill("its task did not heed its timeout")

    # the end ----------------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Lets short work end, hands the rest back to the front of its queue, and leaves no process."""
        deadline = time.monotonic() + self._settings.drain_seconds
        for slot in self._living():
            slot.shared.ask_to_stop()
        log.info("stopping: running tasks have %g s to end", self._settings.drain_seconds)
        for slot in self._living():
            self._wake(slot)
        while self._living() and time.monotonic() < deadline:
            self._give_back(self._wait_until(min(deadline, time.monotonic() + self._beat)))
            self._renew()
        for slot in self._living():
            slot.kill(STOPS)
        losses: list[Loss] = []
        while self._living():
            losses += self._wait_until(time.monotonic() + self._beat)
        processes.kill_adopted()
        self._give_back(losses)
        try:
            for slot in self._slots:
                self._store.unregister_worker(slot.name, self._group)
        except RedisError as error:
            self._absence.note_error(error, "the worker's records expire by themselves")
        log.info("stopped")

    def _wake(self, slot: Slot) -> None:
        try:
            wake(self._redis, self._broker.keys, slot.name, WORKER_TTL)
        except RedisError as error:
            self._absence.note_error(error)


def _wake_on_signals(handler: Callable[[int, FrameType | None], None]) -> int:
    """A file descriptor that becomes readable when a stop signal was handled."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _STOP:
        signal.signal(number, handler)
    return reading
