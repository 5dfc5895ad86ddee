"""/api/keys: made by the operator, shown once, rotated and revoked; attacked with what a thief may have."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.actor import Actor
from broker.broker import Broker
from broker.errors import Unavailable
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers, problem

NEW: dict[str, Any] = {"name": "ci", "scopes": ["read", "write"], "tenant": "acme"}
SHOWN = {
    *("id", "name", "tenant", "scopes", "created_at", "created_by", "expires_at", "expired", "last_used_at"),
    *("rotated_at", "former_until"),
}
WithKey = Callable[[str], FlaskClient]


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


@pytest.fixture
def with_key(app: Flask) -> WithKey:
    """A client that sends this key."""

    def make(key: str) -> FlaskClient:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return client

    return make


def make(operator: FlaskClient, **changes: Any) -> dict[str, Any]:
    response = operator.post("/api/keys", json=NEW | changes)
    assert response.status_code == 201, response.text
    assert response.headers["Location"] == f"/api/keys/{response.json['id']}"
    return dict(response.json)


def test_a_key_is_shown_once_and_lets_its_tenant_in(operator: FlaskClient, with_key: WithKey) -> None:
    made = make(operator)
    key = made.pop("key")
    assert set(made) == SHOWN
    client = with_key(key)
    me = client.get("/api/me").json
    assert (me["tenant"], me["key"], me["scopes"], me["operator"]) == ("acme", made["id"], ["read", "write"], False)
    task = client.post("/api/tasks", json=NEW_TASK).json
    assert client.get(f"/api/tasks/{task['id']}").status_code == 200
    for answer in (operator.get("/api/keys"), operator.get(f"/api/keys/{made['id']}")):
        assert key[-64:] not in answer.text
    listed = operator.get("/api/keys?tenant=acme").json
    assert (listed["total"], [each["id"] for each in listed["keys"]]) == (1, [made["id"]])
    assert listed["keys"][0]["last_used_at"] and listed["keys"][0]["created_by"] == "API_KEYS:1"
    assert operator.get("/api/keys?tenant=rival").json["keys"] == []


def test_a_key_makes_a_tenant_whose_links_open_while_it_has_one(
    operator: FlaskClient, with_key: WithKey, anonymous: FlaskClient, broker: Broker
) -> None:
    made = make(operator, tenant="new-tenant.2")
    client = with_key(made["key"])
    video = upload(client, "/api/videos", MP4).json
    assert operator.get(f"/api/videos/{video['id']}").status_code == 404
    broker.storage.put(f"new-tenant.2/{video['id']}/hls/master.m3u8", io.BytesIO(b"#EXTM3U\n"))
    assert anonymous.get(video["hls_url"]).status_code == 200
    operator.delete(f"/api/keys/{made['id']}")
    problem(anonymous.get(video["hls_url"]), 404, "not_found")
    broker.storage.delete("new-tenant.2/")


def test_a_revoked_key_is_refused_with_the_next_request(operator: FlaskClient, with_key: WithKey) -> None:
    made = make(operator)
    client = with_key(made["key"])
    assert client.get("/api/tasks").status_code == 200
    assert operator.delete(f"/api/keys/{made['id']}").status_code == 204
    response = client.get("/api/tasks")
    problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    problem(operator.delete(f"/api/keys/{made['id']}"), 404, "not_found")


def test_all_wrong_keys_are_answered_alike(
    operator: FlaskClient, with_key: WithKey, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked, rotated, ending = make(operator), make(operator), make(operator, expires_at=in_hours(1))
    operator.delete(f"/api/keys/{revoked['id']}")
    operator.post(f"/api/keys/{rotated['id']}/rotate", json={"overlap_seconds": 0})
    monkeypatch.setattr(broker.api_keys._clock, "now_us", lambda: 10**16)
    keys = [revoked["key"], rotated["key"], ending["key"], revoked["key"][:-1] + "x", f"mt_{rotated['id']}_{'0' * 64}"]
    answers = [with_key(key).get("/api/me") for key in [*keys, "mt_000000000000_" + "0" * 64, "nonsense"]]
    assert {(each.status_code, each.text, str(each.headers["WWW-Authenticate"])) for each in answers} == {
        (401, answers[0].text, 'Bearer error="invalid_token"')
    }


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


class TestRotation:
    def test_both_secrets_are_valid_in_the_overlap(self, operator: FlaskClient, with_key: WithKey) -> None:
        made = make(operator)
        answer = operator.post(f"/api/keys/{made['id']}/rotate", json={"overlap_seconds": 60}).json
        assert answer["id"] == made["id"] and answer["key"] != made["key"]
        for key in (made["key"], answer["key"]):
            assert with_key(key).get("/api/me").json["key"] == made["id"]
        assert operator.get(f"/api/keys/{made['id']}").json["former_until"] == answer["former_until"]

    def test_a_key_may_rotate_and_revoke_itself_and_no_other(self, operator: FlaskClient, with_key: WithKey) -> None:
        mine, other = make(operator), make(operator)
        client = with_key(mine["key"])
        for path in (f"/api/keys/{other['id']}", "/api/keys/000000000000", "/api/keys/x"):
            problem(client.post(f"{path}/rotate"), 403, "forbidden")
            problem(client.delete(path), 403, "forbidden")
        new = client.post(f"/api/keys/{mine['id']}/rotate").json["key"]
        assert with_key(new).delete(f"/api/keys/{mine['id']}").status_code == 204
        problem(with_key(new).get("/api/me"), 401, "unauthorized")
        assert with_key(other["key"]).get("/api/me").status_code == 200

    def test_a_stolen_former_secret_cannot_take_the_key_over(self, operator: FlaskClient, with_key: WithKey) -> None:
        made = make(operator, scopes=["read", "write", "admin"])
        present = operator.post(f"/api/keys/{made['id']}/rotate").json["key"]
        thief = with_key(made["key"])
        assert thief.get("/api/tasks").status_code == 200
        problem(thief.post(f"/api/keys/{made['id']}/rotate", json={"overlap_seconds": 0}), 403, "forbidden")
        problem(thief.delete(f"/api/keys/{made['id']}"), 403, "forbidden")
        problem(thief.post("/api/keys", json=NEW), 403, "forbidden")
        assert operator.get("/api/keys").json["total"] == 1
        assert with_key(present).get("/api/me").status_code == 200

    def test_a_key_that_only_reads_changes_nothing_not_even_itself(
        self, operator: FlaskClient, with_key: WithKey
    ) -> None:
        made = make(operator, scopes=["read"])
        client = with_key(made["key"])
        problem(client.post(f"/api/keys/{made['id']}/rotate"), 403, "forbidden")
        problem(client.delete(f"/api/keys/{made['id']}"), 403, "forbidden")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"scopes": []}, "#/scopes"), ({"scopes": ["root"]}, "#/scopes/0"), ({"scopes": "read"}, "#/scopes"),
        ({"scopes": ["read"] * 4}, "#/scopes"), ({"name": ""}, "#/name"), ({"name": "x" * 101}, "#/name"),
        ({"name": "a\x1b[2J"}, "#/name"), ({"name": "a\n"}, "#/name"), ({"name": None}, "#/name"),
        ({"tenant": ""}, "#/tenant"), ({"tenant": "a/b"}, "#/tenant"), ({"tenant": ".."}, "#/tenant"),
        ({"tenant": "a\n"}, "#/tenant"), ({"tenant": "x" * 64}, "#/tenant"), ({"tenant": "a:b"}, "#/tenant"),
        ({"tenant": "äcme"}, "#/tenant"), ({"tenant": "a b"}, "#/tenant"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"), ({"expires_at": 5}, "#/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "#/expires_at"),
        ({"id": "000000000000"}, "#/id"), ({"key": "mt_x"}, "#/key"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(operator: FlaskClient, changes: dict[str, Any], where: str) -> None:
    assert pointers(operator.post("/api/keys", json=NEW | changes)) == {where}
    assert operator.get("/api/keys").json["total"] == 0


def test_names_may_be_of_any_script(operator: FlaskClient, with_key: WithKey) -> None:
    made = make(operator, name="\N{CYRILLIC SMALL LETTER KA} \N{KEY} \N{CJK UNIFIED IDEOGRAPH-9375}", tenant="A.b_c-9")
    assert operator.get(f"/api/keys/{made['id']}").json["name"] == made["name"]
    assert with_key(made["key"]).get("/api/me").json["tenant"] == "A.b_c-9"


def test_a_repeated_creation_makes_one_key_and_answers_it(operator: FlaskClient, with_key: WithKey) -> None:
    headers = {"Idempotency-Key": "once"}
    first, again = (operator.post("/api/keys", json=NEW, headers=headers) for _ in range(2))
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert operator.get("/api/keys").json["total"] == 1
    assert with_key(first.json["key"]).get("/api/me").status_code == 200
    problem(operator.post("/api/keys", json=NEW | {"name": "x"}, headers=headers), 422, "idempotency_key_reused")


def test_an_attempt_that_takes_over_from_a_dead_one_makes_the_same_key(
    operator: FlaskClient, with_key: WithKey, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": "once"}
    get = broker.api_keys.get
    monkeypatch.setattr(broker.api_keys, "get", _unavailable)
    problem(operator.post("/api/keys", json=NEW, headers=headers), 503, "unavailable")
    monkeypatch.setattr(broker.api_keys, "get", get)
    made = operator.post("/api/keys", json=NEW, headers=headers)
    assert made.status_code == 201
    assert operator.get("/api/keys").json["total"] == 1
    assert with_key(made.json["key"]).get("/api/me").json["key"] == made.json["id"]


def _unavailable(*_: Any, **__: Any) -> Any:
    raise Unavailable()


def test_while_redis_is_away_a_key_is_not_called_wrong(
    operator: FlaskClient, with_key: WithKey, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(operator)
    monkeypatch.setattr(broker.api_keys, "identify", _unavailable)
    response = with_key(made["key"]).get("/api/me")
    problem(response, 503, "unavailable")
    assert response.headers["Retry-After"]
    assert operator.get("/api/me").status_code == 200


def test_what_only_notes_the_use_may_fail(
    operator: FlaskClient, with_key: WithKey, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(operator)
    run = broker.api_keys._run
    monkeypatch.setattr(
        broker.api_keys, "_run", lambda name, **values: _unavailable() if name == "touch_key" else run(name, **values)
    )
    assert with_key(made["key"]).get("/api/me").status_code == 200


def test_a_wait_ends_with_its_key(operator: FlaskClient, with_key: WithKey, broker: Broker) -> None:
    """Who was shut out meanwhile is not told how the task goes on."""
    made = make(operator)
    client = with_key(made["key"])
    task = client.post("/api/tasks", json=NEW_TASK).json["id"]
    wait = broker.tasks.wait

    def revoke_first(*args: Any) -> Any:
        broker.api_keys.revoke(made["id"], Actor("cli"))
        broker.tasks.cancel("acme", task)
        return wait(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker.tasks, "wait", revoke_first)
        problem(client.get(f"/api/tasks/{task}?wait=1"), 401, "unauthorized")


def test_a_key_of_the_environment_is_neither_listed_nor_changed(operator: FlaskClient) -> None:
    assert operator.get("/api/keys").json["keys"] == []
    for path in ("/api/keys/API_KEYS:1", f"/api/keys/{VIDEO_ID}", "/api/keys/*"):
        problem(operator.post(f"{path}/rotate"), 404, "not_found")
        problem(operator.delete(path), 404, "not_found")
        problem(operator.get(path), 404, "not_found")
