"""Our own connections to Redis, for the calls that are made most: scripts."""

import ctypes
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import hiredis
from redis import Redis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse, ReadOnlyError, RedisError, TimeoutError

from broker.engine.idle import ASK_AFTER, PATIENCE

#: The system's call as it is. ``socket.send`` lets go of the interpreter meanwhile, and waits to get it back from other
#: threads; where there are none it takes 2 us less.
_send = ctypes.PyDLL(None).send
_send.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
_send.restype = ctypes.c_ssize_t
_AT_ONCE = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
#: Instead of a descriptor: the socket itself is to send, because it is TLS or alone.
_NONE = -1
_PING = hiredis.pack_command(("PING",))
#: RESP2, whatever a URL or redis-py prefers: answers are taken as they come here, and a hash is a list in one version,
#: a dict in the other. It also needs no HELLO, and the server sends nothing that was not asked for.
_PROTOCOL = 2


class RareCalls:
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


class ScriptConnection(RareCalls):
    """A client whose most frequent calls go over one connection that is never given back, for a single thread.

    A call of redis-py spends more time on its pool, its hooks and its layers than on the call (measured: 70 of 100 us);
    a worker child makes one call after another. redis-py connects; from then on a call is one ``send`` and one ``recv``
    with the C parser between them. Nothing is repeated here: whoever calls does that.
    """

    def __init__(self, redis: "Redis", *, threads: bool = True) -> None:
        """``threads``: whether others of this process want the interpreter meanwhile."""
        super().__init__(redis)
        self._threads = threads
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

    def run(self, *words: Any) -> Any:
        """The answer to any command, as RESP2 has it: a hash is a list. Raises ``RedisError``."""
        return self._call(words)

    def run_each(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers to commands that are sent at once; of one that the server refuses, its error.

        Raises ``RedisError`` when the connection is lost, and nobody knows which of them were carried out.
        """
        sock, self._socket, self.connected = self._socket, None, False
        try:
            sock = self._ready(sock)
            self.connected = True
            self._send(sock, b"".join(map(hiredis.pack_command, commands)))
            answers = [self._answer(sock) for _ in commands]
        except BaseException as error:
            self.hang_up()
            _tell(error)
            raise
        self._socket, self.used = sock, time.monotonic()
        return answers

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
        first, sock, refused = self._first, self._socket, None
        self._first, self._socket, self.connected = (), None, False
        try:
            sock = self._ready(sock)
            self.connected = True
            data = hiredis.pack_command(words)
            if first:
                self._send(sock, hiredis.pack_command(first) + data)
                refused = self._answer_on_time(sock) if self._push else self._answer(sock)
            else:
                self._send(sock, data)
            answer = self._answer(sock)
        except BaseException as error:
            self.hang_up()
            _tell(error)
            raise
        self._socket, self.used = sock, time.monotonic()
        if isinstance(refused, Exception):
            raise RedisError(f"{first[0]}: {refused}")
        if isinstance(answer, Exception):
            if isinstance(answer, ReadOnlyError):
                self.hang_up()  # the server is no longer the one that is written to
            raise answer
        return answer

    def _send(self, sock: socket.socket, data: bytes) -> None:
        if self._descriptor == _NONE:
            sock.sendall(data)
            return
        sent = _send(self._descriptor, data, len(data), _AT_ONCE)
        if sent < len(data):
            sock.sendall(data[max(0, sent) :])

    def _answer_on_time(self, sock: socket.socket) -> Any:
        push, self._push = self._push, None
        limit = sock.gettimeout()
        try:
            sock.settimeout(max(0.001, self._push_at - time.monotonic()))
            return self._answer(sock)
        except socket.timeout:  # noqa: UP041  redis-py has a TimeoutError of its own
            if push:
                push()
        finally:
            sock.settimeout(limit)
        return self._answer(sock)

    def _answer(self, sock: socket.socket) -> Any:
        while True:
            if (answer := self._reader.gets()) is not ...:
                return answer
            received = sock.recv_into(self._buffer)
            if not received:
                raise ConnectionError("Redis closed the connection")
            self._reader.feed(self._buffer, 0, received)

    def _ready(self, sock: socket.socket | None) -> socket.socket:
        if sock is None or self._pid != os.getpid():
            return self._connect()
        return self._asked(sock) if time.monotonic() - self.used > ASK_AFTER else sock

    def _asked(self, sock: socket.socket) -> socket.socket:
        """This connection if its other end answers a short question, else a new one; see `broker.engine.idle`."""
        try:
            _limit(sock, PATIENCE)
            self._send(sock, _PING)
            self._answer(sock)
            _limit(sock, self._connection.socket_timeout or 0)
        except (OSError, RedisError):
            self.hang_up()
            return self._connect()
        return sock

    def _connect(self) -> socket.socket:
        pool = self.redis.connection_pool
        # Made by its class: the pool would wait for it for ever.
        self._connection = pool.connection_class(**pool.connection_kwargs | {"protocol": _PROTOCOL})
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
        sock: socket.socket = self._connection._sock
        self._descriptor = _NONE
        if not isinstance(sock, ssl.SSLSocket):  # which would try again for ever
            _have_the_kernel_watch(sock, self._connection.socket_timeout or 0)
            if self._threads:
                self._descriptor = sock.fileno()
        return sock

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


def _limit(sock: socket.socket, seconds: float) -> None:
    """Gives sends and receives a time limit, 0 for none."""
    if isinstance(sock, ssl.SSLSocket):
        sock.settimeout(seconds or None)
    else:
        _have_the_kernel_watch(sock, seconds)


def _have_the_kernel_watch(sock: socket.socket, seconds: float) -> None:
    """Gives sends and receives their time limit (0 for none) without the poll that Python makes before each."""
    limit = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
    sock.settimeout(None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
