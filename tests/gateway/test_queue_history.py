"""GET /api/queues/history, and how right forecasts were in GET /api/queues."""

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.forecast.forecast import Interval
from broker.forecast.history import Quantiles, Row
from tests.gateway.conftest import ClientOf
from tests.gateway.problem import problem


@pytest.fixture
def operator(client_of: ClientOf) -> FlaskClient:
    return client_of("ops")


def test_the_last_hour_by_type(operator: FlaskClient, broker: Broker) -> None:
    history = broker.forecasts.history
    now = history.now() // 10 * 10
    for ago in (3700, 30):
        history.write(
            "VideoTranscoding",
            Row(now - ago, 7, {"completed": 5, "failed": 2, "cancelled": 1}, Quantiles(0.5, 2.25), None, {0: 3}),
        )
    answer = operator.get("/api/queues/history").json
    assert answer["step_seconds"] == 10
    by_type = {each["type"]: each["rows"] for each in answer["types"]}
    assert by_type["EmbeddingGeneration"] == by_type["PluginExecution"] == []
    (row,) = by_type["VideoTranscoding"]
    assert row.pop("begin").endswith("0.000000Z")
    assert row == {
        "started": 7,
        "ended": {"completed": 5, "failed": 2, "cancelled": 1},
        "wait": {"p50": 0.5, "p90": 2.25},
        "run": None,
    }


def test_how_right_forecasts_were(operator: FlaskClient, broker: Broker) -> None:
    none = {"EmbeddingGeneration": None, "PluginExecution": None, "VideoTranscoding": None}
    assert operator.get("/api/queues").json["forecasts"] == none
    broker.forecasts.accuracies.record("VideoTranscoding", Interval(8, 10, 12), 20)
    found = operator.get("/api/queues").json["forecasts"]
    assert found == none | {"VideoTranscoding": {"starts": 1, "coverage": 0.0, "median_error": 0.5}}


def test_others_are_told_that_it_is_not_theirs(client: FlaskClient) -> None:
    problem(client.get("/api/queues/history"), 403, "forbidden")
