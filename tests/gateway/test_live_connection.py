"""The connections of listeners by themselves: slow readers, readers that go away, heartbeats, the end of a process."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from gateway.live.connection import Connection
from gateway.live.frames import frame
from gateway.live.hub import Hub
from tests.gateway.listener import Listener
from tests.waiting import wait_until

Pair = tuple[Connection, Listener, list[str]]


@pytest.fixture
def pair() -> Iterator[Callable[..., Pair]]:
    """Makes a connection with a small kernel buffer, its listener, and a list that tells whether it was closed."""
    with ExitStack() as stack:

        def make(limit: int = 4096) -> Pair:
            ours, theirs = socket.socketpair()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            closed: list[str] = []
            connection = Connection(ours, chunked=False, on_close=lambda: closed.append("closed"), limit=limit)
            stack.callback(connection.close)
            listener = Listener(theirs)
            stack.callback(listener.close)
            return connection, listener, closed

        yield make


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(heartbeat=60)
    yield hub
    hub.stop()


def numbered(number: int, size: int = 100) -> bytes:
    return frame("status", {"status": str(number), "more": "x" * size}, f"{number}-0")


def overfill(connection: Connection, size: int = 100) -> int:
    """Offers more than it may keep; returns how many events that were."""
    for number in range(1, 10_000):
        connection.offer(numbered(number, size))
        if connection.ending:
            return number
    raise AssertionError("a listener that reads nothing is kept for ever")


@pytest.mark.parametrize("size", [100, 20_000])
def test_a_slow_reader_is_cut_off_and_knows_where_to_go_on(pair: Callable[..., Pair], hub: Hub, size: int) -> None:
    """However much of an event the kernel has taken already."""
    connection, listener, closed = pair(limit=50_000)
    hub.adopt(connection)
    offered = overfill(connection, size)
    hub.look_at(connection)
    told = listener.rest()
    assert told[-1].name == "cut_off"
    assert [each.word for each in told[:-1]] == [str(number + 1) for number in range(len(told) - 1)]
    assert 0 < len(told) - 1 < offered
    assert listener.last_id == f"{len(told) - 1}-0"
    wait_until(lambda: closed, "the connection is closed")


def test_a_slow_reader_who_never_reads_again_is_let_go(pair: Callable[..., Pair]) -> None:
    hub = Hub(heartbeat=0.02, linger=0.0)
    connection, _, closed = pair()
    hub.adopt(connection)
    overfill(connection)
    hub.look_at(connection)
    wait_until(lambda: closed and hub.count() == 0, "nothing of it is left")
    hub.stop()


def test_what_was_missed_may_be_longer_than_the_limit(pair: Callable[..., Pair], hub: Hub) -> None:
    connection, listener, _ = pair(limit=100)
    missed = b"".join(numbered(number) for number in range(500))
    connection.allow(len(missed))
    hub.adopt(connection)
    connection.offer(missed, last=True)
    hub.look_at(connection)
    assert [each.word for each in listener.rest()] == [str(number) for number in range(500)]


def test_a_reader_that_goes_away_is_noticed(pair: Callable[..., Pair], hub: Hub) -> None:
    connection, listener, closed = pair()
    hub.adopt(connection)
    listener.close()
    wait_until(lambda: closed == ["closed"] and hub.count() == 0, "its place is free")


def test_what_a_reader_says_is_of_no_interest(pair: Callable[..., Pair], hub: Hub) -> None:
    connection, listener, closed = pair()
    hub.adopt(connection)
    listener.connection.sendall(b"x" * 1000)
    connection.offer(numbered(1))
    assert listener.take(1)[0].word == "1"
    assert not closed


def test_a_quiet_stream_is_kept_alive(pair: Callable[..., Pair]) -> None:
    hub = Hub(heartbeat=0.02)
    connection, listener, _ = pair()
    hub.adopt(connection)
    assert [listener.lines.readline() for _ in range(4)] == [b":\n", b"\n"] * 2
    hub.stop()


def test_when_the_server_stops_listeners_are_told(pair: Callable[..., Pair], hub: Hub) -> None:
    (quick, listener, closed), (slow, _, slow_closed) = pair(), pair(limit=10**9)
    for each in (quick, slow):
        hub.adopt(each)
    while not slow.blocked:
        slow.offer(numbered(1))
    hub.stop()
    assert [each.name for each in listener.rest()] == ["stopped"]
    wait_until(lambda: closed and slow_closed, "nobody holds up the end")


def test_chunks_are_whole_and_the_last_is_empty() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, chunked=True, on_close=lambda: None)
        connection.offer(b"0123456789")
        connection.offer(b"")
        connection.offer(b"end", last=True)
        connection.offer(b"never")
        connection.close()
        assert b"".join(iter(lambda: theirs.recv(100), b"")) == b"a\r\n0123456789\r\n3\r\nend\r\n0\r\n\r\n"
