"""Processes that must not outlive their maker, and the end of those that have to go."""

import contextlib
import ctypes
import os
import signal
import subprocess
from typing import Any

_PR_SET_PDEATHSIG = 1
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


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM, in MiB; 0 when it is gone or the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
