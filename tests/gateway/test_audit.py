"""/api/audit: every change that a request makes is in it, with who made it, and without secrets."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.doctor.doctor import doctor
from tests.gateway.conftest import ClientOf
from tests.gateway.problem import pointers, problem

SECRET = "of-the-tenant-0123456789"


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def told(operator: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    response = operator.get(f"/api/audit{query}")
    assert response.status_code == 200, response.text
    return list(response.json["entries"])


def test_a_change_of_limits(operator: FlaskClient) -> None:
    before = operator.get("/api/queues").json["queues"][2]
    operator.patch("/api/queues/VideoTranscoding", json={"rate": 2.5, "paused": True}, headers={"X-Request-Id": "r-1"})
    operator.patch("/api/queues/VideoTranscoding", json={"paused": True})  # changes nothing
    (entry,) = told(operator)
    names = ("rate", "burst", "concurrency", "paused", "tenant_rate", "tenant_burst", "tenant_concurrency",
             "group_concurrency", "aging_seconds")  # fmt: skip
    assert entry["before"] == {name: before[name] for name in names}
    assert entry["after"] == entry["before"] | {"rate": 2.5, "paused": True}
    assert (entry["action"], entry["subject"]) == ("queue.configured", "VideoTranscoding")
    assert (entry["actor"], entry["tenant"], entry["request_id"]) == ("API_KEYS:1", "ops", "r-1")


def test_a_refused_change_is_none(operator: FlaskClient, client: FlaskClient) -> None:
    operator.patch("/api/queues/VideoTranscoding", json={"rate": 0})
    client.patch("/api/queues/VideoTranscoding", json={"rate": 1})
    operator.delete("/api/keys/000000000000")
    operator.post("/api/keys", json={})
    assert told(operator) == []


def test_a_webhooks_life_without_what_its_url_may_hide(operator: FlaskClient, client: FlaskClient) -> None:
    url = "https://example.org/hook"
    webhook = client.post("/api/webhooks", json={"url": f"{url}?token=hidden", "events": ["task.failed"]}).json
    path = f"/api/webhooks/{webhook['id']}"
    client.patch(path, json={"url": f"{url}?token=other"})
    client.patch(path, json={"enabled": True})  # changes nothing
    client.patch(path, json={"enabled": False, "description": "é"})
    secret = client.post(f"{path}/secret/rotate").json["secret"]
    client.delete(path)
    entries = told(operator)
    assert [each["action"].removeprefix("webhook.") for each in entries] == [
        "deleted", "secret_rotated", "changed", "changed", "created",
    ]  # fmt: skip
    assert {(each["subject"], each["actor"], each["tenant"]) for each in entries} == {
        (webhook["id"], "API_KEYS:2", "acme")
    }
    shown = {"url": f"{url}?********", "events": "task.failed", "description": "", "enabled": True}
    assert (entries[4]["before"], entries[4]["after"]) == (None, shown)
    assert entries[2]["after"] == entries[0]["before"] == shown | {"enabled": False, "description": "é"}
    assert not [word for word in ("hidden", "other", secret, webhook["secret"]) if word in str(entries)]


def test_settings_of_plugins_are_masked(operator: FlaskClient, client: FlaskClient) -> None:
    path = "/api/plugins/assembly_ai/config"
    client.put(path, json={"config": {"api_key": SECRET}})
    client.put(path, json={"config": {"api_key": SECRET + "2", "language_code": "de"}})
    client.delete(path)
    client.delete(path)  # there is nothing any more
    masked = {"api_key": "********"}
    assert [(each["action"], each["subject"], each["before"], each["after"]) for each in told(operator)] == [
        ("plugin_config.deleted", "assembly_ai", masked | {"language_code": "de"}, None),
        ("plugin_config.replaced", "assembly_ai", masked, masked | {"language_code": "de"}),
        ("plugin_config.replaced", "assembly_ai", None, masked),
    ]
    assert SECRET not in operator.get("/api/audit").text


def test_repairs_by_hand(operator: FlaskClient, broker: Broker) -> None:
    broker.redis.delete(broker.keys.limits("VideoTranscoding"))
    doctor(broker, repair=True, wait=lambda _: None)
    entries = told(operator, "?action=doctor.repaired&tenant=")
    assert entries and all(each["actor"].startswith("cli:") and each["before"]["wrong"] for each in entries)


def test_pages_and_filters(operator: FlaskClient, client: FlaskClient) -> None:
    keys = [
        operator.post("/api/keys", json={"name": str(number), "scopes": ["read"]}).json["id"] for number in range(5)
    ]
    client.post("/api/webhooks", json={"url": "https://example.org/", "events": ["task.failed"]})
    found, query = [], "?tenant=ops&limit=2"
    while query:
        answer = operator.get(f"/api/audit{query}").json
        found += [each["subject"] for each in answer["entries"]]
        query = answer["next_cursor"] and f"?tenant=ops&limit=2&cursor={answer['next_cursor']}"
    assert found == keys[::-1]
    assert [each["tenant"] for each in told(operator, "?action=webhook.created")] == ["acme"]
    assert len(told(operator, "?actor=API_KEYS:2")) == 1
    since = told(operator, "?actor=API_KEYS:1&limit=1")[0]["at"]
    assert len(told(operator, f"?actor=API_KEYS:1&since={since}")) == 1
    assert told(operator, "?since=2999-01-01") == []


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("action=key", "action"), ("limit=0", "limit"), ("limit=101", "limit"), ("since=yesterday", "since"),
        ("cursor=x", "cursor"), ("cursor=1-1", "cursor"), ("actor=", "actor"), ("who=me", "who"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(operator: FlaskClient, query: str, where: str) -> None:
    assert pointers(operator.get(f"/api/audit?{query}")) == {where}


@pytest.mark.parametrize("name", ["é" * 10, "x" * 129, "two words", ""])
def test_a_request_with_an_odd_name_has_none(operator: FlaskClient, name: str) -> None:
    headers = {"X-Request-Id": name.encode().decode("latin-1")}
    operator.post("/api/keys", json={"name": "x", "scopes": ["read"]}, headers=headers)
    assert told(operator)[0]["request_id"] is None


def test_it_is_the_operators_alone(client: FlaskClient) -> None:
    problem(client.get("/api/audit"), 403, "forbidden")
