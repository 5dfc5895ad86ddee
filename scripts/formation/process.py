"""One process of the formation, over all its lives."""

import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Mapping

from broker.startup import BAD_SETTINGS
from scripts.formation import groups
from scripts.formation.output import Lines, Printer
from scripts.formation.restarts import MAX_DEATHS, Restarts

#: What only a shell understands; everything else replaces the shell, so that the process is the program.
_SHELL_SYNTAX = re.compile(r"[;&|<>()`]|^\w+=|^exec\b")
#: Lines kept of each process, to be shown when it is given up.
_LAST_WORDS = 5


class Process:
    """A Procfile line: how to start it, what it says, and when it is due to start again."""

    def __init__(self, name: str, command: str, environ: Mapping[str, str], printer: Printer) -> None:
        self.name = name
        #: When it is to be started, on the monotonic clock; ``None`` while it runs and after it was given up.
        self.due: float | None = 0.0
        self.given_up = False
        #: Whether it said that its settings are wrong: nothing but a person can change that.
        self.refused = False
        self.pid = 0
        self._command = command if _SHELL_SYNTAX.search(command) else f"exec {command}"
        self._environ = dict(environ)
        self._printer = printer
        self._restarts = Restarts()
        self._last_words: deque[bytes] = deque(maxlen=_LAST_WORDS)
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._popen is not None

    @property
    def state(self) -> str:
        """For people."""
        if self.running:
            return "running"
        return "given up" if self.given_up else "starting again"

    def start(self) -> int:
        """Starts it in a session and group of its own; returns the descriptor of its output."""
        self._popen = subprocess.Popen(
            ["/bin/sh", "-c", self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ,
            start_new_session=True,
            bufsize=0,
        )
        self.pid = self._popen.pid
        self.due = None
        assert self._popen.stdout
        output = os.dup(self._popen.stdout.fileno())  # outlives the Popen, until what was written is printed
        self._popen.stdout.close()
        os.set_blocking(output, False)
        return output

    def read(self, output: int, lines: Lines) -> bool:
        """Prints what is there to read; whether there may be more to come."""
        try:
            data = os.read(output, 65536)
        except BlockingIOError:
            return True
        for line in lines.feed(data):
            self._last_words.append(line)
            self._printer.line(self.name, line)
        return bool(data)

    def has_ended(self, *, in_order: bool) -> bool:
        """Whether it ran and has ended since the last look: in order, with the last of its group, or else by itself.

        In the latter case what is left of the group is killed.
        """
        if not self._popen or self._popen.poll() is None:
            return False
        left = groups.send(self.pid, 0 if in_order else signal.SIGKILL)
        return not (left and in_order)

    def bury(self, now: float, *, stopping: bool) -> None:
        """Decides what follows its death."""
        assert self._popen
        returncode = self._popen.returncode
        status = describe(returncode)
        self._popen = None
        if stopping:
            return
        if returncode == BAD_SETTINGS:
            self.given_up = self.refused = True
            self._printer.alarm(
                f"{self.name} cannot start ({status}); it has said why, and starting it again is no use"
            )
            return
        delay = self._restarts.after_death(now)
        if delay is None:
            self.given_up = True
            words = "".join(f"\n    {line.decode(errors='replace')}" for line in self._last_words)
            self._printer.alarm(
                f"{self.name} died {MAX_DEATHS} times within a minute (last: {status}) and is not started again. "
                f"The rest goes on. Its last words:{words}"
            )
        else:
            self.due = now + delay
            when = f"in {delay:g} s" if delay else "now"
            self._printer.alarm(f"{self.name} died ({status}); starting it again {when}")


def describe(returncode: int) -> str:
    """An exit status in words."""
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return signal.Signals(-returncode).name
    except ValueError:
        return f"signal {-returncode}"
