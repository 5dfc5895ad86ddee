"""Handlers that do to their process what a good one does not, and one that tells what the next task finds there."""

import gc
import io
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from broker.context import TaskContext
from broker.errors import PermanentError, Postpone
from tests.handlers_for_tests import effect

#: Seconds of work after which a worker looks at what costs something to look at.
_LONG = 0.01


def act(context: TaskContext) -> Any:
    effect(context, "start")
    return ACTS[context.payload["act"]](context, **context.payload.get("args", {}))


# copies ---------------------------------------------------------------------------------------------------------------


def fork(context: TaskContext, ends: str) -> Any:
    """A copy of the process comes back from the handler too, in this way; the parent waits for it."""
    pid = os.fork()
    if pid == 0:
        effect(context, "copy")
        if ends == "raise":
            raise ValueError("the copy fails")
        if ends == "exit":
            sys.exit(0)
        if ends == "postpone":
            raise Postpone(0)
        return "of the copy"
    return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}


def fork_and_report(context: TaskContext) -> Any:
    """A copy comes back into the worker's code below the handler's frame, as one made by a signal handler may."""
    signal.signal(signal.SIGUSR1, lambda *_: None if os.fork() else effect(context, "copy"))
    os.kill(os.getpid(), signal.SIGUSR1)
    return "once"


def leave_copy(context: TaskContext) -> Any:
    """Does not wait for a copy, which would outlive the task."""
    worker = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    worker.start()
    effect(context, "spawned", pids=[worker.pid])
    return {}


def leave_orphan(context: TaskContext, seconds: float) -> Any:
    """A program in a session of its own, whose parent is gone."""
    argv = ["sh", "-c", f"sleep {seconds} >/dev/null 2>&1 & echo $!"]
    told = subprocess.run(argv, stdout=subprocess.PIPE, start_new_session=True, check=True).stdout
    effect(context, "spawned", pids=[int(told)])
    return {}


# state ----------------------------------------------------------------------------------------------------------------


def spoil(_: TaskContext) -> Any:
    """Changes all that can be put back, and returns at once."""
    os.chdir("/")
    os.umask(0)
    os.environ["LEAKED"] = "yes"
    os.environ["TZ"] = "Asia/Tokyo"
    del os.environ["HOME"]
    time.tzset()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_PROF, 1000)
    sys.path.insert(0, "/leaked")
    sys.setrecursionlimit(5000)
    sys.stdout = sys.stderr = io.StringIO()
    socket.setdefaulttimeout(0.001)
    gc.disable()
    logging.disable(logging.CRITICAL)
    logging.getLogger().setLevel(logging.CRITICAL)
    return {}


def spoil_more(_: TaskContext) -> Any:
    """Changes what is looked at after so much work."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
    logging.getLogger("broker.worker.run").disabled = True
    random.seed(1)
    time.sleep(_LONG)
    return {}


def close_all(_: TaskContext) -> Any:
    """Closes the descriptors that it finds, as a daemon does that has been started by it knows not whom."""
    os.closerange(3, 256)
    return {}


def look(_: TaskContext) -> dict[str, Any]:
    """What a task finds of its process."""
    umask = os.umask(0)
    os.umask(umask)
    numbers = signal.valid_signals()
    return {
        "pid": os.getpid(),
        "folder": os.getcwd(),
        "umask": umask,
        "environ": dict(os.environ),
        "zone": time.tzname,
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "handlers": [str(getattr(handler := signal.getsignal(each), "__name__", handler)) for each in sorted(numbers)],
        "timers": [signal.getitimer(each)[0] for each in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)],
        "path": sys.path,
        "recursion": sys.getrecursionlimit(),
        "streams": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
        "timeout": socket.getdefaulttimeout(),
        "gc": gc.isenabled(),
        "logging": [logging.getLogger("broker.worker.run").isEnabledFor(logging.INFO), logging.root.level],
        "disabled": logging.getLogger("broker.worker.run").disabled,
        "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
        "locale": locale.setlocale(locale.LC_ALL),
        "seeded": random.getstate() == random.Random(1).getstate(),
    }


def stray_alarm(_: TaskContext, seconds: float) -> dict[str, Any]:
    """Somebody sends the signal that ends a run whose time is up."""
    os.kill(os.getpid(), signal.SIGALRM)
    time.sleep(seconds)
    return {}


def leave_thread(_: TaskContext) -> dict[str, Any]:
    """A thread that would go on working."""
    threading.Thread(target=time.sleep, args=(1000,), name="left alone").start()
    time.sleep(_LONG)
    return {"pid": os.getpid()}


def late_progress(context: TaskContext, path: str) -> dict[str, Any]:
    """A daemon's thread tells progress on and on, after its run is over too."""

    def tell() -> None:
        while not os.path.exists(path):
            context.progress(77, "of another task")
            time.sleep(0.01)

    threading.Thread(target=tell, daemon=True).start()
    return {}


# exceptions -----------------------------------------------------------------------------------------------------------


class _Speechless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class _Furious(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class _NoText(Exception):
    def __str__(self) -> Any:  # type: ignore[override]
        return 7


class _Bare(PermanentError):
    def __init__(self) -> None:
        """Leaves out what the base class does."""


def broken_error(_: TaskContext, kind: str) -> None:
    if kind == "syntax":
        error: BaseException = SyntaxError("bad", (b"file", [], object(), {1}))
    elif kind == "postpone":
        error = Postpone.__new__(Postpone)
    elif kind == "retry_after":
        error = PermanentError("no luck", retry_after=object())
        error.message = _Speechless()  # type: ignore[attr-defined]
    else:
        error = {"speechless": _Speechless, "furious": _Furious, "no text": _NoText, "bare": _Bare}[kind]()
    if kind == "speechless":
        error.__notes__ = 7  # type: ignore[attr-defined]
        error.__cause__ = _Furious()
    raise error


ACTS = {
    each.__name__: each
    for each in (
        fork, fork_and_report, leave_copy, leave_orphan, spoil, spoil_more, close_all, look, stray_alarm, leave_thread,
        late_progress, broken_error,
    )
}  # fmt: skip
