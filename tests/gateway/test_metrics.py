"""``/metrics``: in the words of Prometheus, for whom it is meant, and the same whichever gateway is asked."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from broker.broker import Broker
from broker.metrics.counters import BOUNDS_US
from gateway.app import create_app
from gateway.config import GatewaySettings
from tests.gateway.conftest import NEW_TASK, ClientOf, declared_types
from tests.gateway.problem import problem
from tests.gateway.work import complete, fail, start

ROOT = Path(__file__).parents[2]
TYPE = {"type": "VideoTranscoding"}
TOKEN = "a-token-for-prometheus"
#: What the conventions of the field have every broker tell.
LEAST = {
    *("broker_tasks_submitted_total", "broker_tasks_finished_total", "broker_task_wait_seconds_bucket"),
    *("broker_task_run_seconds_bucket", "broker_queue_depth", "broker_queue_oldest_age_seconds"),
    *("broker_interruptions_total", "broker_leases_expired_total", "broker_build_info", "broker_workers"),
    *("broker_redis_memory_used_bytes", "broker_daemons", "broker_autoscale_wanted_workers"),
}


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for one in parse(text) for each in one.samples}


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def value(operator: FlaskClient, name: str, **labels: str) -> float:
    return samples(operator.get("/metrics").text)[f"broker_{name}", tuple(sorted((TYPE | labels).items()))]


def test_the_life_of_tasks(operator: FlaskClient, client: FlaskClient, broker: Broker) -> None:
    for _ in range(4):
        client.post("/api/tasks", json=NEW_TASK | {"max_retries": 0})
    complete(broker, {}, used="1500000 2000000 60000 100 50 2048 0 0 0")
    fail(broker)
    claimed, _ = start(broker)
    broker.transitions.cancel(claimed.id, "acme", force=True)
    told = samples(operator.get("/metrics").text)

    def at(name: str, **labels: str) -> float:
        return told[f"broker_{name}", tuple(sorted((TYPE | labels).items()))]

    assert (at("tasks_submitted_total"), at("queue_depth"), at("tasks_processing")) == (4, 1, 0)
    ends = {outcome: at("tasks_finished_total", outcome=outcome) for outcome in ("completed", "failed", "cancelled")}
    assert ends == {"completed": 1, "failed": 1, "cancelled": 1}
    assert (at("task_wait_seconds_count"), at("task_run_seconds_count")) == (3, 2)
    assert at("task_wait_seconds_bucket", le="+Inf") == 3
    assert 0 < at("task_wait_seconds_sum") < 60
    assert (at("task_cpu_seconds_total"), at("task_media_seconds_total")) == (1.5, 60)
    assert at("task_peak_memory_bytes") == 2048 * 1024
    assert at("queue_oldest_age_seconds") > 0


def test_counters_only_grow_and_every_gateway_tells_the_same(
    operator: FlaskClient, client: FlaskClient, app: Flask, broker: Broker, gateway_settings: GatewaySettings
) -> None:
    other = create_app(gateway_settings, Broker(broker.settings, declared_types()), {}).test_client()
    other.environ_base["HTTP_AUTHORIZATION"] = "Bearer ops-key"
    for number in (1, 2, 3):
        client.post("/api/tasks", json=NEW_TASK)
        assert value(operator, "tasks_submitted_total") == value(other, "tasks_submitted_total") == number
    client.delete(f"/api/tasks/{complete(broker, {})}")
    assert value(operator, "tasks_finished_total", outcome="completed") == 1
    assert value(operator, "tasks_submitted_total") == 3


def test_what_is_refused_is_told_with_the_reason(
    operator: FlaskClient, client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.tasks, "settings", replace(broker.settings, max_pending=1))
    client.post("/api/tasks", json=NEW_TASK)
    client.post("/api/tasks", json=NEW_TASK)
    operator.put("/api/tenants/acme", json={"quotas": {"waiting_tasks": 0}})
    client.post("/api/tasks", json={"type": "VideoTranscoding", "payload": NEW_TASK["payload"], "delay_seconds": 60})
    complete(broker, {})
    client.post("/api/tasks", json=NEW_TASK)
    assert value(operator, "tasks_refused_total", reason="queue_full") == 2
    assert value(operator, "tasks_refused_total", reason="waiting_tasks") == 1


@pytest.mark.parametrize("accept", ["", "text/plain", "application/openmetrics-text; version=1.0.0"])
def test_the_official_parser_reads_it(operator: FlaskClient, client: FlaskClient, accept: str) -> None:
    client.post("/api/tasks", json=NEW_TASK)
    answer = operator.get("/metrics", headers={"Accept": accept})
    assert answer.status_code == 200
    openmetrics = accept.startswith("application/openmetrics")
    assert answer.mimetype == ("application/openmetrics-text" if openmetrics else "text/plain")
    families = list((parse_openmetrics if openmetrics else parse)(answer.text))
    names = {each.name for family in families for each in family.samples}
    assert names >= LEAST
    assert all(family.documentation for family in families)
    labels = {label for family in families for each in family.samples for label in each.labels}
    assert labels == {"type", "outcome", "le", "state", "types", "version"}, "and no label is without an end"


class TestWho:
    @pytest.fixture
    def guarded(self, broker: Broker, gateway_settings: GatewaySettings) -> Iterator[FlaskClient]:
        settings = replace(gateway_settings, metrics_token=TOKEN)
        yield create_app(settings, Broker(broker.settings, declared_types()), {}).test_client()

    def test_the_token_opens_it_and_nothing_else(self, guarded: FlaskClient) -> None:
        token = {"Authorization": f"Bearer {TOKEN}"}
        assert guarded.get("/metrics", headers=token).status_code == 200
        problem(guarded.get("/api/tasks", headers=token), 401, "unauthorized")

    @pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer nonsense", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
    def test_who_has_none_is_not_let_in(self, guarded: FlaskClient, anonymous: FlaskClient, sent: str | None) -> None:
        headers = {} if sent is None else {"Authorization": sent}
        for client in (guarded, anonymous):
            problem(client.get("/metrics", headers=headers), 401, "unauthorized")

    def test_a_tenants_key_is_not_enough(self, client: FlaskClient) -> None:
        assert problem(client.get("/metrics"), 403, "forbidden")["required_scope"] == "admin"

    def test_where_no_token_is_set_an_empty_one_opens_nothing(self, anonymous: FlaskClient) -> None:
        problem(anonymous.get("/metrics", headers={"Authorization": "Bearer "}), 401, "unauthorized")


def told(text: str) -> set[str]:
    """Names of our metrics in a query."""
    return set(re.findall(r"\bbroker_\w+", text))


@pytest.fixture
def names(operator: FlaskClient) -> set[str]:
    """Of all that `/metrics` can tell, where there is something to tell."""
    text: str = operator.get("/metrics").text
    families = set(re.findall(r"^# TYPE (\w+) ", text, re.M))
    histograms = re.findall(r"^# TYPE (\w+) histogram", text, re.M)
    return families | {f"{name}_{end}" for name in histograms for end in ("bucket", "sum", "count")}


def test_every_alert_asks_for_what_there_is(names: set[str]) -> None:
    rules = yaml.safe_load((ROOT / "docs" / "prometheus-alerts.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert len({each["alert"] for each in alerts}) == len(alerts) > 5
    for each in alerts:
        assert each.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert each["annotations"]["summary"]
        assert each["labels"]["severity"] in ("page", "ticket")
        assert told(each["expr"]) <= names, each["alert"]
        assert told(each["expr"]) or "up{" in each["expr"]
        assert each["expr"].count("(") == each["expr"].count(")")


def test_every_panel_asks_for_what_there_is(names: set[str]) -> None:
    dashboard: dict[str, Any] = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    panels = dashboard["panels"]
    assert len({each["id"] for each in panels}) == len(panels) > 10
    places = {(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels}
    assert len(places) == len(panels), "none lies on another"
    for each in panels:
        for target in each["targets"]:
            assert told(target["expr"]) and told(target["expr"]) <= names, each["title"]
    for variable in dashboard["templating"]["list"]:
        assert told(variable["query"]) <= names


def test_the_scripts_have_the_same_bounds() -> None:
    lua = (ROOT / "broker" / "engine" / "lua" / "include" / "counts.lua").read_text()
    found = re.search(r"COUNT.BOUNDS = \{([\d,\s]+)\}", lua)
    assert found
    assert tuple(map(int, found[1].split(","))) == BOUNDS_US
