"""The Python client against a real gateway: what it is asked for, and what it makes of trouble."""

import io
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from mindia_client import (
    BadSignature,
    Client,
    NoAnswer,
    Problem,
    TaskFailed,
    WaitTimeout,
    errors,
    generate,
    new_task,
    verify,
)
from mindia_client.types import plugin_execution, video_transcoding
from mypy import api as mypy

from broker.errors import TaskBrokerError
from scripts.testing.kit import Kit
from tests.clients.conftest import RESULT, VIDEO_ID
from tests.gateway.media import MP4, PNG
from tests.gateway.test_logs import say

ROOT = Path(__file__).resolve().parents[2]
VIDEO = {"video_id": VIDEO_ID}
PLUGIN = plugin_execution(plugin_name="checksum", media_id=VIDEO_ID)


@pytest.fixture
def client(system: Kit) -> Iterator[Client]:
    """By ``MINDIA_URL`` and ``MINDIA_KEY`` alone."""
    with Client() as client:
        yield client


class TestTasks:
    def test_a_task_is_submitted_waited_for_and_has_its_result(self, client: Client, system: Kit) -> None:
        task = client.submit(video_transcoding(video_id=VIDEO_ID), priority=3, tags=["a"], group="user 7")
        assert (task["status"], task["priority"], task["tags"], task["group"]) == ("pending", 3, ["a"], "user 7")
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(client.result, task)
            system.drain()
            assert waiting.result(timeout=30) == RESULT
        assert client.wait(task)["status"] == client.wait(task["id"])["status"] == "completed"

    def test_whoever_waits_too_long_is_told_so(self, client: Client) -> None:
        task = client.submit("VideoTranscoding", VIDEO)
        with pytest.raises(WaitTimeout, match="is pending after"):
            client.wait(task, timeout=0.02)

    def test_a_task_that_failed_is_an_error_with_its_words(self, client: Client, system: Kit) -> None:
        with system.inline():
            task = client.submit(PLUGIN)
        with pytest.raises(TaskFailed, match=r"PluginExecution .* failed: The plugin is sick.") as caught:
            client.result(task)
        assert caught.value.task["id"] == task["id"]

    def test_it_is_watched_to_its_end(self, client: Client, system: Kit) -> None:
        task = client.submit("VideoTranscoding", VIDEO)
        events = client.watch(task["id"])
        first = next(events)
        assert (first.name, first.data["status"]) == ("snapshot", "pending")
        system.drain()
        assert [each.data["status"] for each in events if each.name == "status"] == ["processing", "completed"]
        assert [each.data["status"] for each in client.watch(task["id"])][-1] == "completed"

    def test_all_of_them_are_watched(self, client: Client) -> None:
        events = client.watch()
        assert next(events).data["total"] == 0
        task = client.submit("VideoTranscoding", VIDEO)
        assert next(events).data["task_id"] == task["id"]
        events.close()  # type: ignore[attr-defined]

    def test_cancel_retry_and_delete(self, client: Client, system: Kit) -> None:
        with system.inline():
            failed = client.submit(PLUGIN)
        assert client.retry(failed["id"]) == "scheduled"
        assert client.cancel(failed["id"]) == "cancelled"
        with pytest.raises(errors.NotFailed):
            client.retry(failed["id"], force=True)
        client.delete(failed["id"])
        with pytest.raises(errors.NotFound):
            client.get(failed["id"])

    def test_a_batch_and_all_pages_of_it(self, client: Client) -> None:
        made = client.submit_many([new_task(video_transcoding(video_id=VIDEO_ID), flow="f") for _ in range(101)])
        found = [each["id"] for each in client.tasks(flow="f")]
        assert sorted(found) == sorted(each["id"] for each in made)
        assert client.flow("f")["total"] == client.stats()["total"] == 101
        assert list(client.tasks(status="failed")) == []

    def test_pages_neither_skip_nor_repeat_what_is_there_while_more_come(self, client: Client) -> None:
        made = [each["id"] for each in client.submit_many([new_task("VideoTranscoding", VIDEO, tags=["a"])] * 101)]
        found = client.tasks(tag="a")
        first = next(found)["id"]
        client.submit("VideoTranscoding", VIDEO, tags=["a"])
        rest = [each["id"] for each in found]
        assert len(rest) == 100
        assert {first, *rest} == set(made)

    def test_a_task_that_waits_is_changed(self, client: Client) -> None:
        task = client.submit("VideoTranscoding", VIDEO, deadline="2100-01-01T00:00:00Z")
        changed = client.change(task["id"], priority=7, delay_seconds=60, tags=["b"])
        assert (changed["priority"], changed["status"], changed["tags"]) == (7, "scheduled", ["b"])
        with pytest.raises(errors.InvalidContent, match="deadline"):
            client.change(task["id"], scheduled_at="2100-01-01T00:00:00Z")
        client.cancel(task["id"])
        with pytest.raises(errors.NotWaiting):
            client.change(task["id"], priority=1)

    def test_what_a_task_has_said(self, client: Client, system: Kit) -> None:
        task = client.submit("VideoTranscoding", VIDEO)
        assert list(client.logs(task["id"])) == []
        say(system.broker, task["id"], *map(str, range(1001)))
        assert [each["message"] for each in client.logs(task["id"])] == [str(number) for number in range(1001)]
        assert [each["id"] for each in client.logs(task["id"], attempt=1, after="1-1000")] == ["1-1001"]

    def test_a_key_of_ones_own_makes_one_task(self, client: Client) -> None:
        first, second = (client.submit("VideoTranscoding", VIDEO, idempotency_key='my "first" \\') for _ in range(2))
        assert first["id"] == second["id"]
        with pytest.raises(errors.KeyReused):
            client.submit("VideoTranscoding", VIDEO, priority=1, idempotency_key='my "first" \\')

    def test_a_quote_stores_nothing(self, client: Client) -> None:
        assert client.quote(video_transcoding(video_id=VIDEO_ID))["type"] == "VideoTranscoding"
        assert client.stats()["total"] == 0

    def test_any_other_operation(self, client: Client) -> None:
        assert client.call("PATCH", "/api/queues/VideoTranscoding", json={"burst": 7})["burst"] == 7


