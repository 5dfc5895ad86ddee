"""Quotas over HTTP: what is refused leaves nothing, many gateways let through what one would; what is left is told."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from broker.broker import Broker
from broker.errors import QuotaExceeded
from broker.task import NewTask
from broker.task_type import TaskType
from broker.usage import requests
from broker.usage.quotas import QUOTAS
from broker.usage.requests import RequestQuota
from tests.gateway.conftest import NEW_TASK, VIDEO_ID, ClientOf
from tests.gateway.media import MP4, PNG, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

GATEWAYS = 8


@pytest.fixture
def set_quotas(client_of: ClientOf, broker: Broker) -> Iterator[Callable[..., None]]:
    """Sets acme's quotas; in force at once."""

    def put(**quotas: int | None) -> None:
        answer = client_of("ops").put("/api/tenants/acme", json={"quotas": quotas})
        assert (answer.status_code, answer.json["quotas"]) == (200, quotas)

    yield put
    broker.request_quota.forget()  # the gateway is that of other tests, too


def refused(response: TestResponse, quota: str, limit: int, used: int, status: int = 429) -> dict[str, Any]:
    members: dict[str, Any] = problem(response, status, "quota_exceeded")
    assert (members["quota"], members["limit"], members["used"]) == (quota, limit, used)
    assert str(limit) in members["detail"]
    return members


def left(response: TestResponse) -> tuple[str, int, int, int, int]:
    """Name, quota, window, remaining and reset of the RateLimit fields."""
    policy = re.fullmatch(r'"(\w+)";q=(\d+);w=(\d+)', response.headers["RateLimit-Policy"])
    limit = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', response.headers["RateLimit"])
    assert policy and limit and policy[1] == limit[1]
    return policy[1], int(policy[2]), int(policy[3]), int(limit[2]), int(limit[3])


class TestRequests:
    def test_each_answer_tells_how_many_are_left_and_the_first_too_many_is_refused(
        self, client: FlaskClient, client_of: ClientOf, set_quotas: Callable[..., None]
    ) -> None:
        set_quotas(requests_per_minute=3)
        for remaining in (2, 1, 0):
            answer = client.get("/api/nope" if remaining == 1 else "/api/me")
            assert left(answer)[:4] == ("requests_per_minute", 3, 60, remaining)
            assert 0 < left(answer)[4] <= 60
        answer = client.post("/api/tasks", json=NEW_TASK)
        assert refused(answer, "requests_per_minute", 3, 3)["retry_after"] == int(answer.headers["Retry-After"])
        assert left(answer)[3] == 0
        assert left(answer)[4] <= int(answer.headers["Retry-After"])
        rival = client_of("rival").get("/api/me")
        assert rival.status_code == 200
        assert "RateLimit" not in rival.headers
        set_quotas()
        assert client.get("/api/tasks").json["total"] == 0

    def test_an_operators_keys_are_not_counted(self, client_of: ClientOf, broker: Broker) -> None:
        operator = client_of("ops")
        operator.put("/api/tenants/ops", json={"quotas": {"requests_per_minute": 0}})
        assert operator.get("/api/me").status_code == 200
        operator.put("/api/tenants/ops", json={})

    def test_a_health_check_needs_no_key_and_is_not_counted(
        self, client: FlaskClient, set_quotas: Callable[..., None]
    ) -> None:
        set_quotas(requests_per_minute=0)
        assert client.get("/livez").status_code == 200
        assert "RateLimit" not in client.get("/livez").headers

    def test_with_none_granted_the_first_is_refused(self, client: FlaskClient, set_quotas: Callable[..., None]) -> None:
        set_quotas(requests_per_minute=0)
        refused(client.get("/api/me"), "requests_per_minute", 0, 0)

    def test_many_gateways_let_no_more_through(self, broker: Broker, set_quotas: Callable[..., None]) -> None:
        set_quotas(requests_per_minute=37)
        gateways = [Broker(broker.settings, broker.types).request_quota for _ in range(GATEWAYS)]

        def ask(quota: RequestQuota) -> int:
            granted = 0
            for _ in range(10):
                try:
                    assert quota.take("acme")
                    granted += 1
                except QuotaExceeded:
                    pass
            return granted

        with ThreadPoolExecutor(GATEWAYS) as pool:
            assert sum(pool.map(ask, gateways)) == 37

    def test_a_gateway_that_was_idle_lets_none_through_uncounted(
        self, broker: Broker, set_quotas: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        quota = Broker(broker.settings, broker.types).request_quota
        assert quota.take("acme") is None
        set_quotas(requests_per_minute=5)
        monkeypatch.setattr(requests, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 60))
        read = broker.redis.hgetall
        with ThreadPoolExecutor(1) as pool:

            def slow(_: Any, name: str) -> Any:
                """It is read while another request comes."""
                others.append(pool.submit(quota.take, "acme"))
                wait(others, timeout=0.2)
                return read(name)

            others: list[Future[Any]] = []
            monkeypatch.setattr(Redis, "hgetall", slow)
            granted = [quota.take("acme"), *(each.result() for each in others)]
        assert sorted(each.remaining for each in granted if each) == [3, 4]

    def test_a_quota_of_every_tenant_is_the_environments(self, broker: Broker) -> None:
        settings = replace(broker.settings, quota_requests_per_minute=1)
        quota = Broker(settings, broker.types).request_quota
        assert quota.take("acme")
        with pytest.raises(QuotaExceeded):
            quota.take("acme")


