"""Attacks on whoever calls addresses that strangers choose: nothing private is ever connected to, nothing hangs."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import trustme

from broker.outbound import exchange
from broker.outbound.addresses import is_public
from broker.outbound.guard import Answer, BadRequest, TargetRefused, Unreachable, check_url, guarded_post
from tests.broker.webhooks.receiver import Receiver, running, status

METADATA = "http://169.254.169.254/latest/meta-data/"


class Names:
    """A name server: each lookup takes the next of its answers, the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that this thread tries to connect to; none of these connections is made."""
    dialled: list[Any] = []
    connected, own = socket.socket.connect, threading.get_ident()

    def connect(self: socket.socket, address: Any) -> None:
        if threading.get_ident() != own:  # of a client that an earlier test has left
            return connected(self, address)
        dialled.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    return dialled


def post(receiver: Receiver, url: str = "", **options: Any) -> Answer:
    return guarded_post(url or receiver.url, b"{}", {}, **{"allow_private": True, "timeout": 5.0} | options)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        ["127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
         "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7",
         "203.0.113.9", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
         "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:127.0.0.1",
         "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::",
         "2002:a9fe:a9fe::1", "2001::1", "2001:db8::1", "3fff::1", "100::1"],
    )  # fmt: skip
    def test_not_public(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address",
        ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "169.253.0.1", "11.0.0.1",
         "223.255.255.254", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888"],
    )  # fmt: skip
    def test_public(self, address: str) -> None:
        assert is_public(address)


class TestRefusals:
    @pytest.mark.parametrize(
        "url",
        ["http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/",
         "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
         "http://[::ffff:a9fe:a9fe]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/",
         "http://[fe80::1%25lo]/", METADATA, "http://2852039166/", "http://0xA9FEA9FE/", "https://10.1.2.3:8443/x"],
    )  # fmt: skip
    def test_private_addresses_however_they_are_spelt(self, url: str, dialled: list[Any]) -> None:
        with pytest.raises(TargetRefused):
            check_url(url)
        with pytest.raises(TargetRefused):
            guarded_post(url, b"", {})
        assert dialled == []

    @pytest.mark.parametrize("url", ["http://localhost/", "http://localhost./", "http://127.0.0.1./"])
    def test_names_of_this_machine(self, url: str, dialled: list[Any]) -> None:
        with pytest.raises((TargetRefused, Unreachable)):  # some resolvers know no name with a dot at its end
            guarded_post(url, b"", {})
        assert dialled == []

    @pytest.mark.parametrize(
        "url",
        ["", "example.org", "//example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/",
         "unix:///tmp/s", "http://", "http:///x", "http://me@example.org/", "http://me:pw@example.org/",
         "http://example.org@127.0.0.1/", "http://example.org\\@127.0.0.1/", "http://exa mple.org/",
         "http://example.org/\r\nX: y", "http://example.org:99999/", "http://[::1/", "http://ex\u00e4mple.org/",
         "http://example.org/" + "x" * 2048, f"http://{'a' * 64}.org/", "http://example..org/"],
    )  # fmt: skip
    def test_what_is_no_plain_http_url(self, url: str, dialled: list[Any]) -> None:
        with pytest.raises(TargetRefused):
            check_url(url, allow_private=True)
        with pytest.raises(TargetRefused):
            guarded_post(url, b"", {}, allow_private=True)
        assert dialled == []

    def test_other_ports_paths_and_queries_are_fine(self) -> None:
        for url in (
            "https://example.org",
            "http://example.org:8080/a/b?c=d",
            "https://8.8.8.8/",
            "HTTPS://Example.org/",
        ):
            check_url(url)

    def test_one_private_address_among_public_ones_is_enough(self, dialled: list[Any]) -> None:
        with pytest.raises(TargetRefused):
            guarded_post("http://example.org/", b"", {}, resolve=Names(["93.184.216.34", "10.0.0.1"]))
        assert dialled == []

    def test_a_refusal_does_not_tell_what_a_name_resolves_to(self) -> None:
        with pytest.raises(TargetRefused) as refusal:
            guarded_post("http://internal.example/", b"", {}, resolve=Names(["10.1.2.3"]))
        assert "10.1.2.3" not in str(refusal.value)


class TestRebinding:
    def test_the_name_is_asked_for_once_and_the_checked_address_is_dialled(self, dialled: list[Any]) -> None:
        names = Names(["93.184.216.34"], ["127.0.0.1"])
        with pytest.raises(Unreachable):
            guarded_post("http://rebinding.example/", b"", {}, resolve=names)
        assert names.asked == ["rebinding.example"]
        assert dialled == ["93.184.216.34"]

    def test_every_checked_address_is_tried(self, dialled: list[Any]) -> None:
        with pytest.raises(Unreachable):
            guarded_post("https://two.example/", b"", {}, resolve=Names(["93.184.216.34", "93.184.216.35"]))
        assert dialled == ["93.184.216.34", "93.184.216.35"]

    def test_the_host_stays_the_names(self, receiver: Receiver) -> None:
        url = f"http://example.org:{receiver.port}/a?b=c"
        assert post(receiver, url, resolve=Names(["127.0.0.1"])).status == 204
        (request,) = receiver.requests
        assert (request.headers["host"], request.path) == (f"example.org:{receiver.port}", "/a?b=c")

    def test_a_caller_cannot_choose_the_host(self, receiver: Receiver) -> None:
        guarded_post(receiver.url, b"x", {"hOst": "metadata", "X-Mine": "1"}, allow_private=True)
        (request,) = receiver.requests
        assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert (request.headers["x-mine"], request.body) == ("1", b"x")


class TestNames:
    @pytest.mark.parametrize(
        ("code", "told"),
        [(socket.EAI_NONAME, "no host of this name"), (socket.EAI_AGAIN, "at the moment")],
    )
    def test_what_is_wrong_with_one_is_told_and_may_pass(self, code: int, told: str) -> None:
        def resolve(*_: Any, **__: Any) -> list[tuple[Any, ...]]:
            raise socket.gaierror(code, "as the resolver says it")

        with pytest.raises(Unreachable, match=told) as refusal:
            guarded_post("http://example.org/", b"", {}, resolve=resolve)
        assert refusal.value.retryable


class TestHeaders:
    def test_what_would_change_where_a_request_ends_is_not_the_callers(self, receiver: Receiver) -> None:
        theirs = {"Content-Length": "1", "transfer-encoding": "chunked", "Expect": "100-continue", "X-Mine": "1"}
        guarded_post(receiver.url, b"four", theirs, allow_private=True)
        (request,) = receiver.requests
        assert (request.body, request.headers["content-length"]) == (b"four", "4")
        assert request.headers["x-mine"] == "1"
        assert not request.headers.keys() & {"transfer-encoding", "expect"}

    @pytest.mark.parametrize("headers", [{"X": "a\r\nHost: b"}, {"X\r\nY": "a"}, {"X Y": "a"}, {"X": "\u4e2d"}])
    def test_what_is_no_header(self, receiver: Receiver, headers: dict[str, str]) -> None:
        with pytest.raises(BadRequest):
            guarded_post(receiver.url, b"", headers, allow_private=True)
        assert receiver.requests == []


class TestTls:
    @pytest.fixture(scope="class")
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def trusting(self, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        monkeypatch.setattr(exchange, "trusted", lambda: context)

    @pytest.fixture
    def secure(self, authority: trustme.CA) -> Iterator[Receiver]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("example.org").configure_cert(context)
        context.sni_callback = lambda _socket, name, _context: self.greeted.append(name)
        self.greeted: list[str | None] = []
        with running(context) as receiver:
            yield receiver

    @pytest.mark.parametrize("host", ["example.org", "example.org."])
    @pytest.mark.usefixtures("trusting")
    def test_the_certificate_and_the_server_name_are_the_names(self, secure: Receiver, host: str) -> None:
        url = f"https://{host}:{secure.port}/"
        assert post(secure, url, resolve=Names(["127.0.0.1"])).status == 204
        assert self.greeted == ["example.org"]

    @pytest.mark.usefixtures("trusting")
    def test_another_name_is_refused(self, secure: Receiver) -> None:
        url = f"https://example.com:{secure.port}/"
        with pytest.raises(Unreachable, match="TLS"):
            post(secure, url, resolve=Names(["127.0.0.1"]))
        assert secure.requests == []

    def test_a_stranger_is_refused(self, secure: Receiver) -> None:
        with pytest.raises(Unreachable, match="TLS"):
            post(secure, f"https://example.org:{secure.port}/", resolve=Names(["127.0.0.1"]))
        assert secure.requests == []


class TestAnswers:
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("target", [METADATA, "http://localhost/", "file:///etc/passwd"])
    def test_a_redirect_is_an_answer_and_not_followed(self, receiver: Receiver, code: int, target: str) -> None:
        receiver.behaviour = status(code, Location=target)
        assert post(receiver).status == code
        assert len(receiver.requests) == 1

    def test_a_proxy_of_the_environment_is_not_used(self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert post(receiver).status == 204

    def test_headers_and_body_come_back(self, receiver: Receiver) -> None:
        receiver.behaviour = status(503, b"busy", Retry_After="7")
        answer = post(receiver)
        assert (answer.status, answer.headers["retry-after"], answer.body, answer.complete) == (503, "7", b"busy", True)

    def test_a_gigabyte_is_cut(self, receiver: Receiver) -> None:
        written = 0

        def gigabyte(handler: BaseHTTPRequestHandler) -> None:
            nonlocal written
            handler.send_response(200)
            handler.send_header("Content-Length", str(2**30))
            handler.end_headers()
            while written < 2**30:
                written += handler.wfile.write(bytes(2**16))

        receiver.behaviour = gigabyte
        answer = post(receiver, max_bytes=1000)
        assert (answer.status, len(answer.body), answer.complete) == (200, 1000, False)
        assert written < 2**26

    @pytest.mark.parametrize("length", [999, 1000])
    def test_what_fits_is_whole(self, receiver: Receiver, length: int) -> None:
        receiver.behaviour = status(200, b"x" * length)
        answer = post(receiver, max_bytes=1000)
        assert (len(answer.body), answer.complete) == (length, True)

    def test_a_packed_body_stays_packed(self, receiver: Receiver) -> None:
        receiver.behaviour = status(200, b"\x1f\x8b not gzip", Content_Encoding="gzip")
        assert post(receiver).body == b"\x1f\x8b not gzip"


#: Seconds; what is cut off after a quarter of one takes no longer, on a machine that is busy with other things.
BRIEF = 10


class TestDeadline:
    """A quarter of a second is for everything; what drips would go on for ever."""

    def behave(self, receiver: Receiver, text: bytes) -> None:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(text)
            while not receiver.over.wait(0.02):
                handler.wfile.write(b"x")

        receiver.behaviour = answer

    @pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "])
    def test_headers_that_drip(self, receiver: Receiver, text: bytes) -> None:
        self.behave(receiver, text)
        began = time.monotonic()
        with pytest.raises(Unreachable, match="in time"):
            post(receiver, timeout=0.25)
        assert time.monotonic() - began < BRIEF

    def test_a_body_that_drips_is_cut_and_the_status_counts(self, receiver: Receiver) -> None:
        self.behave(receiver, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        began = time.monotonic()
        answer = post(receiver, timeout=0.25)
        assert (answer.status, answer.complete) == (200, False)
        assert time.monotonic() - began < BRIEF

    def test_silence(self, receiver: Receiver) -> None:
        receiver.behaviour = lambda handler: receiver.over.wait(20) and None
        with pytest.raises(Unreachable, match="in time"):
            post(receiver, timeout=0.25)

    def test_a_handshake_that_never_ends(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            port = deaf.getsockname()[1]
            with pytest.raises(Unreachable, match="in time"):
                guarded_post(f"https://127.0.0.1:{port}/", b"", {}, allow_private=True, timeout=0.25)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        guarded_post(f"http://127.0.0.1:{port}/", b"", {}, allow_private=True)


def test_a_connection_closed_without_an_answer(receiver: Receiver) -> None:
    receiver.behaviour = lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)
    with pytest.raises(Unreachable, match="closed"):
        post(receiver)


def test_garbage_instead_of_http(receiver: Receiver) -> None:
    receiver.behaviour = lambda handler: handler.wfile.write(b"\x00\x01 garbage\r\n\r\n") and None
    with pytest.raises(Unreachable):
        post(receiver)