class TestFiles:
    def test_a_video_by_its_path(self, client: Client, system: Kit, tmp_path: Path) -> None:
        path = tmp_path / "clip.mp4"
        path.write_bytes(MP4)
        video = client.upload_video(path, then=["checksum"], keep_source=False, group="user 7")
        assert (video["filename"], video["keep_source"]) == ("clip.mp4", False)
        system.assert_submitted("PluginExecution", {"media_id": video["id"]}, group="user 7")
        assert client.video(video["id"])["size"] == len(MP4)
        client.delete_video(video["id"])
        with pytest.raises(errors.NotFound):
            client.video(video["id"])

    def test_an_image_that_is_open(self, client: Client) -> None:
        image = client.upload_image(io.BytesIO(PNG), "a.png")
        assert client.image(image["id"])["filename"] == "a.png"
        client.delete_image(image["id"])


class TestProblems:
    def test_every_code_has_a_class(self) -> None:
        ours = {each.code for each in _subclasses(TaskBrokerError)} - {"internal_error", "task_failed", "source_gone"}
        assert ours <= {each.CODE for each in Problem.__subclasses__()}

    def test_what_is_wrong_is_told_in_words_and_places(self, client: Client) -> None:
        with pytest.raises(errors.InvalidContent, match="video_id") as caught:
            client.submit("VideoTranscoding", {})
        assert caught.value.errors[0]["pointer"] == "#/payload/video_id"
        assert caught.value.status == 422

    def test_a_wrong_key_and_none(self, system: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        with Client(key="no-such-key-at-all") as client, pytest.raises(errors.Unauthorized):
            client.stats()
        monkeypatch.delenv("MINDIA_KEY")
        with pytest.raises(ValueError, match="MINDIA_KEY"):
            Client()

    def test_a_code_that_is_newer_than_the_client(self) -> None:
        document = {"status": 409, "code": "from_the_future", "detail": "Not yet."}
        assert type(Problem.of(document)) is Problem


Answers = Callable[[httpx.Request], httpx.Response]


def client_of(*answers: httpx.Response | Exception, patience: float = 60) -> tuple[Client, list[Any], list[float]]:
    """A client that gets these answers, with the requests that it made and the seconds that it slept."""
    seen: list[Any] = []
    slept: list[float] = []
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.headers.get("Idempotency-Key"), request.read()))
        found = next(left)
        if isinstance(found, Exception):
            raise found
        return found

    transport = httpx.MockTransport(answer)
    client = Client("http://gateway.test", "key", transport=transport, sleep=slept.append, patience=patience)
    return client, seen, slept


