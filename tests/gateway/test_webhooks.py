"""/api/webhooks: endpoints of a tenant, their secrets, and the log of what was sent."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.webhooks.delivery import Deliveries, Outcome
from broker.webhooks.endpoints import MAX_ENDPOINTS
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

NEW: dict[str, Any] = {"url": "https://example.org/hook", "events": ["task.completed", "task.failed"]}
SHOWN = {"id", "url", "events", "description", "enabled", "disabled_reason", "failing_since", "created_at"}


@pytest.fixture
def webhook(client: FlaskClient) -> dict[str, Any]:
    """One of acme's, with its secret."""
    response = client.post("/api/webhooks", json=NEW)
    assert response.status_code == 201, response.text
    return dict(response.json)


def path(webhook: dict[str, Any], rest: str = "") -> str:
    return f"/api/webhooks/{webhook['id']}{rest}"


def deliver(broker: Broker, status: int = 204) -> None:
    """What the daemon does, with an answer that the test chooses."""
    deliveries = Deliveries(broker.redis, broker.keys)
    deliveries.fan_out()
    word = "delivered" if status < 300 else "failed"
    for attempt in deliveries.claim(10, 10):
        deliveries.record(attempt, Outcome(word, status, "" if status < 300 else "It broke.", 0.25, retry_in=60))


class TestEndpoints:
    def test_a_new_one_is_answered_with_its_secret_and_shown_without(self, client: FlaskClient) -> None:
        response = client.post("/api/webhooks", json=NEW | {"description": "mine"})
        assert response.status_code == 201
        made = response.json
        assert set(made) == SHOWN | {"secret"}
        assert made["secret"].startswith("whsec_")
        shown = client.get(response.headers["Location"])
        assert shown.json == {name: value for name, value in made.items() if name != "secret"}
        assert shown.json | NEW == shown.json
        assert (shown.json["enabled"], shown.json["description"]) == (True, "mine")

    def test_they_are_listed_oldest_first_without_secrets(self, client: FlaskClient) -> None:
        made = [client.post("/api/webhooks", json=NEW | {"description": name}).json for name in ("b", "a")]
        listed = client.get("/api/webhooks")
        assert [each["id"] for each in listed.json["webhooks"]] == [each["id"] for each in made]
        assert all(set(each) == SHOWN for each in listed.json["webhooks"])
        assert "whsec_" not in listed.text

    def test_a_change_changes_what_it_names(self, client: FlaskClient, webhook: dict[str, Any]) -> None:
        for change in (
            {"url": "http://example.org:8080/"},
            {"events": ["task.processing"]},
            {"description": "x"},
            {"enabled": False},
            {"enabled": True, "description": ""},
        ):
            before = client.get(path(webhook)).json
            changed = client.patch(path(webhook), json=change)
            assert changed.json == before | change == client.get(path(webhook)).json

    def test_a_deleted_one_is_gone(self, client: FlaskClient, webhook: dict[str, Any]) -> None:
        response = client.delete(path(webhook))
        assert (response.status_code, response.data) == (204, b"")
        problem(client.get(path(webhook)), 404, "not_found")
        problem(client.delete(path(webhook)), 404, "not_found")
        assert client.get("/api/webhooks").json == {"webhooks": []}

    def test_a_repeated_request_makes_one_and_shows_its_secret_again(self, client: FlaskClient) -> None:
        answers = [client.post("/api/webhooks", json=NEW, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert answers[0].json == answers[1].json
        assert len(client.get("/api/webhooks").json["webhooks"]) == 1

    def test_no_secret_lies_in_plain_text_in_redis(self, client: FlaskClient, broker: Broker) -> None:
        made = client.post("/api/webhooks", json=NEW, headers={"Idempotency-Key": "k"}).json
        rotated = client.post(path(made, "/secret/rotate")).json
        stored = str([broker.redis.dump(key) for key in broker.redis.scan_iter("*")]) + str(
            [broker.redis.hgetall(key) for key in broker.redis.scan_iter("*", _type="hash")]
        )
        for secret in (made["secret"], rotated["secret"]):
            assert secret.removeprefix("whsec_") not in stored

    def test_without_a_key_of_the_operators_none_can_be_kept(
        self, client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keyless = Broker(replace(broker.settings, secret_key=""), broker.types)
        monkeypatch.setattr(broker, "webhooks", keyless.webhooks)
        problem(client.post("/api/webhooks", json=NEW), 409, "secret_key_missing")
        assert client.get("/api/webhooks").json == {"webhooks": []}

    def test_there_is_a_bound(self, client: FlaskClient, client_of: ClientOf) -> None:
        for _ in range(MAX_ENDPOINTS):
            assert client.post("/api/webhooks", json=NEW).status_code == 201
        problem(client.post("/api/webhooks", json=NEW), 409, "too_many_webhooks")
        assert client_of("rival").post("/api/webhooks", json=NEW).status_code == 201


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"url": ""}, "#/url"),
        ({"url": None}, "#/url"),
        ({"url": "example.org"}, "#/url"),
        ({"url": "ftp://example.org/"}, "#/url"),
        ({"url": "http://me:pw@example.org/"}, "#/url"),
        ({"url": "http://example.org/\r\nX: y"}, "#/url"),
        ({"url": "http://127.0.0.1/"}, "#/url"),
        ({"url": "http://2130706433/"}, "#/url"),
        ({"url": "http://[::ffff:169.254.169.254]/"}, "#/url"),
        ({"url": "http://example.org/" + "x" * 2048}, "#/url"),
        ({"events": []}, "#/events"),
        ({"events": "task.failed"}, "#/events"),
        ({"events": ["task.failed", "task.exploded"]}, "#/events/1"),
        ({"events": [1]}, "#/events/0"),
        ({"description": "x" * 501}, "#/description"),
        ({"description": 1}, "#/description"),
        ({"enabled": 1}, "#/enabled"),
        ({"secret": "whsec_bWluZQ=="}, "#/secret"),
        ({"id": "x"}, "#/id"),
    ],
)
def test_what_cannot_be_is_refused(
    client: FlaskClient, webhook: dict[str, Any], change: dict[str, Any], where: str
) -> None:
    before = client.get("/api/webhooks").json
    assert pointers(client.post("/api/webhooks", json=NEW | change)) == {where}
    assert pointers(client.patch(path(webhook), json=change)) == {where}
    assert client.get("/api/webhooks").json == before


