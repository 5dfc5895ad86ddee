"""Guards tenants' own settings of plugins: checked, encrypted, never shown, and nobody else's."""

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from broker.broker import Broker
from broker.secrets.encryption import SecretBox, SecretKeyMissing, Undecryptable
from gateway.app import create_app
from gateway.config import GatewaySettings
from handlers.plugins.assembly_ai import AssemblyAI
from handlers.plugins.http_request import HttpRequest
from tests.gateway.conftest import ClientOf
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers, problem

PATH = "/api/plugins/assembly_ai/config"
KEY = "of-the-tenant-0123456789"


def put(client: FlaskClient, **config: Any) -> Any:
    return client.put(PATH, json={"config": config})


def gateway(broker: Broker, settings: GatewaySettings, secret_key: str, **environ: str) -> FlaskClient:
    """Acme's client of a gateway with another ``SECRET_KEY`` on the same Redis."""
    other = Broker(replace(broker.settings, secret_key=secret_key), broker.types)
    settings = replace(settings, environ=environ)
    client = create_app(settings, other, {"assembly_ai": AssemblyAI()}).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


def test_settings_are_replaced_and_shown_without_their_secrets(client: FlaskClient) -> None:
    assert client.get(PATH).json == {"config": {}, "source": "none", "enabled": False}
    shown = {"config": {"api_key": "********", "language_code": "de"}, "source": "tenant", "enabled": True}
    response = put(client, api_key=KEY, language_code="de")
    assert (response.status_code, response.json) == (200, shown)
    assert client.get(PATH).json == shown
    put(client, api_key=KEY)
    assert client.get(PATH).json["config"] == {"api_key": "********"}
    assert client.delete(PATH).status_code == 204
    assert client.get(PATH).json["source"] == "none"


def test_they_let_the_plugin_run_for_their_tenant_alone(client: FlaskClient, client_of: ClientOf) -> None:
    put(client, api_key=KEY)
    for who, status in ((client, 201), (client_of("rival"), 409)):
        media_id = upload(who, "/api/videos", MP4).json["id"]
        response = who.post("/api/plugins/assembly_ai/execute", json={"media_id": media_id})
        assert response.status_code == status
        enabled = {each["name"]: each["enabled"] for each in who.get("/api/plugins").json["plugins"]}
        assert enabled["assembly_ai"] == (status == 201)
    assert client_of("rival").get(PATH).json["config"] == {}


def test_the_operators_are_in_force_until_then_and_are_not_shown(
    broker: Broker, gateway_settings: GatewaySettings
) -> None:
    client = gateway(
        broker, gateway_settings, "a secret", ASSEMBLY_AI_API_KEY="the-operators", ASSEMBLY_AI_LANGUAGE_CODE="fr"
    )
    assert client.get(PATH).json == {"config": {}, "source": "operator", "enabled": True}


def test_a_secret_is_nowhere_in_redis_and_in_no_answer(client: FlaskClient, redis: Redis) -> None:
    put(client, api_key=KEY)
    media_id = upload(client, "/api/videos", MP4).json["id"]
    answers = [
        put(client, api_key=KEY, language_code="x"),
        client.get(PATH),
        client.get("/api/plugins"),
        client.post("/api/plugins/assembly_ai/execute", json={"media_id": media_id}),
    ]
    assert not [each.text for each in answers if KEY in each.text]
    dumps = [redis.dump(key) for key in redis.keys("*")]
    assert dumps
    assert not [dump for dump in dumps if KEY.encode() in dump]


def test_a_mask_sent_back_keeps_the_secret(client: FlaskClient, broker: Broker) -> None:
    assert pointers(put(client, api_key="********")) == {"#/config/api_key"}
    put(client, api_key=KEY)
    assert put(client, api_key="********", language_code="de").status_code == 200
    assert broker.plugin_configs.read("acme", "assembly_ai") == {"api_key": KEY, "language_code": "de"}


class Undeclared(HttpRequest):
    """Says of no setting that it decides, or does not decide, where the token goes."""

    name = "undeclared"
    destination = None


@pytest.fixture
def calling(broker: Broker, gateway_settings: GatewaySettings) -> FlaskClient:
    """Acme's client of a gateway with plugins that send a tenant's secret to the tenant's address."""
    plugins = {each.name: each for each in (HttpRequest(), Undeclared())}
    client = create_app(gateway_settings, broker, plugins).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
    return client


