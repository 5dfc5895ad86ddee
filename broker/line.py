"""Our own connections to Redis, for the calls that are made most: scripts."""

import socket
import ssl
import struct
import threading
from typing import Any

import hiredis
from redis import Redis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse, ResponseError, TimeoutError


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
            if isinstance(error, (BlockingIOError, socket.timeout)):  # the kernel's limit, or Python's
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
        if not isinstance(line, ssl.SSLSocket):  # which would try again for ever
            _have_the_kernel_watch(line, self._connection.socket_timeout or 0)
        self._socket = line
        return line

    def __del__(self) -> None:
        self._hang_up()  # the connection is a part of circles, and would stay open until they are found

    def _hang_up(self) -> None:
        self._socket = None
        if self._connection is not None:
            self._connection.disconnect()


def _have_the_kernel_watch(line: socket.socket, seconds: float) -> None:
    """Gives sends and receives their time limit (0 for none) without the poll that Python makes before each."""
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


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
