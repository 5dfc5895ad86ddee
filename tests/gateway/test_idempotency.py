"""Idempotency-Key: one key, one creation and one answer, whatever is repeated, lost, raced or killed."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from broker.broker import Broker
from broker.engine.keys import Keys
from broker.errors import Unavailable
from broker.task_type import TaskType
from broker.tasks.idempotency import KEPT_SECONDS, RUNNING_SECONDS, Idempotency, StoredAnswer
from tests.gateway.conftest import NEW_TASK, VIDEO_ID
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers, problem
from tests.gateway.work import complete

KEY = {"Idempotency-Key": '"8e03978e-40d5-43e8-bc93-6894a57f9324"'}


def submit(client: FlaskClient, key: str, **changes: Any) -> Any:
    return client.post("/api/tasks", json=NEW_TASK | changes, headers={"Idempotency-Key": key})


def test_a_repeat_gets_the_first_answer_to_the_byte(client: FlaskClient, broker: Broker) -> None:
    first = client.post("/api/tasks", json=NEW_TASK, headers=KEY)
    complete(broker)
    second = client.post("/api/tasks", json=NEW_TASK, headers=KEY)
    assert (second.status_code, second.data) == (201, first.data)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.mimetype == "application/json"
    assert client.get("/api/tasks").json["total"] == 1


def test_quotes_and_the_order_of_members_make_no_difference(client: FlaskClient) -> None:
    payload = f'"payload": {{"video_id": "{VIDEO_ID}"}}'
    bodies = {
        "abc": f'{{"type":"VideoTranscoding",{payload}}}',
        '"abc"': f'{{ {payload}, "type": "VideoTranscoding" }}',
    }
    made = {
        client.post("/api/tasks", data=body, content_type="application/json", headers={"Idempotency-Key": key}).json[
            "id"
        ]
        for key, body in bodies.items()
    }
    assert len(made) == 1


def test_another_request_under_the_same_key_is_refused(client: FlaskClient) -> None:
    submit(client, "k")
    problem(submit(client, "k", priority=1), 422, "idempotency_key_reused")
    assert client.get("/api/tasks").json["total"] == 1


def test_another_key_or_route_is_another_request(client: FlaskClient) -> None:
    video = upload(client, "/api/videos", MP4, Idempotency_Key="k").json
    execute = client.post(
        "/api/plugins/checksum/execute", json={"media_id": video["id"]}, headers={"Idempotency-Key": "k"}
    )
    made = {video["task_id"], execute.json["id"], submit(client, "k").json["id"], submit(client, "K").json["id"]}
    assert len(made) == 4


@pytest.mark.parametrize("key", ["x", "x" * 255, '"' + "x" * 255 + '"', '"a b"', r'"a\"b\\"', "a:b/c*{}"])
def test_keys_that_are_taken(client: FlaskClient, key: str) -> None:
    assert submit(client, key).json["id"] == submit(client, key).json["id"]


@pytest.mark.parametrize(
    "key", ["", '""', "x" * 256, '"' + "x" * 256 + '"', "a b", '"open', 'a"b', '"a\\b"', "\x7f", "k\xe9y"]
)
def test_keys_that_are_refused(client: FlaskClient, key: str) -> None:
    assert pointers(submit(client, key)) == {"Idempotency-Key"}
    assert client.get("/api/tasks").json["total"] == 0


def test_a_refused_request_leaves_its_key_free(client: FlaskClient) -> None:
    assert submit(client, "k", payload={"video_id": "nope"}).status_code == 422
    assert submit(client, "k", type="Nope").status_code == 422
    assert submit(client, "k").status_code == 201


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_a_payload_is_checked_once(
    client: FlaskClient, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check, checked = TaskType.check_payload, []

    def count(task_type: TaskType, payload: Any) -> dict[str, Any]:
        checked.append(payload)
        return check(task_type, payload)

    monkeypatch.setattr(TaskType, "check_payload", count)
    assert client.post("/api/tasks", json=NEW_TASK, headers=headers).status_code == 201
    assert checked == [NEW_TASK["payload"]]


def test_a_full_queue_is_no_final_answer(client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker.tasks, "settings", replace(broker.settings, max_pending=1))
    submit(client, "first")
    assert submit(client, "k").status_code == 429
    complete(broker)
    assert submit(client, "k").status_code == 201


def test_a_unique_key_that_was_found_stays_found(client: FlaskClient) -> None:
    submit(client, "a", unique_key="u")
    found = [submit(client, "b", unique_key="u") for _ in range(2)]
    assert [each.status_code for each in found] == [200, 200]
    assert found[0].data == found[1].data


def test_of_requests_at_the_same_moment_one_creates_and_none_fails(app: Flask) -> None:
    runners, rounds = 8, 20
    gate = Barrier(runners, timeout=30)

    def run(_: int) -> list[tuple[int, str]]:
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = "Bearer acme-key"
        answers = []
        for number in range(rounds):
            gate.wait()
            answer = submit(client, f"round-{number}")
            answers.append((answer.status_code, answer.json.get("id", answer.json.get("code"))))
        return answers

    with ThreadPoolExecutor(runners) as pool:
        per_round = list(zip(*pool.map(run, range(runners)), strict=True))
    for answers in per_round:
        assert {status for status, _ in answers} <= {201, 409}
        assert {code for status, code in answers if status == 409} <= {"idempotency_key_in_use"}
        assert len({task_id for status, task_id in answers if status == 201}) == 1
    client = app.test_client()
    assert client.get("/api/tasks", headers={"Authorization": "Bearer acme-key"}).json["total"] == rounds


def test_a_reply_that_is_lost_after_the_task_was_made(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted = broker.tasks.submit

    def lose(*arguments: Any, **options: Any) -> None:
        submitted(*arguments, **options)
        raise Unavailable("The reply was lost.", retry_after=1)

    monkeypatch.setattr(broker.tasks, "submit", lose)
    problem(submit(client, "k"), 503, "unavailable")
    problem(submit(client, "k", priority=1), 422, "idempotency_key_reused")
    monkeypatch.undo()
    repeated = submit(client, "k")
    assert repeated.status_code == 201
    page = client.get("/api/tasks").json
    assert [task["id"] for task in page["tasks"]] == [repeated.json["id"]]


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(
    client: FlaskClient, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable("Redis is away.")

    monkeypatch.setattr(broker.idempotency, "finish", fail)
    assert submit(client, "k").status_code == 201


@pytest.fixture
def records(redis: Redis, keys: Keys) -> Idempotency:
    return Idempotency(redis, keys, clock="clock_test")


SCOPE = ("acme", "/api/tasks", "k")


def at(redis: Redis, second: float) -> None:
    """Set the clock that the scripts read."""
    redis.set("test:now", int((1_000_000 + second) * 1_000_000))


def test_a_gateway_that_dies_blocks_its_key_for_a_while_and_is_then_continued(
    redis: Redis, records: Idempotency
) -> None:
    at(redis, 0)
    seed = records.begin(*SCOPE, "fingerprint")
    at(redis, RUNNING_SECONDS - 1)
    with pytest.raises(Exception, match="still running"):
        records.begin(*SCOPE, "fingerprint")
    at(redis, RUNNING_SECONDS)
    with pytest.raises(Exception, match="another request"):
        records.begin(*SCOPE, "other")
    assert records.begin(*SCOPE, "fingerprint") == seed


def test_an_answer_is_kept_for_a_day(redis: Redis, keys: Keys, records: Idempotency) -> None:
    at(redis, 0)
    seed = records.begin(*SCOPE, "fingerprint")
    answer = StoredAnswer(201, "/api/tasks/1", '{"id": "\u00e9"}')
    records.finish(*SCOPE, answer)
    at(redis, RUNNING_SECONDS * 2)
    assert records.begin(*SCOPE, "fingerprint") == answer
    (record,) = redis.scan_iter(keys.idempotency("*"))
    assert KEPT_SECONDS - 60 < redis.ttl(record) <= KEPT_SECONDS
    redis.delete(record)
    assert records.begin(*SCOPE, "other") != seed


def test_a_repeat_after_a_failure_need_not_wait(redis: Redis, records: Idempotency) -> None:
    at(redis, 0)
    seed = records.begin(*SCOPE, "fingerprint")
    records.abandon(*SCOPE)
    assert records.begin(*SCOPE, "fingerprint") == seed


def test_a_command_that_the_client_repeats_after_a_lost_reply_is_no_second_request(
    redis: Redis, records: Idempotency, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(redis, 0)
    monkeypatch.setattr("broker.tasks.idempotency.uuid4", lambda: UUID(VIDEO_ID))
    assert [records.begin(*SCOPE, "fingerprint") for _ in range(2)] == [UUID(VIDEO_ID)] * 2
