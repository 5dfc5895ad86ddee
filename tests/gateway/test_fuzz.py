"""Garbage on every route: whatever is sent, the gateway never fails, and every error is a problem document."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.routes import routes
from tests.scale import examples

pytestmark = [pytest.mark.scales]

#: The same examples every time; the fixtures hold no state that one could spoil for the next.
fuzz = settings(
    max_examples=examples(150, 60),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PARAMETERS = [
    "limit",
    "offset",
    "status",
    "type",
    "start_date",
    "end_date",
    "force",
    "q",
    "min_similarity",
    "wait",
    "flow",
    "x",
    "",
]
TYPES = ["application/json", "multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", ""]

texts = st.text(max_size=40)
numbers = st.integers() | st.floats() | st.sampled_from([2**53, -(2**63), 10**40, 1e308])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
moments = st.datetimes().map(str) | st.datetimes().map(lambda each: each.isoformat() + "Z")
values = (
    texts | numbers.map(str) | moments | st.sampled_from(["true", "pending", "VideoTranscoding", "1", "%00", "+", "*"])
)


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def check(response: Any) -> None:
    assert response.status_code < 500 or response.status_code == 503, response.text
    if response.status_code >= 400 and response.request.method != "HEAD":
        assert response.mimetype == "application/problem+json", response.text
        assert response.json["status"] == response.status_code
        assert response.json["code"]
    if response.status_code == 503:
        # No search process runs here, and the test client's connections cannot be taken over for streams.
        assert response.request.path in ("/api/search", "/api/events")


@settings(fuzz, max_examples=examples(40, 20))
@given(
    content_type=st.sampled_from(TYPES), body=st.binary(max_size=300),
    query=st.dictionaries(st.sampled_from(PARAMETERS) | texts, values, max_size=4),
)  # fmt: skip
def test_any_request(app: Flask, operator: FlaskClient, content_type: str, query: Any, body: bytes) -> None:
    for each in routes(app):
        check(operator.open(each.path, method=each.method, query_string=query, data=body, content_type=content_type))


def test_any_method(app: Flask, operator: FlaskClient) -> None:
    for path in {each.path for each in routes(app)}:
        for method in METHODS:
            check(operator.open(path, method=method))


@settings(fuzz, max_examples=examples(80, 40))
@given(body=json_values)
def test_any_json(app: Flask, operator: FlaskClient, body: Any) -> None:
    for each in routes(app):
        if each.method in ("POST", "PUT", "PATCH"):
            data = json.dumps(body)
            check(operator.open(each.path, method=each.method, data=data, content_type="application/json"))


@fuzz
@given(
    changes=st.dictionaries(
        st.sampled_from(["type", "payload", "priority", "scheduled_at", "delay_seconds", "max_retries",
                         "timeout_seconds", "unique_key", "depends_on", "on_failure", "flow"]),
        json_values | moments | numbers | st.builds(dict, video_id=json_values), max_size=3,
    )
)  # fmt: skip
def test_a_task_with_a_few_odd_members(operator: FlaskClient, changes: dict[str, Any]) -> None:
    response = operator.post("/api/tasks", data=json.dumps(NEW_TASK | changes), content_type="application/json")
    check(response)
    if response.status_code == 201:
        assert operator.get(response.headers["Location"]).json | {"waiting": None} == response.json


@fuzz
@given(path=st.text(st.characters(codec="utf-8"), max_size=60), prefix=st.sampled_from(["/", "/api/", "/api/tasks/"]))
def test_any_path(operator: FlaskClient, path: str, prefix: str) -> None:
    for method in ("GET", "POST"):
        check(operator.open(prefix + path.lstrip("/"), method=method))  # the client takes //x for a host


@fuzz
@given(
    header=st.sampled_from(["Authorization", "Idempotency-Key", "Range", "If-None-Match", "Accept", "Content-Encoding",
                            "Content-Length", "Accept-Encoding", "X-HTTP-Method-Override"]),
    value=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=80),
)  # fmt: skip
def test_any_header(operator: FlaskClient, header: str, value: str) -> None:
    for path in ("/api/tasks", "/livez"):
        check(operator.get(path, headers={header: value}))
    if header != "Content-Length":
        check(operator.post("/api/tasks", json=NEW_TASK, headers={header: value}))
