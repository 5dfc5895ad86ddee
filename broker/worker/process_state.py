"""What of a process is the same for every task, put back after a handler that has changed it.

To look at everything takes about as long as a task of nothing. Python announces many changes
(``sys.addaudithook``): after one, before a child sleeps, and when handlers have worked for some milliseconds,
everything is looked at; what costs little is already after half a millisecond. So only what is not announced, such as
the umask, may be seen by tasks that follow at once on one that took less than that.
"""

import gc
import locale
import logging
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
from _signal import getsignal, pthread_sigmask  # signal's own make enums of all they return
from collections.abc import Callable
from typing import Any

#: Seconds of handlers' work after which what costs little is looked at, and after which everything is.
_SOON, _LATER = 0.0005, 0.005
#: Seconds that threads get which are about to end.
_ENDING = 0.1
#: The audit events of what is put back here, and of what may be left behind.
_ANNOUNCED = {
    *("os.chdir", "os.putenv", "os.unsetenv", "resource.setrlimit", "resource.prlimit", "_thread.start_new_thread"),
    *("os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen"),
}
#: Bytes that the generator of random numbers starts from.
_SEED = 32
_OWN_SIGNALS = tuple(map(int, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)))
_SETMASK = int(signal.SIG_SETMASK)
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_LIMITS = tuple(getattr(resource, name) for name in sorted(dir(resource)) if name.startswith("RLIMIT_"))
#: ``os.environ`` compared entry by entry would take twenty times as long as the dictionary that it is made of.
_ENVIRON: dict[bytes, bytes] = getattr(os.environ, "_data")  # noqa: B009  (no stub knows it)
_ROOT = logging.getLogger()


class ProcessState:
    """As it was when this was made, in the main thread of a worker child that has no other threads."""

    def __init__(self) -> None:
        self._folder = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._umask = os.umask(0o77)
        os.umask(self._umask)
        self._environ = dict(_ENVIRON)
        self._handlers = {number: getsignal(number) for number in _SIGNALS}
        self._own_handlers = tuple(map(getsignal, _OWN_SIGNALS))
        self._mask = pthread_sigmask(signal.SIG_BLOCK, ())
        self._path = list(sys.path)
        self._interpreter = _interpreter()
        self._handlers_of_root = list(_ROOT.handlers)
        self._loggers = {each: (each.level, each.disabled, each.propagate) for each in _own_loggers()}
        self._limits = [resource.getrlimit(each) for each in _LIMITS]
        self._locale = locale.setlocale(locale.LC_ALL)
        self._nice = os.getpriority(os.PRIO_PROCESS, 0)
        #: Seconds that handlers worked since the last look, and since the last at everything.
        self._work = self._all_work = 0.0
        self._changed = False
        sys.addaudithook(self._on_event)

    def restore(self, seconds: float) -> str:
        """To be called after a run that took so long. Returns what cannot be put back, else ''."""
        self._work += seconds
        if not self._changed and self._work < _SOON:
            return ""
        self._all_work += self._work
        self._work = 0.0
        return _told(self._restore_all if self._changed or self._all_work >= _LATER else self._restore_most)

    def restore_idle(self) -> str:
        """The same when there is nothing to do."""
        return _told(self._restore_all) if self._work or self._all_work else ""

    def _restore_most(self) -> str:
        os.umask(self._umask)
        pthread_sigmask(_SETMASK, self._mask)
        if tuple(map(getsignal, _OWN_SIGNALS)) != self._own_handlers:
            self._restore_handlers()
        if _interpreter() != self._interpreter:
            self._restore_interpreter()
        return ""

    def _restore_all(self) -> str:
        self._work = self._all_work = 0.0
        self._restore_most()
        os.fchdir(self._folder)
        if self._environ != _ENVIRON:
            self._restore_environ()
        sys.path[:] = self._path
        self._restore_handlers()
        self._restore_logging()
        for number, before in zip(_LIMITS, self._limits, strict=True):
            if resource.getrlimit(number) != before:
                resource.setrlimit(number, before)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        if os.getpriority(os.PRIO_PROCESS, 0) != self._nice:
            os.setpriority(os.PRIO_PROCESS, 0, self._nice)
        random.seed(os.urandom(_SEED))  # its own choice takes eighty times as much, and five times as long
        self._changed = False  # by what was done here
        return _threads() or _programs()

    def _restore_environ(self) -> None:
        for name in _ENVIRON.keys() - self._environ.keys():
            del os.environb[name]
        os.environb.update(self._environ)
        time.tzset()

    def _restore_handlers(self) -> None:
        signal.set_wakeup_fd(-1)
        for timer in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        for number, before in self._handlers.items():
            if before is not None and getsignal(number) != before:  # None: it was not set by Python
                signal.signal(number, before)

    def _restore_interpreter(self) -> None:
        streams, (level, disabled), recursion, timeout, collecting = self._interpreter
        _ROOT.setLevel(level)
        logging.disable(disabled)
        sys.stdin, sys.stdout, sys.stderr = streams
        sys.setrecursionlimit(recursion)
        socket.setdefaulttimeout(timeout)
        (gc.enable if collecting else gc.disable)()

    def _restore_logging(self) -> None:
        _ROOT.handlers[:] = self._handlers_of_root
        for logger, (level, disabled, propagate) in self._loggers.items():
            if logger.level != level:  # to set it has all loggers forget what they have worked out
                logger.setLevel(level)
            logger.disabled, logger.propagate = disabled, propagate

    def _on_event(self, event: str, _: tuple[Any, ...]) -> None:
        if event in _ANNOUNCED:
            self._changed = True


def _told(restore: Callable[[], str]) -> str:
    try:
        return restore()
    except Exception as error:  # a limit that was lowered for good, a folder that was closed, and the like
        return f"something that cannot be put back: {type(error).__name__}: {error}"


def _interpreter() -> tuple[Any, ...]:
    streams, levels = (sys.stdin, sys.stdout, sys.stderr), (_ROOT.level, _ROOT.manager.disable)
    return streams, levels, sys.getrecursionlimit(), socket.getdefaulttimeout(), gc.isenabled()


def _own_loggers() -> list[logging.Logger]:
    known = _ROOT.manager.loggerDict.items()
    named = [each for name, each in known if name.startswith(("broker", "task")) and isinstance(each, logging.Logger)]
    return [_ROOT, *named]


def _threads() -> str:
    """A thread that is no daemon is work that goes on; one that is about to end gets a moment."""
    deadline = time.monotonic() + _ENDING
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                return f"a thread ({thread.name})"
    return ""


def _programs() -> str:
    """Looks for children in this process's own group; what is to be kept, or ended by others, has one of its own."""
    try:
        os.waitid(os.P_PGID, os.getpgrp(), os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return ""
    return "a process that nobody waits for"
