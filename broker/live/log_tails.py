"""What runs say, while they say it: one thread reads the logs of all tasks that somebody follows here.

Nothing is asked of a worker: a log is a stream, and whoever follows reads on in it.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from redis import Redis, RedisError

from broker.engine.connection import connect, redis_errors
from broker.engine.keys import Keys
from broker.event import Event
from broker.task_logs import Line, line_of, place

log = logging.getLogger(__name__)

#: How long one read blocks, in ms; a log that is followed meanwhile is included in the next.
_BLOCK_MS = 100
#: Lines of a task in one read.
_BATCH = 500
#: Seconds until the next try when Redis does not answer.
_PAUSE = 0.2
#: Ids of lines begin below this one.
START = "0-0"


class LogTail:
    """One follower of one task's log."""

    def __init__(self, tails: "LogTails", task_id: str, read: str) -> None:
        self.task_id = task_id
        #: The line up to which everything was told.
        self.read = read
        #: With which event it ends, once the task has ended and all of its log was told.
        self.end: Event | None = None
        self.sink: Callable[[list[Event]], None] = lambda _: None
        self._tails = tails
        self._at_close: list[Callable[[], None]] = []

    def begin(self, sink: Callable[[list[Event]], None], after: str) -> None:
        """From now on every line after that one goes to ``sink``, and then the end."""
        self.sink, self.read = sink, after
        self._tails.add(self)

    def at_close(self, act: Callable[[], None]) -> None:
        """Has it done, once, when nothing is told any more."""
        self._at_close.append(act)

    def close(self) -> None:
        """Ends it; may be repeated."""
        self._tails.remove(self)
        with suppress(IndexError):
            while True:
                self._at_close.pop()()


class LogTails:
    """Those of this process. The thread starts with the first, so that a process may fork before."""

    def __init__(self, url: str, keys: Keys) -> None:
        self._redis: Redis = connect(url)
        self._keys = keys
        self._tails: dict[str, set[LogTail]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def tail(self, task_id: str) -> LogTail:
        """A follower, which begins when it is told to."""
        return LogTail(self, task_id, START)

    def kept(self, task_id: str, after: str) -> tuple[list[Event], bool]:
        """The lines after that one, and whether it is the last one or still there itself, so that none is missing."""
        key = self._keys.task_log(task_id)
        with redis_errors():
            entries = self._redis.xrange(key, after, "+")
            first = self._redis.xrange(key, count=1)
        if after == START:
            return [_event(task_id, *each) for each in entries], True
        whole = bool(entries and entries[0][0] == after) or not first or place(first[0][0]) < place(after)
        return [_event(task_id, *each) for each in entries if each[0] != after], whole

    def add(self, tail: LogTail) -> None:
        with self._changed:
            self._tails.setdefault(tail.task_id, set()).add(tail)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._read_on, name="log tails", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def remove(self, tail: LogTail) -> None:
        with self._changed:
            group = self._tails.get(tail.task_id, set())
            group.discard(tail)
            if not group:
                self._tails.pop(tail.task_id, None)

    def count(self) -> int:
        """How many follow."""
        with self._changed:
            return sum(map(len, self._tails.values()))

    def _read_on(self) -> None:
        pause = threading.Event()  # never set: the thread ends with its process
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._tails)
                groups = {self._keys.task_log(name): list(group) for name, group in self._tails.items()}
            try:
                self._read(groups)
            except RedisError:
                pause.wait(_PAUSE)
            except Exception:
                log.exception("reading what runs say failed")
                pause.wait(_PAUSE)

    def _read(self, groups: dict[str, list[LogTail]]) -> None:
        # Read before what may be the last lines: a run's are all there when its task has ended.
        ended = {tail for group in groups.values() for tail in group if tail.end}
        places = {key: min((each.read for each in group), key=place) for key, group in groups.items()}
        found = dict(self._redis.xread(places, count=_BATCH, block=_BLOCK_MS))
        for key, group in groups.items():
            entries = found.get(key, [])
            events = [_event(group[0].task_id, *each) for each in entries]
            for tail in group:
                told = [each for each in events if each.place and each.place > place(tail.read)]
                if told:
                    tail.read = told[-1].id
                if tail in ended and tail.end and len(entries) < _BATCH:
                    told.append(tail.end)
                if told:
                    tail.sink(told)


def _event(task_id: str, name: str, fields: dict[str, str]) -> Event:
    return Event("line", name, task_id, shown(line_of(name, fields)), place(name))


def shown(line: Line) -> dict[str, str | int]:
    """A line as the API tells it."""
    return line._asdict()