def refused(status: int, code: str, after: str = "", **more: Any) -> httpx.Response:
    headers = {"Retry-After": after} if after else {}
    return httpx.Response(status, headers=headers, json={"status": status, "code": code, "detail": "…", **more})


class TestRepetition:
    def test_a_creation_is_repeated_under_one_key_and_not_before_it_was_asked_to(self) -> None:
        made = httpx.Response(201, json={"id": "1"})
        lost = httpx.ReadError("reset")
        client, seen, slept = client_of(refused(429, "queue_full", "7"), lost, refused(503, "unavailable"), made)
        assert client.submit("Any", {})["id"] == "1"
        assert len({key for _, key, _ in seen}) == 1
        assert seen[0][1]
        assert slept[0] == 7
        assert all(0 < each <= 2 for each in slept[1:])

    def test_a_date_is_understood(self) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        client, _, slept = client_of(refused(503, "unavailable", date), httpx.Response(200, json={}))
        client.stats()
        assert 25 < slept[0] <= 30

    def test_patience_ends(self) -> None:
        client, seen, slept = client_of(refused(429, "queue_full", "90"))
        with pytest.raises(errors.QueueFull) as caught:
            client.submit("Any", {})
        assert (len(seen), slept, caught.value.code) == (1, [], "queue_full")

    def test_what_may_have_been_done_is_not_done_twice(self) -> None:
        client, seen, _ = client_of(httpx.ReadError("reset"))
        with pytest.raises(NoAnswer, match="gateway"):
            client.retry("1")
        assert len(seen) == 1
        client, seen, _ = client_of(refused(503, "not_confirmed", task_ids=["1"]))
        with pytest.raises(errors.NotConfirmed):
            client.call("POST", "/api/tasks", json={})
        assert len(seen) == 1

    def test_what_was_refused_before_it_was_begun_may_be_repeated_without_a_key(self) -> None:
        answer = httpx.Response(200, json={"status": "scheduled"})
        client, seen, _ = client_of(refused(503, "crowded"), httpx.ConnectError("refused"), answer)
        assert client.retry("1") == "scheduled"
        assert len(seen) == 3

    def test_the_first_request_under_a_key_is_waited_for(self) -> None:
        client, seen, _ = client_of(refused(409, "idempotency_key_in_use"), httpx.Response(201, json={"id": "1"}))
        client.submit("Any", {})
        assert len(seen) == 2

    def test_what_no_repetition_cures_is_told_at_once(self) -> None:
        client, seen, _ = client_of(refused(404, "not_found"))
        with pytest.raises(errors.NotFound):
            client.get("1")
        assert len(seen) == 1

    def test_what_a_lost_answer_has_deleted_is_gone(self) -> None:
        client, seen, _ = client_of(httpx.ReadError("reset"), refused(404, "not_found"))
        client.delete("1")
        assert len(seen) == 2

    def test_a_file_is_sent_from_its_beginning_each_time(self) -> None:
        file = io.BytesIO(b"content")
        client, seen, _ = client_of(httpx.ReadError("reset"), httpx.Response(201, json={"id": "1"}))
        client.upload_video(file)
        bodies = [body for _, _, body in seen]
        assert all(b"\r\n\r\ncontent\r\n" in body for body in bodies)
        assert seen[0][1] == seen[1][1]

    def test_what_is_no_gateway(self) -> None:
        for status in (404, 302, 200):
            client, _, _ = client_of(httpx.Response(status, text="<html>"))
            with pytest.raises(NoAnswer, match=rf"gateway\.test/api/tasks/stats: {status}, and no"):
                client.stats()

    def test_a_stream_goes_on_where_it_was(self) -> None:
        ids: list[str | None] = []
        text = iter(['id: 7-0\nevent: status\ndata: {"status": "processing", "ended": false}\n\nid: 8',
                     'id: 8-0\nevent: status\ndata: {"status": "completed", "ended": true}\n\n'])  # fmt: skip

        def answer(request: httpx.Request) -> httpx.Response:
            ids.append(request.headers.get("Last-Event-ID"))
            if len(ids) == 2:
                raise httpx.ConnectError("refused")
            return httpx.Response(200, text=next(text))

        client = Client("http://a.test", "key", transport=httpx.MockTransport(answer), sleep=lambda _: None)
        assert [each.data["status"] for each in client.watch("1")] == ["processing", "completed"]
        assert ids == [None, "7-0", "7-0"]


