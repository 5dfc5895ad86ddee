"""Whose large body is let in while keys cannot be looked up: the server, and all who wait for it, wait at most once."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.access.key_text import new_key
from broker.broker import Broker
from broker.errors import Unavailable
from gateway import admission
from gateway.admission import Admission
from gateway.app import Gateway
from gateway.server.refusal import Refusal
from tests.gateway.conftest import MAX_UPLOAD_BYTES, ClientOf

KEY = f"Bearer {new_key('0' * 12)}"


@pytest.fixture
def asked(app: Gateway, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that Redis was asked for, and it does not answer."""
    found: list[str] = []

    def identify(key: str) -> Any:
        found.append(key)
        raise Unavailable()

    monkeypatch.setattr(broker.api_keys_at_once, "identify", identify)
    return found


def test_it_waits_for_redis_once_in_a_while(app: Gateway, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(admission.time, "monotonic", lambda: now)
    admitted = Admission(app)
    for _ in range(3):
        with pytest.raises(Refusal) as refused:
            admitted.admit("POST", "/api/videos", KEY)
        assert refused.value.status == 503
    assert len(asked) == 1
    now = 5.0
    with pytest.raises(Refusal):
        admitted.admit("POST", "/api/videos", KEY)
    assert len(asked) == 2


def test_keys_of_the_environment_are_let_in_all_the_same(app: Gateway, asked: list[str]) -> None:
    admitted = Admission(app)
    for _ in range(2):
        found = admitted.admit("POST", "/api/videos", "Bearer acme-key")
        assert found and found.owner == "acme" and found.size > MAX_UPLOAD_BYTES
        with pytest.raises(Refusal):
            admitted.admit("POST", "/api/videos", KEY)
    assert len(asked) == 1


def test_where_no_body_belongs_nobody_is_asked_for(app: Gateway, asked: list[str]) -> None:
    for method, path in (("GET", "/api/videos"), ("POST", "/api/nope"), ("DELETE", "/api/keys/000000000000")):
        assert Admission(app).admit(method, path, KEY) is None
    assert asked == []


def test_a_key_of_redis_is_its_tenants(app: Gateway, client_of: ClientOf, anonymous: FlaskClient) -> None:
    body = {"name": "x", "scopes": ["write"], "tenant": "acme"}
    key = client_of("ops").post("/api/keys", json=body).json["key"]
    found = Admission(app).admit("POST", "/api/videos", f"Bearer {key}")
    assert found and found.owner == "acme"
    assert Admission(app).admit("POST", "/api/videos", KEY) is None
