"""A place for one child process after another, all under one worker name."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from broker.config import BrokerSettings
from broker.task_type import TaskTypes
from broker.worker import processes
from broker.worker.child import Child
from broker.worker.child_state import ChildState, Run

log = logging.getLogger(__name__)

#: A child that dies sooner than this after its birth is replaced only as much later, so that a broken one cannot spin;
#: but at once when it has worked, or poison would leave others waiting. One that could not be born waits as long.
_MIN_LIFE = 1.0


class Slot:
    """The supervisor's side of one child."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.shared = ChildState()
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
            _live_as_child(parent, lambda: Child(self.name, settings, types, self.shared))
        self.pid, self.pidfd = pid, os.pidfd_open(pid)

    def running(self) -> tuple[Run, str]:
        """What the living child is at, and its progress as JSON or ''."""
        return self.shared.read()

    def kill(self, kill_reason: str) -> None:
        """End the child; what its handler started is ended when it is reaped."""
        self.kill_reason = kill_reason
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> int:
        """The dead child's exit code, after ending what it left behind."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        for group in (self.pid, *self.shared.read_pids()):
            processes.kill_group(group)
        self.pid = 0
        if self.shared.read()[0].started:
            self._born = 0.0
        return os.waitstatus_to_exitcode(status)


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
