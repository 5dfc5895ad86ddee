"""Connections to Redis: time-outs, repetition and what its failures mean to a caller."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import hiredis
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.connection import DefaultParser
from redis.exceptions import (
    ConnectionError,
    InvalidResponse,
    OutOfMemoryError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry

from broker.errors import Unavailable

#: Seconds for one answer. No script comes near it; a stopped server is noticed by it.
SOCKET_TIMEOUT = 5.0


def connect(url: str, *, decode_responses: bool = True, timeout: float = SOCKET_TIMEOUT) -> "Redis":
    """A client for a whole process.

    It repeats a command after a lost connection, which every script allows, but not when the server hangs: whoever
    asked is told after one `timeout`.
    """
    return Redis.from_url(
        url,
        decode_responses=decode_responses,
        socket_timeout=timeout,
        socket_connect_timeout=2.0,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.02), retries=3, supported_errors=(ConnectionError,)),
        health_check_interval=30,
    )


class Line:
    """A client whose most frequent calls go over one connection that is never given back, for a single thread.

    A call of redis-py spends more time on its pool, its hooks and its layers than on the call (measured: 70 of 100 us);
    a worker child makes one call after another. redis-py connects; from then on a call is one ``send`` and one ``recv``
    with the C parser between them. Nothing is repeated here: whoever calls does that. What is not defined here is the
    client's own.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._connection: Any = None
        self._socket: socket.socket | None = None
        self._reader: Any = None
        self._first: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.fcall``. Raises ``RedisError``."""
        return self._call("FCALL", function, numkeys, *keys_and_args)

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.evalsha``. Raises ``RedisError``."""
        return self._call("EVALSHA", sha, numkeys, *keys_and_args)

    def blpop_first(self, key: str, timeout: float) -> None:
        """Have the server wait for a BLPOP before it runs the next script: both are sent at once.

        The connection's own time-out must be longer. The answer to BLPOP is dropped, its failure is the call's.
        """
        self._first = ("BLPOP", key, timeout)

    def _call(self, *words: Any) -> Any:
        first, self._first = self._first, ()
        try:
            line = self._socket or self._connect()
            packed = hiredis.pack_command(words)
            line.sendall(hiredis.pack_command(first) + packed if first else packed)
            answers = [self._answer(line), self._answer(line)] if first else [self._answer(line)]
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            return answers[-1]
        except ResponseError:
            raise
        except BaseException as error:
            self._hang_up()  # half a question or half an answer may be on it; the next call connects again
            if isinstance(error, BlockingIOError):
                raise TimeoutError("Redis does not answer in time") from error
            if isinstance(error, OSError):
                raise ConnectionError(f"the connection to Redis broke: {error}") from error
            raise

    def _answer(self, line: socket.socket) -> Any:
        while True:
            while (answer := self._reader.gets()) is not ...:
                if not isinstance(answer, hiredis.PushNotification):
                    return answer
            data = line.recv(16384)
            if not data:
                raise ConnectionError("Redis closed the connection")
            self._reader.feed(data)

    def _connect(self) -> socket.socket:
        if self._connection is None:
            pool = self._redis.connection_pool
            self._connection = pool.connection_class(**pool.connection_kwargs)  # the pool would wait for it for ever
        self._connection.connect()
        encoder = self._connection.encoder
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse,
            replyError=DefaultParser.parse_error,
            encoding=encoder.encoding if encoder.decode_responses else None,
            errors=encoder.encoding_errors,
            notEnoughData=...,
        )
        line: socket.socket = self._connection._sock
        # The kernel watches the time: Python's own time-outs poll before each send and each recv.
        seconds = self._connection.socket_timeout or 0
        limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        line.settimeout(None)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._socket = line
        return line

    def __del__(self) -> None:
        self._hang_up()  # the connection is a part of circles, and would stay open until they are found

    def _hang_up(self) -> None:
        self._socket = None
        if self._connection is not None:
            self._connection.disconnect()


class Lines:
    """A ``Line`` for each thread, whose calls are repeated after a lost connection as the client's own are."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        self._threads = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.fcall``. Raises ``RedisError``."""
        line = self._line()
        try:
            return line.fcall(function, numkeys, *keys_and_args)
        except ConnectionError:
            retry = self._redis.connection_pool.connection_kwargs["retry"]
            return retry.call_with_retry(lambda: line.fcall(function, numkeys, *keys_and_args), lambda _error: None)

    def _line(self) -> Line:
        try:
            line: Line = self._threads.line
        except AttributeError:
            line = self._threads.line = Line(self._redis)
        return line


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turns Redis' failures into ``Unavailable``: whoever asked may try again, and nothing was done by halves."""
    try:
        yield
    except OutOfMemoryError as error:
        raise Unavailable("The task store is full; running work is finished first.", retry_after=30) from error
    except ResponseError as error:
        if "OOM" in str(error) or "MISCONF" in str(error) or "LOADING" in str(error):
            raise Unavailable("The task store cannot take new work right now.", retry_after=30) from error
        if "WAITAOF" in str(error):
            raise Unavailable("DURABILITY=fsync needs a server with an append-only file.", retry_after=60) from error
        raise
    except RedisError as error:
        raise Unavailable("The task store cannot be reached right now.", retry_after=2) from error
