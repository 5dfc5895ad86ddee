"""Guards the plugin that asks a service of the tenant's: what it is sent, what is kept, and where it may be."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from broker import trace
from broker.errors import PermanentError, Postpone, TransientError
from broker.tasks import stored_json
from handlers.plugin_execution.http import Http
from handlers.plugin_execution.run import run
from handlers.plugins.http_request import HttpRequest
from tests.broker.webhooks.receiver import Receiver, running, status
from tests.handlers.plugins.plugin_context import Run

TOKEN = "Bearer sesame-0123456789"


@pytest.fixture
def service() -> Iterator[Receiver]:
    with running() as receiver:
        receiver.behaviour = status(200, b'{"labels": ["cat"]}')
        yield receiver


@pytest.fixture
def traced() -> Iterator[trace.Trace]:
    """What the run is known by, in all of its process's threads."""
    known = trace.Trace("r-1", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1")
    trace.set_for_process(known)
    yield known
    trace.set_for_process(trace.NONE)


@pytest.fixture
def task(tmp_path: Path, service: Receiver) -> Run:
    task = Run(tmp_path, b"bytes", kind="image", payload={"plugin_name": "http_request"})
    task.configs["http_request"] = {"url": service.url, "authorization": TOKEN}
    return task


def ask(task: Run, clock: Sequence[float] = (0.0,), **environ: str) -> Any:
    """One run; ``clock`` holds the present moment."""
    environ = {"WEBHOOKS_ALLOW_PRIVATE": "1", **environ}
    return run(task, {"http_request": HttpRequest()}, environ, lambda: clock[0])["data"]


def test_requests_say_on_whose_behalf_they_are_made(task: Run, service: Receiver, traced: trace.Trace) -> None:
    ask(task)
    Http().post(service.url)
    for request in service.requests:
        assert {name: request.headers.get(name.lower()) for name in traced.headers()} == traced.headers()


def test_the_service_gets_a_link_and_its_answer_is_kept(task: Run, service: Receiver) -> None:
    assert ask(task) == {"status": 200, "body": {"labels": ["cat"]}, "truncated": False}
    (request,) = service.requests
    assert json.loads(request.body) == {
        "task_id": task.task_id,
        "media": {
            "id": task.record.id,
            "kind": "image",
            "filename": "talk.bin",
            "content_type": "audio/wav",
            "size": 5,
        },
        "url": task.source_url(task.record.id),
    }
    assert request.headers["authorization"] == TOKEN
    assert request.headers["idempotency-key"] == task.task_id
    assert task.attached["plugin:http_request"]["data"]["body"] == {"labels": ["cat"]}


NO_JSON = [b"done", b"", b"NaN", b"[" * 60_000, b'[1e400]', b'{"a": -1e999}', rb'"\ud800"', rb'{"\udfff": 1}',
           b"[" * 91 + b"]" * 91, b"9" * 5000]  # fmt: skip


@pytest.mark.parametrize("body", NO_JSON, ids=lambda body: body[:12].decode())
def test_an_answer_that_is_not_json_or_cannot_be_kept_as_such_is_text(
    task: Run, service: Receiver, body: bytes
) -> None:
    service.behaviour = status(201, body)
    result = ask(task)
    assert result == {"status": 201, "body": body.decode(), "truncated": False}
    stored_json.encode_strictly({"data": result})


def test_an_answer_that_is_no_unicode_is_text(task: Run, service: Receiver) -> None:
    service.behaviour = status(200, b"\xff")
    assert ask(task)["body"] == "\ufffd"


@pytest.mark.parametrize("body", [b"[" * 90 + b"]" * 90, b"9" * 400, rb'"\ud83d\ude00"', b"1e308", b"null"])
def test_an_answer_that_can_be_kept_is_json(task: Run, service: Receiver, body: bytes) -> None:
    service.behaviour = status(200, body)
    result = ask(task)
    assert result["body"] == json.loads(body)
    stored_json.encode_strictly({"data": result})


def test_a_long_answer_is_cut(task: Run, service: Receiver) -> None:
    service.behaviour = status(200, b"x" * 100_000)
    answer = ask(task)
    assert (len(answer["body"]), answer["truncated"]) == (64 * 1024, True)


def test_a_private_address_is_called_only_if_the_operator_allows_it(task: Run, service: Receiver) -> None:
    task.configs["http_request"]["allow_private"] = True
    with pytest.raises(PermanentError, match="not on the public internet"):
        ask(task, WEBHOOKS_ALLOW_PRIVATE="")
    assert service.requests == []


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (503, TransientError, "answered 503"),
        (408, TransientError, "answered 408"),
        (404, PermanentError, "answered 404"),
        (302, PermanentError, "answered 302; redirects are not followed"),
    ],
)
def test_each_refusal_is_told_apart(
    task: Run, service: Receiver, code: int, error: type[Exception], message: str
) -> None:
    service.behaviour = status(code, Location="http://127.0.0.1:1/", Retry_After="7")
    with pytest.raises(error, match=message) as raised:
        ask(task)
    assert not isinstance(raised.value, TransientError) or raised.value.extra["retry_after"] == 7
    assert len(service.requests) == 1


