"""Our own connections to Redis, for the calls that are made most: scripts."""

import ctypes
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import hiredis
from redis import Redis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse, ReadOnlyError, RedisError, TimeoutError

from broker.engine.idle import ASK_AFTER, CLOSE_AFTER, PATIENCE, Pool

#: How often a call is repeated whose connection was lost.
_REPEATS = 3

#: The system's call as it is. ``socket.send`` lets go of the interpreter meanwhile, and waits to get it back.
_send = ctypes.PyDLL(None).send
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_send.restype = ctypes.c_ssize_t
_AT_ONCE = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
#: A descriptor to which nothing can be sent.
_NONE = -1
_PING = hiredis.pack_command(("PING",))
#: Seconds between two looks for connections that nobody has used for a while.
_BETWEEN_LOOKS = 1.0


class _Rare:
    """What a script needs besides now and then; ``redis`` does it. (``__getattr__`` would make all attributes slow.)"""

    def __init__(self, redis: "Redis") -> None:
        self.redis = redis

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.evalsha``."""
        return self.redis.evalsha(sha, numkeys, *keys_and_args)

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.eval``."""
        return self.redis.eval(script, numkeys, *keys_and_args)

    def script_load(self, script: str) -> Any:
        """As ``Redis.script_load``."""
        return self.redis.script_load(script)

    def function_load(self, code: str, replace: bool | None = False) -> Any:
        """As ``Redis.function_load``."""
        return self.redis.function_load(code, replace)


class Line(_Rare):
    """A client whose most frequent calls go over one connection that is never given back, for a single thread.

    A call of redis-py spends more time on its pool, its hooks and its layers than on the call (measured: 70 of 100 us);
    a worker child makes one call after another. redis-py connects; from then on a call is one ``send`` and one ``recv``
    with the C parser between them. Nothing is repeated here: whoever calls does that.
    """

    def __init__(self, redis: "Redis") -> None:
        super().__init__(redis)
        self._connection: Any = None
        #: The connection's own, while no answer is awaited on it: whatever interrupts a call, nobody reads on there.
        self._socket: socket.socket | None = None
        self._descriptor = _NONE
        self._pid = 0
        self._reader: Any = None
        #: Answers arrive here: to make room for each would take longer than to read it.
        self._buffer = bytearray(16384)
        self._first: tuple[Any, ...] = ()
        #: Puts something onto the list that BLPOP waits for, at this monotonic second.
        self._push: Callable[[], object] | None = None
        self._push_at = 0.0
        #: Whether the last call had a connection to lose. Connecting is repeated by redis-py.
        self.connected = False
        #: The monotonic second at which the last call ended well.
        self.used = 0.0

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.fcall``. Raises ``RedisError``."""
        return self._call(("FCALL", function, numkeys, *keys_and_args))

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.evalsha``. Raises ``RedisError``."""
        return self._call(("EVALSHA", sha, numkeys, *keys_and_args))

    def blpop_first(self, key: str, timeout: float, push: Callable[[], object] | None = None) -> None:
        """Have the server wait for a BLPOP before it runs the next script: both are sent at once.

        The connection's own time-out must be longer. The answer to BLPOP is dropped; its failure is a
        ``RedisError`` of the call, and of no kind that speaks of the script.

        The server looks for time-outs ten times a second. Where that is too late, ``push`` is called when the time
        is over: it puts something onto the list, over another connection.
        """
        self._first = ("BLPOP", key, timeout)
        self._push, self._push_at = push, time.monotonic() + timeout

    def _call(self, words: tuple[Any, ...]) -> Any:
        first, line, refused = self._first, self._socket, None
        self._first, self._socket, self.connected = (), None, False
        try:
            if line is None or self._pid != os.getpid():
                line = self._connect()
            elif time.monotonic() - self.used > ASK_AFTER:
                line = self._asked(line)
            self.connected = True
            data = hiredis.pack_command(words)
            if first:
                self._send(line, hiredis.pack_command(first) + data)
                refused = self._answer_on_time(line) if self._push else self._answer(line)
            else:
                self._send(line, data)
            answer = self._answer(line)
        except BaseException as error:
            self.hang_up()
            _tell(error)
            raise
        self._socket, self.used = line, time.monotonic()
        if isinstance(refused, Exception):
            raise RedisError(f"{first[0]}: {refused}")
        if isinstance(answer, Exception):
            if isinstance(answer, ReadOnlyError):
                self.hang_up()  # the server is no longer the one that is written to
            raise answer
        return answer

    def _send(self, line: socket.socket, data: bytes) -> None:
        # At first without letting go of the interpreter; not with TLS, which has no descriptor to send to.
        sent = _send(self._descriptor, data, len(data), _AT_ONCE)
        if sent < len(data):
            line.sendall(data[max(0, sent) :])

    def _answer_on_time(self, line: socket.socket) -> Any:
        push, self._push = self._push, None
        limit = line.gettimeout()
        try:
            line.settimeout(max(0.001, self._push_at - time.monotonic()))
            return self._answer(line)
        except socket.timeout:  # noqa: UP041  redis-py has a TimeoutError of its own
            if push:
                push()
        finally:
            line.settimeout(limit)
        return self._answer(line)

    def _answer(self, line: socket.socket) -> Any:
        while True:
            while (answer := self._reader.gets()) is not ...:
                if not isinstance(answer, hiredis.PushNotification):
                    return answer
            received = line.recv_into(self._buffer)
            if not received:
                raise ConnectionError("Redis closed the connection")
            self._reader.feed(self._buffer, 0, received)

    def _asked(self, line: socket.socket) -> socket.socket:
        """This connection if its other end answers a short question, else a new one; see `broker.engine.idle`."""
        try:
            _limit(line, PATIENCE)
            self._send(line, _PING)
            self._answer(line)
            _limit(line, self._connection.socket_timeout or 0)
        except (OSError, RedisError):
            self.hang_up()
            return self._connect()
        return line

    def _connect(self) -> socket.socket:
        pool = self.redis.connection_pool
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
        self._descriptor = _NONE
        if not isinstance(line, ssl.SSLSocket):  # which would try again for ever
            _have_the_kernel_watch(line, self._connection.socket_timeout or 0)
            self._descriptor = line.fileno()
        return line

    def __del__(self) -> None:
        self.hang_up()  # the connection is a part of circles, and would stay open until they are found

    def hang_up(self) -> None:
        """Closes the connection; the next call makes another."""
        connection, self._connection, self._socket = self._connection, None, None
        if connection is not None:
            connection.disconnect()


