"""Tasks that help with a long video, over HTTP: whose they are is seen, nobody can submit one, and they end with it."""

from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.broker import Broker
from broker.engine.transitions import Claim
from broker.levels import BACKGROUND
from broker.tasks.submission import new_ids, options
from tests.gateway.conftest import NEW_TASK
from tests.gateway.media import MP4, upload
from tests.gateway.problem import pointers
from tests.gateway.work import start


@dataclass(frozen=True)
class Shared:
    """A video that is being made, by its task and a task that helps; another waits."""

    video: str
    task: str
    running: str
    waiting: str


@pytest.fixture
def shared(client: FlaskClient, broker: Broker) -> Shared:
    video: dict[str, Any] = upload(client, "/api/videos", MP4).json
    claimed, claim = start(broker)
    terms = options("VideoTranscoding", BACKGROUND, 0, 3600)
    helper = claimed.payload.encode(), terms
    told = {"work": "w", "helper": helper, "bounds": 0, "ids": new_ids(2), "parts": ["a"]}
    running, waiting = broker.transitions.share_work(claimed.id, claim.execution, **told) or []
    assert start(broker)[0].id == running
    return Shared(video["id"], claimed.id, running, waiting)


def statuses(client: FlaskClient, shared: Shared) -> list[str]:
    ids = (shared.task, shared.running, shared.waiting)
    return [client.get(f"/api/tasks/{each}").json["status"] for each in ids]


def test_the_tasks_of_a_video_say_which_of_them_help(client: FlaskClient, shared: Shared) -> None:
    listed = client.get("/api/tasks", query_string={"media_id": shared.video}).json["tasks"]
    assert {each["id"]: each["part_of"] for each in listed} == {
        shared.task: None,
        shared.running: shared.task,
        shared.waiting: shared.task,
    }
    assert client.get(f"/api/videos/{shared.video}").json["task_id"] == shared.task


def test_nobody_can_submit_one(client: FlaskClient, shared: Shared) -> None:
    task = {**NEW_TASK, "part_of": shared.task}
    assert pointers(client.post("/api/tasks", json=task)) == {"#/part_of"}
    task = {"type": "VideoTranscoding", "payload": {"video_id": shared.video, "part_of": shared.task}}
    assert pointers(client.post("/api/tasks", json=task)) == {"#/payload/part_of"}


def test_they_end_with_the_video(client: FlaskClient, shared: Shared) -> None:
    assert statuses(client, shared) == ["processing", "processing", "pending"]
    assert client.delete(f"/api/videos/{shared.video}").status_code == 204
    assert statuses(client, shared) == ["cancelled"] * 3


def test_they_end_when_its_task_is_cancelled(client: FlaskClient, shared: Shared) -> None:
    assert client.post(f"/api/tasks/{shared.task}/cancel?force=true").status_code == 200
    assert statuses(client, shared) == ["cancelled"] * 3


def test_to_cancel_one_leaves_the_others_alone(client: FlaskClient, shared: Shared) -> None:
    assert client.post(f"/api/tasks/{shared.running}/cancel?force=true").status_code == 200
    assert statuses(client, shared) == ["processing", "cancelled", "pending"]


def test_one_that_fails_is_no_failure_that_its_tenant_sees(client: FlaskClient, broker: Broker, shared: Shared) -> None:
    claim = Claim("w", "", "VideoTranscoding", 5_000_000)
    execution = broker.redis.hget(broker.keys.job(shared.running), "lease")
    broker.transitions.fail(shared.running, execution, "No space left", "", None, claim)
    ended = client.get(f"/api/tasks/{shared.running}").json
    assert (ended["status"], ended["part_of"]) == ("cancelled", shared.task)
    assert ended["error"] == "Given up; the task that it helped makes what is missing: No space left"
    assert client.get("/api/failures").json["total"] == 0
    assert client.get("/api/tasks/stats").json["by_status"]["failed"] == 0
    assert statuses(client, shared) == ["processing", "cancelled", "pending"]
