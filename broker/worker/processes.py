"""Processes that must not outlive their maker, and the end of those that have to go."""

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Container
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TICKS = os.sysconf("SC_CLK_TCK")
_libc = ctypes.CDLL(None, use_errno=True)
#: A worker's own signals; a program that a handler started must not see them, it is ended by SIGKILL alone.
_WORKER_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that made it ends; at once if that has happened already.

    The signal is bound to the creating thread (prctl(2)), so make processes from threads that stay.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


class Program(subprocess.Popen[bytes]):
    """A program that tells at its end how much memory it took: what the system tells of all children is the most."""

    #: KiB; 0 while it has not ended, or somebody else has waited for it.
    peak_kib = 0

    def poll(self) -> int | None:
        """As ``Popen.poll``."""
        if self.returncode is None:
            self._ended(os.WNOHANG)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """As ``Popen.wait``."""
        if timeout is not None and self.poll() is None and not self._ends_within(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout)
        if self.returncode is None:
            self._ended(0)
        return self.returncode

    def _ends_within(self, seconds: float) -> bool:
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([pidfd], [], [], seconds)[0])
        finally:
            os.close(pidfd)

    def _ended(self, options: int) -> None:
        try:
            pid, status, used = os.wait4(self.pid, options)
        except ChildProcessError:  # somebody else has waited for it
            super().wait()
            return
        if pid:
            self.returncode, self.peak_kib = os.waitstatus_to_exitcode(status), used.ru_maxrss


def start(argv: list[str], **options: Any) -> Program:
    """Start a program in a process group of its own that dies with this process and hears no signal but SIGKILL."""
    parent = os.getpid()

    def before_exec() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _WORKER_SIGNALS)
        die_with(parent)

    return Program(argv, process_group=0, preexec_fn=before_exec, **options)


def kill_group(pid: int) -> None:
    """SIGKILL a process group; nothing happens when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def adopt_orphans() -> None:
    """Have the kernel give this process all descendants whose parents die, as if it were process 1 (prctl(2))."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap_adopted(own: Container[int]) -> None:
    """Take notice of the deaths of adopted processes, which stay as zombies otherwise.

    ``own`` are children that this process has made itself: whoever did waits for them. One of those that has died and
    was not waited for yet hides the others.
    """
    with contextlib.suppress(ChildProcessError):
        while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and dead.si_pid not in own:
            os.waitpid(dead.si_pid, 0)


def kill_adopted() -> None:
    """End all children of this process, which has none left that are its own, and theirs, which it adopts in turn."""
    while children := _children(os.getpid()):
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def wait_for_killed(pids: list[int], seconds: float) -> "list[resource.struct_rusage]":
    """What programs have used that were killed and whose maker is dead, as far as they end within so long."""
    deadline, left, found = time.monotonic() + seconds, list(pids), []
    while left and time.monotonic() < deadline:
        for pid in tuple(left):
            try:
                dead, _, used = os.wait4(pid, os.WNOHANG)
            except ChildProcessError:
                left.remove(pid)
                continue
            if dead:
                left.remove(pid)
                found.append(used)
        if left:
            time.sleep(0.002)
    return found


def descendants(pid: int) -> list[int]:
    """Living processes that this one has made, and theirs."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return [each for child in found for each in (child, *descendants(child))]


def cpu_seconds(pid: int) -> float:
    """Processor time of a living process, and of those of its programs that it has waited for."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b") ")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    except (OSError, ValueError):
        return 0.0


def peak_kib(pid: int) -> int:
    """The most memory that a process had in RAM since that was last forgotten, in KiB; 0 where that is not known."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return int(file.read().partition(b"VmHWM:")[2].split(None, 1)[0])
    except (OSError, ValueError, IndexError):
        return 0


def forget_peak(pid: int) -> None:
    """Have ``peak_kib`` begin anew (proc(5), clear_refs); where that is not allowed it goes on."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/clear_refs", "wb", buffering=0) as file:
        file.write(b"5")


def _children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int((entry / "stat").read_bytes().rpartition(b") ")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM, in MiB; 0 when it is gone or the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
