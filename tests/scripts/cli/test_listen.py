"""Webhooks on this machine: the same as the daemon's, signed here, each at least once across restarts."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from operator import itemgetter
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from broker.broker import Broker
from broker.task import NewTask
from broker.webhooks.delivery import Deliveries
from scripts.cli.events import Event
from scripts.cli.webhook import TYPES, Webhooks, as_it_was
from tests.gateway.conftest import VIDEO_ID
from tests.gateway.media import MP4
from tests.gateway.served import PATIENCE
from tests.gateway.work import complete, fail
from tests.scripts.cli.conftest import Mindia, Start
from tests.servers import own_port


class Receiver:
    """A program that is sent webhooks; it answers ``status``. Nobody else gets its port while it is away."""

    def __init__(self, port: int | None = None) -> None:
        self.got: Queue[tuple[dict[str, str], bytes]] = Queue()
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.put((dict(self.headers), body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", port or own_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self) -> tuple[dict[str, str], bytes]:
        return self.got.get(timeout=PATIENCE)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def listen(start: Start, url: str, *options: str) -> "tuple[subprocess.Popen[str], dict[str, Any]]":
    """The program, once it has told what it does: its first line."""
    process = start("listen", "--forward-to", url, "--json", *options)
    assert process.stdout
    return process, json.loads(process.stdout.readline())


def wait_until_heard(broker: Broker) -> None:
    """Until the tenant's events are recorded."""
    while not broker.redis.hexists(broker.keys.listeners(), "ops:live"):
        pass


def submit(broker: Broker, **more: Any) -> str:
    return broker.tasks.submit("ops", NewTask("VideoTranscoding", {"video_id": VIDEO_ID}, **more))[0].id


def test_the_same_as_the_daemon_sends(
    start: Start, mindia: Mindia, broker: Broker, receiver: Receiver, url: str, tmp_path: Path
) -> None:
    (tmp_path / "clip.mp4").write_bytes(MP4)
    ends = {"url": "https://example.com", "events": ["task.completed", "task.failed", "flow.completed", "flow.failed"]}
    broker.webhooks.create("ops", ends | {"description": "", "enabled": True})
    process, told = listen(start, receiver.url)
    wait_until_heard(broker)
    done = mindia("upload", "-q", tmp_path / "clip.mp4").out.strip()
    complete(broker, {"answer": 42})
    submit(broker, flow="order-7", group="user-7", tags=("night",))
    fail(broker, "the disk is full")
    sent = [receiver.next() for _ in range(5)]
    bodies = [Webhook(told["secret"]).verify(body.decode(), headers) for headers, body in sent]
    kinds = ["task.processing", "task.completed", "task.processing"]
    assert [body["type"] for body in bodies[:3]] == kinds
    assert {body["type"] for body in bodies[3:]} == {"task.failed", "flow.failed"}
    assert sent[1][0]["webhook-id"].startswith(f"evt_{done}_")
    daemon = Deliveries(broker.redis, broker.keys, public_url=url)
    daemon.fan_out()
    owed = [json.loads(each.body) for _ in range(3) for each in daemon.claim(10, 10)]
    by_type = itemgetter("type")
    ours = [body for body in bodies if body["type"] != "task.processing"]
    assert sorted(ours, key=by_type) == sorted(owed, key=by_type)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130


def test_what_happened_between_two_runs_is_sent_once(start: Start, broker: Broker, receiver: Receiver) -> None:
    process, first = listen(start, receiver.url, "--event", "task.completed")
    wait_until_heard(broker)
    before = submit(broker)
    complete(broker)
    assert before in receiver.next()[1].decode()
    assert process.stdout
    assert json.loads(process.stdout.readline())["status_code"] == 204
    process.kill()
    process.wait()
    between = submit(broker)
    complete(broker)
    _, second = listen(start, receiver.url, "--event", "task.completed")
    assert second["secret"] == first["secret"]
    assert second["last_event_id"]
    assert between in receiver.next()[1].decode()
    assert receiver.got.empty()


def test_a_program_that_is_not_there_is_waited_for(start: Start, broker: Broker, receiver: Receiver) -> None:
    receiver.close()
    process, _ = listen(start, receiver.url, "--event", "task.completed")
    wait_until_heard(broker)
    task_id = submit(broker)
    complete(broker)
    assert process.stderr
    assert "Nobody answers at" in process.stderr.readline()
    again = Receiver(receiver.server.server_port)
    try:
        assert task_id in again.next()[1].decode()
    finally:
        again.close()


def test_an_answer_that_is_an_error_is_shown(start: Start, broker: Broker, receiver: Receiver) -> None:
    receiver.status = 500
    process, _ = listen(start, receiver.url, "--event", "task.completed")
    wait_until_heard(broker)
    submit(broker)
    complete(broker)
    assert process.stdout
    delivery = json.loads(process.stdout.readline())
    assert (delivery["status_code"], delivery["error"]) == (500, "It answered 500.")


def test_the_secret_is_its_owners_alone(start: Start, receiver: Receiver, tmp_path: Path) -> None:
    listen(start, receiver.url)
    assert (tmp_path / "mindia" / "webhook_secret").stat().st_mode & 0o077 == 0


def test_a_task_that_only_looks_again_is_told_once_that_it_runs() -> None:
    told = []
    webhooks = Webhooks(AnyTask(), frozenset(TYPES))  # type: ignore[arg-type]
    words = ["scheduled", "pending", "processing", "scheduled", "pending", "processing", "scheduled", "processing"]
    for number, status in enumerate([*words, "completed", "scheduled", "processing"]):
        more = {"retry_count": 1} if number in (6, 9) else {}  # the second time it has failed, then it is retried
        event = Event("status", {"task_id": "t", "status": status, "at": "now", **more}, f"{number}-0")
        if webhook := webhooks.of(event):
            told.append((number, webhook.type))
    assert told == [(2, "task.processing"), (7, "task.processing"), (8, "task.completed"), (10, "task.processing")]


class AnyTask:
    """An API that knows every task."""

    def get(self, path: str) -> dict[str, Any]:
        return {"status": "processing", "payload": {}}


def test_a_task_that_has_gone_on_is_told_as_it_was() -> None:
    task = {"status": "completed", "started_at": "b", "completed_at": "c", "result": {"n": 1}, "error": None}
    began = as_it_was(task, {"status": "processing", "at": "b"})
    assert began == task | {"status": "processing", "completed_at": None, "result": None, "waiting": None}
    again = {"status": "scheduled", "completed_at": None, "error": "x", "waiting": {"reason": "scheduled"}}
    assert as_it_was(again, {"status": "failed", "at": "d", "error": "y"}) == {
        "status": "failed",
        "completed_at": "d",
        "error": "y",
        "waiting": None,
    }
