"""Guards the connection of a worker child: what its calls answer, how they fail, what they wait for."""

import time
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError, NoScriptError, ResponseError, TimeoutError

from broker.connection import Line, connect

ECHO = "return ARGV[1]"


@pytest.fixture
def line(redis_url: str) -> Iterator[Line]:
    with connect(redis_url, timeout=0.5) as client:
        client.function_load(f"#!lua name=line\nredis.register_function('echo', function(KEYS, ARGV) {ECHO} end)")
        yield Line(client)
        client.function_delete("line")


def test_an_answer_of_any_size_is_whole(line: Line) -> None:
    for text in ("", "\N{GRINNING FACE}", "x" * 1_000_000):
        assert line.fcall("echo", 0, text) == text


def test_a_script_waits_for_what_goes_first_and_the_next_does_not(line: Line) -> None:
    """Also on a server without functions: a worker that did not wait there would ask without a pause."""
    sha = line.script_load(ECHO)
    calls = {"fcall": lambda: line.fcall("echo", 0, "a"), "evalsha": lambda: line.evalsha(sha, 0, "a")}
    for name, call in calls.items():
        line.blpop_first("nothing", 0.2)
        started = time.monotonic()
        assert call() == "a"
        assert time.monotonic() - started >= 0.2, name
        assert call() == "a"
        assert time.monotonic() - started < 0.4, name


def test_the_failure_of_what_goes_first_is_the_calls(line: Line) -> None:
    line.set("text", "no list")
    line.blpop_first("text", 0.1)
    with pytest.raises(ResponseError, match="wrong kind"):
        line.fcall("echo", 0, "a")
    assert line.fcall("echo", 0, "b") == "b"
    line.delete("text")


def test_errors_are_those_of_the_client(line: Line) -> None:
    with pytest.raises(ResponseError, match="Function not found"):
        line.fcall("nothing", 0)
    with pytest.raises(NoScriptError):
        line.evalsha("0" * 40, 0)
    assert line.fcall("echo", 0, "a") == "a"


def test_a_server_that_does_not_answer_in_time_is_called_anew(line: Line) -> None:
    line.blpop_first("nothing", 5)
    with pytest.raises(TimeoutError):
        line.fcall("echo", 0, "a")
    assert line.fcall("echo", 0, "b") == "b"


def test_after_a_lost_connection_the_next_call_connects(line: Line) -> None:
    line.fcall("echo", 0, "a")
    line.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(ConnectionError):
        line.fcall("echo", 0, "b")
    assert line.fcall("echo", 0, "c") == "c"
