"""GET /api/openapi.json: a valid OpenAPI 3.1 document that says what the gateway does, and all of it."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from broker.broker import Broker
from broker.webhooks.events import TYPES, body
from broker.webhooks.signing import new_secret, signed_headers
from tests.gateway.conftest import NEW_TASK
from tests.gateway.media import MP4, upload
from tests.gateway.work import complete


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/api/openapi.json").json)


def test_it_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_in_it(app: Flask, document: dict[str, Any]) -> None:
    routes = {
        (rule.rule.replace("<uuid:", "{").replace("<path:", "{").replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("page.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {
        (path, method) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert documented == routes - {("/api/openapi.json", "get")}


def test_every_operation_has_a_name_a_summary_and_errors(document: dict[str, Any]) -> None:
    operations = [each for item in document["paths"].values() for name, each in item.items() if name != "parameters"]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    for each in operations:
        assert each["summary"], each
        assert each["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}
    assert set(document["components"]["responses"]["DEFAULT_ERROR"]["content"]) == {"application/problem+json"}


def test_whoever_is_asked_to_come_back_is_told_when(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    asked = {name for name, each in responses.items() if "Retry-After" in each.get("headers", {})}
    assert asked == {"TOO_MANY_REQUESTS", "SERVICE_UNAVAILABLE", "INSUFFICIENT_STORAGE"}


def test_keys_are_needed_everywhere_but_for_health_and_streams(document: dict[str, Any]) -> None:
    assert document["security"] == [{"key": []}]
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    open_to_all = {path for path, item in document["paths"].items() if item.get("get", {}).get("security") == []}
    assert open_to_all == {
        "/livez",
        "/readyz",
        "/api/videos/{video_id}/stream/{signature}/{name}",
        "/api/videos/{video_id}/thumbnail/{signature}",
        "/api/images/{image_id}/thumbnail/{signature}",
        "/api/videos/{video_id}/download/{signature}",
        "/api/media/{media_id}/files/{signature}/{plugin}/{task_id}/{name}",
        "/api/media/{media_id}/source/{signature}",
        "/api/media/{media_id}/source/{signature}/{name}",
    }


def test_bounds_and_words_are_those_that_are_checked(document: dict[str, Any], broker: Broker) -> None:
    query = {each["name"]: each["schema"] for each in document["paths"]["/api/tasks"]["get"]["parameters"]}
    narrowing = {"ids", "tag", "group", "media_id", "error", "unique_key", "failure_id"}
    paging = {"limit", "offset", "cursor", "order"}
    assert set(query) == {"status", "type", "flow", "start_date", "end_date"} | narrowing | paging
    assert (query["limit"]["minimum"], query["limit"]["maximum"], query["limit"]["default"]) == (1, 100, 50)
    one, several = query["status"]["anyOf"]
    assert several["items"] == one
    assert one["enum"] == ["pending", "scheduled", "processing", "completed", "failed", "cancelled"]
    assert query["type"]["anyOf"][0]["enum"] == sorted(broker.types)
    assert query["start_date"]["format"] == "date-time"
    body = document["components"]["schemas"]["CreateTask"]
    assert body["required"] == ["payload", "type"]
    assert body["additionalProperties"] is False
    assert (body["properties"]["priority"]["minimum"], body["properties"]["priority"]["maximum"]) == (0, 10)


def test_payloads_and_results_are_those_of_the_declared_types(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    payloads = {each["$ref"].rpartition("/")[2] for each in schemas["CreateTask"]["properties"]["payload"]["anyOf"]}
    assert any("video_id" in schemas[name]["properties"] for name in payloads)
    assert any("plugin_name" in schemas[name]["properties"] for name in payloads)


def test_answers_look_as_described(client: FlaskClient, broker: Broker, document: dict[str, Any]) -> None:
    client.post("/api/tasks", json=NEW_TASK)
    complete(broker)
    video = upload(client, "/api/videos", MP4).json
    webhook = client.post("/api/webhooks", json={"url": "https://example.org/", "events": ["task.failed"]}).json
    for path, shown in {
        "/api/tasks": client.get("/api/tasks").json,
        "/api/tasks/{task_id}": client.get(f"/api/tasks/{video['task_id']}").json,
        "/api/tasks/stats": client.get("/api/tasks/stats").json,
        "/api/videos/{video_id}": video,
        "/api/videos": client.get("/api/videos").json,
        "/api/plugins": client.get("/api/plugins").json,
        "/api/webhooks": client.get("/api/webhooks").json,
        "/api/webhooks/{webhook_id}": client.get(f"/api/webhooks/{webhook['id']}").json,
        "/api/webhooks/{webhook_id}/deliveries": client.get(f"/api/webhooks/{webhook['id']}/deliveries").json,
    }.items():
        answer = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        schema = document["components"]["schemas"][answer["$ref"].rpartition("/")[2]]
        assert set(shown) == set(schema["required"]), path
        sometimes = {"next_cursor", "incomplete"} if path == "/api/tasks" else set()
        assert set(schema["properties"]) == set(shown) | sometimes, path


def test_uploads_are_described_as_forms_and_as_urls(document: dict[str, Any]) -> None:
    for path in ("/api/videos", "/api/images"):
        assert set(document["paths"][path]["post"]["requestBody"]["content"]) == {
            "multipart/form-data",
            "application/json",
        }
        headers = {each["name"] for each in document["paths"][path]["post"]["parameters"] if each["in"] == "header"}
        assert headers == {"Idempotency-Key"}


def test_what_webhooks_are_sent_is_described(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == set(TYPES)
    operation = document["webhooks"]["task.completed"]["post"]
    sent = signed_headers("evt_1", 1, b"", [new_secret()])
    assert {each["name"] for each in operation["parameters"]} == set(sent)
    for name, shown in (("WebhookEvent", "TaskDetail"), ("FlowEvent", "Flow")):
        event = document["components"]["schemas"][name]
        assert set(event["properties"]) == set(event["required"]) == set(json.loads(body(TYPES[0], "", {})))
        assert event["properties"]["data"]["$ref"].endswith(f"/{shown}")
