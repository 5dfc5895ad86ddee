"""However much is wrong with a request, little is looked at and less is told: the first defects, and how many more."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from broker.defects import MAX_DEFECTS
from gateway.strict_json import MAX_VALUES
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.problem import problem

#: Bytes of the longest answer to a bad request.
SHORT = 20_000
MANY = {f"m{number:05}": number for number in range(5000)}


def send(client: FlaskClient, path: str, body: Any, method: str = "POST") -> Any:
    return client.open(path, method=method, data=json.dumps(body), content_type="application/json")


def refused(response: Any) -> tuple[list[str], int]:
    """Where the defects are that are listed, and how many are not."""
    body = problem(response, 422, "invalid_content")
    assert len(response.data) < SHORT
    assert len(body["detail"]) < 3000
    return [each["pointer"] for each in body["errors"]], body.get("errors_omitted", 0)


@pytest.mark.parametrize(
    ("path", "method", "wrap", "where"),
    [
        ("/api/tasks", "POST", lambda many: NEW_TASK | many, "#/"),
        ("/api/tasks", "POST", lambda many: NEW_TASK | {"payload": {"video_id": VIDEO_ID} | many}, "#/payload/"),
        ("/api/tasks/batch", "POST", lambda many: {"tasks": [NEW_TASK]} | many, "#/"),
        ("/api/tasks/batch", "POST", lambda many: {"tasks": [NEW_TASK, NEW_TASK | many]}, "#/tasks/1/"),
        ("/api/webhooks", "POST", lambda many: many | {"url": "https://example.org", "events": ["task.failed"]}, "#/"),
        (f"/api/webhooks/{VIDEO_ID}", "PATCH", lambda many: many, "#/"),
        ("/api/queues/VideoTranscoding", "PATCH", lambda many: many | {"burst": 1}, "#/"),
        ("/api/plugins/checksum/execute", "POST", lambda many: many | {"media_id": VIDEO_ID}, "#/"),
    ],
)
def test_the_first_unknown_members_are_named_and_the_others_counted(
    client_of: ClientOf, path: str, method: str, wrap: Callable[[Any], Any], where: str
) -> None:
    listed, omitted = refused(send(client_of("ops"), path, wrap(MANY), method))
    assert listed == [f"{where}m{number:05}" for number in range(MAX_DEFECTS)]
    assert omitted == len(MANY) - MAX_DEFECTS


def test_marshmallow_is_spared_what_nobody_reads(client: FlaskClient) -> None:
    body = {"tasks": [NEW_TASK | MANY]}
    with patch("marshmallow.error_store.ErrorStore.store_error", autospec=True) as stored:
        send(client, "/api/tasks/batch", body)
    assert stored.call_count < 10


def test_defects_of_all_tasks_of_a_batch_are_counted(client: FlaskClient) -> None:
    response = send(client, "/api/tasks/batch", {"tasks": [{"type": 5, "payload": 5, "priority": "x"}] * 1000})
    listed, omitted = refused(response)
    assert listed[:4] == ["#/tasks/0/type", "#/tasks/0/payload", "#/tasks/0/priority", "#/tasks/1/type"]
    assert (len(listed), omitted) == (MAX_DEFECTS, 3000 - MAX_DEFECTS)
    payload = {"video_id": VIDEO_ID, **{f"x{number}": 0 for number in range(50)}}
    response = send(client, "/api/tasks/batch", {"tasks": [NEW_TASK | {"payload": payload}] * 100})
    assert refused(response)[1] == 100 * 50 - MAX_DEFECTS


def test_as_many_as_are_listed_are_all_there_are(client: FlaskClient) -> None:
    names = list(MANY)[:MAX_DEFECTS]
    response = send(client, "/api/tasks", NEW_TASK | dict.fromkeys(names, 1))
    assert "errors_omitted" not in response.json
    assert set(refused(response)[0]) == {f"#/{name}" for name in names}


@pytest.mark.parametrize("path", ["/api/tasks", "/api/queues", "/api/tasks/stats"])
def test_query_parameters(client_of: ClientOf, path: str) -> None:
    client = client_of("ops")
    assert refused(client.get(path, query_string=MANY))[1] == len(MANY) - MAX_DEFECTS
    twice = urlencode([(name, 1) for name in MANY] * 2)
    assert refused(client.get(path, query_string=twice))[1] == len(MANY) - MAX_DEFECTS


def test_parts_of_a_form(client: FlaskClient) -> None:
    def post(names: list[str]) -> Any:
        return client.post("/api/videos", data=dict.fromkeys(names, "x"), content_type="multipart/form-data")

    assert refused(post(list(MANY)[:900]))[1] == 900 - MAX_DEFECTS
    assert len(refused(post(["x" * 90_000]))[0][0]) < 300


def test_settings_of_a_plugin(client: FlaskClient) -> None:
    assert refused(send(client, "/api/plugins/checksum/config", {"config": MANY}, "PUT")) == (["#/config"], 0)
    few = dict(list(MANY.items())[:99])
    assert refused(send(client, "/api/plugins/checksum/config", {"config": few}, "PUT"))[1] == 99 - MAX_DEFECTS


def test_events_of_a_webhook(client: FlaskClient) -> None:
    body = {"url": "https://example.org", "events": ["x"] * 50_000}
    assert refused(send(client, "/api/webhooks", body)) == (["#/events"], 0)


@pytest.mark.parametrize("name", ["x" * 500_000, "\u20ac" * 50_000, "~" * 100_000, "/" * 100_000])
def test_a_name_without_end_is_not_sent_back(client: FlaskClient, name: str) -> None:
    for body in (NEW_TASK | {name: 1}, NEW_TASK | {"payload": {name: 1}}, {name: {name: 1}}):
        listed, _ = refused(send(client, "/api/tasks", body))
        assert not any(pointer.rstrip(".").endswith("~") for pointer in listed)
    assert refused(client.get("/api/tasks", query_string={name[:10_000]: "1"}))


@pytest.mark.parametrize(
    "body",
    [
        '{{"tasks": [{}]}}'.format(",".join(["1"] * MAX_VALUES)),
        "{{{}}}".format(",".join(f'"{name}":1' for name in range(MAX_VALUES))),
        "[{}]".format(",".join(["[]"] * MAX_VALUES)),
        "[{}]".format(",".join(["[1]"] * (MAX_VALUES // 2))),
        '""' * (2 * MAX_VALUES + 1) + "," * MAX_VALUES,
    ],
    ids=["numbers", "members", "empty arrays", "arrays", "strings only"],
)
def test_more_values_than_anybody_needs_are_refused_unread(client: FlaskClient, body: str) -> None:
    with patch("gateway.strict_json._decode", side_effect=AssertionError("was read")):
        response = client.post("/api/tasks/batch", data=body, content_type="application/json")
    assert str(MAX_VALUES) in problem(response, 413, "too_large")["detail"]


@pytest.mark.parametrize(
    "values",
    [
        ",".join(["1"] * (MAX_VALUES - 2)),
        ",".join(["[ ]"] * (MAX_VALUES - 2)),
        '"{}"'.format((",[{\\" * MAX_VALUES).replace("\\", '\\"')),
    ],
    ids=["numbers", "empty arrays", "a text"],
)
def test_as_many_values_as_are_allowed_are_read(client: FlaskClient, values: str) -> None:
    body = f'{{"tasks": [{values}]}}'
    assert refused(client.post("/api/tasks/batch", data=body, content_type="application/json"))[0]