@pytest.mark.parametrize("missing", ["url", "events"])
def test_what_must_be_there(client: FlaskClient, webhook: dict[str, Any], missing: str) -> None:
    body = {name: value for name, value in NEW.items() if name != missing}
    assert pointers(client.post("/api/webhooks", json=body)) == {f"#/{missing}"}
    assert pointers(client.patch(path(webhook), json={})) == {"#"}


class TestSecrets:
    def test_a_new_one_is_shown_once_and_says_how_long_the_former_lives(
        self, client: FlaskClient, webhook: dict[str, Any]
    ) -> None:
        rotated = client.post(path(webhook, "/secret/rotate"), json={"overlap_seconds": 60}).json
        assert rotated["secret"].startswith("whsec_")
        assert rotated["secret"] != webhook["secret"]
        assert rotated["former_until"] > webhook["created_at"]
        for shown in (client.get(path(webhook)), client.get("/api/webhooks"), client.get(path(webhook, "/deliveries"))):
            assert "whsec_" not in shown.text

    def test_the_overlap_has_bounds_and_a_default(self, client: FlaskClient, webhook: dict[str, Any]) -> None:
        assert client.post(path(webhook, "/secret/rotate")).status_code == 200
        for overlap in (-1, 7 * 86_400 + 1, "60", None):
            response = client.post(path(webhook, "/secret/rotate"), json={"overlap_seconds": overlap})
            assert pointers(response) == {"#/overlap_seconds"}