def _tell(error: BaseException) -> None:
    """Raises what redis-py would raise instead of it, if it is an error of the system."""
    if isinstance(error, (BlockingIOError, socket.timeout)):  # the kernel's limit, or Python's
        raise TimeoutError("Redis does not answer in time") from error
    if isinstance(error, OSError):
        raise ConnectionError(f"the connection to Redis broke: {error}") from error


def _limit(line: socket.socket, seconds: float) -> None:
    """Gives sends and receives a time limit, 0 for none."""
    if isinstance(line, ssl.SSLSocket):
        line.settimeout(seconds or None)
    else:
        _have_the_kernel_watch(line, seconds)


def _have_the_kernel_watch(line: socket.socket, seconds: float) -> None:
    """Gives sends and receives their time limit (0 for none) without the poll that Python makes before each."""
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


class Lines(_Rare):
    """Lines for many threads: a call takes the last that was given back, so there are as many as calls at once.

    Calls are repeated after a lost connection, which every script allows.
    """

    def __init__(self, redis: "Redis") -> None:
        super().__init__(redis)
        #: Taking from it and giving back are one step each to other threads.
        self._free: list[Line] = []
        self._look_at = 0.0

    def fcall(self, function: str, numkeys: int, *keys_and_args: Any) -> Any:
        """As ``Redis.fcall``. Raises ``RedisError``."""
        try:
            line = self._free.pop()
        except IndexError:
            line = Line(self.redis)
        repeats = _REPEATS
        try:
            while True:
                try:
                    return line.fcall(function, numkeys, *keys_and_args)
                except ConnectionError:
                    if not (line.connected and repeats):
                        raise
                    repeats -= 1
        finally:
            self._free.append(line)
            if time.monotonic() > self._look_at:
                self._close_idle()

    def _close_idle(self) -> None:
        """Closes what nobody has used for a while, redis-py's connections too. The first line is idle the longest."""
        now = time.monotonic()
        self._look_at = now + _BETWEEN_LOOKS
        if isinstance(self.redis.connection_pool, Pool):
            self.redis.connection_pool.close_idle()
        with suppress(IndexError):  # others take lines meanwhile
            while (line := self._free.pop(0)).used < now - CLOSE_AFTER:
                line.hang_up()
            self._free.insert(0, line)