@pytest.mark.parametrize("plugin", ["http_request", "undeclared"])
def test_a_mask_does_not_send_the_secret_to_another_address(calling: FlaskClient, broker: Broker, plugin: str) -> None:
    path, mine = f"/api/plugins/{plugin}/config", {"url": "https://mine.example/", "authorization": f"Bearer {KEY}"}
    masked = {**mine, "authorization": "********"}
    assert calling.put(path, json={"config": mine}).status_code == 200
    for url in ("https://evil.example/", "https://mine.example/other", "http://mine.example/"):
        response = calling.put(path, json={"config": {**masked, "url": url}})
        assert pointers(response) == {"#/config/authorization"}
        assert "url this secret may be sent elsewhere: give the secret again" in response.text
        assert broker.plugin_configs.read("acme", plugin) == mine
    assert calling.put(path, json={"config": masked}).status_code == 200
    assert broker.plugin_configs.read("acme", plugin) == mine
    moved = {**mine, "url": "https://evil.example/"}
    assert calling.put(path, json={"config": moved}).status_code == 200
    calling.delete(path)
    assert pointers(calling.put(path, json={"config": masked})) == {"#/config/authorization"}


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({}, {"api_key"}),
        ({"api_key": "two words"}, {"api_key"}),
        ({"api_key": KEY, "language_code": 5}, {"language_code"}),
        ({"api_key": KEY, "colour": "red"}, {"colour"}),
        ({"api_key": KEY, "base_url": "https://evil.example"}, {"base_url"}),
    ],
)
def test_what_the_plugin_cannot_use_is_refused_by_name(
    client: FlaskClient, config: dict[str, Any], named: set[str]
) -> None:
    response = client.put(PATH, json={"config": config})
    assert pointers(response) == {f"#/config/{name}" for name in named}
    assert "two words" not in response.text
    assert client.get(PATH).json["source"] == "none"


def test_all_plugins_are_listed_with_their_settings_which_are_read_at_once(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, api_key=KEY, language_code="de")
    monkeypatch.setattr(broker.plugin_configs, "read", None)
    listed = {each["name"]: each for each in client.get("/api/plugins").json["plugins"]}
    assert listed["assembly_ai"]["settings"] == {
        "config": {"api_key": "********", "language_code": "de"}, "source": "tenant", "enabled": True
    }  # fmt: skip
    assert listed["checksum"]["settings"] == {"config": {}, "source": "operator", "enabled": True}
    assert [each["settings_error"] for each in listed.values()] == [None, None]
    monkeypatch.undo()
    assert all(client.get(f"/api/plugins/{name}/config").json == each["settings"] for name, each in listed.items())


def test_there_are_no_settings_of_no_plugin(client: FlaskClient) -> None:
    for call in (client.get, client.delete):
        problem(call("/api/plugins/nope/config"), 404, "not_found")
    problem(client.put("/api/plugins/nope/config", json={"config": {}}), 404, "not_found")
    assert pointers(client.put(PATH, json={"api_key": KEY})) == {"#/config", "#/api_key"}


def test_a_secret_key_can_be_replaced_while_the_old_one_is_still_named(
    client: FlaskClient, broker: Broker, gateway_settings: GatewaySettings
) -> None:
    put(client, api_key=KEY)
    between = gateway(broker, gateway_settings, "a new secret, a secret")
    assert between.get(PATH).json["enabled"]
    after = gateway(broker, gateway_settings, "a new secret")
    problem(after.get(PATH), 409, "undecryptable")
    listed = after.get("/api/plugins").json["plugins"][0]
    assert listed["enabled"] is False, "one unreadable setting hides all plugins"
    assert listed["settings"] is None
    assert "encrypted under another SECRET_KEY" in listed["settings_error"]
    put(between, api_key="********")
    assert after.get(PATH).json["enabled"]


def test_without_a_secret_key_nothing_secret_is_kept(broker: Broker, gateway_settings: GatewaySettings) -> None:
    client = gateway(broker, gateway_settings, "")
    assert client.get(PATH).json["source"] == "none"
    problem(put(client, api_key=KEY), 409, "secret_key_missing")


class TestSecretBox:
    def test_one_tenants_secret_does_not_pass_for_anothers(self) -> None:
        box = SecretBox("k")
        token = box.encrypt({"a": 1}, "plugin p of acme")
        assert box.decrypt(token, "plugin p of acme") == {"a": 1}
        with pytest.raises(Undecryptable):
            box.decrypt(token, "plugin p of rival")

    def test_a_changed_token_is_refused(self) -> None:
        token = SecretBox("k").encrypt(json.dumps("x"), "l")
        with pytest.raises(Undecryptable):
            SecretBox("k").decrypt(token[:-6] + "AAAAA=", "l")

    @pytest.mark.parametrize("text", ["", ",", " , "])
    def test_no_key_is_no_key(self, text: str) -> None:
        with pytest.raises(SecretKeyMissing):
            SecretBox(text).encrypt(1, "l")
