"""Keys and tenants: nothing without a key, and nobody sees, finds or changes another tenant's work."""

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from gateway.auth import Tenants
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import problem
from tests.gateway.routes import routes
from tests.gateway.work import fail


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer acme", "Bearer acme:acme-key", "Basic acme-key", "acme-key",
     "Bearer acme-key-", "Bearer ACME-KEY", "Bearer acme-ke\xff", "Bearer " + "x" * 10_000,
     "Bearer eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiJhY21lIn0."],
)  # fmt: skip
def test_no_route_answers_without_a_valid_key(app: Flask, anonymous: FlaskClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    closed = [(each.method, each.path) for each in routes(app) if each.path[:4] == "/api" and not each.signed]
    for method, path in [*closed, ("GET", "/api/nope"), ("PUT", "/api/tasks"), ("GET", "/api")]:
        response = anonymous.open(path, method=method, headers=headers)
        problem(response, 401, "unauthorized")
        sent = (authorization or "").lower().removeprefix("bearer").strip()
        is_key = (authorization or "").lower().startswith("bearer ") and sent
        assert response.headers["WWW-Authenticate"] == ('Bearer error="invalid_token"' if is_key else "Bearer")


@pytest.mark.parametrize(
    "authorization", ["Bearer acme-key", "bearer acme-key", "Bearer  acme-key", "Bearer acme-second-key"]
)
def test_any_of_a_tenants_keys_is_valid(anonymous: FlaskClient, authorization: str) -> None:
    assert anonymous.get("/api/tasks", headers={"Authorization": authorization}).status_code == 200


def test_a_tenant_learns_its_name_and_its_uuid(client_of: ClientOf) -> None:
    """And that UUID is what a payload may name."""
    acme, ops = (client_of(name).get("/api/me").json for name in ("acme", "ops"))
    assert acme == {
        "tenant": "acme", "tenant_id": str(uuid5(NAMESPACE_DNS, "acme")), "operator": False,
        "key": "API_KEYS:2", "scopes": ["read", "write"], "dashboard_url": None, "expires_at": None,
    }  # fmt: skip
    assert (ops["tenant"], ops["operator"], ops["scopes"]) == ("ops", True, ["read", "write", "admin"])
    payload = {"plugin_name": "assembly_ai", "media_id": VIDEO_ID, "tenant_id": acme["tenant_id"]}
    task = client_of("acme").post("/api/tasks", json={"type": "PluginExecution", "payload": payload})
    assert (task.status_code, task.json["payload"]) == (201, payload)


@pytest.fixture
def acme(client: FlaskClient, broker: Broker) -> dict[str, Any]:
    """One of everything, of acme's."""
    task = client.post("/api/tasks", json=NEW_TASK | {"unique_key": "k"}, headers={"Idempotency-Key": "i"}).json
    fail(broker)
    video, image = upload(client, "/api/videos", MP4).json, upload(client, "/api/images", PNG).json
    return {"task": task["id"], "video": video["id"], "image": image["id"], "hls_url": video["hls_url"]}


@pytest.mark.parametrize("other", ["rival", "ops"])
def test_what_belongs_to_another_tenant_is_not_found(acme: dict[str, Any], client_of: ClientOf, other: str) -> None:
    stranger = client_of(other)
    for method, path in [
        ("GET", f"/api/tasks/{acme['task']}"),
        ("POST", f"/api/tasks/{acme['task']}/cancel"),
        ("POST", f"/api/tasks/{acme['task']}/cancel?force=true"),
        ("POST", f"/api/tasks/{acme['task']}/retry"),
        ("POST", f"/api/tasks/{acme['task']}/retry?force=true"),
        ("GET", f"/api/videos/{acme['video']}"),
        ("GET", f"/api/images/{acme['image']}"),
    ]:
        problem(stranger.open(path, method=method), 404, "not_found")
    for media in (acme["video"], acme["image"]):
        problem(stranger.post("/api/plugins/checksum/execute", json={"media_id": media}), 404, "not_found")
    assert client_of("acme").get(f"/api/tasks/{acme['task']}").json["status"] == "failed"


def test_lists_and_counts_are_the_callers_own(acme: dict[str, Any], client_of: ClientOf) -> None:
    rival = client_of("rival")
    for path in (
        "/api/tasks",
        "/api/tasks?status=failed&type=VideoTranscoding",
        "/api/videos",
        "/api/images",
        "/api/tasks/stats",
    ):
        assert client_of("acme").get(path).json["total"] > 0, path
        assert rival.get(path).json["total"] == 0, path
    assert not any(rival.get("/api/tasks/stats").json["by_type"].values())


def test_unique_keys_and_idempotency_keys_are_the_callers_own(acme: dict[str, Any], client_of: ClientOf) -> None:
    response = client_of("rival").post(
        "/api/tasks", json=NEW_TASK | {"unique_key": "k"}, headers={"Idempotency-Key": "i"}
    )
    assert response.status_code == 201
    assert response.json["id"] != acme["task"]


def test_one_kind_of_media_is_not_found_among_another(acme: dict[str, Any], client: FlaskClient) -> None:
    problem(client.get(f"/api/videos/{acme['image']}"), 404, "not_found")
    problem(client.get(f"/api/images/{acme['video']}"), 404, "not_found")


def test_the_first_entrys_tenant_is_the_operator_and_every_tenant_has_a_uuid() -> None:
    tenants = Tenants([("ops", "a"), ("acme", "b"), ("ops", "c:d")])
    found = {key: tenants.find(key) for key in ("a", "b", "c:d", "c")}
    assert {key: sorted(each.scopes) for key, each in found.items() if each} == {
        "a": ["admin", "read", "write"], "b": ["read", "write"], "c:d": ["admin", "read", "write"],
    }  # fmt: skip
    assert found["b"] and (found["b"].key, found["b"].tenant.name) == ("API_KEYS:2", "acme")
    acme = found["b"].tenant
    assert acme.id == uuid5(NAMESPACE_DNS, "acme")
    assert tenants.by_id(acme.id) == acme
    assert tenants.by_id(uuid5(NAMESPACE_DNS, "gone")) is None


def test_every_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr("gateway.auth.hmac.compare_digest", lambda a, b: compared.append(a) or a == b)
    found = Tenants([("a", "1"), ("b", "2"), ("c", "3")]).find("1")
    assert found and found.tenant.name == "a"
    assert len(compared) == 3
