"""Our own connections to Redis, for the calls that are made most: scripts."""

import ctypes
import os
import socket
import ssl
import struct
from typing import Any

import hiredis
from redis import Redis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse, ReadOnlyError, RedisError, TimeoutError

#: How often a call is repeated whose connection was lost.
_REPEATS = 3

#: The system's call as it is. ``socket.send`` lets go of the interpreter meanwhile, and waits to get it back.
_send = ctypes.PyDLL(None).send
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_send.restype = ctypes.c_ssize_t
_AT_ONCE = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)


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
        #: The connection's own, while no answer is awaited on it: whatever interrupts a call, nobody reads on there.
        self._socket: socket.socket | None = None
        self._pid = 0
        self._reader: Any = None
        self._first: tuple[Any, ...] = ()
        #: Whether the last call had a connection to lose. Connecting is repeated by redis-py.
        self.connected = False

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

        The connection's own time-out must be longer. The answer to BLPOP is dropped; its failure is a
        ``RedisError`` of the call, and of no kind that speaks of the script.
        """
        self._first = ("BLPOP", key, timeout)

    def _call(self, *words: Any) -> Any:
        first, self._first = self._first, ()
        line, self._socket, self.connected = self._socket, None, False
        try:
            if line is None or self._pid != os.getpid():
                line = self._connect()
            self.connected = True
            packed = hiredis.pack_command(words)
            self._send(line, hiredis.pack_command(first) + packed if first else packed)
            refused = self._answer(line) if first else None
            answer = self._answer(line)
        except BaseException as error:
            self._hang_up()
            if isinstance(error, (BlockingIOError, socket.timeout)):  # the kernel's limit, or Python's
                raise TimeoutError("Redis does not answer in time") from error
            if isinstance(error, OSError):
                raise ConnectionError(f"the connection to Redis broke: {error}") from error
            raise
        self._socket = line
        if isinstance(refused, Exception):
            raise RedisError(f"{first[0]}: {refused}")
        if isinstance(answer, ReadOnlyError):
            self._hang_up()  # the server is no longer the one that is written to
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _send(self, line: socket.socket, data: bytes) -> None:
        sent = 0
        if not isinstance(line, ssl.SSLSocket):
            sent = max(0, _send(line.fileno(), data, len(data), _AT_ONCE))
        if sent < len(data):
            line.sendall(data[sent:])

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
        pool = self._redis.connection_pool
        self._connection = pool.connection_class(**pool.connection_kwargs)  # the pool would wait for it for ever
        self._connection.connect()
        self._pid = os.getpid()
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
        return line

    def __del__(self) -> None:
        self._hang_up()  # the connection is a part of circles, and would stay open until they are found

    def _hang_up(self) -> None:
        connection, self._connection, self._socket = self._connection, None, None
        if connection is not None:
            connection.disconnect()


def _have_the_kernel_watch(line: socket.socket, seconds: float) -> None:
    """Gives sends and receives their time limit (0 for none) without the poll that Python makes before each."""
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


class Lines:
    """Lines for many threads: a call takes the last that was given back, so there are as many as calls at once.

    Calls are repeated after a lost connection, which every script allows.
    """

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis
        #: Taking from it and giving back are one step each to other threads.
        self._free: list[Line] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.fcall``. Raises ``RedisError``."""
        try:
            line = self._free.pop()
        except IndexError:
            line = Line(self._redis)
        try:
            for _ in range(_REPEATS):
                try:
                    return line.fcall(function, numkeys, *keys_and_args)
                except ConnectionError:
                    if not line.connected:
                        raise
            return line.fcall(function, numkeys, *keys_and_args)
        finally:
            self._free.append(line)
