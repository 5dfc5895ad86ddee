"""What the runs of tasks have said: bounded, and gone with the task. Written by workers, read by whoever may see it.

A line is named by its run and its number there (``2-17``), so it is told apart which attempt said it, a line that is
written twice is there once, and the names of lines that came too fast to be kept are missing.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.script_connection import ScriptConnection
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.scripts import Script

#: Lines of a task that are kept, the newest.
MOST_LINES = 2000
#: Lines that one script writes.
_AT_ONCE = 200
_NAME = re.compile(r"(\d{1,10})-(\d{1,10})", re.ASCII)


class Said(NamedTuple):
    """A line on its way: of which run, its number in it, when in microseconds since the epoch, and what."""

    task_id: str
    attempt: int
    number: int
    us: int
    level: str
    logger: str
    text: str


class Line(NamedTuple):
    """A line as it is read."""

    id: str
    attempt: int
    at: str
    level: str
    logger: str
    message: str


class LogPage(NamedTuple):
    """Lines in their order; after which to go on, if there are more; how many older ones are not kept any more."""

    lines: list[Line]
    next: str | None
    removed: int


class TaskLogs:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, kib: int) -> None:
        """``kib``: what is kept of a task, 0 for nothing."""
        self._redis = redis
        self._keys = keys
        self.kib = kib
        self._append = Script("append_log")

    def append(self, client: "Redis | ScriptConnection | ScriptConnectionPool", lines: Sequence[Said]) -> None:
        """Adds what is not there yet; lines of a task that is gone are dropped. Redis errors pass through."""
        first = 0
        while first < len(lines):
            one, last = lines[first], first
            while last < len(lines) and last - first < _AT_ONCE and lines[last][:2] == one[:2]:
                last += 1
            flat = [part for each in lines[first:last] for part in each[2:]]
            self._append(
                client,
                prefix=self._keys.prefix,
                id=one.task_id,
                attempt=one.attempt,
                most_lines=MOST_LINES,
                most_bytes=self.kib * 1024,
                lines=flat,
            )
            first = last

    def page(self, task_id: str, *, after: str = "", attempt: int | None = None, limit: int = 100) -> LogPage:
        """The lines after the one of this name, of one attempt or of all. Raises ``Unavailable``."""
        key = self._keys.task_log(task_id)
        begin, end = "-", "+"
        if attempt is not None:
            begin, end = f"{attempt}-0", f"{attempt}"
        if after and (attempt is None or place(after) >= (attempt, 0)):
            begin = f"({after}"
        with redis_errors(), self._redis.pipeline(transaction=True) as reads:
            reads.xrange(key, begin, end, count=limit + 1)
            reads.xrange(key, count=1)
            entries, first = reads.execute()
        lines = [line_of(*each) for each in entries[:limit]]
        removed = int(first[0][1]["count"]) - 1 if first else 0
        return LogPage(lines, lines[-1].id if len(entries) > limit else None, removed)


def line_of(name: str, fields: dict[str, Any]) -> Line:
    """An entry of the stream."""
    at = to_rfc3339(int(fields["at"]))
    return Line(name, place(name)[0], at, fields["level"], fields["logger"], fields["text"])


def place(name: str) -> tuple[int, int]:
    """The run and the number of a line. Raises ``ValueError`` for what is no name of one."""
    found = _NAME.fullmatch(name)
    if not found:
        raise ValueError(name)
    return int(found[1]), int(found[2])


def level_name(level: int) -> str:
    """As logs are told: the next lower of the five."""
    return next((logging.getLevelName(each).lower() for each in (50, 40, 30, 20) if level >= each), "debug")
