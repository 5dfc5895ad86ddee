"""What must be true of a task before its client is told that it is accepted (``DURABILITY``).

``everysec``: Redis has it in memory. ``fsync``: it is on the server's disk (``WAITAOF``). ``replicas:N``: so many
replicas have it in memory too (``WAIT``). ``fsync+replicas:N``: both. What a replica has outlives the loss of a server,
but that is no consensus: a fail-over may choose a replica that does not have it, and of two servers that both think
themselves the main one, what the loser accepted is lost. ``min-replicas-to-write`` on the server bounds the second.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from redis import Redis, RedisError
from redis.exceptions import ResponseError

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.transitions import Transitions
from broker.errors import CannotKeep, NotConfirmed, Unavailable

T = TypeVar("T")

#: Milliseconds in which a server shows that it can confirm, and in which it confirms: within one socket time-out.
_SHOWS_MS, _CONFIRMS_MS = 1000, 4000
_CANNOT = {
    "unknown command": "this server has no WAITAOF: it needs Redis 7.2 or Valkey",
    "appendonly is disabled": "this server has no append-only file: set appendonly yes",
}


class Durability:
    """The setting at work, on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, setting: str) -> None:
        """``setting`` is ``everysec``, ``fsync``, ``replicas:N`` or ``fsync+replicas:N``."""
        self._redis, self._keys, self._setting = redis, keys, setting
        self._fsync, self._replicas = demanded(setting)

    def check(self) -> None:
        """Raises ``CannotKeep`` where this server never can, ``Unavailable`` where it cannot now."""
        if self._fsync or self._replicas:
            with redis_errors(), self._redis.client() as connection:
                self._require(connection)

    def run(self, store: Transitions, write: Callable[[Transitions], T], accepted: Callable[[T], Sequence[str]]) -> T:
        """What ``write`` returns, once what it did is kept as demanded; ``accepted`` tells the tasks' ids from it.

        Raises ``NotConfirmed`` when it was done and is not known to be kept; where that can be foreseen, nothing is.
        """
        if not (self._fsync or self._replicas):
            return write(store)
        with self._redis.client() as connection:  # a server confirms what came over the same connection
            self._require(connection)
            answer = write(store.on(connection))
            if task_ids := accepted(answer):
                self._confirm(connection, task_ids)
        return answer

    def _require(self, connection: "Redis") -> None:
        try:
            missing = self._wait(connection, _SHOWS_MS)
        except ResponseError as error:
            for part, reason in _CANNOT.items():
                if part in str(error):
                    raise CannotKeep(f"DURABILITY={self._setting} cannot be kept: {reason}.", retry_after=60) from error
            raise
        if missing:
            message = f"DURABILITY={self._setting}: {missing} right now; this request changed nothing."
            raise Unavailable(message, retry_after=5)

    def _confirm(self, connection: "Redis", task_ids: Sequence[str]) -> None:
        cause: RedisError | None = None
        try:
            # The server waits for the connection's last write; a repetition that finds its task has made none yet.
            connection.set(self._keys.confirmed(), "")
            if not self._wait(connection, _CONFIRMS_MS):
                return
        except RedisError as error:
            cause = error
        raise NotConfirmed(task_ids=list(task_ids), retry_after=2) from cause

    def _wait(self, connection: "Redis", milliseconds: int) -> str:
        """What is missing, within so long, of keeping everything that was written over this connection; else ''."""
        until = time.monotonic() + milliseconds / 1000
        if self._fsync and not connection.execute_command("WAITAOF", 1, 0, milliseconds)[0]:
            return "the disk does not follow"
        left = max(1, round((until - time.monotonic()) * 1000))  # 0 would wait for ever
        if self._replicas and int(connection.execute_command("WAIT", self._replicas, left)) < self._replicas:
            return "too few replicas are connected and follow"
        return ""


def demanded(setting: str) -> tuple[bool, int]:
    """(whether the disk has to confirm, how many replicas have to) by ``DURABILITY``."""
    parts = dict(part.partition(":")[::2] for part in setting.split("+"))
    return "fsync" in parts, int(parts.get("replicas", 0))