def test_a_service_that_is_away_is_tried_again(task: Run) -> None:
    with running() as gone:
        pass
    task.configs["http_request"]["url"] = gone.url
    with pytest.raises(TransientError, match="connection was refused"):
        ask(task)


def test_a_service_that_asks_for_rest_gets_it_from_this_tenant_alone(task: Run, service: Receiver) -> None:
    service.behaviour = status(429, Retry_After="9")
    with pytest.raises(Postpone):
        ask(task)
    assert task.holds == {"http_request:acme": 9}


TOMORROW = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)


@pytest.mark.parametrize("wish", ["9" * 4301, TOMORROW], ids=["digits", "date"])
def test_a_wish_is_read_as_seconds_or_date_and_bounded(task: Run, service: Receiver, wish: str) -> None:
    service.behaviour = status(429, Retry_After=wish)
    with pytest.raises(Postpone):
        ask(task)
    service.behaviour = status(503, Retry_After=wish)
    rest = task.holds.pop("http_request:acme")
    with pytest.raises(TransientError) as raised:
        ask(task)
    assert (rest, raised.value.extra["retry_after"]) == (3600, 3600)


def test_a_service_that_only_refuses_ends_the_task_after_a_day(task: Run, service: Receiver) -> None:
    service.behaviour = status(429, Retry_After="3600")
    clock = [1_700_000_000.0]
    for _ in range(24):
        with pytest.raises(Postpone) as wait:
            ask(task, clock)
        clock[0] += wait.value.seconds
        task.holds.clear()
    message = "asks for fewer requests. It has refused this task 25 times in 24 hours; retry the task to go on"
    with pytest.raises(PermanentError, match=message):
        ask(task, clock)
    assert task.holds, "the others ask at once what was just refused"
    task.holds.clear()
    with pytest.raises(Postpone):  # a retry by hand has a day of its own
        ask(task, clock)


def test_a_few_refusals_end_no_task_however_long_it_was_held(task: Run, service: Receiver) -> None:
    """Beside many tasks of an account its turn comes seldom."""
    service.behaviour = status(429)
    for day in range(9):
        with pytest.raises(Postpone):
            ask(task, [day * 86_400.0])
        task.holds.clear()
    service.behaviour = status(200, b"1")
    assert ask(task, [9 * 86_400.0])["body"] == 1


def test_a_token_that_is_echoed_is_not_kept(task: Run, service: Receiver) -> None:
    service.behaviour = status(200, json.dumps({"headers": {"Authorization": TOKEN}, "token": TOKEN[7:]}).encode())
    assert "sesame" not in json.dumps([ask(task), task.attached, task.memory])


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "//x", "http://user:pass@x/", "http://x/\n", ""])
def test_what_can_never_be_called_is_no_setting(url: str) -> None:
    assert set(HttpRequest().tenant_schema().validate({"url": url})) == {"url"}
    assert HttpRequest().tenant_schema().validate({"url": "https://example.com/hook"}) == {}


def test_only_the_operator_says_what_is_private() -> None:
    assert "allow_private" in HttpRequest().tenant_schema().validate(
        {"url": "https://x.example/", "allow_private": True}
    )