class TestTasks:
    def test_one_too_many_is_refused_with_when_to_come_back(
        self, client: FlaskClient, broker: Broker, set_quotas: Callable[..., None]
    ) -> None:
        set_quotas(waiting_tasks=2)
        batch = {"tasks": [NEW_TASK] * 3}
        assert refused(client.post("/api/tasks/batch", json=batch), "waiting_tasks", 2, 0)
        batch = {"tasks": [NEW_TASK] * 2}
        assert client.post("/api/tasks/batch", json=batch).status_code == 201
        answer = client.post("/api/tasks", json=NEW_TASK, headers={"Idempotency-Key": "k"})
        assert refused(answer, "waiting_tasks", 2, 2)["retry_after"] == int(answer.headers["Retry-After"]) > 0
        complete(broker, {})
        again = client.post("/api/tasks", json=NEW_TASK, headers={"Idempotency-Key": "k"})
        assert again.status_code == 201, "a refusal is no answer that a key stands for"

    def test_many_gateways_accept_no_more(
        self, broker: Broker, types: dict[str, TaskType], set_quotas: Callable[..., None]
    ) -> None:
        set_quotas(waiting_tasks=37)
        gateways = [Broker(broker.settings, types).tasks for _ in range(GATEWAYS)]
        new = NewTask("VideoTranscoding", {"video_id": VIDEO_ID})

        def submit(number: int) -> int:
            accepted = 0
            for _ in range(10):
                try:
                    gateways[number].submit("acme", new)
                    accepted += 1
                except QuotaExceeded:
                    pass
            return accepted

        with ThreadPoolExecutor(GATEWAYS) as pool:
            assert sum(pool.map(submit, range(GATEWAYS))) == 37
        assert broker.tasks.stats("acme").total == 37

    def test_a_budget_that_is_used_up_refuses_and_says_so(
        self, client: FlaskClient, broker: Broker, set_quotas: Callable[..., None]
    ) -> None:
        set_quotas(cpu_seconds_per_day=2)
        client.post("/api/tasks", json=NEW_TASK)
        complete(broker, {}, used="2500000 3000000 0 0 0 1024 0 0 0")
        members = refused(client.post("/api/tasks", json=NEW_TASK), "cpu_seconds_per_day", 2, 2)
        assert 0 < members["retry_after"] <= 86_400


class TestUploads:
    def test_what_has_no_room_is_not_kept(
        self, client: FlaskClient, broker: Broker, set_quotas: Callable[..., None]
    ) -> None:
        set_quotas(stored_bytes=len(MP4) + len(PNG) - 1)
        video = upload(client, "/api/videos", MP4).json
        refused(upload(client, "/api/images", PNG), "stored_bytes", len(MP4) + len(PNG) - 1, len(MP4), 507)
        assert client.get("/api/images").json["total"] == 0
        assert len(list(broker.storage.walk())) == 1
        assert client.delete(f"/api/videos/{video['id']}").status_code == 204
        assert upload(client, "/api/images", PNG).status_code == 201
        assert client.get("/api/usage").json["stored_bytes"] == len(PNG)

    def test_uploads_of_a_day(self, client: FlaskClient, set_quotas: Callable[..., None]) -> None:
        set_quotas(uploads_per_day=1)
        assert upload(client, "/api/images", PNG).status_code == 201
        answer = upload(client, "/api/images", PNG)
        refused(answer, "uploads_per_day", 1, 1)
        name, limit, window, remaining, reset = left(answer)
        assert (name, limit, window, remaining) == ("uploads_per_day", 1, 86_400, 0)
        assert 0 < reset <= int(answer.headers["Retry-After"]) <= 86_400


class TestSetting:
    @pytest.mark.parametrize("quotas", [{name: value} for name in QUOTAS for value in (0, 5, None)])
    def test_each_quota_can_be_set(self, client_of: ClientOf, quotas: dict[str, Any]) -> None:
        operator = client_of("ops")
        assert operator.put("/api/tenants/ops", json={"quotas": quotas}).json["quotas"] == quotas
        assert operator.get("/api/tenants/ops").json["quotas"] == quotas
        assert operator.put("/api/tenants/ops", json={}).json["quotas"] == {}

    @pytest.mark.parametrize("value", [-1, 1.5, "5", True, 10**15 + 1, []])
    def test_what_is_no_quota(self, client_of: ClientOf, value: Any) -> None:
        answer = client_of("ops").put("/api/tenants/acme", json={"quotas": {"waiting_tasks": value}})
        assert pointers(answer) == {"#/quotas/waiting_tasks"}
        answer = client_of("ops").put("/api/tenants/acme", json={"quotas": {"nonsense": 1}})
        assert pointers(answer) == {"#/quotas/nonsense"}

    def test_it_is_in_the_audit_log(self, client_of: ClientOf) -> None:
        operator = client_of("ops")
        operator.put("/api/tenants/acme", json={"quotas": {"waiting_tasks": 5}})
        entry = operator.get("/api/audit").json["entries"][0]
        assert (entry["action"], entry["before"]["quotas"], entry["after"]["quotas"]) == (
            "tenant.changed", {}, {"waiting_tasks": 5},
        )  # fmt: skip
