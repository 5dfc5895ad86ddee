"""POST /api/queues/simulate and GET /api/autoscale: the operator asks what would be, and nothing is changed by it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.clock import to_rfc3339
from broker.forecast.history import Row
from tests.gateway.conftest import NEW_TASK, ClientOf
from tests.gateway.problem import pointers, problem

EVERYTHING = "EmbeddingGeneration,PluginExecution,VideoTranscoding"


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


@pytest.fixture
def waiting(client: FlaskClient, broker: Broker) -> None:
    """Thirty videos, and a worker."""
    client.post("/api/tasks/batch", json={"tasks": [NEW_TASK] * 30})
    broker.transitions.register_worker("w1", ttl=30, queues=EVERYTHING, fields={"pid": 1})
    broker.forecasts.__dict__["_made"] = None


def simulate(operator: FlaskClient, **change: Any) -> dict[str, Any]:
    response = operator.post("/api/queues/simulate", json=change)
    assert response.status_code == 200, response.json
    return dict(response.json)


def video(outlooks: list[dict[str, Any]]) -> dict[str, Any]:
    return next(each["total"] for each in outlooks if each["type"] == "VideoTranscoding")


def test_two_workers_more_and_a_rate(operator: FlaskClient, waiting: None, broker: Broker) -> None:
    workers = {"types": EVERYTHING.split(","), "processes": 3}
    found = simulate(operator, workers=[workers])
    before, after = video(found["before"]), video(found["after"])
    assert (found["basis"], before["tasks"], after["tasks"]) == ("live", 30, 30)
    assert after["drained"]["p50"] < 0.5 * before["drained"]["p50"]
    assert after["wait"]["p90"] < before["wait"]["p90"]
    slow = simulate(operator, workers=[workers], limits={"VideoTranscoding": {"rate": 0.001, "burst": 1}})
    assert video(slow["after"])["drained"]["p50"] > 20_000
    (queue,) = (each for each in operator.get("/api/queues").json["queues"] if each["type"] == "VideoTranscoding")
    assert (queue["rate"], queue["depth"]) == (None, 30)


def test_a_rate_of_each_tenant_is_in_starts_a_second(operator: FlaskClient, waiting: None) -> None:
    """Thirty at one in ten seconds, the first of them at once."""
    workers = [{"types": EVERYTHING.split(","), "processes": 100}]
    caps = {"VideoTranscoding": {"tenant_rate": 0.1, "tenant_burst": 1}}
    after = video(simulate(operator, workers=workers, limits=caps)["after"])
    assert 280 <= after["drained"]["p50"] <= 310


def test_never_is_null(operator: FlaskClient, waiting: None) -> None:
    after = video(simulate(operator, limits={"VideoTranscoding": {"paused": True}})["after"])
    assert after == {"tasks": 30, "drained": None, "wait": None}


def test_what_came_at_a_time_of_the_past(operator: FlaskClient, waiting: None, broker: Broker) -> None:
    history = broker.forecasts.history
    since = history.now() // 10 * 10 - 3600
    for number in range(10):
        history.write("VideoTranscoding", Row(since + 10 * number, arrived={0: 2}))
    found = simulate(operator, since=to_rfc3339(since * 1_000_000), limits={"VideoTranscoding": {"concurrency": 1}})
    assert (found["basis"], video(found["before"])["tasks"]) == ("recorded", 20)
    for since_us, until_us in ((-(10**12), since * 1_000_000), (-(10**12), -(10**11))):
        times = {"since": to_rfc3339(since_us), "until": to_rfc3339(until_us)}
        assert video(simulate(operator, **times)["before"])["tasks"] == 0
    earlier = {"since": to_rfc3339((since - 60) * 1_000_000), "until": to_rfc3339(since * 1_000_000)}
    assert video(simulate(operator, **earlier)["before"])["tasks"] == 0


def test_more_than_can_be_played_again_is_refused(operator: FlaskClient, broker: Broker) -> None:
    now = broker.forecasts.history.now()
    broker.forecasts.history.write("VideoTranscoding", Row(now // 10 * 10 - 20, arrived={0: 10_001}))
    asked = {"since": to_rfc3339((now - 100) * 1_000_000)}
    assert pointers(operator.post("/api/queues/simulate", json=asked)) == {"#/since"}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"limits": {"VideoTranscoding": {"rate": 0}}}, "#/limits/VideoTranscoding/rate"),
        ({"limits": {"VideoTranscoding": {"rate": 0.0015}}}, "#/limits/VideoTranscoding/rate"),
        ({"limits": {"VideoTranscoding": {"tenant_rate": 0.0015}}}, "#/limits/VideoTranscoding/tenant_rate"),
        ({"limits": {"VideoTranscoding": {"aging_seconds": 60}}}, "#/limits/VideoTranscoding/aging_seconds"),
        ({"limits": {"VideoTranscoding": {}}}, "#/limits/VideoTranscoding"),
        ({"limits": {"Nope": {"rate": 1}}}, "#/limits/Nope"),
        ({"workers": [{"types": ["Nope"], "processes": 1}]}, "#/workers/0/types/0"),
        ({"workers": [{"types": [], "processes": 1}]}, "#/workers/0/types"),
        ({"workers": [{"types": ["VideoTranscoding"], "processes": -1}]}, "#/workers/0/processes"),
        ({"weights": {"acme": 0}}, "#/weights/acme"),
        ({"until": "2026-01-01T00:00:00Z"}, "#/until"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "#/until"),
        ({"speed": 2}, "#/speed"),
    ],
)
def test_what_cannot_be_is_refused(operator: FlaskClient, change: dict[str, Any], where: str) -> None:
    assert pointers(operator.post("/api/queues/simulate", json=change)) == {where}


def test_workers_wanted(operator: FlaskClient, waiting: None) -> None:
    """Thirty videos of about a minute: in a minute a worker starts two."""
    answer = operator.get("/api/autoscale").json
    (line,) = answer["workers"]
    assert answer["objective_seconds"] == 60
    assert line["types"] == EVERYTHING.split(",")
    assert (line["processes"], line["reason"]) == (1, "backlog")
    assert 14 <= line["wanted"] <= 20
    assert operator.get("/api/autoscale?objective=3600").json["workers"][0]["wanted"] == line["wanted"]  # held
    assert pointers(operator.get("/api/autoscale?objective=0")) == {"objective"}


def test_others_are_told_that_it_is_not_theirs(client: FlaskClient) -> None:
    problem(client.get("/api/autoscale"), 403, "forbidden")
    problem(client.post("/api/queues/simulate", json={}), 403, "forbidden")
