"""Guards the server against clients that are slow, silent or endless: they hold no thread, and not for long."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from errno import ENOSPC
from typing import Any

import pytest
from gunicorn.http.wsgi import FileWrapper

from gateway.live.handover import on_hang_up
from gateway.server.limits import Limits
from gateway.server.patience import Patience
from gateway.server.site import Allowance
from tests.gateway.serving import PATIENCE, echo, read_all, serving
from tests.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HALF = GET[:-4]
#: Larger than what the kernel keeps for a client that does not read.
MUCH = 64 * 1024 * 1024


def post(size: int, *more: str) -> bytes:
    """The head of a request with such a body."""
    return "\r\n".join(["POST / HTTP/1.1", "Host: x", f"Content-Length: {size}", *more, "", ""]).encode()


def answer_with(size: int, piece: bytes = b"x" * 65536) -> Callable[..., Iterator[bytes]]:
    """An application that answers ``size`` bytes to a query, and nothing else to others."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        total = size if environ["QUERY_STRING"] else 0
        start_response("200 OK", [("Content-Length", str(total))])
        return (piece for _ in range(total // len(piece)))

    return application


@pytest.mark.parametrize("sent", [b"", HALF, post(1000) + b"x", post(10) + b"x"])
def test_slow_clients_keep_nobody_from_being_served(sent: bytes) -> None:
    with serving(echo, threads=2) as served:
        slow = [served.connect() for _ in range(200)]
        for each in slow:
            each.sendall(sent)
        wait_until(lambda: len(served.loop.connections) == 200, "all are there")
        assert served.ask(CLOSING).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "sent", [HALF, post(100) + b"x", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5"]
)
def test_a_request_that_is_never_whole_is_answered_with_408(sent: bytes) -> None:
    with serving(echo, Limits(head_seconds=0.2, body_seconds=0.2)) as served:
        answer = served.ask(sent)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in answer


def test_who_says_nothing_is_told_nothing() -> None:
    with serving(echo, Limits(head_seconds=0.2)) as served:
        assert served.ask(b"") == b""


def test_crumbs_of_a_head_are_no_sign_of_life() -> None:
    with serving(echo, Limits(head_seconds=0.5, crumb_seconds=0.01)) as served, served.connect() as connection:
        connection.sendall(HALF + b"\r\n")
        connection.settimeout(0.005)
        for _ in range(10_000):
            connection.sendall(b"a")
            try:
                assert connection.recv(20).startswith(b"HTTP/1.1 408 ")
                return
            except TimeoutError:
                continue
    raise AssertionError("a head without end is read for ever")


def test_a_body_needs_a_rate_and_only_the_time_in_which_it_is_waited_for_counts() -> None:
    patience = Patience(Limits(body_seconds=20, body_rate=500), 0.0)
    patience.expect_body(100.0)
    assert not patience.has_ended(120.0, 0)
    assert patience.has_ended(120.1, 0)
    assert not patience.has_ended(139.0, 10_000)
    assert patience.has_ended(141.0, 10_000)
    patience.pause(120.0)
    patience.go_on(500.0)
    assert not patience.has_ended(519.0, 10_000)
    assert patience.has_ended(521.0, 10_000)


def test_a_slow_upload_that_lives_loses_nothing() -> None:
    """Twenty bytes at a time, for longer than a body without any rate may take."""
    body = bytes(range(256)) * 4
    limits = Limits(body_seconds=0.2, body_rate=1, crumb_seconds=0.01)
    with serving(echo, limits) as served, served.connect() as connection:
        connection.settimeout(0.01)
        for start in range(0, len(body), 20):
            head = b"" if start else post(len(body), "Connection: close")  # together: what has come earns time
            connection.sendall(head + body[start : start + 20])
            with pytest.raises(TimeoutError):
                connection.recv(1)
            if start + 40 > len(body):
                break
        connection.settimeout(30)
        connection.sendall(body[start + 20 :])
        assert read_all(connection).endswith(b"\r\n\r\n" + body)


def test_who_does_not_read_its_answer_holds_no_thread_and_is_let_go() -> None:
    limits = Limits(answer_seconds=1.0)
    with serving(answer_with(MUCH), limits, threads=1) as served:
        slow = [served.connect() for _ in range(20)]
        for each in slow:
            each.sendall(GET.replace(b"/ ", b"/?much "))
        assert all(each.recv(9) == b"HTTP/1.1 " for each in slow)
        assert served.ask(CLOSING).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: not served.loop.connections, "all are let go")


def test_a_slow_reader_gets_all_of_it() -> None:
    piece = bytes(range(256)) * 256
    with serving(answer_with(MUCH, piece), threads=1) as served, served.connect() as connection:
        connection.sendall(CLOSING.replace(b"/ ", b"/?much "))
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == piece * (MUCH // len(piece))


def test_a_file_is_sent_as_the_client_takes_it() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> FileWrapper:
        file = tempfile.TemporaryFile()  # noqa: SIM115  the server closes it
        file.write(b"not this" + content)
        file.seek(8)
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return FileWrapper(file)

    content = bytes(range(256)) * 40_000
    with serving(application) as served:
        assert served.ask(CLOSING).endswith(b"\r\n\r\n" + content)


def test_when_there_is_no_place_who_never_asked_anything_goes_first() -> None:
    with serving(echo, Limits(connections=32)) as served, served.connect() as known:
        known.sendall(GET)
        assert known.recv(4096).startswith(b"HTTP/1.1 200 ")
        silent = [served.connect() for _ in range(31)]
        wait_until(lambda: len(served.loop.connections) == 32, "it is full")
        for _ in range(5):
            assert served.ask(CLOSING).startswith(b"HTTP/1.1 200 ")
        known.sendall(GET)
        assert known.recv(4096).startswith(b"HTTP/1.1 200 "), "who has asked before keeps its place"
        assert silent[0].recv(1) == b"", "the oldest is closed"


def test_a_large_body_is_not_waited_for_unless_somebody_answers_for_it() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("401 UNAUTHORIZED", [("Content-Length", "0")])
        return []

    for admitted in (None, Allowance("acme", 999_999)):
        with serving(application, admit=lambda *_, found=admitted: found) as served:
            answer = served.ask(post(1_000_000, "Expect: 100-continue"))
        assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("size", [30_000, 900_000, 5_000_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_bodies_of_every_size_arrive_whole(size: int, chunked: bool) -> None:
    """In memory without a key, in memory with one, in a file."""
    body = bytes(i % 251 for i in range(1000)) * (size // 1000)
    head, sent = post(size, "Expect: 100-continue", "Connection: close"), body
    if chunked:
        head = head.replace(b"Content-Length: %d" % size, b"Transfer-Encoding: chunked")
        sent = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (body[i : i + 7001] for i in range(0, size, 7001)))
        sent += b"0\r\n\r\n"
    with serving(echo, admit=lambda *_: Allowance("acme", size)) as served, served.connect() as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sender = threading.Thread(target=connection.sendall, args=(sent,))
        sender.start()
        assert read_all(connection).partition(b"\r\n\r\n")[2] == body
        sender.join()
        stores = served.loop.site.stores
        assert (stores.memory.taken, stores.disk.taken, stores.bodies.taken) == (0, 0, 0)


def test_one_owner_does_not_take_all_places_for_bodies() -> None:
    limits = Limits(connections=16)
    owners = iter(["acme"] * 5 + ["rival"])
    with serving(echo, limits, admit=lambda *_: Allowance(next(owners), 10**6)) as served:
        uploads = [served.connect() for _ in range(4)]
        for each in uploads:
            each.sendall(post(100_000))
        wait_until(lambda: served.loop.site.stores.bodies.taken == 4, "they are let in")
        crowded = served.ask(post(100_000))
        assert crowded.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 10" in crowded
        with served.connect() as rival:
            rival.sendall(post(100_000, "Connection: close") + bytes(100_000))
            assert read_all(rival).startswith(b"HTTP/1.1 200 ")
        for each in uploads:
            each.close()
        wait_until(lambda: not served.loop.site.stores.bodies.taken, "their places are free")


def test_it_may_be_told_to_stop_when_it_is_over() -> None:
    """A signal or a thread that is late; what it would write to may be somebody else's file by then."""
    with serving(echo) as served:
        pass
    served.loop.stop()


def test_a_hang_up_is_told_at_once() -> None:
    told = threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        on_hang_up(environ, told.set)
        assert told.wait(30)
        start_response("204 NO CONTENT", [])
        return []

    with serving(application) as served:
        connection = served.connect()
        connection.sendall(GET)
        wait_until(lambda: any(not each.at_rest for each in served.loop.connections), "it is asked")
        connection.close()
        assert told.wait(PATIENCE)
        wait_until(lambda: not served.loop.connections, "nothing of it is left")


def test_requests_in_a_row_are_answered_in_a_row() -> None:
    bodies = [b"%d" % number * 100 for number in range(50)]
    with serving(echo) as served:
        sent = b"".join(post(len(body)) + body for body in bodies)
        answers = served.ask(sent + CLOSING)
    assert [part.split(b"HTTP/1.1")[0] for part in answers.split(b"\r\n\r\n")[1:]] == [*bodies, b""]


def test_a_full_disk_takes_no_large_body_and_small_ones_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.server.stores._free", lambda: 100_000)
    with serving(echo, admit=lambda *_: Allowance("acme", 10**8)) as served:
        assert b'"code": "crowded"' in served.ask(post(5_000_000))
        assert served.ask(post(50_000, "Connection: close") + bytes(50_000)).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("size", [20_000, 5_000_000])
def test_what_the_disk_does_not_take_is_told(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    class Full(tempfile.SpooledTemporaryFile[bytes]):
        def seek(self, *where: int) -> int:
            raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("gateway.server.body.tempfile.SpooledTemporaryFile", Full)
    with serving(echo, admit=lambda *_: Allowance("acme", 10**8)) as served:
        assert served.ask(post(size) + bytes(size)).startswith(b"HTTP/1.1 503 ")
        assert served.loop.site.stores.disk.taken == 0
