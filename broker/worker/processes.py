"""Processes that must not outlive their maker, and the end of those that have to go."""

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Container
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
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


def start(argv: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program in a process group of its own that dies with this process and hears no signal but SIGKILL."""
    parent = os.getpid()

    def before_exec() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _WORKER_SIGNALS)
        die_with(parent)

    return subprocess.Popen(argv, process_group=0, preexec_fn=before_exec, **options)


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
