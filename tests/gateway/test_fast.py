"""Each piece of ``gateway.fast`` answers as what it replaces does."""

import io
from collections.abc import Iterator
from typing import Any

import flask_smorest
import pytest
from flask import Flask, Request, request
from flask.json.provider import DefaultJSONProvider
from flask.testing import FlaskClient
from marshmallow import ValidationError, fields
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import EnvironBuilder

from broker.broker import Broker
from broker.errors import TooLarge
from broker.schema import Schema
from broker.task import NewTask
from gateway.blueprint import Blueprint
from gateway.fast.body import read_body
from gateway.fast.current_request import this_request
from gateway.fast.json_answers import JsonAnswer
from gateway.fast.schemas import shallow_dump
from gateway.schemas.tasks import CreateTask, CreateTasks, TaskDetail
from tests.gateway.conftest import NEW_TASK, VIDEO_ID


def test_a_view_is_documented_as_by_flask_smorest() -> None:
    ours, theirs = Blueprint("ours", __name__), flask_smorest.Blueprint("theirs", __name__)

    def documented(blueprint: flask_smorest.Blueprint) -> Any:
        def view() -> int:
            return 7

        view = blueprint.alt_response(404, "NOT_FOUND")(blueprint.alt_response(201, schema=TaskDetail)(view))
        return blueprint.doc(operationId="view", security=[])(view)

    assert repr(documented(ours)._apidoc) == repr(documented(theirs)._apidoc)  # schemas are made anew for each
    assert "NOT_FOUND" in repr(documented(ours)._apidoc)
    assert documented(ours)() == 7


def test_the_running_request_is_the_one_behind_the_proxy(app: Flask) -> None:
    with app.test_request_context("/api/tasks"):
        assert this_request() is request._get_current_object()  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [{}, [], None, "\u00e9", {"b": [1.5, None], "a": {"\u00fc": True}}, 10**40])
def test_json_is_written_as_by_flask(app: Flask, value: Any) -> None:
    flask = DefaultJSONProvider(app)
    flask.sort_keys = False
    with app.test_request_context():
        ours, theirs = app.json.response(value), flask.response(value)
    assert (ours.data, ours.status, list(ours.headers)) == (theirs.data, theirs.status, list(theirs.headers))


def test_headers_leave_as_werkzeug_would_send_them(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also ``Location``, below an application that is mounted under a name of its own."""

    def answers() -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for root in ("", "/below", "/b\u00fccher und"):
            options: dict[str, Any] = {
                "headers": {"Idempotency-Key": f"key{root.encode().hex()}", "X-Request-Id": "r-1"}
            }
            base = f"http://localhost{root}"
            for response in (
                client.post("/api/tasks", json=NEW_TASK, base_url=base, **options),
                client.get("/api/plugins", base_url=base, **options),
                client.get("/livez", base_url=base, **options),
                client.delete("/api/plugins/checksum/config", base_url=base, **options),
            ):
                assert response.status_code in (200, 201, 204)
                yield response.status, sorted(response.headers)

    ours = list(answers())
    monkeypatch.delattr(JsonAnswer, "get_wsgi_headers")
    assert list(answers()) == ours


class _Gone(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise OSError("the client has gone")


def _request(body: bytes, **environ: Any) -> Request:
    sent = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), **environ}
    return Request(EnvironBuilder().get_environ() | sent)


@pytest.mark.parametrize(
    ("body", "environ"),
    [
        (b"", {}),
        (b"{}", {}),
        (b"x" * 100, {}),
        (b"{} and the next request", {"CONTENT_LENGTH": "2"}),
        (b"chunked", {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}),
        (b"chunked, and not ended by the server", {"CONTENT_LENGTH": ""}),
    ],
)
def test_a_body_is_read_as_by_werkzeug(body: bytes, environ: dict[str, Any]) -> None:
    assert read_body(_request(body, **environ), 100) == _request(body, **environ).get_data()


def test_a_client_that_has_gone_is_told_apart_as_by_werkzeug() -> None:
    gone = {"wsgi.input": _Gone(), "CONTENT_LENGTH": "2"}
    for read in (lambda: read_body(_request(b"", **gone), 100), lambda: _request(b"", **gone).get_data()):
        with pytest.raises(ClientDisconnected):
            read()


@pytest.mark.parametrize("environ", [{}, {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}])
def test_a_body_above_the_limit_is_refused(environ: dict[str, Any]) -> None:
    with pytest.raises(TooLarge):
        read_body(_request(b"x" * 101, **environ), 100)


@pytest.mark.parametrize("options", [{}, {"delay_seconds": 60}, {"priority": 7, "max_retries": 0, "unique_key": "k"}])
def test_a_new_task_is_dumped_as_by_its_schema(broker: Broker, options: dict[str, Any]) -> None:
    task, created_now = broker.tasks.submit("acme", NewTask("VideoTranscoding", {"video_id": VIDEO_ID}, **options))
    assert created_now
    shown = shallow_dump(TaskDetail())(task)
    assert (shown, list(shown)) == (TaskDetail().dump(task), list(TaskDetail().fields))


class _Thorough(Schema):
    """A batch whose every task is seen by the schema."""

    tasks = fields.List(fields.Nested(CreateTask), required=True)


@pytest.mark.parametrize(
    "task",
    [
        NEW_TASK,
        NEW_TASK | {"payload": {}},
        NEW_TASK | {"payload": []},
        NEW_TASK | {"payload": None},
        NEW_TASK | {"type": "Nope"},
        NEW_TASK | {"type": 7},
        NEW_TASK | {"type": []},
        NEW_TASK | {"type": None},
        NEW_TASK | {"priority": 3},
        NEW_TASK | {"priority": 11},
        NEW_TASK | {"more": 1},
        {"type": "VideoTranscoding"},
        {"payload": {}},
        {},
        [],
        None,
        "task",
    ],
)
def test_a_task_in_a_batch_is_loaded_as_by_its_schema(app: Flask, task: Any) -> None:
    def outcome(schema: Schema) -> Any:
        try:
            return schema.load({"tasks": [NEW_TASK, task]})
        except ValidationError as error:
            return error.messages

    with app.app_context():
        assert outcome(CreateTasks()) == outcome(_Thorough())
