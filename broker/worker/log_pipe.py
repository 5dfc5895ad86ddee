"""A pipe on which a child tells its supervisor what its handlers say, which loses nothing when the child is killed.

The child never waits: a line is one write of at most ``PIPE_BUF`` bytes, whole or not at all. The supervisor reads at
most four times a second and writes to Redis what it has read.
"""

import os
import struct
import time
from collections.abc import Iterable
from select import PIPE_BUF

from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.task_logs import Said, TaskLogs
from broker.worker.child_state import ChildState

_HEAD = struct.Struct("H I 36s I I Q 10s B")
#: Bytes of a line's text, and of its logger's name.
MOST_TEXT, MOST_NAME = PIPE_BUF - _HEAD.size - 256, 200
#: Seconds between two reads, and after Redis did not answer.
_REST, _PAUSE = 0.25, 1.0
_ROOM = 65_536


class LogPipe:
    """Both ends, made before the fork."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""

    def write(self, record: bytes) -> bool:
        """False when there is no room."""
        try:
            os.write(self._writing, record)
        except BlockingIOError:
            return False
        return True

    def read(self) -> list[tuple[int, Said]]:
        """What was written since, each with the serial number of its run."""
        parts, size = [self._rest], 0
        while size < _ROOM:
            try:
                data = os.read(self.reading, _ROOM)
            except BlockingIOError:
                break
            parts.append(data)
            size += len(data)
        data = b"".join(parts)
        found, at = [], 0
        while at + 2 <= len(data) and at + (length := int.from_bytes(data[at : at + 2], "little")) <= len(data):
            found.append(unpacked(data[at : at + length]))
            at += length
        self._rest = data[at:]
        return found


def packed(run: int, said: Said) -> bytes:
    """A line as one record. Its text and its logger's name are short enough."""
    name, text = said.logger.encode(), said.text.encode()
    length = _HEAD.size + len(name) + len(text)
    head = _HEAD.pack(
        length, run, said.task_id.encode(), said.attempt, said.number, said.us, said.level.encode(), len(name)
    )
    return head + name + text


def unpacked(record: bytes) -> tuple[int, Said]:
    """What was packed."""
    _, run, task_id, attempt, number, us, level, size = _HEAD.unpack_from(record)
    name, text = record[_HEAD.size : _HEAD.size + size], record[_HEAD.size + size :]
    words = (each.rstrip(b"\0").decode() for each in (level, name, text))
    return run, Said(task_id.decode(), attempt, number, us, *words)


class LogReader:
    """The supervisor's side of all pipes."""

    def __init__(self, logs: TaskLogs, redis: "ScriptConnectionPool") -> None:
        self._logs, self._redis = logs, redis
        self._unsent: list[Said] = []
        #: Until this monotonic second nothing is read.
        self.rests_until = 0.0

    def resting(self) -> bool:
        return time.monotonic() < self.rests_until

    def read(self, pipes: Iterable[tuple[LogPipe, ChildState]]) -> None:
        """Writes to Redis what was said since. Raises ``RedisError``; what was read is kept for the next time."""
        self.rests_until = time.monotonic() + _PAUSE
        self._send()
        for pipe, state in pipes:
            found = pipe.read()
            if not found:
                continue
            done = state.logged_by_child()
            self._unsent = [said for run, said in found if not (run == done[0] and said.number <= done[1])]
            self._send()
            run, last = found[-1]
            state.note_logged(run, last.number)
        self.rests_until = time.monotonic() + _REST

    def _send(self) -> None:
        if self._unsent:
            self._logs.append(self._redis, self._unsent)
            self._unsent = []