class TestWebhooks:
    def test_what_the_daemon_signs_is_ours(self, system: Kit) -> None:
        secret = system.webhooks.listen("task.completed")
        task = system.submit("VideoTranscoding", VIDEO)
        system.drain()
        (webhook,) = system.webhooks.received
        assert verify(webhook.body, webhook.headers, secret)["data"]["id"] == task.id
        upper = {name.upper(): value for name, value in webhook.headers.items()}
        assert verify(webhook.body.decode(), upper, secret)["type"] == "task.completed"
        for body, headers, key, now in (
            (webhook.body + b" ", webhook.headers, secret, None),
            (webhook.body, webhook.headers, "whsec_AAAA", None),
            (webhook.body, webhook.headers, secret, time.time() + 301),
            (webhook.body, {}, secret, None),
        ):
            with pytest.raises(BadSignature):
                verify(body, headers, key, now)


class TestTypes:
    @pytest.mark.parametrize("module", ["python", "typescript"])
    def test_they_are_those_of_the_document(self, client: Client, module: str) -> None:
        """Made anew by ``python -m mindia_client.generate`` with this checkout's own document."""
        made = getattr(generate, module)(client.call("GET", "/api/openapi.json"))
        path = {"python": "python/mindia_client/types.py", "typescript": "javascript/types.d.ts"}[module]
        assert (ROOT / "clients" / path).read_text() == made

    def test_types_of_ones_own(self, system: Kit, capsys: pytest.CaptureFixture[str]) -> None:
        generate.main([])
        assert "def video_transcoding(**payload: Unpack[VideoTranscodingPayload])" in capsys.readouterr().out

    def test_a_checker_sees_a_wrong_payload(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("MYPYPATH", str(ROOT / "clients" / "python"))
        program = tmp_path / "program.py"
        program.write_text(
            "from mindia_client import Client\n"
            "from mindia_client.types import video_transcoding\n"
            "client = Client()\n"
            "task = client.submit(video_transcoding(video_id='x'), priority=1)\n"
            "reveal_type(client.result(task)['width'])\n"
            "client.submit(video_transcoding(video='x'))\n"
            "client.submit('Other', {'video': 'x'}, prioritty=1)\n"
        )
        told, _, _ = mypy.run(["--config-file=", f"--cache-dir={tmp_path / 'cache'}", str(program)])
        lines = [line.partition(":")[2].partition(":")[0] for line in told.splitlines() if ": error:" in line]
        assert 'Revealed type is "int"' in told or 'Revealed type is "builtins.int"' in told
        assert set(lines) == {"6", "7"}, told


def _subclasses(kind: type[Any]) -> Iterator[Any]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)
