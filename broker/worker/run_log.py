"""What a run says, for ``GET /api/tasks/{id}/logs``: whatever is logged in its process, and what it prints.

A run that says nothing pays nothing. What is said goes into a pipe at once (``log_pipe``), or waits for room there, and
when too much waits, the oldest of it is dropped. What the supervisor has not written to Redis when the run ends, the
child writes itself, so that the log is complete when the task has ended.
"""

import logging
import os
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from redis import RedisError

from broker.log import escaped
from broker.redaction import Redaction
from broker.task_logs import Said, level_name
from broker.trace import NONE, Trace
from broker.worker.child_state import ChildState
from broker.worker.log_pipe import MOST_NAME, MOST_TEXT, LogPipe, packed, unpacked

#: Loggers of the broker itself; what they tell is about the process, not the task.
_OURS = ("broker", "task")
#: Bytes that the child keeps: more than the pipe, and what its reader has in its hands; and of what has no room there.
_HELD, _MOST_WAITING = 3 * 65_536, 65_536
_FORMATTER = logging.Formatter()


class RunLog:
    """The present run's, and that of the next. ``append`` writes lines to Redis."""

    def __init__(
        self, pipe: LogPipe, state: ChildState, append: Callable[[list[Said]], None] | None, secrets: Iterable[str]
    ) -> None:
        """``append`` None keeps nothing. ``secrets``: what is never shown, of this process."""
        self._pipe, self._state, self._append = pipe, state, append
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._of_process = self._redaction = Redaction(secrets)
        self._run = random.getrandbits(31)
        self._task: tuple[str, str, str, int] | None = None
        self._trace = NONE
        self._number = 0
        #: What is in the pipe or beyond it, until the supervisor has written it.
        self._held: deque[bytes] = deque()
        self._size = 0
        #: What the pipe had no room for.
        self._waiting: deque[bytes] = deque()
        self._waiting_size = self._missing = 0
        self._note: Said | None = None

    def begin(self, task_id: str, type_name: str, tenant: str, attempt: int, trace: Trace, said: int = 0) -> None:
        """What is said from now on is said by this run, which has ``said`` so many lines before."""
        self._task = task_id, type_name, tenant, attempt
        self._trace, self._number = trace, said

    def facts(self) -> dict[str, Any]:
        """For each line in the log of the process."""
        if self._task is None:
            return {}
        return dict(zip(("task", "type", "tenant", "attempt"), self._task, strict=True)) | self._trace.facts()

    def conceal(self, secrets: Iterable[str]) -> None:
        """These are not shown in the present run's log, whoever says them."""
        self._redaction = self._redaction.and_of(secrets)

    def redact(self, text: str) -> str:
        """Without what is not to be shown."""
        redacted: str = self._redaction.redact(text)
        return redacted

    def end(self) -> int:
        """The run is over: what it has said is in Redis when this returns, or a moment later if Redis is away.

        Returns how many lines that were.
        """
        said, self._task = self._number, None
        if said:
            self._finish()
        self._number = 0
        if self._redaction is not self._of_process:
            self._redaction = self._of_process
        return said

    def note(self, record: logging.LogRecord) -> None:
        """Somebody in this process logs."""
        if self._task is None or self._append is None or record.name.partition(".")[0] in _OURS:
            return
        try:
            text = record.getMessage()
            if record.exc_info:
                text = f"{text}\n{_FORMATTER.formatException(record.exc_info)}"
            if record.stack_info:
                text = f"{text}\n{record.stack_info}"
        except Exception as error:  # of arguments that do not fit, or whose text cannot be had
            text = f"{record.msg!s} ({type(error).__name__})"
        self._say(record.created, level_name(record.levelno), record.name, text)

    def _say(self, at: float, level: str, logger: str, text: str) -> None:
        if os.getpid() != self._pid:
            return
        with self._lock:
            task = self._task
            if task is None:
                return
            shown = _bounded("\n".join(map(escaped, self._redaction.redact(text).split("\n"))))
            self._number += 1
            said = Said(task[0], task[3], self._number, int(at * 1e6), level, _cut(logger, MOST_NAME), shown)
            self._waiting.append(packed(self._run, said))
            self._waiting_size += len(self._waiting[-1])
            while self._waiting_size > _MOST_WAITING:
                self._drop()
            self._write()

    def _drop(self) -> None:
        """The oldest that waits; the newest tells how it ends. A note takes its number, and its place."""
        record = self._waiting.popleft()
        self._waiting_size -= len(record)
        self._missing += 1
        self._note = unpacked(record)[1]._replace(
            level="warning",
            logger="task",
            text=f"{self._missing} lines are missing here: they were said faster than they could be kept.",
        )

    def _write(self) -> None:
        """Into the pipe what it has room for."""
        if self._note:
            if not self._pipe.write(record := packed(self._run, self._note)):
                return
            self._keep(record)
            self._note, self._missing = None, 0
        while self._waiting and self._pipe.write(self._waiting[0]):
            record = self._waiting.popleft()
            self._waiting_size -= len(record)
            self._keep(record)

    def _keep(self, record: bytes) -> None:
        self._held.append(record)
        self._size += len(record)
        if self._size > _HELD:
            self._forget()

    def _forget(self) -> None:
        """What the supervisor has written; what it must have, for it has room for less."""
        run, last = self._state.logged()
        while self._held:
            written = run == self._run and unpacked(self._held[0])[1].number <= last
            if not written and self._size <= _HELD:
                return
            self._size -= len(self._held.popleft())

    def _finish(self) -> None:
        with self._lock:
            self._forget()
            note = [packed(self._run, self._note)] if self._note else []
            lines = [unpacked(each)[1] for each in (*self._held, *note, *self._waiting)]
            if lines and self._append:
                try:
                    self._append(lines)
                except RedisError:
                    pass  # the supervisor has them too
                else:
                    self._state.note_logged_by_child(self._run, lines[-1].number)
            self._held.clear()
            self._waiting.clear()
            self._size = self._waiting_size = self._number = self._missing = 0
            self._note = None
            self._run = self._run + 1 & 0x7FFFFFFF


def _cut(text: str, most: int) -> str:
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= most else data[:most].decode("utf-8", "ignore")


def _bounded(text: str) -> str:
    """The beginning and the end of what is too long: a traceback says at its end what went wrong."""
    data = text.encode("utf-8", "replace")
    if len(data) <= MOST_TEXT:
        return data.decode()
    head, tail = MOST_TEXT // 3, MOST_TEXT - MOST_TEXT // 3 - 60
    left_out = len(data) - head - tail
    begin, end = data[:head].decode("utf-8", "ignore"), data[-tail:].decode("utf-8", "ignore")
    return f"{begin}[... {left_out} bytes are left out ...]{end}"
