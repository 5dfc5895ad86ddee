"""Takes a server through many calls from one and the same state: each call's answer, and what it has changed.

A state is the payloads of its keys as ``DUMP`` tells them. The next state is put in place by what differs from the one
before, and what a call has changed is taken back at once, so a call costs the server little more than itself.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import hiredis
from redis import Redis

_LIBRARY = Path(__file__).with_name("snapshots.lua")

#: One command to the server.
Command = Sequence[str | int | bytes]


class Change(NamedTuple):
    """One key as a call has left it; without payload it is gone."""

    key: str
    payload: bytes | None
    value: Any


class Snapshots:
    """One connection to a server that nobody else uses meanwhile. A call that the server refuses is its answer."""

    def __init__(self, port: int, prefix: str) -> None:
        self._prefix = prefix
        with Redis(port=port) as redis:
            redis.flushall()
            redis.function_load(_LIBRARY.read_text(), replace=True)
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()

    def close(self) -> None:
        self._socket.close()

    def try_all(
        self, payloads: dict[str, bytes], now: int, calls: Iterable[Sequence[Command]]
    ) -> list[tuple[Any, list[Change]]]:
        """What each call, of one or more commands, answers to its last and changes, each from this state."""
        commands, lengths = [self._opening(payloads, now)], []
        for call in calls:
            commands += [hiredis.pack_command(tuple(command)) for command in call]
            commands.append(hiredis.pack_command(("FCALL", "snapshot_take", 0)))
            lengths.append(len(call))
        self._socket.sendall(b"".join(commands))
        self._read()
        answers = []
        for length in lengths:
            answer = [self._read() for _ in range(length)][-1]
            answers.append((answer, self._changes(self._read())))
        return answers

    def act(self, payloads: dict[str, bytes], now: int, act: Callable[[], Any]) -> tuple[Any, list[Change]]:
        """The same of something that uses connections of its own."""
        self._socket.sendall(self._opening(payloads, now))
        self._read()
        answer = act()
        self._socket.sendall(hiredis.pack_command(("FCALL", "snapshot_take", 0)))
        return answer, self._changes(self._read())

    def _opening(self, payloads: dict[str, bytes], now: int) -> bytes:
        flat = [part for pair in payloads.items() for part in pair]
        return bytes(hiredis.pack_command(("FCALL", "snapshot_open", 1, self._prefix, now, *flat)))

    def _read(self) -> Any:
        answer = self._reader.gets()
        while answer is False:
            self._reader.feed(self._socket.recv(1 << 20))
            answer = self._reader.gets()
        return answer

    def _changes(self, answer: Any) -> list[Change]:
        if isinstance(answer, hiredis.ReplyError):
            raise answer
        return [_change(each) for each in answer]


def _change(changed: list[Any]) -> Change:
    key = _text(changed[0])
    if len(changed) == 1:
        return Change(key, None, None)
    return Change(key, changed[1], _value(changed[2], changed[3]))


def _value(kind: bytes, value: Any) -> Any:
    """As `tests.invariants.State` has it."""
    if kind == b"string":
        return _text(value)
    if kind == b"hash":
        return _pairs(value)
    if kind == b"zset":
        return {member: float(score) for member, score in _pairs(value).items()}
    if kind == b"stream":
        return [_pairs(fields) for _, fields in value]
    members = [_text(member) for member in value]
    return set(members) if kind == b"set" else members


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {_text(flat[i]): _text(flat[i + 1]) for i in range(0, len(flat), 2)}


@lru_cache(maxsize=100_000)
def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
