"""Every error is a problem document, whatever failed, and tells nothing of what is inside."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.errors import TaskBrokerError, Unavailable
from broker.task_type import TaskType
from gateway.app import create_app
from gateway.config import GatewaySettings
from gateway.outage import Outage
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.problem import problem


def all_errors() -> list[type[TaskBrokerError]]:
    found, queue = [], [TaskBrokerError]
    while queue:
        found.append(queue.pop())
        queue.extend(found[-1].__subclasses__())
    return found


@pytest.mark.parametrize("path", ["/api/nope", "/api/tasks/", "/api//tasks", "/nope", "/api/tasks/%00", "/api/%ff"])
def test_a_path_that_leads_nowhere(client: FlaskClient, path: str) -> None:
    problem(client.get(path), 404, "not_found")


def test_a_host_that_is_none(client: FlaskClient) -> None:
    problem(client.get("/api/tasks", headers={"Host": "a..b"}), 400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/api/tasks", {"GET", "POST"}), ("DELETE", "/api/queues", {"GET"}), ("POST", "/livez", {"GET"}),
     ("GET", "/api/tasks/550e8400-e29b-41d4-a716-446655440000/cancel", {"POST"}), ("TRACE", "/api/tasks", {"GET"})],
)  # fmt: skip
def test_a_method_that_is_not_allowed(client: FlaskClient, method: str, path: str, allowed: set[str]) -> None:
    response = client.open(path, method=method)
    problem(response, 405, "method_not_allowed")
    assert allowed <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("DELETE", "/api/tasks?limit=1", 405), ("POST", "/api/tasks/stats?x=1", 405), ("PUT", "/livez?probe=1", 405),
     ("GET", "/api/nope?x=1", 404), ("GET", "/nope?x=1", 404), ("OPTIONS", "/api/tasks/stats?x=1", 200)],
)  # fmt: skip
def test_a_query_hides_nothing_that_is_wrong_with_the_method_or_the_path(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == status
    assert ("Allow" in response.headers) == (status != 404)


def test_a_bug_of_ours_tells_nothing_but_is_logged(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(broker.tasks, "stats", fail)
    response = client.get("/api/tasks/stats")
    problem(response, 500, "internal_error")
    assert "secret detail" not in response.text
    assert "secret detail" in caplog.text


def test_codes_are_stable_words_and_tell_errors_apart() -> None:
    codes = [each.code for each in all_errors() if each.code != "task_failed"]
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)
    not_found = {each.code for each in all_errors() if each.status == 404}
    assert not_found == {"not_found"}


@pytest.fixture
def without_redis(types: dict[str, TaskType], gateway_settings: GatewaySettings) -> Flask:
    return create_app(gateway_settings, Broker(BrokerSettings(redis_url="redis://127.0.0.1:1/0"), types), {})


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/tasks"), ("GET", "/api/tasks/stats"), ("POST", "/api/tasks"), ("GET", "/api/queues"),
     ("GET", "/api/tasks/550e8400-e29b-41d4-a716-446655440000"), ("GET", "/api/videos"), ("GET", "/api/search?q=x"),
     ("POST", "/api/tasks/550e8400-e29b-41d4-a716-446655440000/cancel"), ("GET", "/readyz")],
)  # fmt: skip
def test_without_redis_every_request_is_asked_to_come_back(without_redis: Flask, method: str, path: str) -> None:
    client = without_redis.test_client()
    options = {"json": NEW_TASK} if path == "/api/tasks" and method == "POST" else {}
    response = client.open(path, method=method, headers={"Authorization": "Bearer ops-key"}, **options)
    body = problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert "127.0.0.1" not in response.text
    assert body["retry_after"] <= int(response.headers["Retry-After"])
    assert client.get("/livez").status_code == 200


def test_retry_after_grows_with_the_outage_and_starts_anew_after_it() -> None:
    now = [1000.0]
    outage = Outage(clock=lambda: now[0])

    def failing_at(moment: float) -> float:
        now[0] = 1000.0 + moment
        return outage.retry_after(2)

    assert [failing_at(moment) for moment in (0, 1, 10, 45, 100)] == [2, 2, 10, 45, 60]
    assert failing_at(1000) == 2


def test_a_fraction_of_a_second_is_rounded_up(
    gateway_settings: GatewaySettings, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Unavailable("Not now.", retry_after=2.1)

    monkeypatch.setattr(broker.tasks, "page", refuse)
    client = create_app(gateway_settings, broker, {}).test_client()
    answer = client.get("/api/tasks", headers={"Authorization": "Bearer acme-key"})
    assert (answer.headers["Retry-After"], str(answer.get_json()["retry_after"])) == ("3", "3")


def test_answers_are_neither_cached_nor_guessed_at(client_of: ClientOf) -> None:
    for path in ("/api/tasks", "/livez", "/api/nope"):
        headers = client_of("acme").get(path).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
