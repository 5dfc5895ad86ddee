"""Garbage on every route: whatever is sent, the gateway never fails, and every error is a problem document."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf

#: The same examples every time; the fixtures hold no state that one could spoil for the next.
fuzz = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PATHS = [
    "/api/tasks", "/api/tasks/stats", f"/api/tasks/{VIDEO_ID}", f"/api/tasks/{VIDEO_ID}/cancel",
    f"/api/tasks/{VIDEO_ID}/retry", "/api/queues", "/api/queues/VideoTranscoding", "/api/videos",
    f"/api/videos/{VIDEO_ID}", f"/api/videos/{VIDEO_ID}/stream/a.b.c/master.m3u8", "/api/images", "/api/search",
    "/api/plugins", "/api/plugins/checksum/execute", "/livez", "/readyz", "/api/openapi.json",
    "/api/webhooks", f"/api/webhooks/{VIDEO_ID}", f"/api/webhooks/{VIDEO_ID}/deliveries",
    f"/api/webhooks/{VIDEO_ID}/deliveries/evt/resend", f"/api/webhooks/{VIDEO_ID}/secret/rotate",
]  # fmt: skip
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PARAMETERS = ["limit", "offset", "status", "type", "start_date", "end_date", "force", "q", "min_similarity", "x", ""]
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
        assert "search" in response.json["instance"]  # no search process runs here


@fuzz
@given(
    path=st.sampled_from(PATHS), method=st.sampled_from(METHODS), content_type=st.sampled_from(TYPES),
    query=st.dictionaries(st.sampled_from(PARAMETERS) | texts, values, max_size=4), body=st.binary(max_size=300),
)  # fmt: skip
def test_any_request(operator: FlaskClient, path: str, method: str, content_type: str, query: Any, body: bytes) -> None:
    check(operator.open(path, method=method, query_string=query, data=body, content_type=content_type))


@fuzz
@given(body=json_values)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/tasks"), ("PATCH", "/api/queues/VideoTranscoding"), ("POST", "/api/plugins/checksum/execute"),
     ("POST", f"/api/tasks/{VIDEO_ID}/cancel"), ("POST", "/api/webhooks")],
)  # fmt: skip
def test_any_json(operator: FlaskClient, method: str, path: str, body: Any) -> None:
    check(operator.open(path, method=method, data=json.dumps(body), content_type="application/json"))


@fuzz
@given(
    changes=st.dictionaries(
        st.sampled_from(["type", "payload", "priority", "scheduled_at", "delay_seconds", "max_retries",
                         "timeout_seconds", "unique_key"]),
        json_values | moments | numbers | st.builds(dict, video_id=json_values), max_size=3,
    )
)  # fmt: skip
def test_a_task_with_a_few_odd_members(operator: FlaskClient, changes: dict[str, Any]) -> None:
    response = operator.post("/api/tasks", data=json.dumps(NEW_TASK | changes), content_type="application/json")
    check(response)
    if response.status_code == 201:
        assert operator.get(response.headers["Location"]).json == response.json


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
