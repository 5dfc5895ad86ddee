"""A place for one child process after another, all under one worker name."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from broker.config import BrokerSettings
from broker.engine.transitions import Claim
from broker.task_type import TaskTypes
from broker.usage.used import Used
from broker.worker import processes
from broker.worker.child import Child
from broker.worker.child_state import ChildState, Run
from broker.worker.log_pipe import LogPipe
from broker.worker.meter import used_by_dead

log = logging.getLogger(__name__)

#: A child that dies sooner than this after its birth is replaced only as much later, so that a broken one cannot spin;
#: but at once when it has worked, or poison would leave others waiting. One that could not be born waits as long.
_MIN_LIFE = 1.0
#: Seconds that killed programs have to die, for what they have used.
_DYING = 0.2


class Slot:
    """The supervisor's side of one child."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shared = ChildState()
        #: What the children's handlers say.
        self.log_pipe = LogPipe()
        #: 0 while there is no child.
        self.pid = 0
        #: Becomes readable when the child dies.
        self.pidfd = -1
        #: Why the child is being killed; its death is then no crash.
        self.kill_reason = ""
        self._born = 0.0

    def may_spawn(self) -> bool:
        return not self.pid and time.monotonic() - self._born >= _MIN_LIFE

    def spawn(self, settings: BrokerSettings, types: TaskTypes) -> None:
        """Fork a new child, later when there is no room for one. Call it from the main thread, which stays."""
        self.shared = ChildState()
        self.kill_reason = ""
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self._born = time.monotonic()
        try:
            pid = os.fork()
        except OSError as error:  # a bound on processes or memory: ending would take the other children along
            log.warning("worker process %s cannot be started now: %s", self.name, error)
            return
        if pid == 0:
            _live_as_child(parent, lambda: Child(self.name, settings, types, self.shared, self.log_pipe))
        self.pid, self.pidfd = pid, os.pidfd_open(pid)

    def running(self) -> tuple[Run, str]:
        """What the living child is at, and its progress as JSON or ''."""
        return self.shared.read()

    def members(self, run: Run) -> list[tuple[str, str, str]]:
        """What is worked on together with the run: worker, id of the task ('' while it is asked for) and execution."""
        claim = Claim(self.name, run.execution, "", 0)
        claims = [claim.member(number + 1) for number in range(len(self.shared.read_members()))]
        return [
            (each.worker, task_id, each.execution)
            for each, task_id in zip(claims, self.shared.read_members(), strict=False)
        ]

    def kill(self, kill_reason: str) -> None:
        """End the child; what its handler started is ended when it is reaped."""
        self.kill_reason = kill_reason
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> tuple[int, Used]:
        """The dead child's exit code and what its run has used, after ending what it left behind."""
        _, status, own = os.wait4(self.pid, 0)
        os.close(self.pidfd)
        pids = self.shared.read_pids()
        for group in (self.pid, *pids):
            processes.kill_group(group)
        programs = processes.wait_for_killed(pids, _DYING)
        self.pid = 0
        run, _ = self.shared.read()
        if run.started:
            self._born = 0.0
        used = used_by_dead(run.cpu, run.started, own, programs) if run.task_id else Used()
        return os.waitstatus_to_exitcode(status), used


def _live_as_child(parent: int, make: Callable[[], Child]) -> None:
    """What a forked child does, to its last instruction."""
    status = 1
    try:
        processes.die_with(parent)
        signal.set_wakeup_fd(-1)
        os.setsid()
        os.nice(10)  # media work gives way to whoever answers people
        make().run()
        status = 0
    except BaseException:
        log.exception("worker process died")
    finally:
        logging.shutdown()
        os._exit(status)
