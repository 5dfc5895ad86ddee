"""As many script connections as calls are made at once, and none for long that nobody uses."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import ConnectionError, ReadOnlyError

from broker.engine.idle import CLOSE_AFTER, Pool
from broker.engine.script_connection import RareCalls, ScriptConnection

T = TypeVar("T")

#: How often a call is repeated whose connection was lost.
_REPEATS = 3
#: Seconds between two looks for connections that nobody has used for a while.
_BETWEEN_LOOKS = 1.0


class ScriptConnectionPool(RareCalls):
    """Script connections for many threads: a call takes the last that was given back.

    Calls are repeated after a lost connection, which every script allows, and once where the server turns out to be a
    replica by now: the address, or whoever is asked for it, may name another.
    """

    def __init__(self, redis: "Redis") -> None:
        super().__init__(redis)
        #: Taking from it and giving back are one step each to other threads.
        self._free: list[ScriptConnection] = []
        self._look_at = 0.0

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.fcall``. Raises ``RedisError``."""
        return self.run("FCALL", function, numkeys, *keys_and_args)

    def run(self, *words: Any) -> Any:
        """The answer to any command that may be repeated, as RESP2 has it: a hash is a list. Raises ``RedisError``."""
        return self._repeated(lambda connection: connection.run(*words))

    def run_each(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers to commands that may be repeated, sent at once; of one that the server refuses, its error.

        Raises ``RedisError``. A replica refuses what writes: who repeats that by ``run`` finds the server.
        """
        return self._repeated(lambda connection: connection.run_each(commands))

    def _repeated(self, call: Callable[[ScriptConnection], T]) -> T:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = ScriptConnection(self.redis)
        repeats = _REPEATS
        try:
            while True:
                try:
                    return call(connection)
                except ConnectionError:
                    if not (connection.connected and repeats):
                        raise
                    repeats -= 1
                except ReadOnlyError:
                    self.hang_up()
                    if repeats < _REPEATS:
                        raise
                    repeats = 0
        finally:
            self._free.append(connection)
            if time.monotonic() > self._look_at:
                self._close_idle()

    def hang_up(self) -> None:
        """Closes what is at rest, redis-py's connections too: of a server that is not written to any more, reads would
        go on there.
        """
        self.redis.connection_pool.disconnect(inuse_connections=False)
        with suppress(IndexError):
            while True:
                self._free.pop().hang_up()

    def _close_idle(self) -> None:
        """Closes what nobody has used for a while, redis-py's connections too. The first is idle the longest."""
        now = time.monotonic()
        self._look_at = now + _BETWEEN_LOOKS
        if isinstance(self.redis.connection_pool, Pool):
            self.redis.connection_pool.close_idle()
        with suppress(IndexError):  # others take some meanwhile
            while (connection := self._free.pop(0)).used < now - CLOSE_AFTER:
                connection.hang_up()
            self._free.insert(0, connection)
