"""GET /api/plugins and POST /api/plugins/{name}/execute: nothing is queued that could not run."""

from uuid import NAMESPACE_DNS, uuid5

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from gateway.app import create_app
from gateway.config import GatewaySettings
from handlers.plugins.assembly_ai import AssemblyAI
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import pointers, problem


@pytest.fixture
def video_id(client: FlaskClient) -> str:
    return str(upload(client, "/api/videos", MP4).json["id"])


@pytest.fixture
def configured(broker: Broker, gateway_settings: GatewaySettings) -> FlaskClient:
    """A gateway whose environment has a key for AssemblyAI."""
    settings = GatewaySettings(gateway_settings.tenants, "secret", environ={"ASSEMBLY_AI_API_KEY": "paid-for"})
    client = create_app(settings, broker, {"assembly_ai": AssemblyAI()}).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


def test_the_list_says_what_each_plugin_takes(client: FlaskClient) -> None:
    plugins = {each["name"]: each for each in client.get("/api/plugins").json["plugins"]}
    assert set(plugins) == {"assembly_ai", "checksum"}
    assert plugins["checksum"]["media_types"] == ["audio", "document", "image", "video"]
    assert (plugins["checksum"]["enabled"], plugins["assembly_ai"]["enabled"]) == (True, False)
    schema = plugins["assembly_ai"]["config_schema"]
    assert schema["type"] == "object"
    assert schema["required"] == ["api_key"]
    assert schema["properties"]["language_code"]["type"] == "string"


def test_what_no_live_worker_has_installed_is_told(client: FlaskClient, broker: Broker) -> None:
    def runnable() -> dict[str, bool]:
        return {each["name"]: each["runnable"] for each in client.get("/api/plugins").json["plugins"]}

    assert runnable() == {"assembly_ai": True, "checksum": True}, "while nobody is there, nobody knows"
    register = broker.transitions.register_worker
    register("poor", ttl=60, queues="Noop,PluginExecution", fields={"lacks": "checksum,other"})
    register("embeds", ttl=60, queues="EmbeddingGeneration", fields={})
    assert runnable() == {"assembly_ai": True, "checksum": False}
    register("rich", ttl=60, queues="PluginExecution", fields={"lacks": "other"})
    assert runnable() == {"assembly_ai": True, "checksum": True}


def test_a_configured_plugin_is_enabled_and_its_secrets_are_not_shown(configured: FlaskClient) -> None:
    response = configured.get("/api/plugins")
    assert response.json["plugins"][0]["enabled"] is True
    assert "paid-for" not in response.text


def test_execution_makes_a_task(client: FlaskClient, video_id: str) -> None:
    response = client.post("/api/plugins/checksum/execute", json={"media_id": video_id})
    assert response.status_code == 201
    assert (response.json["type"], response.json["status"]) == ("PluginExecution", "pending")
    assert {"plugin_name": "checksum", "media_id": video_id}.items() <= response.json["payload"].items()
    assert response.json["payload"]["tenant_id"] in ("acme", str(uuid5(NAMESPACE_DNS, "acme")))
    assert client.get(response.headers["Location"]).json | {"waiting": None} == response.json


def test_a_configured_plugin_can_be_executed(configured: FlaskClient, video_id: str) -> None:
    assert configured.post("/api/plugins/assembly_ai/execute", json={"media_id": video_id}).status_code == 201


def test_what_cannot_run_is_refused_and_nothing_is_queued(
    client: FlaskClient, configured: FlaskClient, video_id: str
) -> None:
    image_id = upload(client, "/api/images", PNG).json["id"]
    before = client.get("/api/tasks").json["total"]
    problem(client.post("/api/plugins/nope/execute", json={"media_id": video_id}), 404, "not_found")
    problem(client.post("/api/plugins/checksum/execute", json={"media_id": VIDEO_ID}), 404, "not_found")
    problem(client.post("/api/plugins/assembly_ai/execute", json={"media_id": video_id}), 409, "plugin_not_configured")
    assert pointers(configured.post("/api/plugins/assembly_ai/execute", json={"media_id": image_id})) == {"#/media_id"}
    for body in ({}, {"media_id": "nope"}, {"media_id": None}, {"media_id": 5}):
        assert pointers(client.post("/api/plugins/checksum/execute", json=body)) == {"#/media_id"}
    assert pointers(client.post("/api/plugins/checksum/execute", json={"media_id": video_id, "x": 1})) == {"#/x"}
    assert client.get("/api/tasks").json["total"] == before


def test_a_repeated_execution_is_paid_once(client: FlaskClient, video_id: str) -> None:
    made = {
        client.post(
            "/api/plugins/checksum/execute", json={"media_id": video_id}, headers={"Idempotency-Key": "k"}
        ).json["id"]
        for _ in range(2)
    }
    assert len(made) == 1


def test_without_plugins_the_list_is_empty(app: Flask, broker: Broker, gateway_settings: GatewaySettings) -> None:
    client = create_app(gateway_settings, broker, {}).test_client()
    assert client.get("/api/plugins", headers={"Authorization": "Bearer acme-key"}).json == {"plugins": []}
