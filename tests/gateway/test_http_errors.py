"""Guards the answers of the server itself: what is no request is told so, as a problem document, and logged nowhere."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateway.serving import echo, serving

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def refusal(answer: bytes) -> tuple[int, str]:
    """Status and code of an answer that must be a problem document and the connection's last."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: application/problem+json\r\n" in head, answer
    assert b"\r\nConnection: close\r\n" in head
    problem = json.loads(body)
    assert problem["type"] == "about:blank"
    assert problem["title"] and problem["detail"] and problem["instance"].startswith("/")
    assert int(head.split()[1]) == problem["status"]
    return problem["status"], problem["code"]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"),
        *[
            (b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host, 400, "bad_request")
            for host in (b"", b"a b", b"a/b", b"u@a", b"a:b", b"a:70000", b"[::1", b"[1.2]", b"a,b c", b"\xe4", b"a?b")
        ],
        (b"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"\r\n\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/x\r\nHost: x\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "http_version_not_supported"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"GET /" + b"x" * 90_000, 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, "request_header_fields_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431, "request_header_fields_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 90_000, 431, "request_header_fields_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n", 417, "expectation_failed"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n", 501, "not_implemented"),
    ],
)
def test_a_head_that_is_none(sent: bytes, status: int, code: str) -> None:
    with serving(echo) as served:
        assert refusal(served.ask(sent)) == (status, code)


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhelloxx",
        b"x\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"\r\n",
        b"5;\x00\r\nhello\r\n0\r\n\r\n",
        b"5" * 9000,
        b"1;" + b"x" * 9000,
        (b"1;" + b"x" * 8000 + b"\r\ny\r\n") * 20,
        b"0\r\n" + b"A: b\r\n" * 200,
        b"0\r\nA: " + b"x" * 9000,
        b"0\r\nHost: x\r\n\r\n",
    ],
)
def test_chunks_that_are_none(body: bytes) -> None:
    with serving(echo) as served:
        assert refusal(served.ask(CHUNKED + body)) == (400, "bad_request")


@pytest.mark.parametrize("sent", [CHUNKED + b"5\r\nhel", CHUNKED + b"0\r\n", b"GET / HT"])
def test_a_request_that_ends_in_the_middle(sent: bytes) -> None:
    with serving(echo) as served, served.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(1)
        assert refusal(b"".join(iter(lambda: connection.recv(65536), b""))) == (400, "bad_request")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0", b"HTTP/1.1\r\nHost: a.example:80", b"HTTP/1.1\r\nHost: [::1]:80", b"HTTP/1.1\r\nHost: a_b:"]
)
def test_a_host_that_is_one(head: bytes) -> None:
    with serving(echo) as served:
        assert served.ask(b"GET / %b\r\nConnection: close\r\n\r\n" % head)[9:12] == b"200"


def test_a_failure_of_the_application_is_a_problem_too_and_nobody_elses(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        raise RuntimeError("secret detail")

    with serving(application) as served:
        for _ in range(2):
            answer = served.ask(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert refusal(answer) == (500, "internal_error")
            assert b"secret" not in answer
    assert "secret detail" in caplog.text
