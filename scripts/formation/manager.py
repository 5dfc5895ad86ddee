"""Keeps the processes of the formation running until it is told to stop, then leaves none behind.

One thread and one loop: it sleeps until a process writes, a process dies, a signal arrives or something is due.
"""

import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from broker.clock import Clock
from broker.startup import BAD_SETTINGS
from scripts.formation import groups
from scripts.formation.output import Lines, Printer
from scripts.formation.process import Process
from scripts.formation.watcher import GRACE, Watcher

INTERVAL = 0.1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Unsustainable(Exception):
    """The formation cannot go on; the message says why."""


class Manager:
    """Runs ``processes``; ``tick`` is called at least every `INTERVAL` seconds and may raise ``Unsustainable``."""

    def __init__(
        self,
        processes: Sequence[Process],
        printer: Printer,
        watcher: Watcher,
        tick: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._processes = processes
        self._printer = printer
        self._watcher = watcher
        self._tick = tick
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        #: When what still runs is killed; set by the first request to stop.
        self._deadline: float | None = None
        self._status = 0

    def run(self) -> int:
        """Returns the exit status when every process is gone.

        0 after a request to stop, 2 when a process cannot start with these settings, 1 when it could not go on else.
        """
        with _signals() as wakeup:
            self._selector.register(wakeup, selectors.EVENT_READ, partial(self._on_signals, wakeup))
            while self._deadline is None or any(process.running for process in self._processes):
                try:
                    self._turn()
                except BrokenPipeError:
                    self._stop("nobody reads this output any more")
                except Unsustainable as reason:
                    self._status = 1
                    self._stop(str(reason))
            self._read_the_rest()
        return self._status

    def _turn(self) -> None:
        self._start_due()
        for key, _ in self._selector.select(INTERVAL):
            key.data()
        self._bury_dead()
        if self._deadline is None:
            if refused := [process.name for process in self._processes if process.refused]:
                self._status = BAD_SETTINGS
                self._stop(f"{refused[0]} cannot start")
                return
            if all(process.given_up for process in self._processes):
                raise Unsustainable("every process was given up")
            self._tick()
        elif self._clock.monotonic() >= self._deadline:
            self._kill()

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        for process in self._processes:
            if self._deadline is None and process.due is not None and process.due <= now:
                output = process.start()
                self._watcher.add(process.pid)
                self._selector.register(output, selectors.EVENT_READ, partial(self._read, process, output, Lines()))

    def _read(self, process: Process, output: int, lines: Lines) -> None:
        if not process.read(output, lines):
            self._selector.unregister(output)
            os.close(output)

    def _read_the_rest(self) -> None:
        """What the processes wrote last; whoever still holds a pipe open is not waited for."""
        with suppress(BrokenPipeError):
            while ready := self._selector.select(0):
                for key, _ in ready:
                    key.data()
        self._selector.close()

    def _bury_dead(self) -> None:
        now = self._clock.monotonic()
        stopping = self._deadline is not None
        for process in self._processes:
            if process.has_ended(in_order=self._deadline is not None and now < self._deadline):
                self._watcher.remove(process.pid)
                process.bury(now, stopping=stopping)

    def _on_signals(self, wakeup: socket.socket) -> None:
        for number in wakeup.recv(512):
            if number in _STOP_SIGNALS:
                if self._deadline is None:
                    self._stop(signal.Signals(number).name)
                else:
                    self._deadline = self._clock.monotonic()

    def _stop(self, reason: str) -> None:
        """Tells everything to end, once."""
        if self._deadline is not None:
            return
        self._deadline = self._clock.monotonic() + GRACE
        for process in self._processes:
            if process.running:
                groups.send(process.pid, signal.SIGTERM)
        self._printer.note(f"stopping ({reason}); once more ends everything at once")

    def _kill(self) -> None:
        for process in self._processes:
            if process.running:
                groups.send(process.pid, signal.SIGKILL)


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket from which the numbers of arriving signals can be read."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in (*_STOP_SIGNALS, signal.SIGCHLD)}
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()
