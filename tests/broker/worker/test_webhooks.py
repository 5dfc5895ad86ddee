"""Real daemons and real receivers: what is told of a task, and what is told again when a daemon is killed."""

import json
import signal
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from standardwebhooks import Webhook

from tests.broker.webhooks.post_office import bodies_by_id
from tests.broker.webhooks.receiver import Receiver, running, status
from tests.broker.worker.harness import TENANT, Formation
from tests.waiting import PATIENCE

EVENTS = ["task.processing", "task.completed", "task.failed", "task.cancelled"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running() as receiver:
        yield receiver


@pytest.fixture
def formation(formation_of: Callable[..., Formation]) -> Formation:
    return formation_of(WEBHOOKS_ALLOW_PRIVATE="1", SECRET_KEY="a secret of the tests")


def subscribe(formation: Formation, receiver: Receiver, events: list[str]) -> tuple[str, str]:
    """(id, secret) of an endpoint."""
    fields = {"url": receiver.url, "events": events, "description": "", "enabled": True}
    webhook, secret = formation.broker.webhooks.create(TENANT, fields)
    return webhook.id, secret


def test_a_task_is_told_from_start_to_end(formation: Formation, receiver: Receiver) -> None:
    _, secret = subscribe(formation, receiver, EVENTS)
    daemon = formation.daemon()
    formation.worker()
    task_id = formation.submit("answer")
    formation.until(lambda: len(receiver.requests) == 2, "start and end are told")
    start, end = [Webhook(secret).verify(each.body, each.headers) for each in receiver.requests]
    assert (start["type"], start["data"]["status"]) == ("task.processing", "processing")
    assert (end["type"], end["data"]) == ("task.completed", formation.task(task_id).detail())
    daemon.kill(signal.SIGTERM)
    assert daemon.wait(PATIENCE) == 0


def test_a_daemon_that_is_killed_between_the_answer_and_its_record(formation: Formation, receiver: Receiver) -> None:
    webhook, secret = subscribe(formation, receiver, ["task.completed"])
    daemon = formation.daemon()

    def answer_and_kill(handler: BaseHTTPRequestHandler) -> None:
        daemon.kill(signal.SIGSTOP)  # the answer reaches it, and it can do nothing with that any more
        status(200)(handler)
        handler.wfile.flush()
        daemon.kill()

    receiver.behaviour = answer_and_kill
    formation.worker()
    formation.submit("answer")
    formation.until(lambda: not daemon.alive, "the daemon is dead")
    receiver.behaviour = status(200)
    redis, keys = formation.broker.redis, formation.broker.keys
    (event,) = redis.zrange(keys.webhook_running(webhook), 0, -1)
    redis.zadd(keys.webhook_running(webhook), {event: 1})  # its lease of a minute is over
    redis.zadd(keys.webhook_due(), {webhook: 1})
    formation.daemon()
    formation.until(lambda: len(formation.broker.webhooks.attempts(TENANT, webhook, 9, 0)[0]) == 2, "it is told again")
    assert [request.headers["webhook-id"] for request in receiver.requests] == [event, event]
    assert all(Webhook(secret).verify(each.body, each.headers) for each in receiver.requests)
    assert [len(bodies) for bodies in bodies_by_id(receiver).values()] == [1]


def test_a_daemon_told_to_stop_ends_what_it_has_begun(formation: Formation, receiver: Receiver) -> None:
    webhook, _ = subscribe(formation, receiver, ["task.completed"])
    daemon = formation.daemon()

    def answer_late(handler: BaseHTTPRequestHandler) -> None:
        daemon.kill(signal.SIGTERM)
        formation.until(lambda: "stopping" in daemon.text, "it stops")
        status(200)(handler)

    receiver.behaviour = answer_late
    formation.worker()
    formation.submit("answer")
    assert daemon.wait(PATIENCE) == 0
    (attempt,), _ = formation.broker.webhooks.attempts(TENANT, webhook, 9, 0)
    assert attempt.status_code == 200
    assert json.loads(receiver.requests[0].body)["type"] == "task.completed"


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_end_of_a_flow_is_told_once_although_a_worker_dies_at_the_end_of_its_last_task(
    formation: Formation, receiver: Receiver, when: str
) -> None:
    """``after``: the server has done it, and nobody has heard its answer."""
    _, secret = subscribe(formation, receiver, ["flow.completed", "flow.failed"])
    formation.daemon()
    first = formation.submit("answer", options={"flow": "upload"})
    second = formation.submit("answer", options={"flow": "upload", "depends_on": [first]})
    worker = formation.worker(TEST_POINT=f"finish:{when}:kill:{formation.file('point')}")
    formation.until(formation.file("point").exists, "a worker has died at the end of a task")
    for each in (first, second):
        formation.until_status(each, "completed")
    formation.until(lambda: receiver.requests, "the end is told")
    told = Webhook(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)
    assert (told["type"], told["data"]["total"]) == ("flow.completed", 2)
    assert worker.alive
    worker.kill(signal.SIGTERM)
    worker.wait(PATIENCE)
    assert len(receiver.requests) == 1
