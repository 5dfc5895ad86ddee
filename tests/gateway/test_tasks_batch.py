"""POST /api/tasks/batch: many tasks in one request, all of them or none, and never twice."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.errors import Unavailable
from gateway.schemas.tasks import CreateTasks
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

EMBED: dict[str, Any] = {"type": "EmbeddingGeneration", "payload": {"entity_type": "image", "entity_id": VIDEO_ID}}
KEY = {"Idempotency-Key": "batch-1"}


def post(client: FlaskClient, *tasks: Any, **options: Any) -> Any:
    return client.post("/api/tasks/batch", json={"tasks": list(tasks)}, **options)


def total(client: FlaskClient) -> int:
    return int(client.get("/api/tasks").json["total"])


def test_the_tasks_are_answered_in_order_as_their_details_show_them(client: FlaskClient) -> None:
    response = post(
        client,
        NEW_TASK | {"priority": 3, "max_retries": 0, "timeout_seconds": 60},
        EMBED | {"delay_seconds": 90.5},
        NEW_TASK | {"scheduled_at": "2099-01-01T01:00:00.5+01:00"},
        NEW_TASK | {"scheduled_at": "0001-01-01T00:00:00Z"},
        EMBED,
    )
    assert response.status_code == 201
    tasks = response.json["tasks"]
    assert [client.get(f"/api/tasks/{task['id']}").json | {"waiting": None} for task in tasks] == tasks
    assert [task["status"] for task in tasks] == ["pending", "scheduled", "scheduled", "pending", "pending"]
    assert [task | {"waiting": None} for task in client.get("/api/tasks").json["tasks"]] == [
        {name: value for name, value in task.items() if name not in ("attempts", "usage")} for task in reversed(tasks)
    ]


def test_a_thousand_are_taken_and_run_in_their_order(client: FlaskClient, broker: Broker) -> None:
    tasks = post(client, *[EMBED] * 1000).json["tasks"]
    assert total(client) == len({task["id"] for task in tasks}) == 1000
    assert [complete(broker) for _ in range(3)] == [task["id"] for task in tasks[:3]]


@pytest.mark.parametrize("tasks", [[], [EMBED] * 1001, [{}] * 50_000, None, {}, "x"])
def test_none_or_too_many_are_refused(client: FlaskClient, tasks: Any) -> None:
    assert pointers(client.post("/api/tasks/batch", json={"tasks": tasks})) == {"#/tasks"}
    assert total(client) == 0


def test_every_defect_is_named_with_its_task_and_nothing_is_stored(client: FlaskClient) -> None:
    wrong: list[Any] = [NEW_TASK, NEW_TASK | {"priority": 11}, {}, 5, EMBED | {"type": "Nope"}]
    assert pointers(post(client, *wrong)) == {
        "#/tasks/1/priority", "#/tasks/2/type", "#/tasks/2/payload", "#/tasks/3", "#/tasks/4/type",
    }  # fmt: skip
    plugin = {"type": "PluginExecution", "payload": {"plugin_name": "x", "media_id": VIDEO_ID, "tenant_id": "rival"}}
    wrong = [NEW_TASK, NEW_TASK | {"payload": {"video_id": "nope", "extra": 1}}, plugin]
    assert pointers(post(client, *wrong)) == {
        "#/tasks/1/payload/video_id", "#/tasks/1/payload/extra", "#/tasks/2/payload/tenant_id",
    }  # fmt: skip
    assert total(client) == 0


def test_a_unique_key_is_answered_by_its_holder_also_within_the_batch(client: FlaskClient) -> None:
    holder = client.post("/api/tasks", json=NEW_TASK | {"unique_key": "a"}).json
    mine = post(client, NEW_TASK | {"unique_key": "a"}, EMBED, *[NEW_TASK | {"unique_key": "b"}] * 2)
    first, other, second, third = mine.json["tasks"]
    assert (mine.status_code, first) == (201, holder)
    assert second == third
    assert {task["id"] for task in client.get("/api/tasks").json["tasks"]} == {holder["id"], other["id"], second["id"]}


def test_a_queue_without_room_for_all_takes_none(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.tasks, "settings", replace(broker.settings, max_pending=2))
    response = post(client, EMBED, *[NEW_TASK] * 3)
    assert "VideoTranscoding" in problem(response, 429, "queue_full")["detail"]
    assert int(response.headers["Retry-After"]) >= 1
    assert total(client) == 0
    assert post(client, EMBED, NEW_TASK, NEW_TASK, NEW_TASK | {"delay_seconds": 9}).status_code == 429
    assert post(client, NEW_TASK | {"delay_seconds": 9}, EMBED, NEW_TASK, EMBED).status_code == 201


def test_a_repeat_gets_the_first_answer_to_the_byte(client: FlaskClient, broker: Broker) -> None:
    first = post(client, *[EMBED] * 100, headers=KEY)
    complete(broker)
    second = post(client, *[EMBED] * 100, headers=KEY)
    assert (second.status_code, second.data, second.mimetype) == (201, first.data, "application/json")
    assert "Location" not in second.headers
    problem(post(client, EMBED, headers=KEY), 422, "idempotency_key_reused")
    assert total(client) == 100


def test_a_kept_answer_takes_little_room(client: FlaskClient, broker: Broker) -> None:
    answer = post(client, *[EMBED] * 1000, headers=KEY)
    (record,) = broker.redis.scan_iter(broker.keys.idempotency("*"))
    assert broker.redis.memory_usage(record, samples=0) < len(answer.data) / 5


def test_after_a_lost_reply_a_repeat_creates_nothing(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = broker.tasks.submit_checked

    def lose(*arguments: Any) -> None:
        submitted(*arguments)
        raise Unavailable("The reply was lost.", retry_after=1)

    monkeypatch.setattr(broker.tasks, "submit_checked", lose)
    problem(post(client, EMBED, NEW_TASK, headers=KEY), 503, "unavailable")
    monkeypatch.undo()
    started = complete(broker)
    tasks = post(client, EMBED, NEW_TASK, headers=KEY).json["tasks"]
    assert [task["type"] for task in tasks] == ["EmbeddingGeneration", "VideoTranscoding"]
    assert started in {task["id"] for task in tasks}
    assert total(client) == 2


def test_the_body_may_be_larger_than_that_of_one_task_but_not_endless(client: FlaskClient) -> None:
    long = NEW_TASK | {"unique_key": "x" * 255}
    assert post(client, *[long] * 1000, NEW_TASK, headers=KEY).status_code == 422
    blank = b" " * (2 * 1024 * 1024)
    body = blank + b'{"tasks": [' + client.application.json.dumps(EMBED).encode() + b"]}"
    assert client.post("/api/tasks/batch", data=body, content_type="application/json").status_code == 201
    for more in (1, 2):
        body = b" " * (CreateTasks.max_bytes + more)
        response = client.post("/api/tasks/batch", data=body, content_type="application/json")
        assert problem(response, 413, "too_large")["max_bytes"] == CreateTasks.max_bytes