class TestDeliveries:
    def test_every_attempt_is_listed_newest_first(
        self, client: FlaskClient, broker: Broker, webhook: dict[str, Any]
    ) -> None:
        for status in (500, 204):
            client.post("/api/tasks", json=NEW_TASK)
            task_id = complete(broker)
            deliver(broker, status)
        page = client.get(path(webhook, "/deliveries")).json
        assert (page["total"], page["limit"], page["offset"]) == (2, 50, 0)
        good, bad = page["deliveries"]
        assert (good["task_id"], good["type"], good["attempt"]) == (task_id, "task.completed", 1)
        assert (good["status_code"], good["error"], good["duration_seconds"]) == (204, None, 0.25)
        assert (bad["status_code"], bad["error"], good["next_attempt_at"]) == (500, "It broke.", None)
        assert bad["next_attempt_at"] > bad["at"]
        second = client.get(path(webhook, "/deliveries?limit=1&offset=1")).json
        assert second["deliveries"] == [bad]
        assert client.get(path(webhook)).json["failing_since"] is None

    def test_a_delivery_is_sent_again(self, client: FlaskClient, broker: Broker, webhook: dict[str, Any]) -> None:
        client.post("/api/tasks", json=NEW_TASK)
        complete(broker)
        deliver(broker)
        (first,) = client.get(path(webhook, "/deliveries")).json["deliveries"]
        response = client.post(path(webhook, f"/deliveries/{first['event_id']}/resend"))
        assert (response.status_code, response.json) == (202, {"event_id": first["event_id"]})
        deliver(broker)
        events = [each["event_id"] for each in client.get(path(webhook, "/deliveries")).json["deliveries"]]
        assert events == [first["event_id"]] * 2

    def test_a_test_is_sent(self, client: FlaskClient, broker: Broker, webhook: dict[str, Any]) -> None:
        response = client.post(path(webhook, "/test"))
        assert response.status_code == 202
        deliver(broker)
        (attempt,) = client.get(path(webhook, "/deliveries")).json["deliveries"]
        assert (attempt["event_id"], attempt["type"]) == (response.json["event_id"], "webhook.test")
        assert attempt["task_id"] is None

    def test_nothing_is_sent_to_a_disabled_one(self, client: FlaskClient, webhook: dict[str, Any]) -> None:
        client.patch(path(webhook), json={"enabled": False})
        problem(client.post(path(webhook, "/test")), 409, "webhook_disabled")

    @pytest.mark.parametrize("event", ["evt_nope", "x:y", "%00", "*", "x" * 3000])
    def test_an_event_that_is_not_there(self, client: FlaskClient, webhook: dict[str, Any], event: str) -> None:
        problem(client.post(path(webhook, f"/deliveries/{event}/resend")), 404, "not_found")


@pytest.mark.parametrize("other", ["rival", "ops"])
def test_another_tenants_is_not_found(
    client: FlaskClient, client_of: ClientOf, broker: Broker, webhook: dict[str, Any], other: str
) -> None:
    client.post("/api/tasks", json=NEW_TASK)
    complete(broker)
    deliver(broker)
    (first,) = client.get(path(webhook, "/deliveries")).json["deliveries"]
    before, stored = client.get(path(webhook)).json, broker.redis.hget(broker.keys.webhook(webhook["id"]), "secret")
    stranger = client_of(other)
    for known in (webhook, {"id": str(uuid4())}):
        for method, rest in [
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("GET", "/deliveries"),
            ("POST", "/test"),
            ("POST", "/secret/rotate"),
            ("POST", f"/deliveries/{first['event_id']}/resend"),
        ]:
            body = {"enabled": False} if method == "PATCH" else None
            problem(stranger.open(path(known, rest), method=method, json=body), 404, "not_found")
    assert stranger.get("/api/webhooks").json == {"webhooks": []}
    assert client.get(path(webhook)).json == before
    assert broker.redis.hget(broker.keys.webhook(webhook["id"]), "secret") == stored
