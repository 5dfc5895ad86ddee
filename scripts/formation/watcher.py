"""Ends the formation when its manager was killed and could not: ``python -m scripts.formation.watcher`` on a pipe.

The manager writes ``+group`` and ``-group`` lines; the end of the pipe is the end of the manager. Unlike a parent-death
signal this reaches whole process groups, lets them end in order, and works on every POSIX system. The watcher sits in a
session of its own, so what ends the manager's group does not end it too.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable

from scripts.formation import groups

#: Seconds from SIGTERM to SIGKILL.
GRACE = 8.0


class Watcher:
    """The manager's side of the pipe."""

    def __init__(self, lock: int) -> None:
        """``lock`` is handed to the watcher, which holds it until its work is done."""
        command = [sys.executable, "-m", "scripts.formation.watcher"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[lock],
        )
        os.close(lock)

    def add(self, group: int) -> None:
        """From now on this group ends with the manager."""
        self._tell(f"+{group}\n")

    def remove(self, group: int) -> None:
        """This group is gone; its number may come to mean another."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Lets the watcher end, and waits for it."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
            self._process.wait(timeout=GRACE + 2)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError:
            pass  # somebody killed the watcher: the formation goes on without it


def groups_left(lines: Iterable[str]) -> set[int]:
    """The groups that were added and not removed when the lines end."""
    left: set[int] = set()
    for line in lines:
        (left.add if line[0] == "+" else left.discard)(int(line[1:]))
    return left


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups.stop(groups_left(sys.stdin), GRACE)


if __name__ == "__main__":
    main()
